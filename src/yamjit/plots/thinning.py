"""Rows of a recording of any length, thinned as they come: memory does not depend on the length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Thinned", "extremes", "highest", "loudest", "narrowed"]

Float32 = npt.NDArray[np.float32]

#: Combines groups of rows [shape=(groups, rows, k)], each of which stands for `span` rows, to rows [shape=(groups, k)].
Combine = Callable[[Float32, int], Float32]

#: Fewest rows of the result, where there are as many; it has at most twice as many.
_ROWS = 2000

#: Frames whose mean is taken before the highest is looked for: some sixth of a second of YAMNet's.
_SHORT = 16


class Thinned:
    """Rows as they come; neighbours are combined whenever there are too many."""

    def __init__(self, combine: Combine) -> None:
        self._combine = combine
        self.total = 0
        self._span = 1
        self._done: list[Float32] = []
        self._count = 0
        self._rest: Float32 | None = None

    def add(self, rows: Float32) -> None:
        """Take more rows [shape=(n, k)]."""
        if not len(rows):
            return
        self.total += len(rows)
        rest = rows if self._rest is None else np.concatenate([self._rest, rows])
        whole = len(rest) // self._span * self._span
        self._keep(self._combined(rest[:whole], self._span, 1))
        self._rest = rest[whole:]
        while self._count >= 2 * _ROWS:
            self._halve()

    def result(self) -> tuple[Float32, int]:
        """Return the thinned rows, and how many rows each stands for."""
        parts = list(self._done)
        if self._rest is not None and len(self._rest):
            parts.append(self._combined(self._rest, len(self._rest), 1))
        return np.concatenate(parts), self._span

    def _keep(self, rows: Float32) -> None:
        if len(rows):
            self._done.append(rows)
            self._count += len(rows)

    def _halve(self) -> None:
        rows = np.concatenate(self._done)
        even = len(rows) // 2 * 2
        left, self._done, self._count = rows[even:], [], 0
        self._keep(self._combined(rows[:even], 2, self._span))
        # An odd row at the end stands for `span` rows, and goes back to those that are not combined yet.
        if len(left) and self._rest is not None:
            self._rest = np.concatenate([np.repeat(left, self._span, axis=0), self._rest])
        self._span *= 2

    def _combined(self, rows: Float32, group: int, span: int) -> Float32:
        return self._combine(rows.reshape(-1, group, rows.shape[1]), span)


def highest(groups: Float32, _span: int = 1) -> Float32:
    """Return the highest of each group."""
    return groups.max(axis=1)


def extremes(groups: Float32, _span: int = 1) -> Float32:
    """Return the lowest of the first column of each group, and the highest of the second."""
    return np.stack([groups[..., 0].min(axis=1), groups[..., 1].max(axis=1)], axis=1)


def loudest(groups: Float32, span: int = 1) -> Float32:
    """Return the highest of the means of 16 rows that follow each other, in each column of each group.

    A mean of everything would hide what is short in a long recording; the highest row would show its noise.
    """
    block = min(max(1, _SHORT // span), groups.shape[1])
    starts = np.arange(0, groups.shape[1], block)
    counts = np.diff(starts, append=groups.shape[1]).astype(np.float32)
    means = np.add.reduceat(groups, starts, axis=1) / counts[:, None]
    return means.max(axis=1).astype(np.float32)


def narrowed(rows: Float32, most: int, combine: Combine, span: int = 1) -> Float32:
    """Return rows, each of which stands for `span`, combined to at most `most`, for a picture of as many pixels."""
    group = -(-len(rows) // most)
    if group <= 1:
        return rows
    whole = len(rows) // group * group
    parts = [combine(rows[:whole].reshape(-1, group, rows.shape[1]), span)]
    if whole < len(rows):
        parts.append(combine(rows[None, whole:], span))
    return np.concatenate(parts)
