"""The kernels in Numba: the same integers as `yamjit.kernels.numpy_backend`, compiled.

`run` hands the table of steps to one compiled function per batch. That function takes addresses and integers only,
allocates nothing, raises nothing, holds no Python object and releases the GIL, so that it can also be compiled
ahead of time for a target that has neither Python nor NumPy.

Every operand is cast to its width: compiled code widens where NumPy scalars wrap, and with the casts both agree.
"""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
import numpy.typing as npt
from numba import carray

from yamjit.kernels.compilation import jit
from yamjit.kernels.numba_memory import pointer
from yamjit.kernels.preparation import PREPARED_COLUMNS, Prepared, VectorOp, prepare
from yamjit.kernels.program import (
    SCRATCH_ROWS,
    Column,
    Program,
    Requantization,
    Rounding,
    StepOp,
    Window,
    Workspace,
)
from yamjit.kernels.simd import VectorOps, detect_target
from yamjit.kernels.vector_kernels import VectorKernels

__all__ = [
    "conv_s8",
    "depthwise_s8",
    "lookup_s8",
    "mean_s8",
    "pointwise_s8",
    "quantize_f32",
    "run",
]

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]


# -- Kernels ----------------------------------------------------------------------------------------------------


@jit
def quantize_f32(x: npt.NDArray[np.float32], scale: np.float32, zero_point: int, out: Int8) -> None:
    """Quantize: ``out = clamp(round(x / scale) + zero_point)``, the division in float32, ties away from zero.

    Parameters
    ----------
    x : np.ndarray [shape=(size,), float32]
        Finite.
    scale : np.float32
    zero_point : int
    out : np.ndarray [shape=(size,), int8]
    """
    for i in range(x.size):
        rounded = _round_half_away(np.float64(np.float32(x[i] / scale)))
        out[i] = np.int8(np.int32(min(max(rounded + zero_point, -128.0), 127.0)))


@jit
def conv_s8(x: Int8, weights: Int8, window: Window, requantization: Requantization, scratch: Int32, out: Int8) -> None:
    """Convolve one image.

    Parameters
    ----------
    x : np.ndarray [shape=(input_h, input_w, input_c), int8]
    weights : np.ndarray [shape=(kernel_h, kernel_w, input_c, output_c), int8]
    window : Window
    requantization : Requantization
    scratch : np.ndarray [shape=(>= output_c,), int32]
    out : np.ndarray [shape=(output_h, output_w, output_c), int8]
    """
    kernel_h, kernel_w, input_c, output_c = weights.shape
    for oy in range(out.shape[0]):
        for ox in range(out.shape[1]):
            _start(requantization.bias, scratch)
            for ky in range(kernel_h):
                iy = oy * window.stride_h + ky - window.pad_top
                for kx in range(kernel_w):
                    ix = ox * window.stride_w + kx - window.pad_left
                    if 0 <= iy < x.shape[0] and 0 <= ix < x.shape[1]:
                        for ci in range(input_c):
                            value = np.int32(np.int32(x[iy, ix, ci]) - np.int32(window.input_zero_point))
                            row = weights[ky, kx, ci]
                            for co in range(output_c):
                                scratch[co] += np.int32(value * np.int32(row[co]))
            _finish(scratch, requantization, out[oy, ox])


@jit
def depthwise_s8(
    x: Int8, weights: Int8, window: Window, requantization: Requantization, scratch: Int32, out: Int8
) -> None:
    """Convolve each channel of one image with a filter of its own.

    Parameters
    ----------
    x : np.ndarray [shape=(input_h, input_w, channels), int8]
    weights : np.ndarray [shape=(kernel_h, kernel_w, channels), int8]
    window : Window
    requantization : Requantization
    scratch : np.ndarray [shape=(>= channels,), int32]
    out : np.ndarray [shape=(output_h, output_w, channels), int8]
    """
    kernel_h, kernel_w, channels = weights.shape
    zero_point = np.int32(window.input_zero_point)
    for oy in range(out.shape[0]):
        for ox in range(out.shape[1]):
            _start(requantization.bias, scratch)
            for ky in range(kernel_h):
                iy = oy * window.stride_h + ky - window.pad_top
                for kx in range(kernel_w):
                    ix = ox * window.stride_w + kx - window.pad_left
                    if 0 <= iy < x.shape[0] and 0 <= ix < x.shape[1]:
                        pixel = x[iy, ix]
                        tap = weights[ky, kx]
                        for c in range(channels):
                            value = np.int32(np.int32(pixel[c]) - zero_point)
                            scratch[c] += np.int32(value * np.int32(tap[c]))
            _finish(scratch, requantization, out[oy, ox])


@jit
def pointwise_s8(x: Int8, weights: Int8, requantization: Requantization, scratch: Int32, out: Int8) -> None:
    """Multiply rows by a matrix: 1x1 convolutions and fully connected layers.

    Parameters
    ----------
    x : np.ndarray [shape=(rows, input_c), int8]
    weights : np.ndarray [shape=(input_c, output_c), int8]
    requantization : Requantization
        Its bias holds the input's zero point: ``bias - zero_point * weights.sum(0)``.
    scratch : np.ndarray [shape=(>= output_c,), int32]
    out : np.ndarray [shape=(rows, output_c), int8]
    """
    input_c, output_c = weights.shape
    in_fours = input_c - input_c % 4
    for row in range(x.shape[0]):
        _start(requantization.bias, scratch)
        for ci in range(0, in_fours, 4):
            x0, x1 = np.int32(x[row, ci]), np.int32(x[row, ci + 1])
            x2, x3 = np.int32(x[row, ci + 2]), np.int32(x[row, ci + 3])
            w0, w1, w2, w3 = weights[ci], weights[ci + 1], weights[ci + 2], weights[ci + 3]
            for co in range(output_c):
                low = np.int32(x0 * np.int32(w0[co])) + np.int32(x1 * np.int32(w1[co]))
                high = np.int32(x2 * np.int32(w2[co])) + np.int32(x3 * np.int32(w3[co]))
                scratch[co] += np.int32(low + high)
        for ci in range(in_fours, input_c):
            for co in range(output_c):
                scratch[co] += np.int32(np.int32(x[row, ci]) * np.int32(weights[ci, co]))
        _finish(scratch, requantization, out[row])


@jit
def mean_s8(x: Int8, requantization: Requantization, scratch: Int32, out: Int8) -> None:
    """Average one image over its positions.

    Parameters
    ----------
    x : np.ndarray [shape=(positions, channels), int8]
    requantization : Requantization
        Its bias holds the input's zero point, its multiplier the number of positions.
    scratch : np.ndarray [shape=(>= channels,), int32]
    out : np.ndarray [shape=(channels,), int8]
    """
    _start(requantization.bias, scratch)
    for position in range(x.shape[0]):
        for c in range(x.shape[1]):
            scratch[c] += np.int32(x[position, c])
    _finish(scratch, requantization, out)


@jit
def lookup_s8(x: Int8, table: Int8, out: Int8) -> None:
    """Look every value up: ``out = table[x + 128]``.

    Parameters
    ----------
    x : np.ndarray [shape=(size,), int8]
    table : np.ndarray [shape=(256,), int8]
    out : np.ndarray [shape=(size,), int8]
    """
    for i in range(x.size):
        out[i] = table[np.int64(x[i]) + 128]


# -- Their arithmetic -------------------------------------------------------------------------------------------


@jit
def _start(bias: Int32, acc: Int32) -> None:
    """Start the accumulators at the bias."""
    for c in range(bias.size):
        acc[c] = bias[c]


@jit
def _finish(acc: Int32, requantization: Requantization, out: Int8) -> None:
    """Requantize and clamp the accumulators of one position into ``out`` [shape=(channels,)]."""
    multiplier, shift, offset = requantization.multiplier, requantization.shift, requantization.offset
    zero_point = np.int64(requantization.zero_point)
    low, high = np.int64(requantization.activation_min), np.int64(requantization.activation_max)
    if requantization.rounding == Rounding.ONE_SHIFT:
        for c in range(out.size):
            product = np.int64(acc[c]) * np.int64(multiplier[c]) + offset[c]
            value = (product >> np.int64(31 - shift[c])) + zero_point
            out[c] = np.int8(min(max(value, low), high))
    elif requantization.rounding == Rounding.REAL:
        for c in range(out.size):
            value = np.int32(_round_half_away(np.float64(acc[c]) * requantization.scale[c])) + zero_point
            out[c] = np.int8(min(max(value, low), high))
    else:
        for c in range(out.size):
            value = _multiply_by_quantized_multiplier(acc[c], multiplier[c], shift[c]) + zero_point
            out[c] = np.int8(min(max(value, low), high))


@jit
def _round_half_away(x: float) -> Any:
    """Return float64 `x` rounded to an integer, ties away from zero."""
    whole = np.trunc(x)
    return whole + np.copysign(1.0, x) if abs(x - whole) >= 0.5 else whole


@jit
def _multiply_by_quantized_multiplier(acc: np.int32, multiplier: np.int32, shift: np.int32) -> Any:
    """Return ``round(acc * multiplier * 2**(shift - 31))`` with both of TFLite's roundings."""
    left = np.int64(max(shift, np.int32(0)))
    right = np.int64(max(np.int32(-shift), np.int32(0)))
    high = ((np.int64(acc) << left) * np.int64(multiplier) + np.int64(2**30)) >> np.int64(31)
    half = (np.int64(1) << right) >> np.int64(1)
    nudge = np.int64(1) if high < 0 and right > 0 else np.int64(0)
    return (high + half - nudge) >> right


# -- The entry --------------------------------------------------------------------------------------------------


def run(program: Program, workspace: Workspace, patches: int, first: int, last: int) -> None:
    """Run the steps ``first .. last - 1`` over the first `patches` patches of a workspace.

    Parameters
    ----------
    program : Program
    workspace : Workspace
    patches : int in [0, workspace.capacity]
    first, last : int in [0, n_steps]
    """
    prepared = prepare(program)
    layout = prepared.scratch
    _run_steps(
        prepared.steps.ctypes.data,
        first,
        last,
        prepared.constants.ctypes.data,
        workspace.arena.ctypes.data,
        workspace.scratch.ctypes.data,
        layout.accumulators,
        layout.image,
        layout.rows,
        workspace.capacity,
        patches,
    )


@jit
def _run_steps(
    steps: int,
    first: int,
    last: int,
    constants: int,
    arena: int,
    scratch: int,
    accumulators: int,
    image: int,
    rows: int,
    capacity: int,
    patches: int,
) -> None:
    """Run steps; `steps`, `constants`, `arena` and `scratch` are addresses, the next three offsets into scratch.

    The first steps run patch after patch, so that a patch stays in the cache, if they run to their end; those
    behind them run all patches together, so that weights are read once.
    """
    together = first
    while together < last and not _row(steps, together)[Prepared.TOGETHER]:
        together += 1
    if first > 1 or together == last:
        together = first
    memory = Memory(constants, arena, scratch, scratch + accumulators, scratch + image, scratch + rows, capacity)
    for patch in range(patches):
        for index in range(first, together):
            _run_step(_row(steps, index), memory, patch, 1)
    for index in range(together, last):
        _run_step(_row(steps, index), memory, 0, patches)


class Memory(NamedTuple):
    """Addresses of what a step reads and writes."""

    constants: int
    arena: int
    spare: int
    accumulators: int
    image: int
    rows: int
    capacity: int


@jit
def _row(steps: int, index: int) -> Any:
    return carray(pointer(steps + index * PREPARED_COLUMNS * 8), PREPARED_COLUMNS, np.int64)


@jit
def _run_step(s: Any, memory: Memory, patch: int, patches: int) -> None:
    """Run one step over some patches, the first of which is number `patch`."""
    input_size = s[Column.INPUT_H] * s[Column.INPUT_W] * s[Column.INPUT_C]
    output_size = s[Column.OUTPUT_H] * s[Column.OUTPUT_W] * s[Column.OUTPUT_C]
    x = memory.arena + s[Column.INPUT] * memory.capacity + input_size * patch
    out = memory.arena + s[Column.OUTPUT] * memory.capacity + output_size * patch
    op = s[Column.OP]
    if op == VectorOp.POINTWISE:
        _run_pointwise(s, memory, x, out, patches * s[Column.INPUT_H] * s[Column.INPUT_W])
    elif op == VectorOp.POINTWISE_RAW:
        _run_pointwise_raw(s, memory, x, out, patches * s[Column.INPUT_H] * s[Column.INPUT_W])
    else:
        for number in range(patches):
            if op == VectorOp.DEPTHWISE:
                _run_depthwise(s, memory, x + number * input_size, out + number * output_size)
            elif op == VectorOp.CONV:
                _run_conv(s, memory, x + number * input_size, out + number * output_size)
            else:
                _run_plain_step(s, memory, patch + number)


@jit
def _run_pointwise(s: Any, memory: Memory, x: int, out: int, rows: int) -> None:
    constants = memory.constants
    _pointwise(
        x,
        rows,
        s[Column.INPUT_C],
        s[Prepared.FLIP],
        s[Prepared.QUADS],
        constants + s[Prepared.WEIGHTS],
        s[Column.OUTPUT_C],
        constants + s[Prepared.MULTIPLIER],
        constants + s[Prepared.OFFSET],
        constants + s[Prepared.SHIFT],
        out,
        memory.spare,
    )


@jit
def _run_pointwise_raw(s: Any, memory: Memory, x: int, out: int, rows: int) -> None:
    inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
    requantization = _requantization(s, memory.constants)
    width = (outputs + 15) // 16 * 16
    for first in range(0, rows, SCRATCH_ROWS):
        count = min(SCRATCH_ROWS, rows - first)
        weights, bias = memory.constants + s[Prepared.WEIGHTS], memory.constants + s[Prepared.BIAS]
        _pointwise_raw(
            x + first * inputs,
            count,
            inputs,
            s[Prepared.FLIP],
            s[Prepared.QUADS],
            weights,
            outputs,
            bias,
            memory.accumulators,
        )
        for row in range(count):
            acc = carray(pointer(memory.accumulators + row * width * 4), outputs, np.int32)
            _finish(acc, requantization, carray(pointer(out + (first + row) * outputs), outputs, np.int8))


@jit
def _run_depthwise(s: Any, memory: Memory, x: int, out: int) -> None:
    """Give the image its border, as uint8, and filter it."""
    constants = memory.constants
    _pad(s, x, memory.image, 128)
    _depthwise(
        memory.image,
        s[Prepared.IMAGE_W] * s[Column.INPUT_C],
        s[Column.OUTPUT_H],
        s[Column.OUTPUT_W],
        s[Column.OUTPUT_C],
        s[Column.STRIDE_H],
        constants + s[Prepared.WEIGHTS],
        constants + s[Prepared.MULTIPLIER],
        constants + s[Prepared.OFFSET],
        constants + s[Prepared.SHIFT],
        out,
        memory.spare,
    )


@jit
def _run_conv(s: Any, memory: Memory, x: int, out: int) -> None:
    """Give the image its border, put what each output position sees side by side, and multiply."""
    constants = memory.constants
    _pad(s, x, memory.image, 0)
    _gather_rows(s, memory.image, memory.rows)
    _pointwise(
        memory.rows,
        s[Column.OUTPUT_H] * s[Column.OUTPUT_W],
        s[Prepared.QUADS] * 4,
        s[Prepared.FLIP],
        s[Prepared.QUADS],
        constants + s[Prepared.WEIGHTS],
        s[Column.OUTPUT_C],
        constants + s[Prepared.MULTIPLIER],
        constants + s[Prepared.OFFSET],
        constants + s[Prepared.SHIFT],
        out,
        memory.spare,
    )


@jit
def _pad(s: Any, x: int, image: int, more: int) -> None:
    """Copy an image with a border of its zero point; `more` is 128 where bytes are to be unsigned, else 0."""
    height, width, channels = s[Prepared.IMAGE_H], s[Prepared.IMAGE_W], s[Column.INPUT_C]
    flip = s[Prepared.FLIP] if more else 0
    fill = np.uint8((s[Column.INPUT_ZERO_POINT] + more) & 255)
    before, inside = s[Column.PAD_LEFT] * channels, s[Column.INPUT_W] * channels
    for y in range(height):
        target = carray(pointer(image + y * width * channels), width * channels, np.uint8)
        iy = y - s[Column.PAD_TOP]
        if 0 <= iy < s[Column.INPUT_H]:
            _copy_row(x + iy * inside, image + y * width * channels + before, inside, flip)
            for i in range(before):
                target[i] = fill
            for i in range(before + inside, width * channels):
                target[i] = fill
        else:
            for i in range(width * channels):
                target[i] = fill


@jit
def _gather_rows(s: Any, image: int, rows: int) -> None:
    """Copy the input values of each output position, a kernel row after the other, each in whole quads of bytes."""
    channels = s[Column.INPUT_C]
    quads = (s[Column.KERNEL_W] * channels + 3) // 4
    row_bytes = s[Prepared.IMAGE_W] * channels
    target = rows
    for oy in range(s[Column.OUTPUT_H]):
        for ox in range(s[Column.OUTPUT_W]):
            corner = image + oy * s[Column.STRIDE_H] * row_bytes + ox * s[Column.STRIDE_W] * channels
            for ky in range(s[Column.KERNEL_H]):
                for quad in range(quads):
                    _copy_quad(corner + ky * row_bytes + quad * 4, target)
                    target += 4


_vector_kernels = VectorKernels(VectorOps(detect_target(llvmlite.binding.get_host_cpu_features(), platform.machine())))
_pointwise, _pointwise_raw = _vector_kernels.pointwise, _vector_kernels.pointwise_raw
_depthwise, _copy_quad, _copy_row = _vector_kernels.depthwise, _vector_kernels.copy_quad, _vector_kernels.copy_row


@jit
def _run_plain_step(s: Any, memory: Memory, patch: int) -> None:
    """Run one step that has no vector kernel over one patch."""
    acc = carray(pointer(memory.accumulators), s[Column.OUTPUT_C], np.int32)
    constants, arena, capacity = memory.constants, memory.arena, memory.capacity
    input_shape = (s[Column.INPUT_H], s[Column.INPUT_W], s[Column.INPUT_C])
    output_shape = (s[Column.OUTPUT_H], s[Column.OUTPUT_W], s[Column.OUTPUT_C])
    input_size = input_shape[0] * input_shape[1] * input_shape[2]
    output_size = output_shape[0] * output_shape[1] * output_shape[2]
    weights = pointer(constants + s[Column.WEIGHTS])
    x = pointer(arena + s[Column.INPUT] * capacity + input_size * patch)
    out = pointer(arena + s[Column.OUTPUT] * capacity + output_size * patch)
    op = s[Column.OP]
    if op == StepOp.QUANTIZE:
        floats = pointer(arena + s[Column.INPUT] * capacity + input_size * patch * 4)
        scale = carray(weights, 1, np.float32)[0]
        quantize_f32(
            carray(floats, input_size, np.float32),
            scale,
            s[Column.OUTPUT_ZERO_POINT],
            carray(out, output_size, np.int8),
        )
    elif op == StepOp.LOOKUP:
        lookup_s8(carray(x, input_size, np.int8), carray(weights, 256, np.int8), carray(out, output_size, np.int8))
    elif op == StepOp.MEAN:
        positions = (input_shape[0] * input_shape[1], input_shape[2])
        mean_s8(
            carray(x, positions, np.int8),
            _requantization(s, constants),
            acc,
            carray(out, output_shape[2], np.int8),
        )
    elif op == StepOp.POINTWISE:
        positions = (input_shape[0] * input_shape[1], input_shape[2])
        pointwise_s8(
            carray(x, positions, np.int8),
            carray(weights, (input_shape[2], output_shape[2]), np.int8),
            _requantization(s, constants),
            acc,
            carray(out, (positions[0], output_shape[2]), np.int8),
        )
    elif op == StepOp.DEPTHWISE:
        depthwise_s8(
            carray(x, input_shape, np.int8),
            carray(weights, (s[Column.KERNEL_H], s[Column.KERNEL_W], output_shape[2]), np.int8),
            _window(s),
            _requantization(s, constants),
            acc,
            carray(out, output_shape, np.int8),
        )
    elif op == StepOp.CONV:
        conv_s8(
            carray(x, input_shape, np.int8),
            carray(weights, (s[Column.KERNEL_H], s[Column.KERNEL_W], input_shape[2], output_shape[2]), np.int8),
            _window(s),
            _requantization(s, constants),
            acc,
            carray(out, output_shape, np.int8),
        )


@jit
def _window(s: Any) -> Window:
    return Window(
        s[Column.STRIDE_H],
        s[Column.STRIDE_W],
        s[Column.PAD_TOP],
        s[Column.PAD_LEFT],
        s[Column.INPUT_ZERO_POINT],
    )


@jit
def _requantization(s: Any, constants: int) -> Requantization:
    channels = s[Column.OUTPUT_C]
    return Requantization(
        carray(pointer(constants + s[Column.BIAS]), channels, np.int32),
        carray(pointer(constants + s[Column.MULTIPLIER]), channels, np.int32),
        carray(pointer(constants + s[Column.SHIFT]), channels, np.int32),
        carray(pointer(constants + s[Column.OFFSET]), channels, np.int64),
        carray(pointer(constants + s[Column.SCALE]), channels, np.float64),
        s[Column.OUTPUT_ZERO_POINT],
        s[Column.ACTIVATION_MIN],
        s[Column.ACTIVATION_MAX],
        s[Column.ROUNDING],
    )
