"""What is listed of all heads of a model, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from yamjit.categories import Categories, refuse_unknown
from yamjit.errors import InputError
from yamjit.options import Entry, as_entry

__all__ = ["Listing"]

Float32 = npt.NDArray[np.float32]


class _Scored(Protocol):
    """What `yamjit.network.HeadOutput` says."""

    @property
    def scores(self) -> Float32: ...


class Listing:
    """The categories of all heads in one list, those of the first head first.

    Parameters
    ----------
    categories : sequence of Categories
        One for each head.

    Attributes
    ----------
    names, heads, audioset_ids : tuple of str [shape=(k,)]
        As in `Categories`, for each category; `heads` are empty where the model has only one.
    class_indices : tuple of int [shape=(k,)]
    thresholds : np.ndarray [shape=(k,), float64]
    """

    def __init__(self, categories: Sequence[Categories]) -> None:
        self._categories = tuple(categories)
        self.names = tuple(name for one in self._categories for name in one.names)
        self.heads = tuple(one.head for one in self._categories for _ in one.names)
        self.class_indices = tuple(index for one in self._categories for index in one.class_indices)
        self.audioset_ids = tuple(identifier for one in self._categories for identifier in one.audioset_ids)
        self.thresholds = np.concatenate([one.thresholds for one in self._categories])
        self._starts = np.cumsum([0, *map(len, self._categories)]).tolist()

    def reduce(self, outputs: Sequence[_Scored]) -> Float32:
        """Return the scores of all categories.

        Parameters
        ----------
        outputs : sequence of HeadOutput
            What each head says of n windows, such as `Windows.heads`.

        Returns
        -------
        np.ndarray [shape=(n, k), float32]

        Raises
        ------
        InputError
            If there are outputs of more or fewer heads.
        """
        if len(outputs) != len(self._categories):
            raise InputError(f"windows of {len(outputs)} heads were given; {len(self._categories)} are accepted")
        listed = [one.reduce(output.scores) for one, output in zip(self._categories, outputs, strict=True)]
        return listed[0] if len(listed) == 1 else np.concatenate(listed, axis=1)

    def find(self, entry: Entry) -> tuple[int, ...]:
        """Return which categories an entry names, in every head: positions in `names`.

        Raises
        ------
        InputError
            If no head knows it, or none lists it.
        """
        entry = as_entry(entry, "a class")
        found = [one.find(entry) for one in self._categories]
        if all(positions is None for positions in found):
            refuse_unknown([entry], self._categories)
        places = tuple(start + p for start, known in zip(self._starts, found, strict=False) for p in known or ())
        if not places:
            raise InputError(f"{entry!r} is not listed on its own: it is left out, or in a group")
        return places

    def rank(self, scores: Sequence[npt.NDArray[np.float64]], max_results: int | None = None) -> npt.NDArray[np.intp]:
        """Return which categories are listed, the best of the first head first: positions in `names`.

        Parameters
        ----------
        scores : sequence of np.ndarray
            Of each head's categories.
        max_results : int > 0, or -1 for all, optional
            Of each head, see `Categories.rank`.
        """
        best = zip(self._starts, self._categories, scores, strict=False)
        return np.concatenate([start + one.rank(values, max_results) for start, one, values in best])
