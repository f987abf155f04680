"""Depthwise convolutions of float32 over vectors of channels, on the image where it lies: zeros are seen around it.

A product with such a zero adds nothing to a sum that began with 0, or with a bias other than -0: it is added too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from yamjit.kernels.float32.matmul import FloatChannels
from yamjit.kernels.int8.generated import jit_lines
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.prepared.columns import VectorOp
from yamjit.kernels.program import Column
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.reals import RealOps

__all__ = ["make_float_depthwise"]

_ZERO = np.float32(0)


def make_float_depthwise(ops: VectorOps) -> Any:
    """Make ``depthwise(s, channels, x, zeros, out)``: a step that suits, see `yamjit.kernels.prepared.uses`.

    `zeros` is the address of a row of the image, all of zeros; weights are those of the program, [shape=(9, channels)].
    The last vector of channels is moved back over those that are done, which get the same values once more.
    """
    own, shared = _filter(ops, "load_floats"), _filter(ops, "broadcast_float")
    lanes = ops.lanes

    @jit
    def depthwise(s: Any, channels: FloatChannels, x: int, zeros: int, out: int) -> None:
        inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
        each = outputs // inputs
        for oy in range(s[Column.OUTPUT_H]):
            top = oy * s[Column.STRIDE_H] - s[Column.PAD_TOP]
            first, second, third = row_at(s, x, top, zeros), row_at(s, x, top + 1, zeros), row_at(s, x, top + 2, zeros)
            start = 0
            while start < outputs:
                start = min(start, outputs - lanes)
                weights, bias = channels.weights + 4 * start, channels.bias + 4 * start
                here, seen = FloatChannels(weights, bias, channels.low, channels.high), 4 * (start // each)
                rows = (first + seen, second + seen, third + seen, zeros + seen)
                if each == 1:
                    own(s, here, rows, 4 * inputs, out + 4 * start, 4 * outputs)
                else:
                    shared(s, here, rows, 4 * inputs, out + 4 * start, 4 * outputs)
                start += lanes
            out += 4 * s[Column.OUTPUT_W] * outputs

    @jit
    def row_at(s: Any, x: int, y: int, zeros: int) -> int:
        return x + 4 * y * s[Column.INPUT_W] * s[Column.INPUT_C] if 0 <= y < s[Column.INPUT_H] else zeros

    return depthwise


def _filter(ops: VectorOps, load: str) -> Any:
    """Make the filter of 3 by 3 for a vector of channels along a row, whose weights stay in registers.

    `rows` are the addresses of three rows of the image and of zeros, each of that vector in the first pixel.
    """
    lines = ["def filter_row(s, channels, rows, pixel, out, out_pixel):", "    own_frame()"]
    lines += ["    row0, row1, row2, zeros = rows"]
    lines += [f"    w{tap} = load_floats(channels.weights + {tap} * out_pixel)" for tap in range(9)]
    lines += ["    bias = load_floats(channels.bias)"]
    lines += ["    start, end = same_floats(ZERO), bias"]
    lines += ["    if s[OP] == FROM_BIAS:", "        start, end = bias, same_floats(ZERO)"]
    lines += ["    low, high = same_floats(channels.low), same_floats(channels.high)"]
    lines += ["    width, stride, x = s[INPUT_W], s[STRIDE_W], -s[PAD_LEFT]"]
    lines += ["    for ox in range(s[OUTPUT_W]):"]
    for kx in range(3):
        lines += [f"        at, inside = (x + {kx}) * pixel, 0 <= x + {kx} < width"]
        lines += [f"        seen{ky}_{kx} = row{ky} + at if inside else zeros" for ky in range(3)]
    lines += ["        total = start"]
    for tap in range(9):
        lines += [f"        total = plus(total, times({load}(seen{tap // 3}_{tap % 3}), w{tap}))"]
    lines += ["        store_floats(out, within(plus(total, end), low, high))"]
    lines += ["        x += stride", "        out += out_pixel"]
    reals = RealOps(ops.target)
    names = ("load_floats", "store_floats", "same_floats", "broadcast_float", "times", "plus", "within")
    columns = {name: int(Column[name]) for name in ("OP", "STRIDE_W", "PAD_LEFT", "INPUT_W", "OUTPUT_W")}
    columns["FROM_BIAS"] = int(VectorOp.DEPTHWISE_FROM_BIAS)
    return jit_lines(lines, ops, ZERO=_ZERO, **columns, **{name: getattr(reals, name) for name in names})
