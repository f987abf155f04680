"""Rows of a matrix that are most similar to queries, by the cosine: exact, in float64, whatever finds them first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import DependencyError
from yamjit.installing import how_to_install
from yamjit.search.sketch import Sketch

__all__ = ["Candidates", "nearest", "ranked", "sketched", "usearch"]

#: How far usearch's cosines of codes are from the exact ones at most.
_ERROR = 1e-4

#: Rows that are compared in float64 at a time.
_CHUNK = 2**7

#: One row in this many is the most that a sketch may leave: of more, usearch is faster.
_MOST_LEFT = 8

#: Row numbers by falling similarity, the similarity of each, and the one above which no row is missing.
Candidates = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], float]


def usearch() -> Any:
    """Import usearch."""
    try:
        import usearch.index
    except ImportError as error:
        raise DependencyError(f"a search needs usearch: {how_to_install('yamjit[search]')}") from error
    return usearch.index


def nearest(numbers: npt.NDArray[Any], sketch: Sketch | None, queries: npt.NDArray[Any], count: int) -> Candidates:
    """Return the rows that are among the `count` most similar ones, by the query that each is most similar to.

    Rows that are equally similar come in their order. Without a sketch, and where it leaves too many rows, codes are
    found by usearch, which looks at all of them.
    """
    if count >= len(numbers):
        return ranked(numbers, np.arange(len(numbers)), queries, -np.inf)
    if sketch is not None:
        keys, floor = sketched(numbers, sketch, queries, count)
    if sketch is None or (len(keys) * _MOST_LEFT > len(numbers) and numbers.dtype == queries.dtype == np.uint8):
        keys, floor = _scanned(numbers, queries, count)
    return ranked(numbers, keys, queries, floor)


def ranked(
    numbers: npt.NDArray[Any], keys: npt.NDArray[np.int64], queries: npt.NDArray[Any], floor: float
) -> Candidates:
    """Return rows by their exact similarity to the query that each is most similar to."""
    similar = _similarities(numbers, keys, queries)
    order = np.lexsort((keys, -similar))
    return keys[order], similar[order], floor


def _similarities(
    numbers: npt.NDArray[Any], keys: npt.NDArray[np.int64], queries: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return the cosine of each of some rows with the query that it is most similar to; no query is zero.

    Products of codes are exact integers, so that equal rows have equal similarities.
    """
    asked = queries.astype(np.float64)
    squares = (asked * asked).sum(1)
    similar = np.empty(len(keys))
    for start in range(0, len(keys), _CHUNK):
        rows = numbers[keys[start : start + _CHUNK]].astype(np.float64)
        lengths = np.sqrt(np.outer(np.einsum("nk,nk->n", rows, rows), squares))
        products = np.stack([np.einsum("nk,k->n", rows, query) for query in asked], axis=1)
        cosines = np.divide(products, lengths, out=np.full_like(products, -1), where=lengths > 0)
        similar[start : start + _CHUNK] = cosines.max(1)
    return similar


def sketched(
    numbers: npt.NDArray[Any], sketch: Sketch, queries: npt.NDArray[Any], count: int
) -> tuple[npt.NDArray[np.int64], float]:
    """Return all rows that may be among the `count` most similar ones, and the similarity above which none is missing.

    The similarities of any `count` rows say what the `count` best have at least.
    """
    most, error = sketch.bounds(queries)
    best = np.flatnonzero(most >= np.partition(most, -count)[-count])[:count]
    least = _similarities(numbers, best, queries).min()
    return np.flatnonzero(most >= least - error), float(np.nextafter(least, -np.inf))


def _scanned(numbers: npt.NDArray[Any], queries: npt.NDArray[Any], count: int) -> tuple[npt.NDArray[np.int64], float]:
    """Return the `count` most similar rows of each query in codes, and the similarity above which none is missing."""
    lib = usearch()
    found = lib.search(numbers, queries, count, lib.MetricKind.Cos, exact=True, dtype=lib.ScalarKind.U8)
    worst = float(np.nan_to_num(1 - np.min(np.atleast_2d(found.distances)[:, -1]), nan=np.inf))
    return np.unique(np.asarray(found.keys, np.int64)), worst + _ERROR
