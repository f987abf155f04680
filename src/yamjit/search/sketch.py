"""A sketch of rows in an eighth of a code's bytes, which says how similar each is to a query at most.

Let x and q be a row and a query, each of length 1, and V a few orthonormal columns. Either is a part in the span of V
and a rest at right angles to it, so that by Cauchy and Schwarz

    q.x <= (V'q).(V'x) + |rest of q| |rest of x|,

itself a product of as many numbers as V has columns, and one more. It is close where V holds most of what rows have in
common: V spans the leading eigenvectors of a sample of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Sketch"]

_COLUMNS = 63

#: Rows that the columns are made of at most, and how often the columns are turned towards the eigenvectors.
_SAMPLE, _TURNS = 2048, 3

#: Steps of the numbers of a sketch from 0 to 1.
_STEPS = 2**14

#: Rows of a step, so that what is between lies in the processor's cache.
_ROWS, _BOUNDS = 2**10, 2**13


class Sketch:
    """V'x and the length of the rest, for each row x of a matrix, in 16 bits each.

    A row may be anything: what rounding does is in the bound. In float32, u = 2^-24, a sum of k products in any order
    is within g(k) = ku / (1 - ku) of the exact one, for factors of length 1.

    - `defect`: the largest |V'V - I|, as V is rounded. (V'q).(V'x) is within 2 `defect` of the product of the parts in
      the span of V, and such a part's length squared is at least |V'x|^2 - `defect`.
    - `blur`: the largest error of a number of V'x. Product and length of a row of `size` numbers are within g(size),
      the row's scaling and the division a rounding each, all within 3 g(size + 4) while g is below 1/4; the step
      is half of one more. Numbers are clipped to 1, which exact ones exceed by `defect` at most, and so are never
      further than 2 from these.
    - The rest's length squared is at most 1 - |V'x|^2 + `defect`, in which |V'x|^2 is at least that of the numbers kept
      less 2 `blur` for each of them, times its size. It is rounded up, and 1 at most.
    """

    def __init__(self, numbers: npt.NDArray[Any]) -> None:
        self._basis = _leading(numbers)
        size, columns = self._basis.shape
        exact = self._basis.astype(np.float64)
        self._defect = float(np.linalg.norm(exact.T @ exact - np.eye(columns))) + 1e-12
        self._blur = min(3 * _gamma(size + 4), 2) + 0.5 / _STEPS + self._defect
        self._kept = np.empty((columns + 1, len(numbers)), np.int16)
        for start in range(0, len(numbers), _ROWS):
            self._kept[:, start : start + _ROWS] = self._of(_scaled(numbers[start : start + _ROWS])).T

    def _of(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what is kept of rows; of one that is zero, that it may be anywhere."""
        lengths = np.sqrt(np.einsum("nk,nk->n", rows, rows))[:, None]
        parts = rows @ self._basis / np.where(lengths > 0, lengths, 1)
        parts = np.rint(np.clip(parts, -1, 1) * _STEPS) / _STEPS
        inside = (parts * parts).sum(1) - 2 * self._blur * np.abs(parts).sum(1)
        rests = np.sqrt(np.clip(1 - inside + self._defect + 4 * _gamma(_COLUMNS), 0, 1))
        return np.column_stack([parts * _STEPS, np.ceil(rests * _STEPS)])

    def bounds(self, queries: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float32], float]:
        """Return the most that each row's cosine with one of the queries can be, and what to add to all of these.

        The addition is for roundings: `blur` for each number of V'q, times its size, 2 `defect`, and the product's own.
        """
        basis = self._basis.astype(np.float64)
        asked = queries / np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
        parts = asked @ basis
        rests = np.sqrt(np.clip(1 - (parts * parts).sum(1) + self._defect + 1e-9, 0, 1))
        factors = (np.column_stack([parts, rests]) / _STEPS).astype(np.float32)
        columns, n = self._kept.shape
        most = np.empty(n, np.float32)
        block = np.empty((columns, min(n, _BOUNDS)), np.float32)
        for start in range(0, n, _BOUNDS):
            kept = self._kept[:, start : start + _BOUNDS]
            numbers = block[:, : kept.shape[1]]
            numbers[...] = kept
            # One query takes one core by einsum; a library's threads would wait for each other at each block.
            products = factors @ numbers if len(factors) > 1 else np.einsum("qk,kn->qn", factors, numbers)
            products.max(0, out=most[start : start + _BOUNDS])
        reach = 2 + self._blur * np.sqrt(columns)  # the largest length of what is kept of a row
        error = self._blur * np.abs(parts).sum(1).max() + 2 * self._defect + 2 * reach * _gamma(columns + 3) + 1e-6
        return most, float(error)


def _gamma(terms: int) -> float:
    """Return how far a sum of products in float32 is from the exact one, for factors of length 1."""
    reach = terms * 2.0**-24
    return reach / (1 - reach) if reach < 0.2 else np.inf


def _scaled(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return rows in float32: codes as they are, others with 1 as the largest number, so that squares stay in range."""
    if numbers.dtype == np.uint8:
        return numbers.astype(np.float32)
    rows = numbers.astype(np.float64)
    largest = np.abs(rows).max(1, keepdims=True)
    return np.asarray(rows / np.where(largest > 0, largest, 1), np.float32)


def _leading(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return orthonormal columns, nearly the leading eigenvectors of rows from the whole matrix, each of length 1."""
    sample = _scaled(numbers[:: -(-len(numbers) // _SAMPLE)]).astype(np.float64)
    lengths = np.linalg.norm(sample, axis=1, keepdims=True)
    sample /= np.where(lengths > 0, lengths, 1)
    size = numbers.shape[1]
    columns = np.random.default_rng(0).standard_normal((size, min(size, _COLUMNS)))
    for _ in range(_TURNS):
        columns = np.linalg.qr(sample.T @ (sample @ columns))[0]
    return columns.astype(np.float32)
