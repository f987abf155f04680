"""Which categories of each head are listed: names, threshold, and the highest scores."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError
from yamjit.task.engine import HeadNames
from yamjit.task.processor import Category, Classifications
from yamjit.task.samples import whole

__all__ = ["Selection", "Wanted", "classify_heads", "select"]

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Wanted:
    """What is asked for, by the options of either library.

    Parameters
    ----------
    max_results : int or None
        Negative or None for all.
    score_threshold : float in [0, 1], or None
        None for that of each head's metadata.
    allowlist, denylist : sequence of str or None
        Names of categories.

    Raises
    ------
    InputError
        If an option is wrong, or both lists are given.
    """

    max_results: int | None
    score_threshold: float | None
    allowlist: Sequence[str] | None
    denylist: Sequence[str] | None

    def __post_init__(self) -> None:
        if self.max_results is not None and whole(self.max_results, "max_results", least=None) == 0:
            raise InputError("max_results is 0; at least 1, or a negative number for all, is accepted")
        _check_threshold(self.score_threshold)
        if self.allowlist and self.denylist:
            raise InputError("the allowlist and the denylist are mutually exclusive; both have names")


class Selection:
    """Which classes of a head are listed, and from which score on.

    Parameters
    ----------
    head : HeadNames
    indices : np.ndarray [shape=(k,), intp]
        Of the classes.
    threshold : float
        Lower scores are left out.
    most : int or None
        How many are listed at most.
    """

    def __init__(self, head: HeadNames, indices: npt.NDArray[np.intp], threshold: float, most: int | None) -> None:
        self._head = head
        self._indices = indices
        self._threshold = threshold
        self._most = most

    def classifications(self, scores: Float32) -> Classifications:
        """List the categories of one window, from its scores, float32 (classes,)."""
        kept = self._indices[scores[self._indices] >= self._threshold]
        ranked = kept[np.argsort(-scores[kept], kind="stable")][: self._most]
        head = self._head
        categories = [
            Category(index, float(scores[index]), head.display_names[index], head.category_names[index])
            for index in ranked.tolist()
        ]
        return Classifications(categories, head.info.index, head.info.name)


def select(heads: Iterable[HeadNames], wanted: Wanted) -> list[Selection]:
    """Return the selection of each head.

    Raises
    ------
    InputError
        If a name is no category of any head.
    """
    heads = list(heads)
    listed, allowed = (wanted.allowlist, True) if wanted.allowlist else (wanted.denylist or (), False)
    names = _known_names(heads, listed)
    most = wanted.max_results if wanted.max_results is not None and wanted.max_results > 0 else None
    selections = []
    for head in heads:
        threshold = head.info.score_threshold if wanted.score_threshold is None else wanted.score_threshold
        chosen = np.array([(name in names) == allowed for name in head.category_names], bool)
        selections.append(Selection(head, np.flatnonzero(chosen), -math.inf if threshold is None else threshold, most))
    return selections


def classify_heads(selections: Sequence[Selection], scores: Sequence[Float32]) -> list[Classifications]:
    """List the categories of every head for one window."""
    return [selection.classifications(head) for selection, head in zip(selections, scores, strict=True)]


def _known_names(heads: Sequence[HeadNames], listed: Sequence[str]) -> set[str]:
    if isinstance(listed, str):
        raise InputError(f"a list of category names is accepted, found the text {listed!r}")
    known = {name for head in heads for name in head.category_names if name}
    if listed and not known:
        raise InputError("categories cannot be chosen by name: the model has no names")
    for name in listed:
        if name not in known:
            like = difflib.get_close_matches(str(name), known, 1)
            raise InputError(
                f"{name!r} is no category of this model" + (f"; did you mean {like[0]!r}?" if like else "")
            )
    return set(listed)


def _check_threshold(threshold: Any) -> None:
    real = isinstance(threshold, numbers.Real) and not isinstance(threshold, bool)
    if threshold is not None and not (real and 0 <= threshold <= 1):
        raise InputError(f"score_threshold is {threshold!r}; numbers from 0 to 1 are accepted")
