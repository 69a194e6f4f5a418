#!/usr/bin/env bash
# The runs on lung_nodule_candidates of docs/results.md. What is finished is
# kept, what was interrupted goes on, so it can be started again at any time.
#
#     scripts/results/lung.sh DATA WEIGHTS RUNS
#
# DATA is the folder of the images, WEIGHTS squeezenet1_1.safetensors, RUNS
# where the run folders go. Needs `cargo build --release` first.
set -euo pipefail
data=$1 weights=$2 runs=$3
acft=$(dirname "$0")/../../target/release/acft

run() {
    local out=$runs/$1 strategy=$2 seed=$3
    if [ -s "$out/finished.json" ]; then
        return
    elif [ -f "$out/config.toml" ]; then
        "$acft" simulate --resume --out "$out"
    else
        "$acft" simulate --data "$data" --path-column file --label-column label --split-column split --positive 1 \
            --model squeezenet1_1 --weights "$weights" --input 48 --patches crop:12 \
            --strategy "$strategy" --criterion diversity --alpha 0.25 --omega 5 \
            --batch 25 --steps 16 --lr 3e-4 --epochs 8 --seed "$seed" --no-validation --out "$out"
    fi
}

for seed in 0 1 2; do
    for strategy in rft acft-hq aft-lq acft-hq-balanced acft-lq; do
        run "lung-$strategy-$seed" "$strategy" "$seed"
    done
done
"$acft" compare "$runs"/lung-* --out "$runs/lung.png" --title "Lung nodule candidates"
