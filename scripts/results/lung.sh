#!/usr/bin/env bash
# The runs on lung_nodule_candidates of docs/beside-pytorch.md, by acft.
#
#     scripts/results/lung.sh DATA WEIGHTS RUNS
#
# DATA is the folder of the images, WEIGHTS squeezenet1_1.safetensors, RUNS
# where the run folders go. Needs `cargo build --release` first.
. "$(dirname "$0")/common.sh"

for strategy in ${STRATEGIES:-rft acft-hq aft-lq acft-lq acft-hq-balanced}; do
    for seed in ${SEEDS:-0 1 2}; do
        ours "lung-$strategy-$seed" --path-column file --label-column label --split-column split --positive 1 \
            --model squeezenet1_1 --input 48 --patches crop:12 \
            --strategy "$strategy" --criterion diversity --alpha 0.25 --omega 5 \
            --batch 25 --steps 16 --lr 3e-4 --epochs 8 --seed "$seed"
    done
done
"$acft" compare "$runs"/lung-*-[0-9] --out "$runs/lung.png" --title "Lung nodule candidates, SqueezeNet 1.1"
