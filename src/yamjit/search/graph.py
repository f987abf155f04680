"""The approximate search: usearch's graph of neighbours over rows that differ, and the proof of its bytes."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError
from yamjit.search.nearest import Candidates, ranked, usearch

__all__ = ["Graph", "different_rows", "grow"]

_CONNECTIVITY, _BASE = 16, 32

#: Rows that are looked at for one answer at least: more find more.
_EXPANSION = 256

_HEAD = 64
_LINKS, _BASE_LINKS = 4 + 4 * _CONNECTIVITY, 4 + 4 * _BASE


def different_rows(numbers: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return all row numbers, equal rows beside each other, and where each group begins, with the end at last."""
    # Two rows that differ would only be found together.
    digests = np.array([int.from_bytes(blake2b(row.tobytes(), digest_size=8).digest(), "big") for row in numbers], "u8")
    order = np.lexsort((np.arange(len(digests)), digests))
    is_first = np.append(True, digests[order[1:]] != digests[order[:-1]])
    return order, np.append(np.flatnonzero(is_first), len(order))


def grow(numbers: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the bytes of a graph of rows."""
    lib = usearch()
    index = _empty(lib, numbers)
    index.add(np.arange(len(numbers)), numbers, **_kind(lib, numbers))
    return np.frombuffer(index.save(), np.uint8)


class Graph:
    """A graph over groups of equal rows; `bytes_` are proven before usearch reads them."""

    def __init__(
        self,
        numbers: npt.NDArray[Any],
        order: npt.NDArray[np.int64],
        firsts: npt.NDArray[np.int64],
        bytes_: npt.NDArray[np.uint8],
    ) -> None:
        _prove(bytes_, len(firsts) - 1, numbers)
        self._numbers, self._order, self._firsts = numbers, order, firsts
        self._lib = usearch()
        self._index = _empty(self._lib, numbers)
        self._index.load(bytes(bytes_))
        self._index.expansion_search = _EXPANSION

    def nearest(self, queries: npt.NDArray[Any], count: int) -> Candidates:
        """Return rows that are nearly those which `yamjit.search.nearest.nearest` returns."""
        found = self._index.search(queries, min(count, len(self._firsts) - 1), **_kind(self._lib, self._numbers))
        groups = np.unique(np.asarray(found.keys, np.int64))
        rows = [self._order[self._firsts[group] : self._firsts[group + 1]] for group in groups]
        return ranked(self._numbers, np.concatenate(rows), queries, -np.inf)


def _empty(lib: Any, numbers: npt.NDArray[Any]) -> Any:
    kind = lib.ScalarKind.U8 if numbers.dtype == np.uint8 else lib.ScalarKind.F32
    return lib.Index(ndim=numbers.shape[1], metric=lib.MetricKind.Cos, dtype=kind, connectivity=_CONNECTIVITY)


def _kind(lib: Any, numbers: npt.NDArray[Any]) -> dict[str, Any]:
    # usearch takes uint8 for bits unless it is told.
    return {"dtype": lib.ScalarKind.U8} if numbers.dtype == np.uint8 else {}


def _prove(data: npt.NDArray[np.uint8], count: int, numbers: npt.NDArray[Any]) -> None:
    """Refuse bytes that would lead usearch out of its memory: every number in them that it follows is looked at."""
    width = numbers.shape[1] * numbers.itemsize
    begin = 8 + count * width + _HEAD
    fits = len(data) >= begin + 40 + 2 * count and data[:8].view("<u4").tolist() == [count, width]
    head = data[begin - _HEAD :]
    if not (fits and _is_head(bytes(head[:_HEAD]), count, numbers)):
        raise InputError("its graph is not one of these rows")
    size, connectivity, base, most_level, entry = head[_HEAD : _HEAD + 40].copy().view("<u8").tolist()
    if (size, connectivity, base) != (count, _CONNECTIVITY, _BASE) or entry >= count:
        raise InputError("its graph is not one that yamjit makes")
    levels = head[_HEAD + 40 : _HEAD + 40 + 2 * count].copy().view("<i2").astype(np.int64)
    tapes = head[_HEAD + 40 + 2 * count :]
    starts = np.concatenate([[0], np.cumsum(10 + _BASE_LINKS + levels * _LINKS)])
    if levels.min() < 0 or levels[entry] != most_level or levels.max() != most_level or starts[-1] != len(tapes):
        raise InputError("its graph has other levels than it says")
    keys = _gathered(tapes, starts[:-1], 8).view("<u8").reshape(-1)
    own = _gathered(tapes, starts[:-1] + 8, 2).view("<i2").reshape(-1)
    sound = np.array_equal(np.sort(keys), np.arange(count)) and np.array_equal(own, levels)
    for level in range(int(most_level) + 1):
        at = np.flatnonzero(levels >= level)
        size = _LINKS if level else _BASE_LINKS
        offsets = starts[at] + 10 + (_BASE_LINKS + (level - 1) * _LINKS if level else 0)
        links = _gathered(tapes, offsets, size).view("<u4")
        used = np.arange(links.shape[1] - 1) < links[:, :1]
        slots = links[:, 1:][used]
        sound = sound and bool((links[:, 0] <= links.shape[1] - 1).all() and (slots < count).all())
        sound = sound and bool((levels[slots] >= level).all())
    if not sound:
        raise InputError("its graph leads to rows that are not there")


def _is_head(head: bytes, count: int, numbers: npt.NDArray[Any]) -> bool:
    """Return whether 64 bytes are those that usearch begins a graph of such rows with, of any version 2."""
    own = bytes(grow(numbers[:1]))[8 + numbers.shape[1] * numbers.itemsize :][:_HEAD]
    place = slice(17, 25)  # of the number of rows
    return head[:9] == b"usearch\x02\x00" and head[13:] == own[13:17] + count.to_bytes(8, "little") + own[place.stop :]


def _gathered(data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(data[starts[:, None] + np.arange(size)])
