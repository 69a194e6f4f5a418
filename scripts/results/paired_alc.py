"""By how much one arm's ALC is above another's, in the mean over the seeds that both have finished: 95 % interval by Student's t.

    pip install scipy
    python scripts/results/paired_alc.py runs/label-noise/runs/frames "ACFT(LQ)-diversity+majority" "ACFT(LQ)-diversity" [SEEDS]

The first SEEDS seeds; all without.
"""

import json
import statistics
import sys
from pathlib import Path

from scipy.stats import t


def alc(run: Path) -> float:
    steps = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
    points = [(step["labels"], step["test_auc"]) for step in steps]
    area = sum((b - a) * (x + y) / 2 for (a, x), (b, y) in zip(points, points[1:]))
    return area / (points[-1][0] - points[0][0])


folder, ours, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
finished = (run.parent.name for run in sorted((folder / ours).glob("seed-*/finished.json")))
seeds = [seed for seed in finished if (folder / other / seed / "finished.json").is_file()]
if len(sys.argv) > 4:
    seeds = [seed for seed in seeds if int(seed.removeprefix("seed-")) < int(sys.argv[4])]
found = [alc(folder / ours / seed) - alc(folder / other / seed) for seed in seeds]
mean = statistics.mean(found)
half = t.ppf(0.975, len(found) - 1) * statistics.stdev(found) / len(found) ** 0.5
print(f"{ours} − {other}: {mean:+.3f} ({mean - half:.3f} to {mean + half:.3f}), above in {sum(d > 0 for d in found)} of {len(found)} seeds")
