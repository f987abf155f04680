"""Hybrid steps as the table has them: over vectors, for patches, and by plain loops, for one patch.

Where a step multiplies matrices, rows are quantized into a panel, each with the range of its patch or its own, so that
rows of several patches fill the tiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.hybrid.depthwise import Filter, make_depthwise
from yamjit.kernels.hybrid.matmul import HybridChannels, HybridRows, make_hybrid_matmul
from yamjit.kernels.hybrid.plain import conv_f32_s8, depthwise_f32_s8, pointwise_f32_s8, rows_f32_s8
from yamjit.kernels.hybrid.quantizing import InputScale
from yamjit.kernels.hybrid.vector_quantizing import Quantizer, make_quantizer
from yamjit.kernels.int8.matmul import fill_bytes
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.table import Memory, input_of, input_size, output_of, output_size, window_of
from yamjit.kernels.prepared.uses import SCALES_BYTES
from yamjit.kernels.program import NO_MAX, NO_MIN, PANEL_ROWS, Column, Dequantization, Scaling, StepOp
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.target import Target

__all__ = ["make_hybrid_steps"]

#: Numba compiles a function once more for an argument that is written as a number.
_ONE_ROW = np.int64(1)

_ONE = np.float32(1)
_GREATEST = np.float32(3.4028234663852886e38)
_INFINITE = np.float32(np.inf)


def make_hybrid_steps(target: Target) -> Any:
    """Make ``run_step(s, memory, patch, patches)``: a step over patches, the first of which is number `patch`."""
    ops = VectorOps(target)
    quantizer, matmul = make_quantizer(ops), make_hybrid_matmul(ops)
    run_rows, run_conv = _make_rows(quantizer, matmul), _make_conv(quantizer, matmul)
    run_depthwise = _make_depthwise(quantizer, make_depthwise(ops))

    @jit
    def run_step(s: Any, memory: Memory, patch: int, patches: int) -> None:
        x, out = input_of(s, memory, patch), output_of(s, memory, patch)
        op = s[Column.OP]
        if op == VectorOp.POINTWISE_HYBRID:
            run_rows(s, memory, x, out, patches, s[Column.INPUT_H] * s[Column.INPUT_W])
        elif op == VectorOp.ROWS_HYBRID:
            run_rows(s, memory, x, out, patches, _ONE_ROW)
        else:
            for number in range(patches):
                if op == VectorOp.CONV_HYBRID:
                    run_conv(s, memory, x + number * input_size(s), out + number * output_size(s))
                elif op == VectorOp.DEPTHWISE_HYBRID:
                    run_depthwise(s, memory, x + number * input_size(s), out + number * output_size(s))
                else:
                    _run_plain(s, memory, x + number * input_size(s), out + number * output_size(s))

    return run_step


def _make_rows(quantizer: Quantizer, matmul: Any) -> Any:
    scale_of, quantize = quantizer.scale_of, quantizer.quantize

    @jit
    def run_rows(s: Any, memory: Memory, x: int, out: int, patches: int, group: int) -> None:
        inputs, outputs, stride = s[Column.INPUT_C], s[Column.OUTPUT_C], s[Prepared.PANEL_STRIDE]
        total, size = patches * s[Column.INPUT_H] * s[Column.INPUT_W], group * inputs
        symmetric, channels = s[Column.ROUNDING] == Scaling.SYMMETRIC, _channels_of(s, memory.constants)
        by = scale_of(x, size, symmetric)
        for start in range(0, total, PANEL_ROWS):
            count = min(PANEL_ROWS, total - start)
            row = start
            while row < start + count:
                at = row % group
                if at == 0:
                    by = scale_of(x + row * inputs * 4, size, symmetric)
                alike = min(group - at, start + count - row)
                for i in range(alike):
                    _write_scales(s, by, memory.accumulators + (row - start + i) * SCALES_BYTES)
                quantize_rows(s, x + row * inputs * 4, at, alike, size, by, memory.panel + (row - start) * stride)
                row += alike
            rows = HybridRows(memory.panel, count, stride, 1, 0, s[Prepared.QUADS], memory.accumulators, SCALES_BYTES)
            matmul(rows, channels, outputs, out + start * outputs * 4, memory.spare)
        if s[Column.OP] != VectorOp.ROWS_HYBRID:
            return
        positions = s[Column.INPUT_H] * s[Column.INPUT_W]
        for patch in range(patches):
            _finish_silence(s, x + patch * positions * inputs * 4, out + patch * positions * outputs * 4, channels)

    @jit
    def quantize_rows(s: Any, x: int, first: int, count: int, size: int, by: InputScale, panel: int) -> None:
        """Quantize rows of a matrix, the first of which is number `first` of those that have one range."""
        inputs, stride, flip = s[Column.INPUT_C], s[Prepared.PANEL_STRIDE], s[Prepared.FLIP]
        if stride == inputs:
            quantize(x, first * inputs, count * inputs, size, by, flip, panel)
        else:
            for row in range(count):
                quantize(x + row * inputs * 4, (first + row) * inputs, inputs, size, by, flip, panel + row * stride)

    return run_rows


def _make_conv(quantizer: Quantizer, matmul: Any) -> Any:
    scale_of, quantize = quantizer.scale_of, quantizer.quantize

    @jit
    def run_conv(s: Any, memory: Memory, x: int, out: int) -> None:
        size = s[Column.INPUT_H] * s[Column.INPUT_W] * s[Column.INPUT_C]
        by = scale_of(x, size, s[Column.ROUNDING] == Scaling.SYMMETRIC)
        pad(s, x, by, size, memory.image)
        _write_scales(s, by, memory.accumulators)
        row_bytes, pace = s[Prepared.IMAGE_W] * s[Column.INPUT_C], s[Column.STRIDE_W] * s[Column.INPUT_C]
        count, outputs, channels = s[Column.OUTPUT_W], s[Column.OUTPUT_C], _channels_of(s, memory.constants)
        groups, quads = s[Prepared.GROUPS], s[Prepared.QUADS]
        for oy in range(s[Column.OUTPUT_H]):
            at = memory.image + oy * s[Column.STRIDE_H] * row_bytes
            rows = HybridRows(at, count, pace, groups, row_bytes, quads, memory.accumulators, 0)
            matmul(rows, channels, outputs, out + oy * count * outputs * 4, memory.spare)

    @jit
    def pad(s: Any, x: int, by: InputScale, size: int, image: int) -> None:
        """Quantize an image with a border of its zero point."""
        channels, flip = s[Column.INPUT_C], s[Prepared.FLIP]
        row_bytes, before = s[Prepared.IMAGE_W] * channels, s[Column.PAD_LEFT] * channels
        inside = s[Column.INPUT_W] * channels
        border = (np.int64(by.zero_point) ^ flip) & 255
        for y in range(s[Prepared.IMAGE_H]):
            at, iy = image + y * row_bytes, y - s[Column.PAD_TOP]
            if 0 <= iy < s[Column.INPUT_H]:
                fill_bytes(at, before, border)
                quantize(x + iy * inside * 4, iy * inside, inside, size, by, flip, at + before)
                fill_bytes(at + before + inside, row_bytes - before - inside, border)
            else:
                fill_bytes(at, row_bytes, border)

    return run_conv


def _make_depthwise(quantizer: Quantizer, depthwise: Any) -> Any:
    scale_of = quantizer.scale_of

    @jit
    def run_depthwise(s: Any, memory: Memory, x: int, out: int) -> None:
        size = s[Column.INPUT_H] * s[Column.INPUT_W] * s[Column.INPUT_C]
        by = scale_of(x, size, s[Column.ROUNDING] == Scaling.SYMMETRIC)
        first, second = _factors(s, by)
        low, high = _bounds(s, _GREATEST)
        how = Filter(
            s[Column.INPUT_H],
            s[Column.INPUT_W],
            s[Prepared.IMAGE_H],
            s[Prepared.IMAGE_W],
            s[Column.INPUT_C],
            s[Column.KERNEL_H],
            s[Column.KERNEL_W],
            s[Column.STRIDE_H],
            s[Column.STRIDE_W],
            s[Column.PAD_TOP],
            s[Column.PAD_LEFT],
            s[Column.OUTPUT_H],
            s[Column.OUTPUT_W],
            memory.constants + s[Prepared.WEIGHTS],
            memory.constants + s[Prepared.SCALE],
            memory.constants + s[Prepared.REAL_OFFSET],
            first,
            second,
            low,
            high,
        )
        depthwise(x, by, how, memory.image, out)

    return run_depthwise


@jit
def _run_plain(s: Any, memory: Memory, x_address: int, out_address: int) -> None:
    """Run a hybrid step that has no vector kernel over one patch."""
    input_shape = (s[Column.INPUT_H], s[Column.INPUT_W], s[Column.INPUT_C])
    output_shape = (s[Column.OUTPUT_H], s[Column.OUTPUT_W], s[Column.OUTPUT_C])
    rows, size = input_shape[0] * input_shape[1], input_shape[0] * input_shape[1] * input_shape[2]
    weights = pointer(memory.constants + s[Column.WEIGHTS])
    kernel = (s[Column.KERNEL_H], s[Column.KERNEL_W])
    acc = carray(pointer(memory.accumulators), output_shape[2], np.int32)
    x = carray(pointer(x_address), size, np.float32)
    op = s[Column.OP]
    if op == StepOp.CONV_HYBRID or op == StepOp.DEPTHWISE_HYBRID:
        how = _dequantization_of(s, memory.constants, _GREATEST)
        out = carray(pointer(out_address), output_shape, np.float32)
        quantized = carray(pointer(memory.image), size, np.int8)
        image = carray(pointer(memory.image), input_shape, np.int8)
        if op == StepOp.CONV_HYBRID:
            filters = carray(weights, (*kernel, input_shape[2], output_shape[2]), np.int8)
            conv_f32_s8(x, filters, window_of(s), how, quantized, image, acc, out)
        else:
            taps = carray(weights, (*kernel, output_shape[2]), np.int8)
            depthwise_f32_s8(x, taps, window_of(s), how, quantized, image, acc, out)
    else:
        quantized = carray(pointer(memory.panel), input_shape[2], np.int8)
        matrix = carray(weights, (input_shape[2], output_shape[2]), np.int8)
        inputs = carray(pointer(x_address), (rows, input_shape[2]), np.float32)
        results = carray(pointer(out_address), (rows, output_shape[2]), np.float32)
        if op == StepOp.POINTWISE_HYBRID:
            how = _dequantization_of(s, memory.constants, _GREATEST)
            pointwise_f32_s8(x, inputs, matrix, how, quantized, acc, results)
        else:
            how = _dequantization_of(s, memory.constants, _INFINITE)
            rows_f32_s8(inputs, matrix, how, quantized, acc, results)


# -- What the table says of a step --------------------------------------------------------------------------------


@jit
def _bounds(s: Any, most: np.float32) -> tuple[np.float32, np.float32]:
    """Return the bounds of the activation; where it has none, `most` is one."""
    low, high = s[Column.ACTIVATION_MIN], s[Column.ACTIVATION_MAX]
    return np.float32(-most if low == NO_MIN else low), np.float32(most if high == NO_MAX else high)


@jit
def _dequantization_of(s: Any, constants: int, most: np.float32) -> Dequantization:
    """Return how plain kernels make a float of an accumulator."""
    low, high = _bounds(s, most)
    return Dequantization(
        carray(pointer(constants + s[Column.MULTIPLIER]), s[Column.OUTPUT_C], np.float32),
        carray(pointer(constants + s[Column.BIAS]), s[Column.OUTPUT_C], np.float32),
        low,
        high,
        s[Column.ROUNDING],
    )


@jit
def _channels_of(s: Any, constants: int) -> HybridChannels:
    """Return where the packed constants of output channels lie, and the bounds of the activation."""
    low, high = _bounds(s, _INFINITE if s[Column.OP] == VectorOp.ROWS_HYBRID else _GREATEST)
    return HybridChannels(
        constants + s[Prepared.WEIGHTS],
        constants + s[Prepared.BIAS],
        constants + s[Prepared.SCALE],
        constants + s[Prepared.REAL_OFFSET],
        low,
        high,
    )


@jit
def _factors(s: Any, by: InputScale) -> tuple[np.float32, np.float32]:
    """Return what the scale of the weights, and then a sum with it, is multiplied by."""
    if s[Column.ROUNDING] in (Scaling.SYMMETRIC, Scaling.JOINT):
        return by.scale, _ONE
    return _ONE, by.scale


@jit
def _write_scales(s: Any, by: InputScale, address: int) -> None:
    """Write the scales of a row; where inputs became uint8 that are 128 more, so does their zero point."""
    factors = carray(pointer(address), 2, np.float32)
    factors[0], factors[1] = _factors(s, by)
    zero_point = carray(pointer(address + 8), 1, np.int32)
    zero_point[0] = by.zero_point + np.int32(128 if s[Prepared.FLIP] else 0)


@jit
def _finish_silence(s: Any, x: int, out: int, channels: HybridChannels) -> None:
    """Write the bias, whose zeros have signs, where a patch of a fully connected layer is all zeros."""
    positions, outputs = s[Column.INPUT_H] * s[Column.INPUT_W], s[Column.OUTPUT_C]
    values = carray(pointer(x), positions * s[Column.INPUT_C], np.float32)
    for i in range(values.size):
        if values[i] != np.float32(0):
            return
    bias = carray(pointer(channels.bias), outputs, np.float32)
    results = carray(pointer(out), (positions, outputs), np.float32)
    for row in range(positions):
        for c in range(outputs):
            value = channels.activation_min if bias[c] < channels.activation_min else bias[c]
            results[row, c] = channels.activation_max if value > channels.activation_max else value
