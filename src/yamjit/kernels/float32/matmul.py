"""Products of float32 over vectors of output channels: sums are the reference's, term by term, each in its lane.

A product and a sum are two instructions. Tiles of several rows have one vector of channels, so that a product takes its
input from memory; a single row has several, since each sum waits for the one before it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from yamjit.kernels.int8.generated import jit_lines
from yamjit.kernels.int8.matmul import copy_bytes, walk
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.prepared.packing import BLOCK
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.reals import RealOps

__all__ = ["FloatChannels", "FloatRows", "make_float_matmul"]

_ZERO = np.float32(0)

#: Rows of a tile, in falling order; fewer are multiplied one by one, by a number of vectors of channels.
_HEIGHTS = (8, 4)
_VECTORS_OF_A_ROW = 4


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
    """Addresses of packed weights and bias of the output channels from one on, and bounds of the activation."""

    weights: int
    bias: int
    low: Any
    high: Any


def make_float_matmul(ops: VectorOps) -> Any:
    """Make ``matmul(rows, channels, outputs, out, spare)``: `outputs` float32 a row at `out`."""
    lanes, wide, high = ops.lanes, _VECTORS_OF_A_ROW * ops.lanes, _HEIGHTS[0]
    block, row_block = walk(_tile, ops, (*_HEIGHTS, 1), 1), walk(_tile, ops, (1,), _VECTORS_OF_A_ROW)

    @jit
    def matmul(rows: FloatRows, channels: FloatChannels, outputs: int, out: int, spare: int) -> None:
        column, inputs = 0, rows.groups * rows.inputs
        while rows.n_rows < _HEIGHTS[1] and column + wide <= outputs:
            row_block(rows, columns_from(channels, column, inputs), out + 4 * column, 4 * outputs)
            column += wide
        while column + lanes <= outputs:
            block(rows, columns_from(channels, column, inputs), out + 4 * column, 4 * outputs)
            column += lanes
        if column < outputs:
            here = columns_from(channels, column, inputs)
            for start in range(0, rows.n_rows, high):
                count = min(high, rows.n_rows - start)
                some = FloatRows(
                    rows.x + start * rows.stride, count, rows.stride, rows.groups, rows.group_stride, rows.inputs
                )
                block(some, here, spare, 4 * lanes)
                for row in range(count):
                    at = out + 4 * ((start + row) * outputs + column)
                    copy_bytes(spare + 4 * row * lanes, at, 4 * (outputs - column))

    return matmul


@jit
def columns_from(channels: FloatChannels, column: int, inputs: int) -> FloatChannels:
    """Return the channels from number `column` on, a multiple of the lanes of a vector."""
    block, part = column // BLOCK, column % BLOCK
    weights = channels.weights + 4 * (block * inputs * BLOCK + part)
    return FloatChannels(weights, channels.bias + 4 * column, channels.low, channels.high)


def _tile(ops: VectorOps, rows: int, columns: int) -> Any:
    """Make the tile of sums in registers: each takes one product a step."""
    places = [(r, c) for r in range(rows) for c in range(columns)]
    lines = ["def tile(first, rows, channels, out, row_bytes):", "    own_frame()"]
    lines += [f"    a{r}_{c} = same_floats(ZERO)" for r, c in places]
    lines += ["    stride, weights = rows.stride, channels.weights"]
    lines += [f"    block = rows.groups * rows.inputs * {4 * BLOCK}"]
    lines += ["    x = rows.x + first * stride"]
    lines += ["    for group in range(rows.groups):", "        row = x + group * rows.group_stride"]
    lines += ["        for k in range(rows.inputs):"]
    for c in range(columns):
        number, part = divmod(c * ops.lanes, BLOCK)
        lines += [f"            w{c} = load_floats(weights + {number} * block + {4 * part})"]
    lines += [f"            weights += {4 * BLOCK}"]
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
