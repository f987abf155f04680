"""Steps of int8 values that YAMNet has none of, in Numba, for one patch: only the whole entry compiles them.

Their twins are in `yamjit.kernels.int8.relatives_numpy`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.int8.softmax import RECIPROCAL_SLOPE, RECIPROCAL_START, SUM_BITS
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.program import BLEND_SHIFT, TABLE, Column, StepOp

__all__ = ["run_relatives_step"]


@jit
def run_relatives_step(s: Any, constants: int, x: int, other: int, out: int) -> None:
    """Run a step; `other` is the address of a second tensor, where it has one."""
    op, weights = s[Column.OP], constants + s[Column.WEIGHTS]
    if op == StepOp.SOFTMAX:
        softmax_s8(s, weights, x, out)
    elif op == StepOp.AVERAGE_POOL:
        average_pool_s8(s, x, out)
    elif op == StepOp.BLEND:
        blend_s8(s, weights, x, out)
    elif s[Column.OTHER] < 0:
        lookup_channels_s8(s, weights, x, out)
    else:
        lookup_two_s8(s, weights, x, other, out)


@jit
def _bytes(address: int, count: int) -> Any:
    return carray(pointer(address), count, np.int8)


@jit
def softmax_s8(s: Any, table_address: int, x_address: int, out_address: int) -> None:
    """Divide exponentials, which are in a table, by their sum, along the last axis: all of it in fixed point."""
    channels = s[Column.INPUT_C]
    table = carray(pointer(table_address), TABLE, np.int32)
    for row in range(s[Column.INPUT_H] * s[Column.INPUT_W]):
        x, out = _bytes(x_address + row * channels, channels), _bytes(out_address + row * channels, channels)
        greatest, total = np.int64(x[0]), np.int64(0)
        for place in range(1, channels):
            greatest = max(greatest, np.int64(x[place]))
        for place in range(channels):
            total += _divided(np.int64(table[greatest - np.int64(x[place])]), SUM_BITS)
        bits = np.int64(0)
        while bits < 32 and total >> bits:
            bits += 1
        inverse = _reciprocal((total << (32 - bits)) - np.int64(2**31))
        for place in range(channels):
            product = _high_product(inverse, np.int64(table[greatest - np.int64(x[place])]))
            value = _divided(product, SUM_BITS + bits - 9)
            out[place] = np.int8(min(max(value - 128, np.int64(-128)), np.int64(127)))


@jit
def _high_product(a: int, b: int) -> int:
    """Return the high 32 bits of twice a product, rounded to nearest, halves upwards."""
    return (a * b + np.int64(2**30)) >> np.int64(31)


@jit
def _divided(x: int, exponent: int) -> int:
    """Return ``x / 2**exponent`` of a number >= 0, rounded to nearest, halves upwards."""
    return (x + ((np.int64(1) << exponent) >> 1)) >> exponent


@jit
def _reciprocal(x: int) -> int:
    """Return ``1 / (1 + x)`` for a fraction of 31 bits, by Newton's method."""
    half = (x + np.int64(2**31)) >> 1
    y = np.int64(RECIPROCAL_START) + _high_product(half, np.int64(RECIPROCAL_SLOPE))
    for _ in range(3):
        y += _high_product(y, np.int64(2**29) - _high_product(half, y)) << 2
    return min(y << 1, np.int64(2**31 - 1))


@jit
def average_pool_s8(s: Any, x_address: int, out_address: int) -> None:
    """Average the values of each window that lie inside the image, halves away from zero."""
    channels = s[Column.INPUT_C]
    low, high = np.int64(s[Column.ACTIVATION_MIN]), np.int64(s[Column.ACTIVATION_MAX])
    for oy in range(s[Column.OUTPUT_H]):
        top = oy * s[Column.STRIDE_H] - s[Column.PAD_TOP]
        first_y, end_y = max(top, 0), min(top + s[Column.KERNEL_H], s[Column.INPUT_H])
        for ox in range(s[Column.OUTPUT_W]):
            left = ox * s[Column.STRIDE_W] - s[Column.PAD_LEFT]
            first_x, end_x = max(left, 0), min(left + s[Column.KERNEL_W], s[Column.INPUT_W])
            count = max(np.int64((end_y - first_y) * (end_x - first_x)), np.int64(1))
            out = _bytes(out_address + (oy * s[Column.OUTPUT_W] + ox) * channels, channels)
            for place in range(channels):
                total = np.int64(0)
                for iy in range(first_y, end_y):
                    for ix in range(first_x, end_x):
                        total += _bytes(x_address + (iy * s[Column.INPUT_W] + ix) * channels, channels)[place]
                value = (abs(total) + (count >> 1)) // count
                out[place] = np.int8(min(max(value if total > 0 else -value, low), high))


@jit
def lookup_channels_s8(s: Any, tables: int, x_address: int, out_address: int) -> None:
    """Look every value up in the table of its channel."""
    channels = s[Column.INPUT_C]
    for row in range(s[Column.INPUT_H] * s[Column.INPUT_W]):
        x, out = _bytes(x_address + row * channels, channels), _bytes(out_address + row * channels, channels)
        for place in range(channels):
            out[place] = _bytes(tables + place * TABLE, TABLE)[np.int64(x[place]) + 128]


@jit
def lookup_two_s8(s: Any, table_address: int, x_address: int, other_address: int, out_address: int) -> None:
    """Look pairs of values up in a table of all pairs; the second operand is repeated."""
    count = s[Column.INPUT_W] * s[Column.INPUT_C]
    table, other = _bytes(table_address, TABLE * TABLE), _bytes(other_address, count)
    for time in range(s[Column.INPUT_H]):
        x, out = _bytes(x_address + time * count, count), _bytes(out_address + time * count, count)
        for place in range(count):
            out[place] = table[(np.int64(x[place]) + 128) * TABLE + np.int64(other[place]) + 128]


@jit
def blend_s8(s: Any, taps_address: int, x_address: int, out_address: int) -> None:
    """Sum up four pixels, each by its weight, for every pixel of the output; halves away from zero."""
    channels = s[Column.INPUT_C]
    for position in range(s[Column.OUTPUT_H] * s[Column.OUTPUT_W]):
        taps = carray(pointer(taps_address + position * 32), 8, np.int32)
        out = _bytes(out_address + position * channels, channels)
        for place in range(channels):
            total = np.int64(0)
            for tap in range(4):
                value = _bytes(x_address + np.int64(taps[tap]) * channels, channels)[place]
                total += np.int64(value) * np.int64(taps[4 + tap])
            half = np.int64(1) << (BLEND_SHIFT - 1)
            value = (abs(total) + half) >> BLEND_SHIFT
            out[place] = np.int8(value if total > 0 else -value)
