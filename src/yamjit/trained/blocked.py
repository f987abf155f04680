"""Matrix products whose bits do not depend on the number of threads of a BLAS library."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BlockedMatrix", "matmul"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Most products in one call of BLAS: it computes small ones in the calling thread, which adds in one order.
_BLOCK_PRODUCTS = 2**18
_BLOCK_TERMS = 64
_BLOCK_COLUMNS = 64


class BlockedMatrix:
    """A matrix (n, k) cut into small float32 blocks, for many products with matrices of `columns` columns.

    BLAS adds the products within a block in float32; the sums of blocks are added in float64 in a fixed order.
    """

    def __init__(self, matrix: npt.NDArray[Any], columns: int) -> None:
        self._width = min(_BLOCK_COLUMNS, -(-columns // 8) * 8)
        self._height = _BLOCK_PRODUCTS // (_BLOCK_TERMS * self._width)
        self.shape: tuple[int, int] = (matrix.shape[0], matrix.shape[1])
        self._blocks = _cut(matrix, self._height, _BLOCK_TERMS)

    def times(self, right: npt.NDArray[Any]) -> Float64:
        """Return ``matrix @ right`` for `right` [shape=(k, m)]."""
        cut = _cut(right, _BLOCK_TERMS, self._width)
        down, terms, height, _ = self._blocks.shape
        out = np.empty((down * height, cut.shape[1] * self._width))
        for column in range(cut.shape[1]):
            total = np.zeros((down, height, self._width))
            for term in range(terms):
                total += np.matmul(self._blocks[:, term], cut[term, column])
            out[:, column * self._width : (column + 1) * self._width] = total.reshape(-1, self._width)
        return out[: self.shape[0], : right.shape[1]]

    def transposed_times(self, right: npt.NDArray[Any]) -> Float64:
        """Return ``matrix.T @ right`` for `right` [shape=(n, m)]."""
        cut = _cut(right, self._height, self._width)
        down, terms, _, depth = self._blocks.shape
        out = np.empty((terms * depth, cut.shape[1] * self._width))
        for column in range(cut.shape[1]):
            total = np.zeros((terms, depth, self._width))
            for row in range(down):
                total += np.matmul(self._blocks[row].transpose(0, 2, 1), cut[row, column])
            out[:, column * self._width : (column + 1) * self._width] = total.reshape(-1, self._width)
        return out[: self.shape[1], : right.shape[1]]


def matmul(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Float64:
    """Return ``left @ right``, computed in blocks."""
    return BlockedMatrix(left, right.shape[1]).times(right)


def _cut(matrix: npt.NDArray[Any], height: int, width: int) -> Float32:
    """Return blocks [shape=(down, across, height, width), float32], padded with zeros."""
    rows, columns = matrix.shape
    down, across = max(1, -(-rows // height)), max(1, -(-columns // width))
    padded = np.zeros((down * height, across * width), np.float32)
    padded[:rows, :columns] = matrix
    return np.ascontiguousarray(padded.reshape(down, height, across, width).transpose(0, 2, 1, 3))
