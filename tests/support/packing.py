"""Packed weights and numbers of channels, unpacked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yamjit.kernels.prepared.packing import BLOCK, interleaved

__all__ = ["unpack_depthwise", "unpack_pairs", "unpack_pointwise"]

Int8 = npt.NDArray[np.int8]


def unpack_pointwise(packed: Int8, inputs: int, outputs: int) -> Int8:
    """Return the matrix [shape=(inputs, outputs)] that `pack_pointwise` packed."""
    blocks, quads = packed.shape[:2]
    whole = packed.transpose(1, 3, 0, 2).reshape(quads * 4, blocks * BLOCK)
    return whole[:inputs, :outputs]


def unpack_depthwise(packed: Int8, channels: int) -> Int8:
    """Return the filters [shape=(3, 3, channels)] that `pack_depthwise` packed."""
    rows = packed[:, 0].transpose(3, 1, 0, 2).reshape(4, 3, -1)[:3]
    weights = np.empty((3, 3, channels), np.int8)
    weights[:, :, interleaved(channels)] = rows
    return weights


def unpack_pairs(packed: npt.NDArray[np.int64], channels: int) -> npt.NDArray[np.int64]:
    """Return the numbers [shape=(channels,)] that `pack_pairs` packed."""
    return packed.transpose(0, 2, 1).reshape(-1)[:channels]
