"""The choice of the features that a head learns from, and of its weight decay: by clips that are held out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.choice import CandidateFigures, Choice, DecayFigures
from yamjit.learn.dataset import Dataset, divide
from yamjit.learn.evaluation import Evaluation
from yamjit.learn.features import Features, same_clips
from yamjit.learn.fitting import MOST_WEIGHT, WEIGHT_DECAY
from yamjit.learn.least_squares import leave_out
from yamjit.spec import EMBEDDING

__all__ = ["WEIGHT_DECAYS", "Chooser", "Part", "choose_features", "parts_of", "sampled"]

Float64 = npt.NDArray[np.float64]

#: Most vectors that heads are fitted to, which bounds the time; copies are left out first, then clips.
_MOST_VECTORS = 1200
_MOST_COPIES = 3

#: Weight decays to choose from, the weakest first.
WEIGHT_DECAYS = (WEIGHT_DECAY, 10 * WEIGHT_DECAY, 100 * WEIGHT_DECAY)

#: The ridge of least squares that restrains heads as the first of these does. A trained head that is restrained more is
#: less sure of its clips, and learns more from each: a hundredfold decay restrains as a tenfold ridge does.
_RIDGE = 3e-4
#: Share of a squared error by which another may be larger and as good.
_ALIKE = 0.02

_LEAST_DECAY, _MOST_DECAY = 1e-2 * WEIGHT_DECAY, 1e4 * WEIGHT_DECAY

#: Least number of parts that two folds are divided into: one that is judged, one held out, and others to learn from.
_FEWEST_PARTS = 3


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
    weight_decays: Sequence[float] = WEIGHT_DECAYS,
) -> Choice:
    """Choose the features to learn from, by clips that are held out in turn; if they have a split, by those of "train".

    A linear head is fitted by least squares to the mean of each clip's windows, and of those of some of its copies. The
    candidate with the least squared error is chosen, which tells apart those that name as many clips right; but the
    embedding if its accuracy is within one standard error of that one's. Among equals it is the first: the candidates
    of `embed_candidates` are in the order of depth, and the model of the shallowest is the smallest.

    Each candidate is judged with a weight decay of its own: that with the least squared error, or the weakest one whose
    error is larger by no more than one standard error, or a fiftieth: heads that are restrained less are surer.

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
    weight_decays : sequence of float
        Weight decays to choose from, the weakest first, see `FitOptions`.

    Returns
    -------
    Choice
    """
    several = same_clips(candidates)
    dataset = next(iter(several.values())).dataset
    return Chooser(several, parts_of(dataset, folds, seed), class_weights, weight_decays).choice()


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


def sampled(parts: Sequence[Part]) -> list[int]:
    """Return the positions of the clips that heads are fitted to: all of some parts, or as many as time allows."""
    taught = sorted(k for part in parts for k in part.clips)
    if len(taught) <= _MOST_VECTORS:
        return taught
    dice = np.random.Generator(np.random.PCG64(0))
    return sorted(dice.choice(taught, _MOST_VECTORS, replace=False).tolist())


class Chooser:
    """Chooses among candidates, also for clips some of which are held out: no figure depends on these.

    Parameters
    ----------
    candidates : mapping of str to Features
        Windows of all clips, or of `sampled` ones alone.
    parts : sequence of Part
        Positions among all clips.
    class_weights : "balanced", mapping of str to float, or None
    weight_decays : sequence of float
        Weight decays to choose from, the weakest first; a single one is taken.
    """

    def __init__(
        self,
        candidates: Mapping[str, Features],
        parts: Sequence[Part],
        class_weights: str | dict[str, float] | None = None,
        weight_decays: Sequence[float] = WEIGHT_DECAYS,
    ) -> None:
        found = checks.elements(weight_decays, "weight_decays", "numbers")
        self._decays = tuple(checks.number(one, "weight_decays", 0, MOST_WEIGHT) for one in found)
        if not self._decays or list(self._decays) != sorted(set(self._decays)):
            raise InputError(f"weight_decays are {checks.shown(weight_decays)}; rising numbers are accepted")
        self._parts = parts
        self._candidates = candidates
        if len(candidates) < 2 or not parts:
            return
        taught = sampled(parts)
        alone = len(next(iter(candidates.values())).dataset) == len(taught)
        few = candidates if alone else {name: features.select(taught) for name, features in candidates.items()}
        first = next(iter(few.values()))
        self._dataset = first.dataset
        self._vectors = _Vectors(first)
        places = {position: place for place, position in enumerate(taught)}
        self._clips = [[places[k] for k in part.clips if k in places] for part in parts]
        targets = self._dataset.targets()[self._vectors.clips].astype(np.float64)
        weights = self._vectors.weights(first.samples(class_weights).weights)
        ridges = [_RIDGE * (_bounded(decay) / WEIGHT_DECAY) ** 0.5 for decay in self._decays]
        self._heads = {
            name: leave_out(self._vectors.means(features), targets, weights, ridges) for name, features in few.items()
        }
        #: By candidate and the numbers of the parts that are held out: what heads of each decay say of each vector.
        self._said: dict[tuple[str, frozenset[int]], list[Float64]] = {}

    def choice(self, without: str | None = None) -> Choice:
        """Return the choice; without the clips of one fold, if one is named."""
        names = tuple(self._candidates)
        judged = [number for number, part in enumerate(self._parts) if part.fold != without]
        if len(names) < 2 or len(judged) < 2:
            return Choice(names[0], weight_decay=self._decays[0])
        apart = frozenset(range(len(self._parts))) - set(judged)
        found = {name: self._judged(name, judged, apart) for name in names}
        figures = tuple(found[name].figures(name, self._candidates[name].embeddings.shape[1]) for name in names)
        count = sum(len(self._clips[part]) for part in judged)
        best = min(figures, key=lambda one: one.squared_error)
        if EMBEDDING not in found:
            return Choice(best.name, figures, weight_decay=best.weight_decay, clips=count)
        ahead = found[best.name].best - found[EMBEDDING].best
        lead, error = float(ahead.mean()), _standard_error(ahead)
        # A single clip more is exactly one standard error.
        near = lead <= error * (1 + 1e-9)
        chosen = next(one for one in figures if one.name == EMBEDDING) if near else best
        return Choice(chosen.name, figures, lead, error, chosen.weight_decay, count)

    def chosen(self) -> set[str]:
        """Return the names of all features that are chosen, with all clips or without those of a fold."""
        return {self.choice(without=fold).name for fold in (None, *(part.fold for part in self._parts))}

    def _judged(self, name: str, parts: Sequence[int], apart: frozenset[int]) -> _Judged:
        """Return what heads of a candidate reach on parts, each without it and without some others."""
        found = [self._of_part(name, part, apart) for part in parts]
        return _Judged(self._decays, *(np.concatenate(column, axis=1) for column in zip(*found, strict=True)))

    def _of_part(self, name: str, part: int, apart: frozenset[int]) -> tuple[Float64, Float64]:
        """Return two figures of each clip of a part, by decay: how often it and its copies are named right; the error.

        They are by heads without this part, and without some others.
        """
        clips = self._clips[part]
        rows = np.flatnonzero(np.isin(self._vectors.clips, clips))
        if not len(rows):
            return np.zeros((len(self._decays), 0)), np.zeros((len(self._decays), 0))
        held = apart | {part}
        if (name, held) not in self._said:
            out = [place for number in held for place in self._clips[number]]
            places = np.flatnonzero(np.isin(self._vectors.clips, out))
            self._said[name, held] = [self._filled(places, head.predictions(places)) for head in self._heads[name]]
        of = self._vectors.clips[rows]
        names = tuple(str(self._dataset.clips[k]) for k in of)
        targets = self._dataset.targets()[of].astype(bool)
        counts = np.bincount(of, minlength=len(self._dataset))

        def of_clips(values: npt.NDArray[Any]) -> Float64:
            return np.bincount(of, weights=values, minlength=len(self._dataset))[counts > 0] / counts[counts > 0]

        right, error = [], []
        for said in self._said[name, held]:
            scores = np.clip(said[rows], 0, 1)
            right.append(of_clips(Evaluation(self._dataset.classes, names, targets, scores).right()))
            error.append(of_clips(((said[rows] - targets) ** 2).sum(axis=1)))
        return np.stack(right), np.stack(error)

    def _filled(self, places: npt.NDArray[np.int64], values: Float64) -> Float64:
        """Return values of some vectors as those of all; NaN elsewhere."""
        said = np.full((len(self._vectors.clips), values.shape[1]), math.nan)
        said[places] = values
        return said


class _Judged(NamedTuple):
    """What a candidate reaches: by decay and clip, how often it is named right, and the squared error."""

    decays: tuple[float, ...]
    right: Float64
    errors: Float64

    @property
    def chosen(self) -> int:
        """The decay with the least error, or the weakest whose error is as good as that one."""
        least = self.errors[self.errors.mean(axis=1).argmin()]
        further = self.errors - least
        alike = _ALIKE * float(least.mean())
        return next(k for k, one in enumerate(further) if one.mean() <= max(_standard_error(one), alike))

    @property
    def best(self) -> Float64:
        """How often each clip is named right with the decay that is chosen."""
        return self.right[self.chosen]

    def figures(self, name: str, values: int) -> CandidateFigures:
        """Return the figures of the candidate, whose name and number of values are given."""
        tried = zip(self.decays, self.right.mean(axis=1), self.errors.mean(axis=1), strict=True)
        decays = tuple(DecayFigures(decay, float(right), float(error)) for decay, right, error in tried)
        chosen = decays[self.chosen]
        return CandidateFigures(name, values, chosen.accuracy, chosen.squared_error, chosen.weight_decay, decays)


def _standard_error(values: Float64) -> float:
    return float(values.std() / math.sqrt(max(1, len(values) - 1)))


def _bounded(decay: float) -> float:
    return min(max(decay, _LEAST_DECAY), _MOST_DECAY)


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
        means = np.empty((len(self._starts), features.embeddings.shape[1]), np.float32)
        for mean, start, count in zip(means, self._starts, self._counts, strict=True):
            mean[:] = features.embeddings[self._rows[start : start + count]].mean(axis=0, dtype=np.float64)
        return means

    def weights(self, windows: Float64) -> Float64:
        """Return the weights of the vectors; those of a clip share its weight, which its windows have together."""
        totals = np.bincount(self.clips, minlength=1)
        clips = np.add.reduceat(windows[self._rows], self._starts)
        by_clip = np.bincount(self.clips, weights=clips)
        return (by_clip / np.maximum(totals, 1))[self.clips]
