"""Products of float32 over vectors of output channels: sums are the reference's, term by term, each in its lane.

Weights are read as the program has them. A vector that would reach beyond the last channel is moved back over channels
that are done, which get the same values once more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from yamjit.kernels.int8.matmul import walk
from yamjit.kernels.int8.prepared import VectorOp
from yamjit.kernels.int8.tiles import jit_lines
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.program import Column
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.reals import RealOps

__all__ = ["FloatChannels", "FloatRows", "make_float_depthwise", "make_float_matmul"]

_ZERO = np.float32(0)

#: Most rows of a tile, whose numbers of rows are seldom multiples of more.
_MOST_ROWS = 8


class FloatRows(NamedTuple):
    """The left side of a product: `n_rows` rows of float32, each in groups of `inputs` numbers side by side.

    `x` is the address of the first row; `stride` and `group_stride` are the bytes from one row, or group, to the next.
    """

    x: int
    n_rows: int
    stride: int
    groups: int
    group_stride: int
    inputs: int


class FloatChannels(NamedTuple):
    """Addresses of weights and bias of the output channels from one on, and bounds of the activation.

    From the weights of one input to those of the next it is `pace` bytes.
    """

    weights: int
    bias: int
    pace: int
    low: Any
    high: Any


def make_float_matmul(ops: VectorOps) -> Any:
    """Make ``matmul(rows, channels, outputs, out)``: `outputs` float32 a row at `out`, at least as many as lanes."""
    high, lanes, row_bytes = min(_MOST_ROWS, ops.target.rows), ops.lanes, 4
    block, narrow_block = walk(_tile, ops, (high, high // 2, 1), 2), walk(_tile, ops, (high, 1), 1)
    few_rows = walk(_tile, ops, (2, 1), 4)

    @jit
    def matmul(rows: FloatRows, channels: FloatChannels, outputs: int, out: int) -> None:
        column = 0
        while rows.n_rows < 4 and column + 4 * lanes <= outputs:
            few_rows(rows, columns_from(channels, column), out + 4 * column, outputs * row_bytes)
            column += 4 * lanes
        while column + 2 * lanes <= outputs:
            block(rows, columns_from(channels, column), out + 4 * column, outputs * row_bytes)
            column += 2 * lanes
        while column < outputs:
            column = min(column, outputs - lanes)
            narrow_block(rows, columns_from(channels, column), out + 4 * column, outputs * row_bytes)
            column += lanes

    return matmul


@jit
def columns_from(channels: FloatChannels, column: int) -> FloatChannels:
    """Return the channels from number `column` on."""
    at = 4 * column
    return FloatChannels(channels.weights + at, channels.bias + at, channels.pace, channels.low, channels.high)


def _tile(ops: VectorOps, rows: int, columns: int) -> Any:
    """Make the tile of sums in registers: each takes one product a step."""
    places = [(r, c) for r in range(rows) for c in range(columns)]
    lines = ["def tile(first, rows, channels, out, row_bytes):", "    own_frame()"]
    lines += [f"    a{r}_{c} = same_floats(ZERO)" for r, c in places]
    lines += ["    stride, pace, weights = rows.stride, channels.pace, channels.weights"]
    lines += ["    x = rows.x + first * stride"]
    lines += ["    for group in range(rows.groups):", "        row = x + group * rows.group_stride"]
    lines += ["        for k in range(rows.inputs):"]
    lines += [f"            w{c} = load_floats(weights + {4 * ops.lanes * c})" for c in range(columns)]
    lines += ["            weights += pace"]
    for r in range(rows):
        lines += [f"            u = broadcast_float(row + {r} * stride + 4 * k)"]
        lines += [f"            a{r}_{c} = plus(a{r}_{c}, times(u, w{c}))" for c in range(columns)]
    lines += ["    low, high = same_floats(channels.low), same_floats(channels.high)"]
    lines += [f"    bias{c} = load_floats(channels.bias + {4 * ops.lanes * c})" for c in range(columns)]
    lines += [
        f"    store_floats(out + {r} * row_bytes + {4 * ops.lanes * c}, within(plus(a{r}_{c}, bias{c}), low, high))"
        for r, c in places
    ]
    reals = RealOps(ops.target)
    names = ("load_floats", "store_floats", "same_floats", "broadcast_float", "times", "plus", "within")
    return jit_lines(lines, ops, ZERO=_ZERO, **{name: getattr(reals, name) for name in names})


def make_float_depthwise(ops: VectorOps) -> Any:
    """Make ``depthwise(s, channels, x, out)``: a step whose channels suit, see `yamjit.kernels.int8.uses`."""
    reals, lanes = RealOps(ops.target), ops.lanes
    load, store, same, each_lane = reals.load_floats, reals.store_floats, reals.same_floats, reals.broadcast_float
    times, plus, within = reals.times, reals.plus, reals.within

    @jit
    def depthwise(s: Any, channels: FloatChannels, x: int, out: int) -> None:
        height, width, inputs, outputs = s[Column.INPUT_H], s[Column.INPUT_W], s[Column.INPUT_C], s[Column.OUTPUT_C]
        kernel_w, row_bytes = s[Column.KERNEL_W], 4 * width * inputs
        each = outputs // inputs
        low, high = same(channels.low), same(channels.high)
        from_bias = s[Column.OP] == VectorOp.DEPTHWISE_FROM_BIAS
        for oy in range(s[Column.OUTPUT_H]):
            top = oy * s[Column.STRIDE_H] - s[Column.PAD_TOP]
            first_y, last_y = max(0, -top), min(s[Column.KERNEL_H], height - top)
            for ox in range(s[Column.OUTPUT_W]):
                left = ox * s[Column.STRIDE_W] - s[Column.PAD_LEFT]
                first_x, last_x = max(0, -left), min(kernel_w, width - left)
                corner = x + top * row_bytes + 4 * left * inputs
                start = 0
                while start < outputs:
                    start = min(start, outputs - lanes)
                    total, bias = same(_ZERO), load(channels.bias + 4 * start)
                    if from_bias:
                        total = bias
                    seen = corner + 4 * (start // each)
                    for ky in range(first_y, last_y):
                        for kx in range(first_x, last_x):
                            at = seen + ky * row_bytes + 4 * kx * inputs
                            value = load(at) if each == 1 else each_lane(at)
                            weights = load(channels.weights + (ky * kernel_w + kx) * channels.pace + 4 * start)
                            total = plus(total, times(value, weights))
                    if not from_bias:
                        total = plus(total, bias)
                    store(out + 4 * start, within(total, low, high))
                    start += lanes
                out += 4 * outputs

    return depthwise
