"""Evaluation of a model: scores of clips against their labels, as figures, JSON and text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.learn.dataset import OTHER
from yamjit.learn.metrics import (
    area_under_roc,
    average_precision,
    calibration_error,
    d_prime,
    label_weighted_precision,
    share_interval,
    threshold_sweep,
)
from yamjit.learn.printing import confusion_lines, table
from yamjit.text import plural
from yamjit.trained.heads import sigmoid

__all__ = ["AGGREGATES", "ClassFigures", "Evaluation", "clip_scores", "joined"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: How the scores of windows become the score of their clip: activation of the mean logit, mean, or highest score.
AGGREGATES = ("logit", "mean", "max")


def clip_scores(
    scores: npt.NDArray[np.floating],
    clips: npt.NDArray[np.int64],
    count: int,
    aggregate: str,
    activation: Callable[[Float64], Float64] = sigmoid,
) -> Float64:
    """Return the scores of `count` clips from those of their windows [shape=(count, classes), float64].

    `scores` [shape=(n, classes)] are in [0, 1], or logits for "logit", whose mean goes through `activation`; `clips`
    [shape=(n,)] is the clip of each window, ascending; each clip has at least one.
    """
    checks.choice(aggregate, "aggregate", AGGREGATES)
    starts = np.searchsorted(clips, np.arange(count))
    values = np.asarray(scores, np.float64)
    if aggregate == "max":
        return np.maximum.reduceat(values, starts, axis=0)
    means = np.add.reduceat(values, starts, axis=0) / np.bincount(clips, minlength=count)[:, None]
    return activation(means) if aggregate == "logit" else means


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one class; NaN where there is nothing to count.

    Parameters
    ----------
    label : str
        Name of the class.
    clips : int
        Number of clips of the class.
    precision, recall, f1 : float
        Share of the clips named so that have the class; share of the clips of the class that are named so; their mean.
    average_precision, area_under_roc, d_prime : float
        Figures of its scores, without a threshold.
    best_threshold, best_f1 : float
        Threshold with the highest F1, and that F1.
    """

    label: str
    clips: int
    precision: float
    recall: float
    f1: float
    average_precision: float
    area_under_roc: float
    d_prime: float
    best_threshold: float
    best_f1: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Evaluation:
    """Scores of clips, and their true classes.

    Parameters
    ----------
    labels : tuple of str
        Names of the classes.
    names : tuple of str
        Names of the clips.
    targets : np.ndarray [shape=(n, classes), bool]
        Whether each clip has each class.
    scores : np.ndarray [shape=(n, classes), float64]
        Scores in [0, 1].
    folds : tuple of str
        Fold in which each clip was held out; empty if the clips were not divided.
    threshold : float
        Score from which a clip is named a class, for clips of several classes or none.
    trained_on : tuple of str
        Names of clips that the model is known to have learned from.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    targets: npt.NDArray[np.bool_]
    scores: Float64
    folds: tuple[str, ...] = ()
    threshold: float = 0.5
    trained_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "trained_on", checks.elements(self.trained_on, "trained_on", "names"))
        object.__setattr__(self, "labels", checks.elements(self.labels, "labels", "names"))
        object.__setattr__(self, "names", checks.elements(self.names, "names", "names"))
        object.__setattr__(self, "folds", checks.elements(self.folds, "folds", "names"))
        object.__setattr__(self, "targets", checks.array(self.targets, "targets"))
        object.__setattr__(self, "scores", checks.array(self.scores, "scores"))
        checks.number(self.threshold, "threshold", 0, 1)
        shape = (len(self.names), len(self.labels))
        if self.targets.shape != shape or self.scores.shape != shape or not all(shape):
            raise InputError(f"targets {self.targets.shape} and scores {self.scores.shape}, {shape} are accepted")

    @property
    def single(self) -> bool:
        """Whether every clip has at most one class: then the highest score names it."""
        return bool((self.targets.sum(axis=1) <= 1).all())

    @property
    def has_other(self) -> bool:
        """Whether there are clips of no class."""
        return not self.targets.any(axis=1).all()

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What a clip can be named: the classes, and `OTHER` if there are clips of no class."""
        return (*self.labels, OTHER) if self.has_other else self.labels

    def named(self) -> npt.NDArray[np.int64]:
        """Return the class that each clip is named [shape=(n,)]; -1 for none, if there are clips of no class."""
        best = self.scores.argmax(axis=1)
        if self.has_other:
            best = np.where(self.scores.max(axis=1) >= self.threshold, best, -1)
        return best

    def truth(self) -> npt.NDArray[np.int64]:
        """Return the class of each clip [shape=(n,)]; -1 for none."""
        return np.where(self.targets.any(axis=1), self.targets.argmax(axis=1), -1)

    def right(self) -> npt.NDArray[np.bool_]:
        """Return whether each clip is named correctly [shape=(n,)]: its highest score is that of one of its classes."""
        named, true = self.named(), self.truth()
        return np.where(named < 0, true < 0, self.targets[np.arange(len(named)), np.maximum(named, 0)])

    @property
    def accuracy(self) -> float:
        """Share of the clips that are named correctly."""
        return float(self.right().mean())

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """Bounds of the accuracy with 95 % confidence, if clips are independent (Wilson's interval)."""
        return share_interval(self.accuracy, len(self.names))

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence if the model has learned from clips that it was evaluated on."""
        seen, count = len(self.trained_on), len(self.names)
        if not seen:
            return ()
        which = (
            f"{seen} of {plural(count, 'clip')}"
            if seen < count
            else f"all {count} clips"
            if count > 1
            else "the only clip"
        )
        return (f"the model was trained on {which}: the figures are better than they would be on others",)

    @property
    def fold_accuracies(self) -> dict[str, float]:
        """Accuracy of each fold, by its name."""
        names = list(dict.fromkeys(self.folds))
        return {name: self.part(name).accuracy for name in names}

    def part(self, fold: str) -> Evaluation:
        """Return the clips of one fold."""
        rows = np.array([found == fold for found in self.folds])
        names = tuple(name for name, kept in zip(self.names, rows, strict=True) if kept)
        return Evaluation(self.labels, names, self.targets[rows], self.scores[rows], (), self.threshold)

    def confusion(self) -> npt.NDArray[np.int64]:
        """Return the number of clips of each class (rows) named each class (columns); the last of both is none."""
        size = len(self.labels) + 1
        found = np.zeros((size, size), np.int64)
        np.add.at(found, (self.truth(), self.named()), 1)
        return found if self.has_other else found[:-1, :-1]

    def classes(self) -> tuple[ClassFigures, ...]:
        """Return the figures of each class."""
        named = self.named()[:, None] == np.arange(len(self.labels))
        found = named if self.single else self.scores >= self.threshold
        return tuple(self._figures(index, found[:, index]) for index in range(len(self.labels)))

    def _figures(self, index: int, found: npt.NDArray[np.bool_]) -> ClassFigures:
        scores, true = self.scores[:, index], self.targets[:, index]
        hits = int((found & true).sum())
        sweep = threshold_sweep(scores, true)
        best = max(sweep, key=lambda point: point.f1, default=None)
        area = area_under_roc(scores, true)
        return ClassFigures(
            self.labels[index],
            int(true.sum()),
            _share(hits, int(found.sum())),
            _share(hits, int(true.sum())),
            _share(2 * hits, int(found.sum()) + int(true.sum())),
            average_precision(scores, true),
            area,
            d_prime(area),
            best.threshold if best else math.nan,
            best.f1 if best else math.nan,
        )

    @property
    def mean_average_precision(self) -> float:
        """Mean over the classes that occur (mAP)."""
        return _mean(c.average_precision for c in self.classes())

    @property
    def d_prime(self) -> float:
        """The d-prime of the mean area under the ROC curves."""
        return d_prime(_mean(c.area_under_roc for c in self.classes()))

    @property
    def lwlrap(self) -> float:
        """Label-weighted label-ranking average precision."""
        return label_weighted_precision(self.scores, self.targets)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over all scores of all classes."""
        return calibration_error(self.scores, self.targets)

    def mistakes(self) -> tuple[tuple[str, str, str], ...]:
        """Return name, true class and named class of every clip that is named wrongly."""
        return tuple(
            (name, self.outcomes[true], self.outcomes[named])
            for name, true, named, row in zip(self.names, self.truth(), self.named(), self.targets, strict=True)
            if not (true < 0 if named < 0 else row[named])
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all figures as plain numbers, texts and lists for JSON; NaN becomes None."""
        return {
            "clips": len(self.names),
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "folds": self.fold_accuracies,
            "mean_average_precision": _plain(self.mean_average_precision),
            "d_prime": _plain(self.d_prime),
            "lwlrap": _plain(self.lwlrap),
            "calibration_error": _plain(self.calibration_error),
            "labels": list(self.outcomes),
            "confusion": self.confusion().tolist(),
            "classes": [{field: _plain(getattr(c, field)) for field in ClassFigures.__slots__} for c in self.classes()],
            "mistakes": [list(mistake) for mistake in self.mistakes()],
            "trained_on": list(self.trained_on),
            "warnings": list(self.warnings),
        }

    def text(self) -> str:
        """Return all figures as text."""
        low, high = self.accuracy_interval
        clips = plural(len(self.names), "clip")
        lines = [
            f"accuracy {self.accuracy:.2%} of {clips} (with 95% confidence {low:.1%} to {high:.1%})",
            *(f"  fold {name}: {value:.2%}" for name, value in self.fold_accuracies.items() if name),
            f"mAP {self.mean_average_precision:.4f}, d-prime {self.d_prime:.3f}, lwlrap {self.lwlrap:.4f}, "
            f"calibration error {self.calibration_error:.4f}",
            "",
            *table(
                ("class", "clips", "precision", "recall", "AP", "best threshold"),
                [
                    (
                        c.label,
                        str(c.clips),
                        *(f"{v:.3f}" for v in (c.precision, c.recall, c.average_precision, c.best_threshold)),
                    )
                    for c in self.classes()
                ],
            ),
            "",
            *confusion_lines(self.outcomes, self.confusion()),
        ]
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        return f"<Evaluation: {len(self.names)} clips of {len(self.labels)} classes, accuracy {self.accuracy:.2%}>"


def joined(parts: Sequence[Evaluation], folds: Sequence[str]) -> Evaluation:
    """Return the evaluations of several folds as one."""
    first = parts[0]
    return Evaluation(
        first.labels,
        tuple(name for part in parts for name in part.names),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.scores for part in parts]),
        tuple(fold for part, fold in zip(parts, folds, strict=True) for _ in part.names),
        first.threshold,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
