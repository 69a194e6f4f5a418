#!/usr/bin/env python3
"""The numbers of the section on the head in docs/results.md.

    acft experiment run experiments/head.toml --root FOLDER --out OUT
    scripts/results/head_table.py OUT/results.jsonl

Prints the mean test AUC of each arm at some numbers of labels, and the paired
differences in ALC with their 95 % intervals (Student's t).
"""

import collections
import json
import math
import sys

# Two-sided 95 % quantile of Student's t by degrees of freedom.
T = {4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
ARMS = ("RFT", "head-random", "head")


def alc(points):
    """Area under a curve of (labels, AUC), divided by its range."""
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(points, points[1:]))
    return area / (points[-1][0] - points[0][0])


def main():
    curves = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in open(sys.argv[1]):
        row = json.loads(line)
        if row.get("test_auc") is not None:
            curves[row["data"], row["arm"]][row["seed"]].append((row["labels"], row["test_auc"]))
    for data in ("lung", "chest", "rooms"):
        print(data)
        for arm in ARMS:
            seeds = curves[data, arm]
            by_labels = collections.defaultdict(list)
            for points in seeds.values():
                for labels, auc in points:
                    by_labels[labels].append(auc)
            means = {labels: sum(aucs) / len(aucs) for labels, aucs in sorted(by_labels.items())}
            print(f"  {arm} ({len(seeds)} seeds)", "  ".join(f"{k}: {v:.3f}" for k, v in means.items()))
        for one, other in (("head", "head-random"), ("head", "RFT"), ("head-random", "RFT")):
            common = sorted(set(curves[data, one]) & set(curves[data, other]))
            gaps = [alc(sorted(curves[data, one][s])) - alc(sorted(curves[data, other][s])) for s in common]
            mean = sum(gaps) / len(gaps)
            deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1))
            half = T[len(gaps) - 1] * deviation / math.sqrt(len(gaps))
            better = sum(gap > 0 for gap in gaps)
            print(
                f"  ALC of {one} less {other}: {mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f}),"
                f" above in {better} of {len(gaps)} seeds"
            )


main()
