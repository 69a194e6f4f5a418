"""Makes crates/acft/tests/fixtures/baselines.json: what other implementations make of fixed small pools, against
which crates/acft/tests/it/baselines.rs holds ours.

    pip install numpy==2.4.* scipy scikit-learn scikit-activeml baal
    python scripts/reference/active_baselines.py > crates/acft/tests/fixtures/baselines.json

Least confidence, margin, predictive entropy, core-set, typicality, and whole batches of TypiClust and BADGE come from
scikit-activeml, BALD from Baal, average linkage and k-means from scikit-learn; variation ratios, BADGE's gradients and
batches of cluster-margin, which none of them has by itself, from NumPy, SciPy and scikit-learn, written out.

Batches are random where candidates are alike: pools are such that what chance decides is known.
"""

import json
import sys

import numpy as np
from baal.active.heuristics import BALD
from scipy.stats import mode
from skactiveml.base import SkactivemlClassifier
from skactiveml.pool import Badge, CoreSet, TypiClust, uncertainty_scores
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


def typiclust_batches() -> list:
    """Clusters so far apart that every clustering finds them, each of another size, some with a labeled member."""
    cases = []
    for sizes, labeled in [([23, 11, 17, 14], []), ([12, 25, 15, 19, 28], [1, 3])]:
        centres = np.linalg.qr(rng.normal(size=(8, 8)))[0][: len(sizes)]
        x = np.concatenate([c + 0.05 * rng.normal(size=(n, 8)) for c, n in zip(centres, sizes)])
        x = np.float32(x / np.linalg.norm(x, axis=1, keepdims=True))
        known = np.array([sum(sizes[:at]) for at in labeled], int)
        pool = rng.permutation(np.setdiff1d(np.arange(len(x)), known))
        x = np.concatenate([x[pool], x[known]]).astype(float)
        y = np.full(len(x), np.nan)
        y[len(pool) :] = 0
        picked = TypiClust(random_state=0, k=5).query(x, y, batch_size=len(sizes) - len(labeled))
        cases.append(
            {"width": 8, "pool": rounded(x[: len(pool)].ravel()), "labeled": rounded(x[len(pool) :].ravel()), "picked": picked.tolist()}
        )
    return cases


class Given(SkactivemlClassifier):
    """A classifier whose predictions are known."""

    def __init__(self, x, p, classes):
        super().__init__(classes=classes)
        self.x, self.p = x, p

    def fit(self, X, y, sample_weight=None):
        return self

    def predict_proba(self, X):
        return np.stack([self.p[(self.x == row).all(1).argmax()] for row in X])


def badge_batches() -> list:
    """Candidates that lie on top of each other: once one of a place is drawn, the others have no chance."""
    cases = []
    for places, copies, d, k in [(5, 4, 6, 3), (8, 2, 3, 2)]:
        sites = np.float32(rng.normal(size=(places, d))).astype(float)
        site = rng.permutation(np.repeat(np.arange(places), copies))
        p = probabilities(places, 1, k)[:, 0]
        y = np.full(len(site), np.nan)
        classifier = Given(sites, p, list(range(k)))
        picked = Badge(random_state=0).query(sites[site], y, classifier, fit_clf=False, batch_size=places)
        cases.append(
            {
                "width": d,
                "features": rounded(sites[site].ravel()),
                "classes": k,
                "means": p[site].ravel().tolist(),
                "site": site.tolist(),
                "picked": [int(at) for at in picked],
            }
        )
    return cases


def cluster_margin_batches() -> list:
    """Algorithm 1 of Citovsky et al. (2021), with the k_m least decided clustered: of each member of the batch, those
    of its cluster, among which chance decides."""
    cases = []
    while len(cases) < 2:
        batch, n, d = [(5, 70, 4), (8, 90, 3)][len(cases)]
        x = np.float32(rng.normal(size=(n, d)))
        margins = rounded(rng.random(n))
        least = np.argsort(-np.array(margins), kind="stable")[: 10 * batch]
        clusters = int(np.ceil(batch / 1.25))
        found = AgglomerativeClustering(n_clusters=clusters, linkage="average").fit_predict(x[least].astype(float))
        members = sorted(([int(i) for i in least[found == c]] for c in range(clusters)), key=len)
        if len({len(of) for of in members}) < clusters:
            continue  # Of equal sizes either may come first.
        turns, left = [], [len(of) for of in members]
        while len(turns) < batch:
            for c, of in enumerate(members):
                if left[c] and len(turns) < batch:
                    left[c] -= 1
                    turns.append(of)
        cases.append({"width": d, "features": rounded(x.ravel()), "margins": margins, "turns": turns})
    return cases


json.dump(
    {
        "uncertainty": uncertainties(),
        "core_set": core_sets(),
        "typicality": typicalities(),
        "gradient": gradients(),
        "clustering": clusterings(),
        "typiclust": typiclust_batches(),
        "badge": badge_batches(),
        "cluster_margin": cluster_margin_batches(),
    },
    sys.stdout,
)
