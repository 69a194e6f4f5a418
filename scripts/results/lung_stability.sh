#!/usr/bin/env bash
# Other learning rates for the continual strategies on lung_nodule_candidates;
# the rates of lung.sh are the ratio of 10. docs/beside-pytorch.md chooses by the
# validation AUC of these runs and of lung.sh's.
#
#     scripts/results/lung_stability.sh DATA WEIGHTS RUNS
. "$(dirname "$0")/common.sh"

for strategy in ${STRATEGIES:-acft-hq:3 acft-hq:30 acft-hq-balanced:3 acft-lq:3}; do
    for seed in ${SEEDS:-0 1}; do
        ours "stability-${strategy/:/-ratio}-$seed" --path-column file --label-column label --split-column split --positive 1 \
            --model squeezenet1_1 --input 48 --patches crop:12 \
            --strategy "${strategy%:*}" --lr-ratio "${strategy#*:}" --criterion diversity --alpha 0.25 --omega 5 \
            --batch 25 --steps 16 --lr 3e-4 --epochs 8 --seed "$seed"
    done
done
