"""Linear heads fitted by least squares, as they would be without some of the clips, for any clips, from one inverse.

The bits do not depend on the number of threads of a BLAS library.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from yamjit.trained.blocked import matmul

__all__ = ["LeaveOut", "leave_out"]

Float64 = npt.NDArray[np.float64]

#: Rows and columns of a block, small enough that BLAS computes products of blocks, and their inverses, in one thread.
_BLOCK = 48


def leave_out(
    vectors: npt.NDArray[np.float32], targets: Float64, weights: Float64, ridges: Sequence[float]
) -> tuple[LeaveOut, ...]:
    """Return the heads of vectors [shape=(n, size)], with a weight above 0 for each, that are restrained by each ridge.

    A ridge is the share of the mean squared length of a vector that is added to its own squared length. `targets`
    [shape=(n, classes)] are what heads are fitted to.
    """
    shares = weights / weights.sum()
    centred = vectors - (vectors * shares[:, None]).sum(axis=0).astype(np.float32)
    length = float(((centred.astype(np.float64) ** 2).sum(axis=1) * shares).sum())
    roots = np.sqrt(shares)
    # A constant beside the values, so large that its weight, the bias, is as good as free.
    alike = matmul(centred, centred.T) / (length or 1.0) + 100.0
    alike *= roots[:, None] * roots
    return tuple(LeaveOut(alike + ridge * np.eye(len(alike)), targets, roots) for ridge in ridges)


class LeaveOut:
    """Heads for which the sum of weighted squared differences to targets, and of squared weights, is least.

    They are given by the products of all pairs of vectors [shape=(n, n)], each vector times the root of its weight,
    plus a ridge; by targets [shape=(n, classes)]; and by these roots.
    """

    def __init__(self, alike: Float64, targets: Float64, roots: Float64) -> None:
        self._roots = roots
        self._inverse = _inverse(alike)
        self._rests = _product(self._inverse, targets * roots[:, None])
        self._targets = targets

    def predictions(self, held: npt.NDArray[np.int64]) -> Float64:
        """Return what a head says of some vectors [shape=(k, classes)] that has learned from all others."""
        rests = _product(_inverse(self._inverse[np.ix_(held, held)]), self._rests[held])
        return self._targets[held] - rests / self._roots[held, None]


def _product(left: Float64, right: Float64) -> Float64:
    """Return ``left @ right``, whose blocks are added one after the other."""
    out = np.zeros((len(left), right.shape[1]))
    for row in range(0, len(left), _BLOCK):
        for column in range(0, right.shape[1], _BLOCK):
            block = out[row : row + _BLOCK, column : column + _BLOCK]
            for k in range(0, len(right), _BLOCK):
                block += left[row : row + _BLOCK, k : k + _BLOCK] @ right[k : k + _BLOCK, column : column + _BLOCK]
    return out


def _inverse(matrix: Float64) -> Float64:
    """Return the inverse of a positive definite matrix, by Gauss and Jordan's way, a block at a time."""
    size = len(matrix)
    count = -(-size // _BLOCK)
    padded = np.eye(count * _BLOCK)
    padded[:size, :size] = matrix
    inverse = padded.reshape(count, _BLOCK, count, _BLOCK).transpose(0, 2, 1, 3).copy()
    for k in range(count):
        pivot = np.linalg.inv(inverse[k, k])
        beside = inverse[:, k].copy()
        beside[k] = 0
        across = np.matmul(pivot, inverse[k])
        for row in range(count):
            inverse[row] -= np.matmul(beside[row], across)
        inverse[k] = across
        inverse[:, k] = -np.matmul(beside, pivot)
        inverse[k, k] = pivot
    return inverse.transpose(0, 2, 1, 3).reshape(count * _BLOCK, -1)[:size, :size]
