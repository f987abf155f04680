"""The kernels in Numba, for one patch: each takes a step and the addresses of what it reads and writes.

Sums go over output channels side by side, which compiled code can do in vectors, and are each in the order of the twin
in `yamjit.kernels.float32.numpy`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.float32.plain_functions import exp, log, logistic, logistic_optimised, root, tanh
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.program import FIRST_IS_CONSTANT, NO_MAX, NO_MIN, Column, StepOp

__all__ = [
    "bounds_of",
    "clamp_f32",
    "conv_f32",
    "dequantize_s8",
    "join_bytes",
    "mean_f32",
    "move_bytes",
    "of_one_f32",
    "of_two_f32",
    "pad_f32",
    "pointwise_f32",
    "pool_f32",
    "softmax_f32",
]

_ZERO, _ONE = np.float32(0), np.float32(1)
_LEAST, _GREATEST = np.float32(np.finfo(np.float32).min), np.float32(np.finfo(np.float32).max)


@jit
def _floats(address: int, count: int) -> Any:
    return carray(pointer(address), count, np.float32)


@jit
def _low(s: Any) -> np.float32:
    return _LEAST if s[Column.ACTIVATION_MIN] == NO_MIN else np.float32(s[Column.ACTIVATION_MIN])


@jit
def _high(s: Any) -> np.float32:
    return _GREATEST if s[Column.ACTIVATION_MAX] == NO_MAX else np.float32(s[Column.ACTIVATION_MAX])


@jit
def bounds_of(s: Any) -> tuple[np.float32, np.float32]:
    """Return what values are clamped to."""
    return _low(s), _high(s)


@jit
def _clamped(value: np.float32, low: np.float32, high: np.float32) -> np.float32:
    """Return a value within bounds; a zero keeps its sign, and NaN stays."""
    if value < low:
        value = low
    return high if high < value else value


# -- Products ---------------------------------------------------------------------------------------------------


@jit
def pointwise_f32(s: Any, constants: int, x_address: int, out_address: int) -> None:
    """Multiply rows by a matrix."""
    inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
    for row in range(s[Column.INPUT_H] * s[Column.INPUT_W]):
        out = _floats(out_address + 4 * row * outputs, outputs)
        out[:] = _ZERO
        _add_products(x_address + 4 * row * inputs, constants + s[Column.WEIGHTS], inputs, out)
        _add_bias(s, constants, out)
        _clamp(s, out)


@jit
def conv_f32(s: Any, constants: int, x_address: int, out_address: int) -> None:
    """Convolve; with a filter for each output channel, or for all inputs of one, as the operation says."""
    inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
    depthwise, first = s[Column.OP] != StepOp.CONV_F32, s[Column.OP] == StepOp.DEPTHWISE_FROM_BIAS
    size = 4 * outputs if depthwise else 4 * inputs * outputs
    for oy in range(s[Column.OUTPUT_H]):
        for ox in range(s[Column.OUTPUT_W]):
            out = _floats(out_address + 4 * (oy * s[Column.OUTPUT_W] + ox) * outputs, outputs)
            out[:] = _ZERO
            if first:
                _add_bias(s, constants, out)
            weights = constants + s[Column.WEIGHTS]
            for ky in range(s[Column.KERNEL_H]):
                iy = oy * s[Column.STRIDE_H] + ky - s[Column.PAD_TOP]
                for kx in range(s[Column.KERNEL_W]):
                    ix = ox * s[Column.STRIDE_W] + kx - s[Column.PAD_LEFT]
                    if 0 <= iy < s[Column.INPUT_H] and 0 <= ix < s[Column.INPUT_W]:
                        pixel = x_address + 4 * (iy * s[Column.INPUT_W] + ix) * inputs
                        if depthwise:
                            _add_channels(pixel, weights, inputs, out)
                        else:
                            _add_products(pixel, weights, inputs, out)
                    weights += size
            if not first:
                _add_bias(s, constants, out)
            _clamp(s, out)


@jit
def pad_f32(s: Any, x_address: int, image: int) -> int:
    """Copy an image with a border of zeros as far as the kernel reaches; returns its width with that."""
    top, left, inputs = s[Column.PAD_TOP], s[Column.PAD_LEFT], s[Column.INPUT_C]
    height = max((s[Column.OUTPUT_H] - 1) * s[Column.STRIDE_H] + s[Column.KERNEL_H], top + s[Column.INPUT_H])
    width = max((s[Column.OUTPUT_W] - 1) * s[Column.STRIDE_W] + s[Column.KERNEL_W], left + s[Column.INPUT_W])
    row, inside = width * inputs, s[Column.INPUT_W] * inputs
    for y in range(height):
        out, iy = _floats(image + 4 * y * row, row), y - top
        out[:] = _ZERO
        if 0 <= iy < s[Column.INPUT_H]:
            x = _floats(x_address + 4 * iy * inside, inside)
            for place in range(inside):
                out[left * inputs + place] = x[place]
    return width


@jit
def _add_products(x_address: int, weights: int, inputs: int, out: Any) -> None:
    """Add the products of a pixel with a matrix [shape=(inputs, outputs)], input after input."""
    outputs = out.size
    x = _floats(x_address, inputs)
    for channel in range(inputs):
        value, factors = x[channel], _floats(weights + 4 * channel * outputs, outputs)
        for place in range(outputs):
            out[place] += np.float32(value * factors[place])


@jit
def _add_channels(x_address: int, weights: int, inputs: int, out: Any) -> None:
    """Add the products of each channel with the factors of its outputs."""
    outputs = out.size
    x, factors = _floats(x_address, inputs), _floats(weights, outputs)
    if inputs == outputs:
        for place in range(outputs):
            out[place] += np.float32(x[place] * factors[place])
        return
    each = outputs // inputs
    for channel in range(inputs):
        for place in range(channel * each, channel * each + each):
            out[place] += np.float32(x[channel] * factors[place])


@jit
def _add_bias(s: Any, constants: int, out: Any) -> None:
    bias = _floats(constants + s[Column.BIAS], out.size)
    for place in range(out.size):
        out[place] += bias[place]


@jit
def _clamp(s: Any, out: Any) -> None:
    low, high = _low(s), _high(s)
    for place in range(out.size):
        out[place] = _clamped(out[place], low, high)


# -- Pools, means, softmax --------------------------------------------------------------------------------------


@jit
def pool_f32(s: Any, x_address: int, out_address: int) -> None:
    """Take the greatest value in each window, or the average of those that are there."""
    channels, low, high = s[Column.INPUT_C], _low(s), _high(s)
    average = s[Column.OP] == StepOp.AVERAGE_POOL_F32
    for oy in range(s[Column.OUTPUT_H]):
        for ox in range(s[Column.OUTPUT_W]):
            out = _floats(out_address + 4 * (oy * s[Column.OUTPUT_W] + ox) * channels, channels)
            out[:] = _ZERO if average else _LEAST
            count = np.int64(0)
            for ky in range(s[Column.KERNEL_H]):
                iy = oy * s[Column.STRIDE_H] + ky - s[Column.PAD_TOP]
                for kx in range(s[Column.KERNEL_W]):
                    ix = ox * s[Column.STRIDE_W] + kx - s[Column.PAD_LEFT]
                    if 0 <= iy < s[Column.INPUT_H] and 0 <= ix < s[Column.INPUT_W]:
                        x = _floats(x_address + 4 * (iy * s[Column.INPUT_W] + ix) * channels, channels)
                        count += 1
                        for place in range(channels):
                            if average:
                                out[place] += x[place]
                            elif out[place] < x[place]:
                                out[place] = x[place]
            for place in range(channels):
                value = np.float32(out[place] / np.float32(count)) if average else out[place]
                out[place] = _clamped(value, low, high)


@jit
def mean_f32(s: Any, x_address: int, out_address: int) -> None:
    """Average over the middle axis."""
    count, channels = s[Column.INPUT_W], s[Column.INPUT_C]
    for row in range(s[Column.INPUT_H]):
        out = _floats(out_address + 4 * row * channels, channels)
        out[:] = _ZERO
        for position in range(count):
            x = _floats(x_address + 4 * (row * count + position) * channels, channels)
            for place in range(channels):
                out[place] += x[place]
        for place in range(channels):
            out[place] = np.float32(out[place] / np.float32(count))


@jit
def softmax_f32(s: Any, constants: int, x_address: int, out_address: int) -> None:
    """Divide exponentials by their sum, along the last axis."""
    channels, beta = s[Column.INPUT_C], _floats(constants + s[Column.WEIGHTS], 1)[0]
    for row in range(s[Column.INPUT_H] * s[Column.INPUT_W]):
        x = _floats(x_address + 4 * row * channels, channels)
        out = _floats(out_address + 4 * row * channels, channels)
        greatest, total = x[0], _ZERO
        for place in range(1, channels):
            greatest = max(greatest, x[place])
        for place in range(channels):
            out[place] = exp(np.float32(np.float32(x[place] - greatest) * beta))
            total += out[place]
        for place in range(channels):
            out[place] = np.float32(out[place] / total)


# -- Value by value ---------------------------------------------------------------------------------------------


@jit
def clamp_f32(s: Any, x_address: int, out_address: int) -> None:
    """Clamp values."""
    count, low, high = s[Column.INPUT_C], _low(s), _high(s)
    x, out = _floats(x_address, count), _floats(out_address, count)
    for place in range(count):
        out[place] = _clamped(x[place], low, high)


@jit
def of_one_f32(op: int, count: int, x_address: int, out_address: int) -> None:
    """Compute a function of each value."""
    x, out = _floats(x_address, count), _floats(out_address, count)
    for place in range(count):
        if op == StepOp.SQRT:
            out[place] = root(x[place])
        elif op == StepOp.RSQRT:
            out[place] = np.float32(_ONE / root(x[place]))
        elif op == StepOp.LOG:
            out[place] = log(x[place])
        elif op == StepOp.EXP:
            out[place] = exp(x[place])
        elif op == StepOp.LOGISTIC:
            out[place] = logistic(x[place])
        elif op == StepOp.LOGISTIC_OPTIMISED:
            out[place] = logistic_optimised(x[place])
        else:
            out[place] = tanh(x[place])


@jit
def of_two_f32(s: Any, first: int, second: int, out_address: int) -> None:
    """Compute a function of two values; the operand that is not the input is repeated."""
    op, times, count = s[Column.OP], s[Column.OUTPUT_H], s[Column.OUTPUT_W] * s[Column.OUTPUT_C]
    low, high = _low(s), _high(s)
    for time in range(times):
        offset = 4 * time * count
        a = _floats(first if s[Column.OTHER] == FIRST_IS_CONSTANT else first + offset, count)
        b = _floats(second + offset if s[Column.OTHER] == FIRST_IS_CONSTANT else second, count)
        out = _floats(out_address + offset, count)
        for place in range(count):
            out[place] = _clamped(_of_two(op, a[place], b[place]), low, high)


@jit
def _of_two(op: int, a: np.float32, b: np.float32) -> np.float32:
    if op == StepOp.ADD:
        return np.float32(a + b)
    if op == StepOp.SUB:
        return np.float32(a - b)
    if op == StepOp.MUL:
        return np.float32(a * b)
    if op == StepOp.DIV:
        return np.float32(a / b)
    if op == StepOp.MAXIMUM:
        return a if a > b else b
    return a if a < b else b


@jit
def dequantize_s8(s: Any, constants: int, x_address: int, out_address: int) -> None:
    """Return integers to real values."""
    count, scale = s[Column.INPUT_C], _floats(constants + s[Column.WEIGHTS], 1)[0]
    x, out = carray(pointer(x_address), count, np.int8), _floats(out_address, count)
    zero = np.float32(s[Column.INPUT_ZERO_POINT])
    for place in range(count):
        out[place] = np.float32(np.float32(np.float32(x[place]) - zero) * scale)


# -- Bytes ------------------------------------------------------------------------------------------------------


@jit
def move_bytes(s: Any, constants: int, x_address: int, out_address: int) -> None:
    """Copy runs of bytes to one after the other; those that also lie one after the other are copied as one."""
    runs, length = s[Column.OUTPUT_W], s[Column.OUTPUT_C]
    starts = carray(pointer(constants + s[Column.WEIGHTS]), runs, np.int32)
    run = np.int64(0)
    while run < runs:
        first, start, target = run, np.int64(starts[run]), out_address + run * length
        run += 1
        if start >= 0:
            while run < runs and starts[run] == start + (run - first) * length:
                run += 1
            _copy(x_address + start, target, (run - first) * length)
        else:
            out = carray(pointer(target), length, np.int8)
            for place in range(length):
                out[place] = s[Column.INPUT_ZERO_POINT]


@jit
def join_bytes(s: Any, first: int, second: int, out_address: int) -> None:
    """Put rows of two tensors side by side."""
    whole = s[Column.OUTPUT_C]
    before = whole - s[Column.INPUT_C] if s[Column.OTHER] == FIRST_IS_CONSTANT else s[Column.INPUT_C]
    after = whole - before
    for row in range(s[Column.OUTPUT_W]):
        _copy(first + row * before, out_address + row * whole, before)
        _copy(second + row * after, out_address + row * whole + before, after)


@jit
def _copy(source: int, target: int, count: int) -> None:
    if (source | target | count) & 3:
        x, out = carray(pointer(source), count, np.int8), carray(pointer(target), count, np.int8)
        for place in range(count):
            out[place] = x[place]
        return
    words, copies = carray(pointer(source), count >> 2, np.int32), carray(pointer(target), count >> 2, np.int32)
    for place in range(count >> 2):
        copies[place] = words[place]
