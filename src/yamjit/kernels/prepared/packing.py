"""The order of weights and multipliers in memory that the vector kernels read.

A block is 16 channels, whatever the width of a vector: narrower vectors read it in parts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yamjit.kernels.memory import padded

__all__ = [
    "BLOCK",
    "CHUNK",
    "DEPTHWISE_CHUNK_BYTES",
    "conv_rows",
    "interleaved",
    "pack_depthwise",
    "pack_floats",
    "pack_pairs",
    "pack_pointwise",
]

#: Output channels of a block of packed weights.
BLOCK = 16
#: Bytes that a depthwise kernel computes at once.
CHUNK = 64

_QUAD = 4
#: Bytes of a chunk of packed depthwise filters.
DEPTHWISE_CHUNK_BYTES = 2 * 3 * CHUNK * _QUAD

Int8 = npt.NDArray[np.int8]


def pack_pointwise(weights: Int8) -> Int8:
    """Pack a matrix [shape=(inputs, outputs)]: blocks of 16 outputs, in each quads of inputs side by side.

    In the result [shape=(outputs/16, inputs/4, 16, 4)], inputs and outputs are filled up with zeros.
    """
    inputs, outputs = weights.shape
    whole = np.zeros((padded(inputs, _QUAD), padded(outputs, BLOCK)), np.int8)
    whole[:inputs, :outputs] = weights
    return np.ascontiguousarray(whole.reshape(-1, _QUAD, whole.shape[1] // BLOCK, BLOCK).transpose(2, 0, 3, 1))


def conv_rows(weights: Int8) -> Int8:
    """Return convolution weights as the matrix [shape=(kernel_h * span, output_c)] that multiplies rows of inputs.

    ``span`` is ``kernel_w * input_c``, filled up to a multiple of 4 with zeros.
    """
    kernel_h, kernel_w, input_c, output_c = weights.shape
    span = kernel_w * input_c
    rows = np.zeros((kernel_h, padded(span, _QUAD), output_c), np.int8)
    rows[:, :span] = weights.reshape(kernel_h, span, output_c)
    return rows.reshape(-1, output_c)


def interleaved(channels: int) -> npt.NDArray[np.intp]:
    """Return the channel at each place of a depthwise kernel's order.

    Within a chunk of 64 bytes, place ``16 j + 4 g + i`` is byte ``16 g + 4 j + i``: the order that results from
    unpacking bytes, then pairs of bytes, of four vectors within 16 bytes. Fewer than 64 channels repeat until they fill
    a chunk.
    """
    place = np.arange(padded(channels, CHUNK))
    j, g, i = place % CHUNK // 16, place % 16 // 4, place % 4
    return (place // CHUNK * CHUNK + 16 * g + 4 * j + i) % channels


def pack_depthwise(weights: Int8) -> Int8:
    """Pack 3x3 filters: for each chunk the columns of filters, a quad of rows of a channel side by side.

    The number of channels is a multiple of 64 or divides it. The result [shape=(chunks, 2, 3, 64, 4)] has each filter
    twice: with zeros in the last of the four rows, and in the first.
    """
    channels = weights.shape[2]
    order = interleaved(channels)
    quads = np.zeros((2, _QUAD, 3, order.size), np.int8)
    for start in range(2):
        quads[start, start : start + 3] = weights[:, :, order]
    return np.ascontiguousarray(quads.reshape(2, _QUAD, 3, -1, CHUNK).transpose(3, 0, 2, 4, 1))


def pack_pairs(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Pack a number for each channel: in each block, those of even channels before those of odd channels.

    Zeros fill up the last block of the result [shape=(channels/16, 2, 8)].
    """
    whole = np.zeros(padded(values.size, BLOCK), np.int64)
    whole[: values.size] = values
    return np.ascontiguousarray(whole.reshape(-1, BLOCK // 2, 2).transpose(0, 2, 1))


def pack_floats(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Pack weights [shape=(inputs, outputs)] as [shape=(outputs/16, inputs, 16)], with zeros after the last output."""
    inputs, outputs = weights.shape
    packed = np.zeros((inputs, padded(outputs, BLOCK)), np.float32)
    packed[:, :outputs] = weights
    return np.ascontiguousarray(packed.reshape(inputs, -1, BLOCK).transpose(1, 0, 2))
