"""Makes crates/acft-head/tests/fixtures/*.json: what scikit-learn makes of small inputs, against which
crates/acft-head/tests/golden.rs holds ours.

    pip install numpy==2.4.* scipy scikit-learn==1.9.*
    python scripts/reference/sklearn_head.py crates/acft-head/tests/fixtures

StandardScaler and PCA give the map's first two steps, SciPy's fractional_matrix_power the third (agreement);
LogisticRegression gives heads of two and three classes, weighted, and with soft targets, which are rows repeated for each
class; LabelSpreading gives the graph, with as many labels in each class, where balancing changes nothing. What it has no
option for (balancing, and rows of other candidates) is written out in NumPy.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from scipy.linalg import fractional_matrix_power
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

EPSILON, GAMMA, AXES = 0.01, 10.0, 5
rng = np.random.default_rng(21)


def exact(values) -> np.ndarray:
    """Exact in f32 and short in JSON: whole numerators over 1024."""
    return np.round(np.asarray(values, float) * 1024) / 1024


def listed(values):
    return np.asarray(values, float).tolist()


def the_map():
    n, m, d = 40, 3, 12
    mix = rng.normal(size=(6, d)) * np.linspace(2, 0.1, 6)[:, None]
    x = rng.normal(size=(n, 1, 6)) @ mix + 0.6 * rng.normal(size=(n, m, 6)) @ mix
    x = exact(x + 0.2 * rng.normal(size=(n, m, d)))
    x[..., 3] = 2.5  # constant
    x[..., 4] = exact(x[..., 4] * 50 + 300)  # of another size
    x[7, 1, 5] = 400.0  # beyond the clip
    rows = x.reshape(-1, d)
    scaler = StandardScaler().fit(rows)
    deviation = np.sqrt(scaler.var_)
    z = np.clip((rows - scaler.mean_) / (deviation + 1e-4), -8, 8)
    assert (np.abs(z) == 8).sum() == 1
    pca = PCA(AXES, svd_solver="full").fit(z)
    values = pca.explained_variance_ * (len(z) - 1) / len(z)
    vectors = pca.components_ * np.sign(
        pca.components_[np.arange(AXES), np.abs(pca.components_).argmax(1)]
    )[:, None]
    y = (z - pca.mean_) @ vectors.T / np.sqrt(values + EPSILON * values[0]) / np.sqrt(AXES)
    within = y.reshape(n, m, AXES)
    within = (within - within.mean(1, keepdims=True)).reshape(-1, AXES)
    scatter = within.T @ within / len(within)
    shrink = fractional_matrix_power(np.eye(AXES) + GAMMA * scatter / y.var(0).mean(), -0.5)
    return {
        "patches": m,
        "width": d,
        "axes": AXES,
        "epsilon": EPSILON,
        "gamma": GAMMA,
        "values": listed(rows.ravel()),
        "mean": listed(scaler.mean_),
        "deviation": listed(deviation),
        "eigenvalues": listed(values),
        "vectors": listed(vectors),
        "projected": listed(y),
        "agreed": listed(y @ shrink),
    }


def logistic(name, classes, soft=False, weighted=False):
    n, m, d = 24, 4, 7
    y = np.arange(n) % classes
    centres = rng.normal(size=(classes, d))
    x = exact(0.5 * (centres[y][:, None] + 1.2 * rng.normal(size=(n, 1, d)) + rng.normal(size=(n, m, d))))
    targets = np.eye(classes)[y]
    if soft:
        targets[::3] = rng.dirichlet(np.ones(classes), len(targets[::3]))
    weights = exact(rng.uniform(0.5, 2, n)) if weighted else np.ones(n)
    penalty = 0.05 / weights.sum()
    rows = np.repeat(x.reshape(-1, d), classes, 0)
    labels = np.tile(np.arange(classes), n * m)
    shares = np.repeat(targets * (weights / weights.sum() / m)[:, None], m, 0).ravel()
    kept = shares > 0
    # Two classes have one output there: W_1 = −W_0 = w/2, whose penalty is half as large.
    c = (2 if classes == 2 else 1) / penalty
    fit = LogisticRegression(C=c, tol=1e-12, max_iter=100_000)
    fit.fit(rows[kept], labels[kept], shares[kept])
    coef, intercept = fit.coef_, fit.intercept_
    if classes == 2:
        coef, intercept = np.concatenate([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2
    other = exact(rng.normal(size=(6, d)))
    return {
        "name": name,
        "patches": m,
        "width": d,
        "classes": classes,
        "rows": listed(x.ravel()),
        "targets": listed(targets),
        "weights": listed(weights),
        "coefficients": listed(coef),
        "intercepts": listed(intercept - intercept.mean()),
        "others": listed(other.ravel()),
        "probabilities": listed(fit.predict_proba(other)),
    }


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def spreading():
    n, d, k, classes = 36, 5, 4, 3
    group = np.arange(n) % classes
    x = exact(0.8 * rng.normal(size=(classes, d))[group] + rng.normal(size=(n, d)))
    cosine = unit(x) @ unit(x).T
    np.fill_diagonal(cosine, -2)
    nearest = np.argsort(-cosine, 1, kind="stable")[:, :k]
    w = np.zeros((n, n))
    for i in range(n):
        w[i, nearest[i]] = np.maximum(cosine[i, nearest[i]], 0) ** 3
    a = w + w.T
    even = list(range(2 * classes))
    labels = np.full(n, -1)
    labels[even] = group[even]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thirty rounds are asked for, not convergence
        spread = LabelSpreading(kernel=lambda x, y: a, alpha=0.95, max_iter=30, tol=0).fit(x, labels)
    # Unbalanced labels, written out.
    uneven = [0, 3, 6, 9, 1, 2, 5]
    y = np.zeros((n, classes))
    for i in uneven:
        y[i, group[i]] = 1 / sum(group[j] == group[i] for j in uneven)
    s = a / np.sqrt(a.sum(1)[:, None] * a.sum(1))
    f = y.copy()
    for _ in range(30):
        f = 0.95 * s @ f + 0.05 * y
    f = (f + 1e-9) / (f + 1e-9).sum(1, keepdims=True)
    others = exact(rng.normal(size=(5, d)))
    cosine = unit(others) @ unit(x).T
    out = []
    for row in cosine:
        j = np.argsort(-row, kind="stable")[:k]
        v = np.maximum(row[j], 0) ** 3
        out.append(v @ f[j] / v.sum())
    # The purity of labeled ones.
    noisy = group.copy()
    noisy[::5] = (noisy[::5] + 1) % classes
    cosine = unit(x) @ unit(x).T
    np.fill_diagonal(cosine, -2)
    j = np.argsort(-cosine, 1, kind="stable")[:, :k]
    plain = (noisy[j] == noisy[:, None]).mean()
    counts = np.bincount(noisy)
    chance = (counts * (counts - 1)).sum() / (n * (n - 1))
    return {
        "width": d,
        "neighbours": k,
        "classes": classes,
        "group": group.tolist(),
        "means": listed(x.ravel()),
        "nearest": nearest.tolist(),
        "even": even,
        "even_rows": listed(spread.label_distributions_),
        "uneven": uneven,
        "uneven_rows": listed(f),
        "others": listed(others.ravel()),
        "others_rows": listed(out),
        "noisy": noisy.tolist(),
        "plain": float(plain),
        "chance": float(chance),
    }


folder = pathlib.Path(sys.argv[1])
fixtures = {
    "map": the_map(),
    "logistic": [
        logistic("two classes", 2),
        logistic("three classes", 3),
        logistic("weighted", 3, weighted=True),
        logistic("soft and weighted", 4, soft=True, weighted=True),
        logistic("two classes, soft", 2, soft=True),
    ],
    "spreading": spreading(),
}
for name, fixture in fixtures.items():
    (folder / f"{name}.json").write_text(json.dumps(fixture) + "\n")
