"""Steps of finished runs after which every prediction on the test set is the same for all classes: the last layer is dead.

    python scripts/results/dead_steps.py runs/comparison
"""

import json
import sys
from pathlib import Path

import numpy as np

for run in sorted(Path(sys.argv[1]).glob("runs/**/finished.json")):
    steps = [json.loads(line) for line in (run.parent / "steps.jsonl").read_text().splitlines()]
    dead = []
    for step in steps:
        kept = run.parent / f"predictions/test-{step['step']:04}.npy"
        if kept.is_file():
            p = np.load(kept)
            if np.nanmax(np.abs(p - 1 / p.shape[1])) < 1e-4:
                dead.append(f"{step['labels']} ({step['test_auc']:.3f})")
    if dead:
        print(f"{run.parent}: dead at labels (test AUC): {', '.join(dead)}")
