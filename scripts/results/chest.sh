#!/usr/bin/env bash
# The runs on chest_xray_pneumonia of docs/beside-pytorch.md, by acft.
#
#     scripts/results/chest.sh DATA WEIGHTS RUNS
. "$(dirname "$0")/common.sh"

for strategy in ${STRATEGIES:-rft acft-hq acft-lq}; do
    for seed in ${SEEDS:-0}; do
        ours "chest-$strategy-$seed" --path-column file --label-column label --group-column patient \
            --split-column split --positive PNEUMONIA \
            --model squeezenet1_1 --input 64 --patches crop:12 \
            --strategy "$strategy" --criterion diversity --alpha 0.25 --omega 5 \
            --batch 20 --steps 6 --lr 3e-4 --epochs 8 --seed "$seed" --no-validation
    done
done
"$acft" compare "$runs"/chest-*-[0-9] --out "$runs/chest.png" --title "Chest X-rays, pneumonia, SqueezeNet 1.1"
