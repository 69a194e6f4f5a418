"""What docs/comparison.md says of single seeds: of each arm the ALC and the last test AUC, how many candidates were learned
from, the largest fall from one step to the next, and the ALC less that of RFT; means over seeds last.

    pip install scipy
    python scripts/results/seed_by_seed.py runs/comparison/runs/lung [SEEDS]

The first SEEDS seeds; all without.
"""

import statistics
import sys
from pathlib import Path

from paired_alc import alc, curve, finished, interval

folder = Path(sys.argv[1])
before = int(sys.argv[2]) if len(sys.argv) > 2 else None
for arm in sorted(path for path in folder.iterdir() if path.is_dir()):
    seeds = [seed for seed in finished(arm, before) if seed in finished(folder / "RFT")]
    if not seeds or len(curve(arm / seeds[0])) < 2:
        continue
    print(arm.name)
    rows = []
    for seed in seeds:
        steps = curve(arm / seed)
        auc = [step["test_auc"] for step in steps]
        fall = max(a - b for a, b in zip(auc, auc[1:]))
        learned = sum(step["trained_on"] for step in steps)
        area = alc(arm / seed)
        rows.append((area, auc[-1], learned, area - alc(folder / "RFT" / seed)))
        print(f"  {seed}: ALC {area:.3f}, at the end {auc[-1]:.3f}, learned from {learned}, largest fall {fall:.3f}, ALC − RFT {rows[-1][3]:+.3f}")
    if len(rows) > 1:
        areas, ends, learned, above = zip(*rows)
        print(f"  mean: ALC {statistics.mean(areas):.3f} ± {statistics.stdev(areas):.3f}, at the end {statistics.mean(ends):.3f}, "
              f"learned from {statistics.mean(learned):,.0f}, ALC − RFT {interval(list(above))}")
