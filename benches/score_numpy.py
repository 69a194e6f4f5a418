"""Entropy and diversity of every candidate with NumPy: what `acft score` is held against.

    python score_numpy.py closed|pairs probabilities.npz [scores.csv]

Without a file to write the table is left out, and what remains is loading, computing and sorting.
"""

import sys

import numpy as np

way, source, *target = sys.argv[1:]
ALPHA, EPSILON = 0.25, 2.0**-52
p = np.load(source)["p"]
n, m, k = p.shape
kept = max(1, int(np.floor(ALPHA * m + 0.5)))
found = np.empty((n, 2))
# In parts, so that intermediate arrays stay in cache.
for first in range(0, n, 10_000):
    part = p[first : first + 10_000].astype(np.float64)
    rows = np.arange(len(part))
    dominant = part.mean(1).argmax(1)
    order = np.argsort(-part[rows, :, dominant], axis=1, kind="stable")[:, :kept]
    part = np.take_along_axis(part, order[:, :, None], 1)
    log = np.log(part + EPSILON)
    found[first : first + len(part), 0] = -(part * log).sum((1, 2)) / kept
    if way == "closed":
        d = (part - part.mean(1, keepdims=True)) * (log - log.mean(1, keepdims=True))
        diversity = kept * d.sum((1, 2))
    else:
        i, j = np.triu_indices(kept, 1)
        diversity = ((part[:, i] - part[:, j]) * (log[:, i] - log[:, j])).sum((1, 2))
    found[first : first + len(part), 1] = diversity
order = np.argsort(-found.sum(1), kind="stable")
window = order[:100]
for path in target:
    with open(path, "w") as out:
        out.write("rank,candidate,entropy,diversity,score\n")
        for rank, i in enumerate(order, 1):
            e, d = found[i]
            out.write(f"{rank},{i},{e},{d},{e + d}\n")
