"""Sums of int8 products in NumPy, exact in any order: by float32 products of matrices, and tap by tap over images.

Sums of products run in float32 matrix products, which is exact while every partial sum is an integer below 2**24: no
order of summation can round.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import Window

__all__ = ["exact_matmul", "pad_image", "tap"]

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

#: Number of products of an input less its zero point (|a| <= 255) and a weight (|b| <= 128) whose sum stays below
#: 2**24, whatever they are: float32 adds them without rounding.
_FLOAT32_TERMS = 512

#: Most products in one block of a matrix product, few enough for OpenBLAS to leave them to the calling thread. Its
#: other threads gain little here, and on a busy machine waiting for them takes fifty times as long as the work.
_BLOCK_PRODUCTS = 2**18
_BLOCK_COLUMNS = 64


def exact_matmul(x: npt.NDArray[Any], weights: Int8) -> Int64:
    """Return ``x @ weights`` as int64, through float32 products that cannot round."""
    total = np.zeros((x.shape[0], weights.shape[1]), np.int64)
    for start in range(0, x.shape[1], _FLOAT32_TERMS):
        part = slice(start, start + _FLOAT32_TERMS)
        total += _blocked_matmul(x[:, part], weights[part]).astype(np.int64)
    return total


def _blocked_matmul(x: npt.NDArray[Any], weights: Int8) -> Float32:
    """Return ``x @ weights`` in float32, in blocks of at most `_BLOCK_PRODUCTS` products."""
    (rows, terms), columns = x.shape, weights.shape[1]
    height = max(2, min(rows, _BLOCK_PRODUCTS // (terms * _BLOCK_COLUMNS)))
    down, across = -(-rows // height), -(-columns // _BLOCK_COLUMNS)
    left = np.zeros((down, 1, height, terms), np.float32)
    left.reshape(-1, terms)[:rows] = x
    right = np.zeros((terms, across, _BLOCK_COLUMNS), np.float32)
    right.reshape(terms, -1)[:, :columns] = weights
    out = np.empty((down, height, across, _BLOCK_COLUMNS), np.float32)
    np.matmul(left, right.transpose(1, 0, 2), out=out.transpose(0, 2, 1, 3))
    return out.reshape(down * height, -1)[:rows, :columns]


def pad_image(
    x: npt.NDArray[Any], kernel: tuple[int, int], window: Window, shape: tuple[int, ...]
) -> npt.NDArray[np.int32]:
    """Return integers as int32 less its zero point, with zeros around it as far as the kernel reaches."""
    reach_h = (shape[1] - 1) * window.stride_h + kernel[0]
    reach_w = (shape[2] - 1) * window.stride_w + kernel[1]
    n, input_h, input_w, channels = x.shape
    height = max(reach_h, window.pad_top + input_h)
    width = max(reach_w, window.pad_left + input_w)
    padded = np.zeros((n, height, width, channels), np.int32)
    inside = padded[:, window.pad_top : window.pad_top + input_h, window.pad_left : window.pad_left + input_w]
    np.subtract(x, window.input_zero_point, out=inside, dtype=np.int32)
    return padded


def tap(
    padded: npt.NDArray[np.int32], ky: int, kx: int, window: Window, shape: tuple[int, ...]
) -> npt.NDArray[np.int32]:
    """Return what the tap at (ky, kx) sees: one value per output position and input channel."""
    rows = slice(ky, ky + (shape[1] - 1) * window.stride_h + 1, window.stride_h)
    columns = slice(kx, kx + (shape[2] - 1) * window.stride_w + 1, window.stride_w)
    return padded[:, rows, columns]
