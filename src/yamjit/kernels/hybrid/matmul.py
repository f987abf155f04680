"""Matrix products of hybrid steps over vectors: tiles of `yamjit.kernels.int8.matmul` whose sums become float32."""

from __future__ import annotations

from typing import Any, NamedTuple

from yamjit.kernels.int8.generated import jit_lines
from yamjit.kernels.int8.matmul import copy_bytes, lanes_by_name, tile_lines, walk
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.prepared.packing import BLOCK
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.reals import RealOps

__all__ = ["HybridChannels", "HybridRows", "make_hybrid_matmul"]


class HybridRows(NamedTuple):
    """`Rows` of quantized inputs, and where their scales lie, from one to the next `pace` bytes.

    A sum becomes ``((sum - zero_point * weights) * (scale * first)) * second``, where `weights` is the sum of those of
    a channel, and `scale` theirs: one of both factors is the scale of the inputs, the other 1.
    """

    x: int
    n_rows: int
    stride: int
    groups: int
    group_stride: int
    quads: int
    scales: int
    pace: int


class HybridChannels(NamedTuple):
    """Addresses of the packed constants of a hybrid step's output channels, and the bounds of its activation."""

    weights: int
    #: Sums of the weights, int32, then their scales and what is added, float32.
    sums: int
    scale: int
    bias: int
    activation_min: Any
    activation_max: Any


def make_hybrid_matmul(ops: VectorOps) -> Any:
    """Make ``matmul(rows, channels, outputs, out, spare)``: `outputs` float32 a row at `out`."""
    lanes, wide = ops.lanes, ops.target.columns * ops.lanes
    high, columns = ops.target.rows, ops.target.columns
    heights = (high, high // 2, 1) if high > 2 else (high, 1)
    block, narrow_block = walk(_tile, ops, heights, columns), walk(_tile, ops, (high, 1), 1)

    @jit
    def matmul(rows: HybridRows, channels: HybridChannels, outputs: int, out: int, spare: int) -> None:
        quads = rows.groups * rows.quads
        column = 0
        while column + wide <= outputs:
            block(rows, _columns_from(channels, column, quads), out + column * 4, outputs * 4)
            column += wide
        while column + lanes <= outputs:
            narrow_block(rows, _columns_from(channels, column, quads), out + column * 4, outputs * 4)
            column += lanes
        if column < outputs:
            rest = _columns_from(channels, column, quads)
            for start in range(0, rows.n_rows, high):
                some = _rows_from(rows, start, min(high, rows.n_rows - start))
                narrow_block(some, rest, spare, lanes * 4)
                for row in range(some.n_rows):
                    at = out + ((start + row) * outputs + column) * 4
                    copy_bytes(spare + row * lanes * 4, at, (outputs - column) * 4)

    return matmul


@jit
def _rows_from(rows: HybridRows, start: int, count: int) -> HybridRows:
    """Return a number of rows, the first of which is number `start`."""
    x, scales = rows.x + start * rows.stride, rows.scales + start * rows.pace
    return HybridRows(x, count, rows.stride, rows.groups, rows.group_stride, rows.quads, scales, rows.pace)


@jit
def _columns_from(channels: HybridChannels, column: int, quads: int) -> HybridChannels:
    """Return where the channels from number `column` on begin; it is a multiple of the lanes of a vector."""
    block, part = column // BLOCK, column % BLOCK
    return HybridChannels(
        channels.weights + block * quads * BLOCK * 4 + part * 4,
        channels.sums + column * 4,
        channels.scale + column * 4,
        channels.bias + column * 4,
        channels.activation_min,
        channels.activation_max,
    )


def _tile(ops: VectorOps, rows: int, columns: int) -> Any:
    """Make the tile whose accumulators become float32."""
    lines = tile_lines(ops, rows, columns, "zeros()")
    lines += ["    low, high = same_floats(channels.activation_min), same_floats(channels.activation_max)"]
    for c in range(columns):
        at = c * ops.lanes * 4
        lines += [f"    sums{c}, scale{c} = load(channels.sums + {at}), load_floats(channels.scale + {at})"]
        lines += [f"    bias{c} = load_floats(channels.bias + {at})"]
    for r in range(rows):
        lines += [f"    scales = rows.scales + (first + {r}) * rows.pace"]
        lines += ["    first_factor, second_factor = broadcast_float(scales), broadcast_float(scales + 4)"]
        lines += ["    zero_point = broadcast(scales + 8)"]
        for c in range(columns):
            lines += [f"    value = to_floats(less_product(total(a{r}_{c}), zero_point, sums{c}))"]
            lines += [f"    value = plus(times(times(value, times(scale{c}, first_factor)), second_factor), bias{c})"]
            lines += [f"    store_floats(out + {r} * row_bytes + {c * ops.lanes * 4}, within(value, low, high))"]
    reals = RealOps(ops.target)
    names = ("load_floats", "store_floats", "same_floats", "broadcast_float", "times", "plus", "to_floats")
    operations = {name: getattr(reals, name) for name in (*names, "less_product", "within")}
    return jit_lines(lines, ops, **operations, **lanes_by_name(ops))
