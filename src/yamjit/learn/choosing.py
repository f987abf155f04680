"""The choice of the features that a head learns from: by clips that are held out of what it may learn from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.keywords import explained
from yamjit.learn.dataset import Dataset, divide
from yamjit.learn.evaluation import Evaluation
from yamjit.learn.features import Features, same_clips
from yamjit.learn.least_squares import LeaveOut
from yamjit.learn.printing import table
from yamjit.spec import EMBEDDING

__all__ = ["CandidateFigures", "Choice", "Chooser", "Part", "choose_features", "parts_of"]

Float64 = npt.NDArray[np.float64]

#: Most vectors that heads are fitted to, which bounds the time; copies are left out first, then clips.
_MOST_VECTORS = 1500
_MOST_COPIES = 3

#: Least number of parts that two folds are divided into: one that is judged, one held out, and others to learn from.
_FEWEST_PARTS = 3


class CandidateFigures(NamedTuple):
    """What a feature reaches among clips that are held out.

    Parameters
    ----------
    name : str
        Name of the feature.
    values : int
        Number of its values.
    accuracy : float
        Share of the clips that are named right, each by a head that has not learned from it.
    """

    name: str
    values: int
    accuracy: float


@explained
@dataclass(frozen=True, slots=True)
class Choice:
    """A feature that was chosen.

    Parameters
    ----------
    name : str
        Name of the feature, see `Classifier.features`.
    figures : tuple of CandidateFigures
        What each candidate reaches; empty if there was nothing to choose from, or nothing could be held out.
    lead, error : float
        By how much the best candidate is more accurate than the embedding, and the standard error of that; NaN
        without figures, or without an embedding.
    """

    name: str
    figures: tuple[CandidateFigures, ...] = ()
    lead: float = math.nan
    error: float = math.nan

    def text(self) -> str:
        """Return the figures as text, a line each, and why the feature was chosen."""
        if not self.figures:
            return f"features: {self.name}\n"
        lines = table(
            ("  feature", "values", "accuracy", ""),
            [
                (f"  {one.name}", str(one.values), f"{one.accuracy:.2%}", "chosen" if one.name == self.name else "")
                for one in self.figures
            ],
        )
        if self.lead > 0:
            error = f"{100 * self.error:.2f}"
            lines.append(
                f"  the best is {100 * self.lead:.2f} points above the embedding, standard error {error} points"
            )
        return "\n".join(["features, by heads of least squares on clips held out of training:", *lines]) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as plain numbers, texts and lists for JSON; NaN becomes None."""
        found = {"lead": self.lead, "error": self.error}
        return {
            "name": self.name,
            "figures": [one._asdict() for one in self.figures],
            **{name: None if math.isnan(value) else value for name, value in found.items()},
        }


class Part(NamedTuple):
    """Positions of clips that are held out together, and the fold that they are in."""

    fold: str
    clips: list[int]


@explained
def choose_features(
    candidates: Mapping[str, Features],
    *,
    folds: int | None = None,
    seed: int = 0,
    class_weights: str | dict[str, float] | None = None,
) -> Choice:
    """Choose the features to learn from, by clips that are held out in turn; if they have a split, by those of "train".

    A linear head is fitted by least squares to the mean of each clip's windows, and of those of some of its copies. The
    most accurate candidate is chosen, but the embedding if it is within one standard error of that one. Among equals
    it is the first: the candidates of `embed_candidates` are in the order of depth, and the model of the shallowest is
    the smallest.

    Parameters
    ----------
    candidates : mapping of str to Features
        Features of the same clips by name, as `embed_candidates` returns them.
    folds : int, optional
        Number of folds; by default the folds that came with the data, else 5 or the number of groups if less.
    seed : int in [0, 2**64)
        Seed of the order of groups.
    class_weights : "balanced", mapping of str to float, or None
        Weight of a clip of each class, see `Features.samples`.

    Returns
    -------
    Choice
    """
    several = same_clips(candidates)
    dataset = next(iter(several.values())).dataset
    return Chooser(several, parts_of(dataset, folds, seed), class_weights).choice()


def parts_of(dataset: Dataset, folds: int | None, seed: int) -> list[Part]:
    """Return the parts that clips to learn from are held out by: folds, or parts of these if there are two folds only.

    A group is in one part. Without two groups there are no parts.
    """
    count = None if folds is None else checks.whole(folds, "folds", 2)
    if dataset.groups() < 2:
        return []
    if count is None and dataset.has_split:
        count = min(5, dataset.groups())
    whole = [Part(name, test) for name, _, test in dataset.folds(count, seed=seed)]
    if len(whole) >= _FEWEST_PARTS:
        return whole
    return [part for one in whole for part in _divided(dataset, one, seed)]


def _divided(dataset: Dataset, part: Part, seed: int) -> Iterator[Part]:
    clips = [dataset.clips[k] for k in part.clips]
    count = min(_FEWEST_PARTS, len({clip.unit for clip in clips}))
    places = divide(clips, count, seed) if count > 1 else [0] * len(clips)
    for number in range(count):
        yield Part(part.fold, [k for k, place in zip(part.clips, places, strict=True) if place == number])


class Chooser:
    """Chooses among candidates, also for clips some of which are held out: no figure depends on these.

    Parameters
    ----------
    candidates : mapping of str to Features
    parts : sequence of Part
    class_weights : "balanced", mapping of str to float, or None
    """

    def __init__(
        self,
        candidates: Mapping[str, Features],
        parts: Sequence[Part],
        class_weights: str | dict[str, float] | None = None,
    ) -> None:
        self._parts = parts
        self._candidates = candidates
        if len(candidates) < 2 or not parts:
            return
        taught = sorted(k for part in parts for k in part.clips)
        taught = taught[:: -(-len(taught) // _MOST_VECTORS)]
        few = {name: features.select(taught) for name, features in candidates.items()}
        first = next(iter(few.values()))
        self._dataset = first.dataset
        self._vectors = _Vectors(first)
        places = {position: place for place, position in enumerate(taught)}
        self._clips = [[places[k] for k in part.clips if k in places] for part in parts]
        targets = self._dataset.targets()[self._vectors.clips].astype(np.float64)
        weights = self._vectors.weights(first.samples(class_weights).weights)
        self._heads = {
            name: LeaveOut(self._vectors.means(features), targets, weights) for name, features in few.items()
        }
        #: By candidate and the numbers of the parts that are held out: what is said of each vector, else NaN.
        self._said: dict[tuple[str, frozenset[int]], Float64] = {}

    def choice(self, without: str | None = None) -> Choice:
        """Return the choice; without the clips of one fold, if one is named."""
        names = tuple(self._candidates)
        judged = [number for number, part in enumerate(self._parts) if part.fold != without]
        if len(names) < 2 or len(judged) < 2:
            return Choice(names[0])
        apart = frozenset(range(len(self._parts))) - set(judged)
        right = {name: np.concatenate([self._right(name, part, apart) for part in judged]) for name in names}
        figures = tuple(
            CandidateFigures(name, self._candidates[name].embeddings.shape[1], float(right[name].mean()))
            for name in names
        )
        best = max(figures, key=lambda one: one.accuracy).name
        if EMBEDDING not in right:
            return Choice(best, figures)
        ahead = right[best] - right[EMBEDDING]
        lead, error = float(ahead.mean()), float(ahead.std() / math.sqrt(max(1, len(ahead) - 1)))
        # A single clip more is exactly one standard error.
        return Choice(EMBEDDING if lead <= error * (1 + 1e-9) else best, figures, lead, error)

    def _right(self, name: str, part: int, apart: frozenset[int]) -> Float64:
        """Return the share of each clip of a part, itself and copies, that a head without some parts names right."""
        clips = self._clips[part]
        rows = np.flatnonzero(np.isin(self._vectors.clips, clips))
        if not len(rows):
            return np.zeros(0)
        held = apart | {part}
        if (name, held) not in self._said:
            out = [place for number in held for place in self._clips[number]]
            places = np.flatnonzero(np.isin(self._vectors.clips, out))
            said = np.full((len(self._vectors.clips), len(self._dataset.classes)), math.nan)
            said[places] = self._heads[name].predictions(places)
            self._said[name, held] = said
        of = self._vectors.clips[rows]
        names = tuple(str(self._dataset.clips[k]) for k in of)
        scores = np.clip(self._said[name, held][rows], 0, 1)
        targets = self._dataset.targets()[of].astype(bool)
        right = Evaluation(self._dataset.classes, names, targets, scores).right()
        counts = np.bincount(of, minlength=len(self._dataset))
        return np.bincount(of, weights=right, minlength=len(self._dataset))[counts > 0] / counts[counts > 0]


class _Vectors:
    """One vector of each clip, the mean of its windows, and of each of some of its copies; weights likewise."""

    def __init__(self, features: Features) -> None:
        copied = len(np.unique(features.clips[features.copies > 0]))
        room = (_MOST_VECTORS - len(features.dataset)) // max(1, copied)
        self._rows = np.flatnonzero(features.copies <= max(0, min(_MOST_COPIES, room)))
        clips, copies = features.clips[self._rows], features.copies[self._rows]
        self._starts = np.flatnonzero(np.diff(clips, prepend=-1) | np.diff(copies, prepend=-1))
        self.clips = clips[self._starts]
        self._counts = np.diff(self._starts, append=len(clips))

    def means(self, features: Features) -> npt.NDArray[np.float32]:
        """Return the vectors [shape=(n, size), float32]."""
        sums = np.add.reduceat(features.embeddings[self._rows], self._starts, axis=0, dtype=np.float64)
        return (sums / self._counts[:, None]).astype(np.float32)

    def weights(self, windows: Float64) -> Float64:
        """Return the weights of the vectors; those of a clip share its weight, which its windows have together."""
        totals = np.bincount(self.clips, minlength=1)
        clips = np.add.reduceat(windows[self._rows], self._starts)
        by_clip = np.bincount(self.clips, weights=clips)
        return (by_clip / np.maximum(totals, 1))[self.clips]
