#!/usr/bin/env bash
# The runs on rooms3_places365 of docs/beside-pytorch.md, by acft.
#
#     scripts/results/rooms.sh DATA WEIGHTS RUNS
. "$(dirname "$0")/common.sh"

for strategy in ${STRATEGIES:-rft acft-hq acft-lq}; do
    for seed in ${SEEDS:-0}; do
        ours "rooms-$strategy-$seed" --path-column file --label-column label --split-column split \
            --model squeezenet1_1 --input 64 --patches crop:12 \
            --strategy "$strategy" --criterion diversity --alpha 0.25 --omega 5 \
            --batch 20 --steps 6 --lr 3e-4 --epochs 8 --seed "$seed" --no-validation
    done
done
"$acft" compare "$runs"/rooms-*-[0-9] --out "$runs/rooms.png" --title "Rooms of Places365, three classes, SqueezeNet 1.1"
