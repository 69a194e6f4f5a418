"""What docs/results.md says of single seeds: of each arm the ALC and the last test AUC, how many candidates were learned
from, the largest fall from one step to the next, how many batches were of one class alone, and the ALC and the last test
AUC less those of RFT; means over seeds last, and the mean curve.

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
    rows, curves = [], []
    for seed in seeds:
        steps = curve(arm / seed)
        auc = [step["test_auc"] for step in steps]
        fall = max(a - b for a, b in zip(auc, auc[1:]))
        learned = sum(step["trained_on"] for step in steps)
        alone = sum(sum(count > 0 for count in step["batch_classes"].values()) == 1 for step in steps)
        area = alc(arm / seed)
        end = auc[-1] - curve(folder / "RFT" / seed)[-1]["test_auc"]
        rows.append((area, auc[-1], learned, area - alc(folder / "RFT" / seed), fall, alone, end))
        curves.append({step["labels"]: step["test_auc"] for step in steps})
        print(f"  {seed}: ALC {area:.3f}, at the end {auc[-1]:.3f}, learned from {learned}, largest fall {fall:.3f}, of one class {alone}, ALC − RFT {rows[-1][3]:+.3f}")
    if len(rows) > 1:
        areas, ends, learned, above, falls, alone, further = zip(*rows)
        print(f"  mean: ALC {statistics.mean(areas):.3f} ± {statistics.stdev(areas):.3f}, at the end {statistics.mean(ends):.3f}, "
              f"learned from {statistics.mean(learned):,.0f}, largest fall {max(falls):.3f}, of one class {sum(alone)}, "
              f"ALC − RFT {interval(list(above))}, above in {sum(d > 0 for d in above)} of {len(above)}, "
              f"at the end − RFT {interval(list(further))}, above in {sum(d > 0 for d in further)}")
        shared = [labels for labels in curves[0] if all(labels in curve for curve in curves)]
        print("  mean curve: " + ", ".join(f"{labels}: {statistics.mean(curve[labels] for curve in curves):.3f}" for labels in shared))
