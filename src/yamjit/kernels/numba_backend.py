"""The kernels in Numba: the same integers as `yamjit.kernels.numpy_backend`, compiled.

`run` hands the table of steps to one compiled function per batch. That function takes addresses and integers only,
allocates nothing, raises nothing, holds no Python object and releases the GIL, so that it can also be compiled
ahead of time for a target that has neither Python nor NumPy.

Every operand is cast to its width: compiled code widens where NumPy scalars wrap, and with the casts both agree.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from yamjit.kernels.compilation import jit
from yamjit.kernels.program import (
    COLUMNS,
    Column,
    Program,
    Requantization,
    Rounding,
    StepOp,
    Window,
    Workspace,
)

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


# -- Memory -----------------------------------------------------------------------------------------------------


if numba.config.DISABLE_JIT:

    def _pointer(address: int) -> Any:
        """Return an address as a pointer that `carray` takes."""
        return ctypes.c_void_p(int(address))

else:

    @intrinsic  # type: ignore[untyped-decorator]
    def _pointer(typingctx: Any, address: Any) -> Any:
        """Return an address as a pointer that `carray` takes."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], cgutils.voidptr_t)

        return types.voidptr(types.int64), codegen


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
        out[i] = np.int8(min(max(rounded + zero_point, -128.0), 127.0))


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
            value = np.int64(_round_half_away(np.float64(acc[c]) * requantization.scale[c])) + zero_point
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
    _run_steps(
        program.steps.ctypes.data,
        first,
        last,
        program.constants.ctypes.data,
        workspace.arena.ctypes.data,
        workspace.scratch.ctypes.data,
        workspace.capacity,
        patches,
    )


@jit
def _run_steps(
    steps: int, first: int, last: int, constants: int, arena: int, scratch: int, capacity: int, patches: int
) -> None:
    """Run steps; `steps`, `constants`, `arena` and `scratch` are addresses."""
    for index in range(first, last):
        s = carray(_pointer(steps + index * COLUMNS * 8), COLUMNS, np.int64)
        acc = carray(_pointer(scratch), s[Column.OUTPUT_C], np.int32)
        for patch in range(patches):
            _run_step(s, constants, arena, acc, capacity, patch)


@jit
def _run_step(s: Any, constants: int, arena: int, acc: Int32, capacity: int, patch: int) -> None:
    """Run one step, its row being `s`, over one patch."""
    input_shape = (s[Column.INPUT_H], s[Column.INPUT_W], s[Column.INPUT_C])
    output_shape = (s[Column.OUTPUT_H], s[Column.OUTPUT_W], s[Column.OUTPUT_C])
    input_size = input_shape[0] * input_shape[1] * input_shape[2]
    output_size = output_shape[0] * output_shape[1] * output_shape[2]
    weights = _pointer(constants + s[Column.WEIGHTS])
    x = _pointer(arena + s[Column.INPUT] * capacity + input_size * patch)
    out = _pointer(arena + s[Column.OUTPUT] * capacity + output_size * patch)
    op = s[Column.OP]
    if op == StepOp.QUANTIZE:
        floats = _pointer(arena + s[Column.INPUT] * capacity + input_size * patch * 4)
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
        carray(_pointer(constants + s[Column.BIAS]), channels, np.int32),
        carray(_pointer(constants + s[Column.MULTIPLIER]), channels, np.int32),
        carray(_pointer(constants + s[Column.SHIFT]), channels, np.int32),
        carray(_pointer(constants + s[Column.OFFSET]), channels, np.int64),
        carray(_pointer(constants + s[Column.SCALE]), channels, np.float64),
        s[Column.OUTPUT_ZERO_POINT],
        s[Column.ACTIVATION_MIN],
        s[Column.ACTIVATION_MAX],
        s[Column.ROUNDING],
    )
