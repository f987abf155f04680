"""Scores of windows, smoothed: the mean or median of each window's neighbourhood."""

from __future__ import annotations

import bisect
import itertools
import math
from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError
from yamjit.events.options import EventOptions

__all__ = ["SLACK_S", "Smoother"]

Float64 = npt.NDArray[np.float64]

#: Times that differ by less are equal: less than a sample, and more than the error of a float64 within a year.
SLACK_S = 1e-6

#: Most windows over which scores are smoothed.
_MOST_SMOOTHED = 10_000


class Smoother:
    """The mean or median of each window's neighbourhood, which is smaller at the ends."""

    def __init__(self, options: EventOptions, hop_s: float) -> None:
        most = _MOST_SMOOTHED * hop_s
        if options.smoothing_s > most:
            raise InputError(
                f"smoothing_s is {options.smoothing_s:g}; at most {most:g}, {_MOST_SMOOTHED} windows, are accepted"
            )
        self._half = math.floor(options.smoothing_s / (2 * hop_s) + SLACK_S)
        if options.smoothing_s and not self._half:
            raise InputError(
                f"smoothing_s is {options.smoothing_s:g}; 0, or at least two hops of {hop_s:g} s, are accepted"
            )
        self._rows: _Medians | _Means = _Medians() if options.smoothing == "median" else _Means()
        self._waiting: deque[float] = deque()

    def push(self, time: float, row: Float64) -> Iterator[tuple[float, Float64]]:
        """Take a window; yield the one whose neighbours are now complete."""
        if not self._half:
            yield time, row
            return
        if self._rows.count > 2 * self._half:
            self._rows.drop()
        self._rows.add(row)
        self._waiting.append(time)
        if len(self._waiting) > self._half:
            yield self._waiting.popleft(), self._rows.value()

    def flush(self) -> Iterator[tuple[float, Float64]]:
        """Yield the windows whose neighbours did not all come."""
        while self._waiting:
            while self._rows.count > self._half + len(self._waiting):
                self._rows.drop()
            yield self._waiting.popleft(), self._rows.value()


class _Means:
    """The mean of rows that come at one end and go at the other, in time that does not depend on how many there are.

    Sums of the newer rows grow as they come; those of the older ones, from each to the last of them, are made together.
    Nothing is ever subtracted, so nothing is lost to rounding.
    """

    def __init__(self) -> None:
        self.count = 0
        self._newer: list[Float64] = []
        self._sum_of_newer: Float64 | None = None
        self._sums_of_older: list[Float64] = []

    def add(self, row: Float64) -> None:
        self.count += 1
        self._newer.append(row)
        self._sum_of_newer = row if self._sum_of_newer is None else self._sum_of_newer + row

    def drop(self) -> None:
        """Forget the oldest row."""
        self.count -= 1
        if not self._sums_of_older:
            self._sums_of_older = list(itertools.accumulate(reversed(self._newer)))
            self._newer, self._sum_of_newer = [], None
        self._sums_of_older.pop()

    def value(self) -> Float64:
        sums = [total for total in (*self._sums_of_older[-1:], self._sum_of_newer) if total is not None]
        total: Float64 = sums[0] if len(sums) == 1 else sums[0] + sums[1]
        return total / self.count


class _Medians:
    """The median of rows that come at one end and go at the other: their values stay sorted, class by class."""

    def __init__(self) -> None:
        self.count = 0
        self._rows: deque[Float64] = deque()
        self._sorted: list[list[float]] = []

    def add(self, row: Float64) -> None:
        self.count += 1
        self._rows.append(row)
        values = row.tolist()
        if not self._sorted:
            self._sorted = [[] for _ in values]
        for ordered, value in zip(self._sorted, values, strict=True):
            bisect.insort(ordered, value)

    def drop(self) -> None:
        """Forget the oldest row."""
        self.count -= 1
        for ordered, value in zip(self._sorted, self._rows.popleft().tolist(), strict=True):
            del ordered[bisect.bisect_left(ordered, value)]

    def value(self) -> Float64:
        low, high = (self.count - 1) // 2, self.count // 2
        return np.array([(ordered[low] + ordered[high]) / 2 for ordered in self._sorted])
