"""In which order recordings are begun by several processes, and which are handed over together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yamjit.runs.inputs import Recording

__all__ = ["MOST_AT_ONCE", "MOST_WAITING", "Schedule", "sizes_of"]

#: Recordings, and bytes of several of them, that are handed to a process at once.
MOST_AT_ONCE, _BYTES_AT_ONCE = 16, 2**20

#: Number of outcomes that may wait for an earlier one: a day of sound among clips does not stop the other processes.
MOST_WAITING = 4096


def sizes_of(recordings: Sequence[Recording]) -> list[int]:
    """Return the bytes of each recording; 0 if there are none to be read."""
    return [0 if one.problem is not None else _size(one.name) for one in recordings]


def _size(name: str) -> int:
    try:
        return os.stat(name).st_size  # noqa: PTH116
    except (OSError, ValueError):
        return 0


class Schedule:
    """Gives out recordings by their indices: in order, as results are written, with two exceptions.

    A large one is begun early, once the others give the other processes only as much to do as it takes itself. Small
    ones are given out together, since to hand one over may take as long as to hear it; fewer and fewer, so that all
    processes end at the same time.
    """

    def __init__(self, sizes: Sequence[int], processes: int) -> None:
        self._sizes, self._processes = sizes, processes
        self._by_size = sorted(range(len(sizes)), key=lambda index: (sizes[index], -index))
        self._is_begun = bytearray(len(sizes))
        self._left, self._left_bytes = len(sizes), sum(sizes)
        #: The first that has not been given out.
        self.following = 0

    def next(self, limit: int) -> list[int]:
        """Return what a process does next, of the recordings before `limit`; nothing if all are given out."""
        bundle = self._large(limit) or self._in_order(limit)
        for index in bundle:
            self._is_begun[index] = True
            self._left_bytes -= self._sizes[index]
        self._left -= len(bundle)
        while self.following < len(self._sizes) and self._is_begun[self.following]:
            self.following += 1
        return bundle

    def _large(self, limit: int) -> list[int]:
        while self._by_size and self._is_begun[self._by_size[-1]]:
            self._by_size.pop()
        if not self._by_size:
            return []
        index = self._by_size[-1]
        size = self._sizes[index]
        is_large = size > _BYTES_AT_ONCE and size * self._processes >= self._left_bytes
        return [index] if is_large and index < limit else []

    def _in_order(self, limit: int) -> list[int]:
        most = min(MOST_AT_ONCE, max(1, self._left // (2 * self._processes)))
        bundle: list[int] = []
        size = 0
        for index in range(self.following, min(limit, len(self._sizes))):
            if self._is_begun[index]:
                continue
            size += self._sizes[index]
            if bundle and size > _BYTES_AT_ONCE:
                break
            bundle.append(index)
            if len(bundle) == most:
                break
        return bundle
