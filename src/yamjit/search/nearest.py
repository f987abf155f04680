"""Rows of a matrix that are most similar to queries, by the cosine: exact, in float64, whatever finds them first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import DependencyError
from yamjit.installing import how_to_install

__all__ = ["Candidates", "nearest", "similarities", "usearch"]

#: How far usearch's cosines, and those of float32, are from the exact ones at most.
_ERROR = 1e-4

_CHUNK = 2**14

#: Row numbers by falling similarity, the similarity of each, and the one above which no row is missing.
Candidates = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], float]


def usearch() -> Any:
    """Import usearch."""
    try:
        import usearch.index
    except ImportError as error:
        raise DependencyError(f"a search needs usearch: {how_to_install('yamjit[search]')}") from error
    return usearch.index


def similarities(numbers: npt.NDArray[Any], queries: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the cosine of each row and each query, of which none is zero, (rows, queries).

    Products of codes are exact integers, so that equal rows have equal similarities.
    """
    rows, asked = numbers.astype(np.float64), queries.astype(np.float64)
    lengths = np.sqrt(np.outer((rows * rows).sum(1), (asked * asked).sum(1)))
    products = np.stack([(rows * query).sum(1) for query in asked], axis=1)
    return np.divide(products, lengths, out=np.full_like(products, -1), where=lengths > 0)


def nearest(numbers: npt.NDArray[Any], queries: npt.NDArray[Any], count: int) -> Candidates:
    """Return the rows that are among the `count` most similar ones of a query, by their most similar query.

    Rows that are equally similar come in their order. Queries in codes are found in codes by usearch; others than the
    matrix holds, such as means of embeddings, by NumPy.
    """
    if count >= len(numbers):
        keys, worst = np.arange(len(numbers)), -np.inf
    elif numbers.dtype == queries.dtype:
        lib = usearch()
        how = {"dtype": lib.ScalarKind.U8} if numbers.dtype == np.uint8 else {}
        found = lib.search(numbers, queries, count, lib.MetricKind.Cos, exact=True, **how)
        keys = np.unique(np.asarray(found.keys, np.int64))
        worst = float(np.nan_to_num(1 - np.min(np.atleast_2d(found.distances)[:, -1]), nan=np.inf))
    else:
        keys, worst = _scanned(numbers, queries, count)
    return ranked(numbers, keys, queries, worst + _ERROR)


def ranked(
    numbers: npt.NDArray[Any], keys: npt.NDArray[np.int64], queries: npt.NDArray[Any], floor: float
) -> Candidates:
    """Return rows by their exact similarity to the query that each is most similar to."""
    similar = similarities(numbers[keys], queries).max(1)
    order = np.lexsort((keys, -similar))
    return keys[order], similar[order], floor


def _scanned(numbers: npt.NDArray[Any], queries: npt.NDArray[Any], count: int) -> tuple[npt.NDArray[np.int64], float]:
    """Return rows among the `count` most similar of a query, and the similarity that others are at most."""
    asked = queries.astype(np.float32).T
    asked = asked / np.linalg.norm(asked, axis=0)
    similar = np.empty((len(numbers), len(queries)), np.float32)
    for start in range(0, len(numbers), _CHUNK):
        rows = numbers[start : start + _CHUNK].astype(np.float32)
        similar[start : start + _CHUNK] = rows @ asked / np.linalg.norm(rows, axis=1, keepdims=True)
    keys = np.argpartition(-similar, count - 1, axis=0)[:count]
    worst = np.take_along_axis(similar, keys, 0).min(0)
    return np.unique(keys), float(worst.max())
