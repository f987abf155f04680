"""Depthwise convolutions of float32 over vectors of channels, on an image with a border of zeros.

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
    """Make ``depthwise(s, channels, image, width, out)``: a step that suits, see `yamjit.kernels.prepared.uses`.

    `image` has a border and is `width` pixels wide; weights are those of the program, [shape=(9, channels)]. The last
    vector of channels is moved back over those that are done, which get the same values once more.
    """
    own, shared = _filter(ops, "load_floats"), _filter(ops, "broadcast_float")
    lanes = ops.lanes

    @jit
    def depthwise(s: Any, channels: FloatChannels, image: int, width: int, out: int) -> None:
        inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
        each, start = outputs // inputs, 0
        while start < outputs:
            start = min(start, outputs - lanes)
            weights, bias = channels.weights + 4 * start, channels.bias + 4 * start
            here = FloatChannels(weights, bias, channels.low, channels.high)
            if each == 1:
                own(s, here, image + 4 * start, 4 * width * inputs, 4 * inputs, out + 4 * start, 4 * outputs)
            else:
                at = image + 4 * (start // each)
                shared(s, here, at, 4 * width * inputs, 4 * inputs, out + 4 * start, 4 * outputs)
            start += lanes

    return depthwise


def _filter(ops: VectorOps, load: str) -> Any:
    """Make the filter of 3 by 3 for a vector of channels, whose weights stay in registers."""
    lines = ["def filter_channels(s, channels, image, row_bytes, pixel, out, out_pixel):", "    own_frame()"]
    lines += [f"    w{tap} = load_floats(channels.weights + {tap} * out_pixel)" for tap in range(9)]
    lines += ["    bias = load_floats(channels.bias)"]
    lines += ["    start, end = same_floats(ZERO), bias"]
    lines += ["    if s[OP] == FROM_BIAS:", "        start, end = bias, same_floats(ZERO)"]
    lines += ["    low, high = same_floats(channels.low), same_floats(channels.high)"]
    lines += ["    step = s[STRIDE_W] * pixel"]
    lines += ["    for oy in range(s[OUTPUT_H]):"]
    lines += ["        at = image + oy * s[STRIDE_H] * row_bytes"]
    lines += ["        for ox in range(s[OUTPUT_W]):", "            total = start"]
    for tap in range(9):
        place = f"at + {tap // 3} * row_bytes + {tap % 3} * pixel"
        lines += [f"            total = plus(total, times({load}({place}), w{tap}))"]
    lines += ["            store_floats(out, within(plus(total, end), low, high))"]
    lines += ["            at += step", "            out += out_pixel"]
    reals = RealOps(ops.target)
    names = ("load_floats", "store_floats", "same_floats", "broadcast_float", "times", "plus", "within")
    columns = {name: int(Column[name]) for name in ("OP", "STRIDE_H", "STRIDE_W", "OUTPUT_H", "OUTPUT_W")}
    columns["FROM_BIAS"] = int(VectorOp.DEPTHWISE_FROM_BIAS)
    return jit_lines(lines, ops, ZERO=_ZERO, **columns, **{name: getattr(reals, name) for name in names})
