#!/usr/bin/env python3
"""The tables of docs/beside-pytorch.md, from run folders and the peer's lines.

    python scripts/results/table.py RUNS/lung rft aft-lq acft-hq

reads RUNS/lung-rft-0, RUNS/lung-rft-1 ... and RUNS/peer-lung-rft-0.jsonl ...
"""

import json
import statistics
import sys
from pathlib import Path


def curve(path):
    lines = map(json.loads, path.read_text().splitlines())
    return {line["labels"]: line["test_auc"] for line in lines if "labels" in line}


def curves(pattern):
    """By seed; those that are not finished too."""
    found = {int(path.parent.name[-1] if path.name == "steps.jsonl" else path.stem[-1]): curve(path)
             for path in sorted(pattern[0].glob(pattern[1]))}
    return {seed: curve for seed, curve in found.items() if curve}


def cell(values):
    if not values:
        return "–"
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


def main():
    prefix, strategies = Path(sys.argv[1]), sys.argv[2:]
    runs, name = prefix.parent, prefix.name
    columns = {}
    for strategy in strategies:
        columns[strategy] = curves((runs, f"{name}-{strategy}-[0-9]/steps.jsonl"))
        peer = curves((runs, f"peer-{name}-{strategy}-[0-9].jsonl"))
        if peer:
            columns[f"{strategy}, PyTorch"] = peer
    for heading, seeds in columns.items():
        finished = max((max(curve) for curve in seeds.values()), default=0)
        columns[heading] = {seed: curve for seed, curve in seeds.items() if max(curve) == finished}

    print("| labels | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for labels in sorted({labels for seeds in columns.values() for curve in seeds.values() for labels in curve}):
        cells = [cell([curve[labels] for curve in seeds.values() if labels in curve]) for seeds in columns.values()]
        print(f"| {labels} | " + " | ".join(cells) + " |")

    print("\n| at the end | mean ± sd | by seed |\n|---|---|---|")
    for heading, seeds in columns.items():
        last = {seed: curve[max(curve)] for seed, curve in seeds.items()}
        print(f"| {heading} | {cell(list(last.values()))} | "
              + ", ".join(f"{seed}: {auc:.3f}" for seed, auc in last.items()) + " |")


if __name__ == "__main__":
    main()
