"""Agreement of scores with the truth: average precision, d-prime, lwlrap, calibration error, thresholds."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "ThresholdPoint",
    "area_under_roc",
    "average_precision",
    "calibration_error",
    "d_prime",
    "label_weighted_precision",
    "share_interval",
    "threshold_sweep",
]

Scores = npt.NDArray[np.floating]
Truth = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]


def average_precision(scores: Scores, truth: Truth) -> float:
    """Return the average precision of one class [shape of both=(n,)]: the mean of the precisions at each true sample.

    Equal scores count as one step, so that their order does not matter. NaN without a true sample.
    """
    if not truth.any():
        return float("nan")
    hits, seen = _steps(scores, truth)
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / seen).sum() / hits[-1])


def area_under_roc(scores: Scores, truth: Truth) -> float:
    """Return the probability that a true sample has a higher score than a false one; ties count half.

    NaN if one of the two kinds is missing.
    """
    if truth.all() or not truth.any():
        return float("nan")
    hits, seen = _steps(scores, truth)
    false = seen - hits
    heights = (hits + np.concatenate(([0], hits[:-1]))) / 2
    return float((np.diff(false, prepend=0) * heights).sum() / (hits[-1] * false[-1]))


def _steps(scores: Scores, truth: Truth) -> tuple[Float64, Float64]:
    """Return the numbers of true samples and of all samples down to each distinct score, the highest first."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    return np.cumsum(truth[order])[ends].astype(np.float64), (ends + 1).astype(np.float64)


def d_prime(area: float) -> float:
    """Return the distance of two normal distributions of deviation 1 with this area under the ROC curve."""
    if not 0 <= area <= 1:
        return float("nan")
    # A perfect ranking would give an infinite distance: the area is kept away from 0 and 1.
    return float(np.sqrt(2.0) * NormalDist().inv_cdf(min(max(area, 1e-12), 1 - 1e-12)))


def label_weighted_precision(scores: Scores, truth: Truth) -> float:
    """Return the label-weighted label-ranking average precision (lwlrap) of DCASE [shape of both=(n, classes)].

    It is the mean, over the true labels of all samples, of the share of true labels among those that rank as high.
    """
    total, labels = 0.0, 0
    for row, true in zip(scores, truth, strict=True):
        order = np.argsort(-row, kind="stable")
        hits = true[order]
        precisions = np.cumsum(hits) / np.arange(1, len(row) + 1)
        total += float(precisions[hits].sum())
        labels += int(hits.sum())
    return total / labels if labels else float("nan")


def calibration_error(scores: Scores, truth: Truth, bins: int = 15) -> float:
    """Return the expected calibration error of scores of any shape.

    It is the mean distance of the score and the share of truth over bins of equal width, by their numbers of scores.
    """
    values, true = np.asarray(scores, np.float64).ravel(), np.asarray(truth).ravel()
    places = np.clip((values * bins).astype(np.int64), 0, bins - 1)
    distances = np.abs(np.bincount(places, values) - np.bincount(places, true))
    return float(distances.sum() / len(values)) if len(values) else float("nan")


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Return the bounds of a share of `count` independent cases with 95 % confidence (Wilson's interval)."""
    z = 1.959964
    middle, width = share + z * z / (2 * count), z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return max(0.0, (middle - width) / (1 + z * z / count)), min(1.0, (middle + width) / (1 + z * z / count))


class ThresholdPoint(NamedTuple):
    """Precision and recall at a threshold, and their harmonic mean."""

    threshold: float
    precision: float
    recall: float
    f1: float


def threshold_sweep(scores: Scores, truth: Truth) -> tuple[ThresholdPoint, ...]:
    """Return precision and recall of one class with each of its scores as the threshold, the highest first."""
    if not len(scores) or not truth.any():
        return ()
    hits, seen = _steps(scores, truth)
    thresholds = np.sort(np.unique(scores))[::-1]
    precisions, recalls = hits / seen, hits / hits[-1]
    f1 = 2 * hits / (seen + hits[-1])
    columns = (thresholds, precisions, recalls, f1)
    return tuple(ThresholdPoint(*map(float, row)) for row in zip(*columns, strict=True))
