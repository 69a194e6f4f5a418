#!/usr/bin/env bash
# Measures acft beside PyTorch and NumPy, and writes the tables of docs/performance.md.
#
#     benches/run.sh [--data DIR] [--weights FILE] [--parts scoring,training,loop,score,growth] [--rounds N]
#
# Needs Python 3 with venv; PyTorch and the rest come from PyPI, into target/bench-venv. DIR holds
# lung_nodule_candidates and chest_xray_pneumonia, and FILE is SqueezeNet 1.1 of torchvision as
# safetensors: without them the loop is left out, and patches are drawn.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=target/bench-venv
if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check \
    --extra-index-url https://download.pytorch.org/whl/cpu \
    numpy pillow scikit-learn safetensors torch torchvision
cargo build --release --package acft-cli --bin acft
cargo build --release --package acft-vision --example throughput
exec "$venv/bin/python" benches/bench.py "$@"
