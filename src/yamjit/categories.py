"""What is listed of a head's scores: which classes, under which names, from which score on."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from yamjit.class_names import Category, ClassNames
from yamjit.errors import InputError
from yamjit.heads import HeadInfo
from yamjit.labels import ScoredLabel, rank
from yamjit.network import HeadOutput
from yamjit.options import THE_REST, ClassifierOptions, Entry
from yamjit.reprs import shown_briefly

__all__ = ["Categories", "Clip"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_Real = TypeVar("_Real", np.float32, np.float64)

_ROWS_AT_ONCE = 1024


class Categories:
    """The categories that options make of a head's classes.

    Groups come first, then classes of AudioSet that the model lacks, then the model's classes by index.

    Parameters
    ----------
    head : HeadInfo
    options : ClassifierOptions
        Names that this head does not know are passed over, see `unknown`.
    head_name : str
        Name of the model's output, where the model has several; else empty.

    Attributes
    ----------
    names : tuple of str [shape=(k,)]
        Display names, and names of groups.
    class_indices : tuple of int [shape=(k,)]
        Index of each class; -1 for groups, and for classes that the model lacks.
    audioset_ids : tuple of str [shape=(k,)]
        Empty where AudioSet does not have the class.
    thresholds : np.ndarray [shape=(k,), float64]
        Score from which on each category is listed; -inf where none is set.
    unknown : tuple of str or int
        Names in the options that this head does not know.

    Raises
    ------
    InputError
        If thresholds contradict each other, or a group has the name of a class that it does not hold.
    """

    def __init__(self, head: HeadInfo, options: ClassifierOptions, head_name: str = "") -> None:
        self.options = options
        self.head = head_name
        self.classes = len(head.labels)
        self.class_names = names = ClassNames(head, options)
        listed = _listed(names, options)
        self.names: tuple[str, ...] = tuple(category.name for category in listed)
        self.class_indices: tuple[int, ...] = tuple(category.class_index for category in listed)
        self.audioset_ids: tuple[str, ...] = tuple(category.audioset_id for category in listed)
        self.thresholds = _thresholds(listed, names, options.score_threshold, head.score_threshold)
        self.unknown: tuple[Entry, ...] = tuple(names.unknown)
        counts = [len(category.columns) for category in listed]
        self._columns = np.array([column for category in listed for column in category.columns], np.intp)
        self._starts = np.cumsum([0, *counts[:-1]], dtype=np.intp)
        self._merges = max(counts, default=1) > 1
        self._everything = not self._merges and np.array_equal(self._columns, np.arange(self.classes))
        self._listed = listed

    @functools.cached_property
    def _positions(self) -> dict[Category, int]:
        return {category: position for position, category in enumerate(self._listed)}

    def __len__(self) -> int:
        return len(self.names)

    def reduce(self, scores: npt.NDArray[_Real]) -> npt.NDArray[_Real]:
        """Return the scores of the categories.

        Parameters
        ----------
        scores : np.ndarray [shape=(n, classes), float32]
            Scores of the head's classes, window by window. A mean over windows is taken of what comes out, not before.

        Returns
        -------
        np.ndarray [shape=(n, k), type of `scores`]
            `scores` itself where every class is listed on its own.
        """
        if scores.ndim != 2 or scores.shape[1] != self.classes:
            raise InputError(f"scores of shape (n, {self.classes}) are accepted, found {scores.shape}")
        if self._everything:
            return scores
        if not self._merges:
            return scores[:, self._columns]
        reduced = np.empty((len(scores), len(self)), scores.dtype)
        for start in range(0, len(scores), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            np.maximum.reduceat(scores[rows, self._columns], self._starts, axis=1, out=reduced[rows])
        return reduced

    def find(self, entry: Entry) -> tuple[int, ...] | None:
        """Return the positions in `names` of what an entry names; None if this head does not know it.

        A class that was left out, or that is in a group, does not have a position.
        """
        found = self.class_names.find(entry)
        return tuple(self._positions[one] for one in found if one in self._positions) if found else None

    def rank(self, scores: npt.NDArray[np.floating], max_results: int | None = None) -> npt.NDArray[np.intp]:
        """Return the positions in `names` of what is listed, the highest score first, equal ones in their order.

        Parameters
        ----------
        scores : np.ndarray [shape=(k,)]
            Scores of the categories: a row of what `reduce` returns, or a mean of rows.
        max_results : int > 0, or -1 for all, optional
            How many are listed of those that reach their threshold; by default as the options say.

        Returns
        -------
        np.ndarray [shape=(found,), intp]
        """
        # A score printed as 0.7 reaches a threshold of 0.7, although the float32 is a little less.
        kept = (scores >= self.thresholds.astype(scores.dtype, copy=False)).nonzero()[0]
        count = self.options.max_results if max_results is None else max_results
        return rank(scores, count) if len(kept) == len(scores) else kept[rank(scores[kept], count)]

    def top(self, scores: npt.NDArray[np.floating], max_results: int | None = None) -> tuple[ScoredLabel, ...]:
        """Return the categories that `rank` lists, with their scores."""
        return tuple(
            ScoredLabel(self.names[i], float(scores[i]), self.class_indices[i], self.head)
            for i in self.rank(scores, max_results)
        )

    def __repr__(self) -> str:
        return f"<Categories: {len(self.names)} of {self.classes} classes: {shown_briefly(self.names)}>"


def _listed(names: ClassNames, options: ClassifierOptions) -> tuple[Category, ...]:
    groups = names.groups
    if options.category_allowlist:
        from yamjit.class_map import audioset_classes

        allowed = {category for entry in options.category_allowlist for category in names.find(entry)}
        order = {identifier: position for position, identifier in enumerate(audioset_classes())}
        ancestors = [category for category in allowed if category.class_index < 0 and category not in groups]
        ancestors.sort(key=lambda category: order[category.audioset_id])
        return tuple(category for category in (*groups, *ancestors, *names.classes) if category in allowed)
    denied = {category for entry in options.category_denylist for category in names.find(entry)}
    gone = {column for category in (*groups, *denied) for column in category.columns}
    classes = (category for category in names.classes if category.class_index not in gone)
    return (*(group for group in groups if group not in denied), *classes)


def _thresholds(
    listed: Sequence[Category], names: ClassNames, given: float | Mapping[Entry, float] | None, default: float | None
) -> npt.NDArray[np.float64]:
    rest = -np.inf if default is None else default
    if not isinstance(given, Mapping):
        return np.full(len(listed), rest if given is None else given)
    found: dict[Category, float] = {}
    for entry, value in given.items():
        for category in () if entry == THE_REST else names.find(entry):
            if found.setdefault(category, value) != value:
                raise InputError(f"{category.name!r} has two score thresholds, {found[category]} and {value}")
    rest = given.get(THE_REST, rest)
    return np.array([found.get(category, rest) for category in listed], np.float64)


class Clip:
    """Scores of a whole channel by one head: one for each class, and one for each category.

    Windows are added one after the other, so that nothing depends on how many come at once.
    """

    def __init__(self, categories: Categories, aggregate: str) -> None:
        self.categories = categories
        self.count = 0
        self._is_mean = aggregate == "mean"
        #: Totals of all windows but the latest, and these: they are added once that is needed.
        self._state: tuple[tuple[Float64, ...], HeadOutput | None] = (), None

    def add(self, output: HeadOutput, count: int) -> None:
        """Take what the head says of more windows, and their number."""
        if count:
            self._state = self._totals(), output
            self.count += count

    @property
    def scores(self) -> Float64:
        """The aggregate of each class, (classes,)."""
        return self._aggregate(0)

    @property
    def listed(self) -> Float64:
        """The aggregate of each category, (k,)."""
        return self._aggregate(-1)

    def _aggregate(self, which: int) -> Float64:
        if not self.count:
            raise InputError("no window has been scored yet")
        total = self._totals()[which]
        return total / self.count if self._is_mean else total

    def _totals(self) -> tuple[Float64, ...]:
        """Return the totals of all windows. Threads that ask at the same time compute the same, and none adds twice."""
        totals, latest = self._state
        if latest is not None:
            combine, scores = np.add if self._is_mean else np.maximum, latest.scores
            reduced = self.categories.reduce(scores)
            both = (scores,) if reduced is scores else (scores, reduced)
            totals = tuple(map(functools.partial(_combined, combine), totals or (None,) * len(both), both))
            self._state = totals, None
        return totals


def _combined(combine: np.ufunc, total: Float64 | None, scores: Float32) -> Float64:
    """Return a total with the scores of more windows, (n, k), added to it, each to the sum so far: no other order."""
    if total is None:
        if len(scores) == 1:
            return scores[0].astype(np.float64)
        rows = scores
    else:
        rows = np.concatenate((total[np.newaxis], scores))
    sums: Float64 = combine.accumulate(rows, axis=0, dtype=np.float64)
    return sums[-1].copy()
