#!/usr/bin/env bash
# The same as lung.sh by the program in PyTorch: peer_torch.py says what that
# needs.
#
#     scripts/results/lung_peer.sh DATA WEIGHTS RUNS
. "$(dirname "$0")/common.sh"

for strategy in ${STRATEGIES:-rft acft-hq aft-lq}; do
    case $strategy in
    rft) how="--learn reset-lq --query random" ;;
    aft-lq) how="--learn reset-lq --query active" ;;
    acft-*) how="--learn ${strategy#acft-} --query active" ;;
    esac
    for seed in ${SEEDS:-0 1 2}; do
        # shellcheck disable=SC2086
        peer "peer-lung-$strategy-$seed" --size 48 --patches 12 $how --criterion diversity --alpha 0.25 --omega 5 \
            --batch 25 --steps 16 --lr 3e-4 --epochs 8 --seed "$seed" --threads "${THREADS:-2}"
    done
done
