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


def curve(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]


def alc(run: Path) -> float:
    points = [(step["labels"], step["test_auc"]) for step in curve(run)]
    area = sum((b - a) * (x + y) / 2 for (a, x), (b, y) in zip(points, points[1:]))
    return area / (points[-1][0] - points[0][0])


def finished(arm: Path, before: int | None = None) -> list[str]:
    """The names of the seeds that an arm has finished, of those below `before`."""
    seeds = sorted(int(run.parent.name.removeprefix("seed-")) for run in arm.glob("seed-*/finished.json"))
    return [f"seed-{seed}" for seed in seeds if before is None or seed < before]


def interval(found: list[float]) -> str:
    mean = statistics.mean(found)
    half = t.ppf(0.975, len(found) - 1) * statistics.stdev(found) / len(found) ** 0.5
    return f"{mean:+.3f} ({mean - half:.3f} to {mean + half:.3f})"


if __name__ == "__main__":
    folder, ours, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    before = int(sys.argv[4]) if len(sys.argv) > 4 else None
    seeds = [seed for seed in finished(folder / ours, before) if seed in finished(folder / other)]
    found = [alc(folder / ours / seed) - alc(folder / other / seed) for seed in seeds]
    print(f"{ours} − {other}: {interval(found)}, above in {sum(d > 0 for d in found)} of {len(found)} seeds")
