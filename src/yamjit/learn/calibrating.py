"""Calibration of scores: sigmoids, steps and thresholds fitted to labelled clips."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.metrics import calibration_error, threshold_sweep
from yamjit.learn.optimizer import minimum
from yamjit.reprs import brief_repr
from yamjit.tflite.metadata import ScoreTransformation
from yamjit.trained.heads import cross_entropy, sigmoid

__all__ = [
    "CalibrationReport",
    "Isotonic",
    "cross_calibrate",
    "fit_isotonic",
    "fit_sigmoids",
    "thresholds_for_precision",
]

Float64 = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]

#: Scores of 0 and 1 have no logit: they count as half of TFLite's step of 1/256 away from the bounds.
_NEAREST = 1 / 512


@explained
def fit_sigmoids(scores: npt.ArrayLike, truth: npt.ArrayLike) -> Calibration:
    """Fit a sigmoid over the logit of each class's scores (Platt's method), in the form of TFLite's metadata.

    Parameters
    ----------
    scores : array_like [shape=(n, classes)]
        Scores in [0, 1] of clips, such as the highest window of each, or of windows.
    truth : array_like [shape=(n, classes)]
        Whether each clip or window has each class.

    Returns
    -------
    Calibration
        The sigmoids; a score of 0 stays 0. A class keeps its scores if it was never or always true, or if its scores
        do not rise with the truth.

    Raises
    ------
    InputError
        If the shapes differ, or a score is not in [0, 1].
    """
    values, true = _checked(scores, truth)
    rows = [_platt(values[:, k], true[:, k]) for k in range(values.shape[1])]
    return Calibration(
        np.array([(1.0, slope, offset, 0.0) for slope, offset in rows]), ScoreTransformation.INVERSE_LOGISTIC
    )


def _platt(scores: Float64, truth: Truth) -> tuple[float, float]:
    """Return slope and offset for the scores above 0; 0 is not transformed."""
    above = scores > 0
    x, true = _logit(scores[above]), truth[above]
    positive, negative = int(true.sum()), int((~true).sum())
    if not positive or not negative:
        return 1.0, 0.0
    # Platt's targets: perfectly separated classes would otherwise get an infinite slope.
    target = np.where(true, (positive + 1) / (positive + 2), 1 / (negative + 2))
    centre, spread = float(x.mean()), float(x.std()) or 1.0
    z = (x - centre) / spread

    def loss(position: Float64) -> tuple[float, Float64]:
        logits = position[0] * z + position[1]
        wrong = (sigmoid(logits) - target) / len(z)
        gradient = np.array([float((wrong * z).sum()), float(wrong.sum())])
        return float(cross_entropy(logits, target).mean()), gradient

    slope, offset = minimum(loss, np.array([spread, centre]), 1e-9)
    # No calibration improves scores that fall where they should rise.
    return (float(slope / spread), float(offset - slope * centre / spread)) if slope > 0 else (1.0, 0.0)


def _logit(scores: Float64) -> Float64:
    inside = np.clip(scores, _NEAREST, 1 - _NEAREST)
    return np.log(inside) - np.log1p(-inside)


class Step(NamedTuple):
    """A score, and its calibrated value."""

    score: float
    value: float


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class Isotonic:
    """A calibration that only rises: steps for each class, with straight lines between them.

    TFLite's metadata cannot hold it: store it as JSON beside a model.

    Parameters
    ----------
    steps : tuple of tuple of Step
        Steps of each class by rising score; none for a class that keeps its scores.
    """

    steps: tuple[tuple[Step, ...], ...]

    def apply(self, scores: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Calibrate scores [shape=(n, classes)]."""
        values = checks.array(scores, "scores", np.float64).copy()
        if values.shape[-1:] != (len(self.steps),):
            raise InputError(f"scores of {len(self.steps)} classes are accepted, found shape {values.shape}")
        for k, steps in enumerate(self.steps):
            if steps:
                values[..., k] = np.interp(values[..., k], [s.score for s in steps], [s.value for s in steps])
        return values.astype(np.float32)

    def to_json(self, labels: Sequence[str]) -> str:
        """Return a JSON document with a list of scores and values for each class."""
        return json.dumps(dict(zip(labels, self.steps, strict=True)), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str, labels: Sequence[str]) -> Isotonic:
        """Read what `to_json` wrote.

        Raises
        ------
        InputError
            If it is another document, or lacks one of the classes.
        """
        labels = checks.elements(labels, "labels", "names")
        try:
            document = json.loads(text)
            steps = tuple(tuple(Step(float(a), float(b)) for a, b in document[label]) for label in labels)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise InputError(f"not an isotonic calibration of these classes: {error}") from error
        return cls(steps)


@explained
def fit_isotonic(scores: npt.ArrayLike, truth: npt.ArrayLike) -> Isotonic:
    """Fit steps that only rise, with the least squared error (pool adjacent violators).

    Parameters
    ----------
    scores : array_like [shape=(n, classes)]
        Scores in [0, 1].
    truth : array_like [shape=(n, classes)]
        Whether each score's class was true.
    """
    values, true = _checked(scores, truth)
    return Isotonic(tuple(_rising(values[:, k], true[:, k]) for k in range(values.shape[1])))


def _rising(scores: Float64, truth: Truth) -> tuple[Step, ...]:
    if truth.all() or not truth.any():
        return ()
    distinct, places = np.unique(scores, return_inverse=True)
    counts = np.bincount(places).astype(np.float64)
    sums = np.bincount(places, truth)
    pools: list[tuple[float, float, int]] = []  # sum, count, last distinct score
    for index, (total, count) in enumerate(zip(sums, counts, strict=True)):
        pool = (float(total), float(count), index)
        while pools and pools[-1][0] * pool[1] >= pool[0] * pools[-1][1]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], index)
        pools.append(pool)
    steps, first = [], 0
    for total, count, last in pools:
        ends = dict.fromkeys((float(distinct[first]), float(distinct[last])))
        steps += [Step(score, total / count) for score in ends]
        first = last + 1
    return tuple(steps)


def _checked(scores: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Float64, Truth]:
    values, true = checks.array(scores, "scores", np.float64), checks.array(truth, "truth", np.float64).astype(bool)
    if values.ndim != 2 or values.shape != true.shape or not len(values):
        raise InputError(f"scores and truth (n, classes) are accepted, found {values.shape} and {true.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError("scores in [0, 1] are accepted")
    return values, true


@brief_repr
class CalibrationReport(NamedTuple):
    """Expected calibration error over all classes, before and after, on clips that the fit has not seen.

    `scores` [shape=(n, classes), float64] are calibrated, each by a fit to the other folds.
    """

    before: float
    after: float
    scores: Float64

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence if the error is larger than before."""
        if not self.after > self.before:
            return ()
        return (
            f"calibration makes scores worse: on recordings held out their error is {self.before:.4f} before and "
            f"{self.after:.4f} after it; omit it, or calibrate with more recordings",
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the errors as a JSON document."""
        return {"calibration_error_before": self.before, "calibration_error_after": self.after}


@explained
def cross_calibrate(
    scores: npt.ArrayLike, truth: npt.ArrayLike, folds: Sequence[str], *, kind: str = "sigmoid"
) -> CalibrationReport:
    """Measure the effect of calibration: fit it to all folds but one, and apply it to that, for each of them.

    Parameters
    ----------
    scores : array_like [shape=(n, classes)]
        Scores in [0, 1] of each clip, by a model that has not learned from it.
    truth : array_like [shape=(n, classes)]
        Whether each clip has each class.
    folds : sequence of str
        Name of each clip's fold.
    kind : {"sigmoid", "isotonic"}
        Form of the calibration, see `fit_sigmoids` and `fit_isotonic`.

    Returns
    -------
    CalibrationReport
    """
    values, true = _checked(scores, truth)
    checks.choice(kind, "kind", ("sigmoid", "isotonic"))
    fit: Callable[[Float64, Truth], Calibration | Isotonic] = fit_sigmoids if kind == "sigmoid" else fit_isotonic
    folds = tuple(map(str, checks.elements(folds, "folds", "names")))
    names = np.array(folds)
    if names.shape != (len(values),) or len(set(folds)) < 2:
        raise InputError(
            f"{len(set(folds))} folds of {len(values)} clips; a fold for each clip is accepted, of two folds or more"
        )
    calibrated = np.empty_like(values)
    for name in set(folds):
        held = names == name
        calibrated[held] = fit(values[~held], true[~held]).apply(values[held])
    return CalibrationReport(calibration_error(values, true), calibration_error(calibrated, true), calibrated)


@explained
def thresholds_for_precision(
    labels: Sequence[str], scores: npt.ArrayLike, truth: npt.ArrayLike, precision: float
) -> Mapping[str, float]:
    """Return the lowest threshold of each class that reaches a precision.

    Parameters
    ----------
    labels : sequence of str
        Names of the classes.
    scores : array_like [shape=(n, classes)]
        Scores in [0, 1] of clips.
    truth : array_like [shape=(n, classes)]
        Whether each clip has each class.
    precision : float in (0, 1]
        Share of the clips at or above the threshold that have the class.

    Returns
    -------
    mapping of str to float
        Thresholds for `yamjit.ClassifierOptions.score_threshold`; infinite if a class does not reach the precision.
    """
    checks.number(precision, "precision", 0, 1, above=True)
    values, true = _checked(scores, truth)
    labels = [checks.text(label, "a label") for label in checks.elements(labels, "labels", "names")]
    if len(labels) != values.shape[1]:
        raise InputError(f"{len(labels)} labels for {values.shape[1]} classes; one label for each class is accepted")
    found = {}
    for k, label in enumerate(labels):
        sweep = threshold_sweep(values[:, k], true[:, k])
        found[label] = min((point.threshold for point in sweep if point.precision >= precision), default=math.inf)
    return found
