"""Steps of runs after which a network says the same of all test candidates: that all classes are as likely (its last layer is
dead), that they are surely of one class (it leans), or anything between (what is below the last layer is dead).

    python scripts/results/dead_steps.py runs/comparison
"""

import json
import sys
from pathlib import Path

import numpy as np

for run in sorted(Path(sys.argv[1]).glob("runs/**/steps.jsonl")):
    steps = [json.loads(line) for line in run.read_text().splitlines()]
    found = {"last layer dead": [], "dead below it": [], "surely one class": []}
    for step in steps:
        kept = run.parent / f"predictions/test-{step['step']:04}.npy"
        if kept.is_file():
            p = np.load(kept)
            where = f"{step['labels']} ({step['test_auc']:.3f})"
            if np.nanmax(np.abs(p - 1 / p.shape[1])) < 1e-4:
                found["last layer dead"].append(where)
            elif np.nanmax(np.nanmax(p, 0) - np.nanmin(p, 0)) < 1e-6:
                found["surely one class" if np.nanmax(p) > 0.999 else "dead below it"].append(where)
    for what, where in found.items():
        if where:
            print(f"{run.parent}: {what} at labels (test AUC): {', '.join(where)}")
