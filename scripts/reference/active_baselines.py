"""Makes crates/acft/tests/fixtures/baselines.json: what other implementations make of fixed small pools, against
which crates/acft/tests/baselines.rs holds ours.

    pip install numpy==2.4.* scipy scikit-learn scikit-activeml baal
    python scripts/reference/active_baselines.py > crates/acft/tests/fixtures/baselines.json

Least confidence, margin, predictive entropy, core-set and typicality come from scikit-activeml, BALD from Baal,
average linkage and k-means from scikit-learn; variation ratios and BADGE's gradients, which none of them has by
itself, from NumPy and SciPy, written out.
"""

import json
import sys

import numpy as np
from baal.active.heuristics import BALD
from scipy.stats import mode
from skactiveml.pool import CoreSet, uncertainty_scores
from skactiveml.pool._typi_clust import _typicality
from sklearn.cluster import AgglomerativeClustering, KMeans

rng = np.random.default_rng(20)


def rounded(values) -> list:
    """Exact in f32, so that both sides read the same numbers."""
    return np.asarray(values, np.float32).astype(float).tolist()


def probabilities(n: int, m: int, k: int) -> np.ndarray:
    """n x m x k, as whole numerators over 1024: rows sum to 1 exactly."""
    p = rng.dirichlet(np.full(k, 0.6), (n, m))
    numerators = np.floor(p * 1024).astype(int)
    numerators[..., 0] += 1024 - numerators.sum(-1)
    return numerators / 1024


def uncertainties() -> list:
    cases = []
    for n, m, k in [(12, 1, 3), (10, 7, 2), (8, 12, 4)]:
        p = probabilities(n, m, k)
        mean = p.mean(1)
        votes = p.argmax(2)
        cases.append(
            {
                "classes": k,
                "probabilities": [row.ravel().tolist() for row in p],
                "least-confidence": uncertainty_scores(mean, method="least_confident").tolist(),
                "margin": uncertainty_scores(mean, method="margin_sampling").tolist(),
                "predictive-entropy": uncertainty_scores(mean, method="entropy").tolist(),
                # Baal wants members x classes x passes.
                "bald": BALD().compute_score(p.transpose(0, 2, 1)).tolist(),
                "variation-ratio": (1 - mode(votes, axis=1, keepdims=False).count / m).tolist(),
            }
        )
    return cases


def core_sets() -> list:
    cases = []
    for n, d, labeled, batch in [(40, 6, 5, 8), (25, 17, 1, 25), (60, 33, 12, 10)]:
        x = np.float32(rng.normal(size=(n + labeled, d)))
        y = np.full(n + labeled, np.nan)
        y[n:] = 0
        picked = CoreSet(random_state=0).query(x.astype(float), y, batch_size=batch)
        cases.append({"width": d, "pool": rounded(x[:n].ravel()), "labeled": rounded(x[n:].ravel()), "picked": picked.tolist()})
    return cases


def typicalities() -> list:
    cases = []
    for n, d, neighbours in [(30, 5, 4), (12, 19, 11)]:
        x = np.float32(rng.normal(size=(n, d)))
        # scikit-activeml adds a constant to the mean distance, to divide by: taken off again.
        values = np.array(_typicality(x.astype(float), np.arange(n), k=neighbours, eps=0))
        cases.append({"width": d, "features": rounded(x.ravel()), "neighbours": neighbours, "typicality": values.tolist()})
    return cases


def gradients() -> list:
    cases = []
    for n, d, k in [(9, 4, 3), (6, 21, 2)]:
        x = np.float32(rng.normal(size=(n, d)))
        p = probabilities(n, 1, k)[:, 0]
        residual = p - np.eye(k)[p.argmax(1)]
        g = np.einsum("nd,nk->ndk", x.astype(float), residual).reshape(n, -1)
        distances = ((g[:, None] - g[None]) ** 2).sum(-1)
        cases.append(
            {
                "width": d,
                "features": rounded(x.ravel()),
                "classes": k,
                "means": p.ravel().tolist(),
                "distances": distances.ravel().tolist(),
                "longest": int((g**2).sum(1).argmax()),
            }
        )
    return cases


def clusterings() -> list:
    cases = []
    for n, d, k in [(24, 3, 4), (40, 8, 7)]:
        x = np.float32(rng.normal(size=(n, d)))
        linkage = AgglomerativeClustering(n_clusters=k, linkage="average").fit_predict(x.astype(float))
        inertia = KMeans(k, n_init=20, random_state=0).fit(x.astype(float)).inertia_
        cases.append(
            {"width": d, "features": rounded(x.ravel()), "clusters": k, "average_linkage": linkage.tolist(), "inertia": inertia}
        )
    return cases


json.dump(
    {
        "uncertainty": uncertainties(),
        "core_set": core_sets(),
        "typicality": typicalities(),
        "gradient": gradients(),
        "clustering": clusterings(),
    },
    sys.stdout,
)
