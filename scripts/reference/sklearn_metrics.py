"""Makes crates/acft/tests/fixtures/metrics.json: the metrics of scikit-learn,
against which crates/acft/tests/it/metrics.rs holds ours.

    pip install scikit-learn numpy
    python scripts/reference/sklearn_metrics.py > crates/acft/tests/fixtures/metrics.json

Probabilities are written as whole numerators over a power of two, so that the
file is small and both sides read the very same floating-point numbers.
"""

import json
import sys
import warnings

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    cohen_kappa_score,
    roc_auc_score,
    roc_curve,
)

SPECIFICITIES = [0.0, 0.5, 0.8, 0.9, 0.95, 1.0]
BINS = 15


def macro(probabilities, labels, score, defined):
    """The mean of `score`, class against rest, over the classes where it is defined."""
    values, absent = [], []
    for c in range(probabilities.shape[1]):
        positive = labels == c
        if defined(positive):
            values.append(score(positive, probabilities[:, c]))
        else:
            absent.append(c)
    return (float(np.mean(values)) if values else None), absent


def two_sided(positive):
    return positive.any() and not positive.all()


def areas(probabilities, labels, positive):
    """ROC AUC and average precision, with the classes left out of each."""
    if positive is not None:
        truth, scores = labels == positive, probabilities[:, positive]
        roc = (float(roc_auc_score(truth, scores)), []) if two_sided(truth) else (None, [positive])
        precision = (
            (float(average_precision_score(truth, scores)), []) if truth.any() else (None, [positive])
        )
        return roc, precision
    roc = macro(probabilities, labels, roc_auc_score, two_sided)
    if not roc[1]:
        direct = roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
        assert abs(direct - roc[0]) < 1e-12
    precision = macro(probabilities, labels, average_precision_score, np.any)
    return roc, precision


def sensitivities(scores, truth):
    """The highest sensitivity whose specificity is no less than each asked for."""
    if not two_sided(truth):
        return None
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    negatives = int((~truth).sum())
    specificity = (negatives - np.rint(fpr * negatives)) / negatives
    return [float(tpr[specificity >= asked].max()) for asked in SPECIFICITIES]


def calibration_error(probabilities, labels):
    """Guo et al. (2017): the gap of confidence and accuracy over bins (lower, upper]."""
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    upper = np.clip(np.ceil(confidence * BINS).astype(int), 1, BINS)
    error = 0.0
    for b in range(1, BINS + 1):
        inside = upper == b
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return float(error)


def kappa(a, b, classes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(cohen_kappa_score(a, b, labels=list(range(classes))))
    return value if np.isfinite(value) else None


def case(name, denominator, rows_and_labels, positive=None):
    numerators, labels = map(np.asarray, rows_and_labels)
    assert (numerators.sum(axis=1) == denominator).all()
    probabilities = numerators / denominator
    classes = probabilities.shape[1]
    roc, precision = areas(probabilities, labels, positive)
    column = 1 if positive is None else positive
    return {
        "name": name,
        "classes": classes,
        "positive": positive,
        "denominator": denominator,
        "numerators": numerators.ravel().tolist(),
        "labels": labels.tolist(),
        "roc_auc": roc[0],
        "roc_absent": roc[1],
        "average_precision": precision[0],
        "precision_absent": precision[1],
        "column": column,
        "sensitivities": sensitivities(probabilities[:, column], labels == column),
        "calibration_error": calibration_error(probabilities, labels),
        "kappa": kappa(probabilities.argmax(axis=1), labels, classes),
    }


def drawn(rng, n, classes, denominator, skill, present=None, sharpness=1.0):
    """Rows of a classifier of some skill, over the classes in `present`."""
    labels = rng.choice(present if present is not None else np.arange(classes), size=n)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), labels] += skill
    odds = np.exp(sharpness * logits)
    shares = np.floor(odds / odds.sum(axis=1, keepdims=True) * denominator).astype(int)
    shares[np.arange(n), shares.argmax(axis=1)] += denominator - shares.sum(axis=1)
    return shares, labels


def main():
    rng = np.random.default_rng(20210707)
    fine, coarse = 2**20, 16
    cases = [
        case("two rows", 4, ([[3, 1], [1, 3]], [0, 1]), positive=1),
        case("two rows, the wrong way round", 4, ([[3, 1], [1, 3]], [1, 0]), positive=1),
        case("two rows, tied", 4, ([[2, 2], [2, 2]], [1, 0]), positive=1),
        case("all negative", 4, ([[3, 1], [1, 3], [2, 2]], [0, 0, 0]), positive=1),
        case("all positive", 4, ([[3, 1], [1, 3], [2, 2]], [1, 1, 1]), positive=1),
        case("saturated", 4, ([[4, 0], [0, 4], [0, 4], [4, 0]], [0, 1, 0, 1]), positive=1),
        case("binary", fine, drawn(rng, 120, 2, fine, 1.0), positive=1),
        case("binary, class 0 is positive", fine, drawn(rng, 80, 2, fine, 1.0), positive=0),
        case("binary, many ties", coarse, drawn(rng, 150, 2, coarse, 1.0), positive=1),
        case("binary, worse than chance", coarse, drawn(rng, 90, 2, coarse, -0.7), positive=1),
        case("three classes", fine, drawn(rng, 120, 3, fine, 1.2)),
        case("three classes, many ties", coarse, drawn(rng, 120, 3, coarse, 0.8)),
        case("three classes, overconfident", fine, drawn(rng, 150, 3, fine, 1.0, sharpness=3)),
        case("three classes, underconfident", fine, drawn(rng, 150, 3, fine, 2, sharpness=0.5)),
        case("three classes, one against the rest", coarse, drawn(rng, 60, 3, coarse, 1), positive=2),
        case("four classes, one absent", coarse, drawn(rng, 90, 4, coarse, 1, present=[0, 2, 3])),
        case("five classes, two absent", fine, drawn(rng, 70, 5, fine, 1, present=[0, 1, 4])),
        case("five classes", coarse, drawn(rng, 100, 5, coarse, 1.5)),
        case("five classes, six rows", coarse, drawn(rng, 6, 5, coarse, 1, present=[0, 3])),
        case("three classes, one throughout", coarse, drawn(rng, 8, 3, coarse, 1, present=[1])),
    ]
    pairs = [([0, 0, 0], [0, 0, 0]), ([0, 0, 0], [1, 1, 1]), ([0, 1], [1, 0]), ([2, 2, 2, 1], [2, 2, 2, 2])]
    for classes in (2, 3, 5):
        a = rng.integers(classes, size=60)
        pairs.append((a.tolist(), np.where(rng.random(60) < 0.6, a, rng.integers(classes, size=60)).tolist()))
    kappas = [{"a": a, "b": b, "kappa": kappa(a, b, 5)} for a, b in pairs]
    fixture = {"specificities": SPECIFICITIES, "bins": BINS, "cases": cases, "kappas": kappas}
    json.dump(fixture, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
