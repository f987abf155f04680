"""Matrix products over vectors, in register tiles: pointwise, fully connected, and the first convolution.

A tile keeps `rows` by `columns` accumulators in registers, and in each step multiplies four inputs of every row by
four weights of every channel. Where rows do not fill the last tile, a lower one takes them; or it is moved back over
rows that are done, which get the same values once more.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numba import carray

from yamjit.kernels.int8.generated import BY_REALS, BY_SHIFT, Narrowing, jit_lines
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.prepared.columns import Proof
from yamjit.kernels.prepared.packing import BLOCK
from yamjit.kernels.prepared.table import Channels
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.target import Target

__all__ = [
    "Rows",
    "columns_from",
    "copy_bytes",
    "fill_bytes",
    "lanes_by_name",
    "make_is_proven",
    "make_matmul",
    "make_matmul_raw",
    "tile_lines",
    "walk",
]


class Rows(NamedTuple):
    """The left side of a product: `n_rows` rows of uint8, each in groups of quads (four bytes each, side by side).

    `x` is the address of the first row; `stride` and `group_stride` are the bytes from one row, or group, to the next.
    `groups` counts those of a row, `quads` those of a group.
    """

    x: int
    n_rows: int
    stride: int
    groups: int
    group_stride: int
    quads: int


def make_matmul(ops: VectorOps) -> Any:
    """Make ``matmul(rows, channels, outputs, out, spare)``: `outputs` int8 a row at `out`; `spare` is memory to use."""
    lanes, wide = ops.lanes, ops.target.columns * ops.lanes
    by_shift = cache(partial(_narrowed_tile, narrowing=BY_SHIFT))
    high, columns, is_sent = ops.target.rows, ops.target.columns, ops.target.is_sent
    heights = (high, high // 2, 1) if high > 2 else (high, 1)
    block, narrow_block = walk(by_shift, ops, heights, columns), walk(by_shift, ops, (1,) if is_sent else (high, 1), 1)
    real_block = (
        walk(partial(_narrowed_tile, narrowing=BY_REALS), ops, (high,), columns)
        if ops.target.rounds_in_float32
        else block
    )
    narrow_tile, is_proven = by_shift(ops, 1, 1), make_is_proven(ops.target)

    @jit
    def matmul(rows: Rows, channels: Channels, outputs: int, out: int, spare: int) -> None:
        quads = rows.groups * rows.quads
        column = 0
        while column + wide <= outputs:
            here = columns_from(channels, column, quads)
            if rows.n_rows >= high and is_proven(here, wide):
                real_block(rows, here, out + column, outputs)
            else:
                block(rows, here, out + column, outputs)
            column += wide
        while column + lanes <= outputs:
            narrow_block(rows, columns_from(channels, column, quads), out + column, outputs)
            column += lanes
        if column < outputs:
            rest = columns_from(channels, column, quads)
            for row in range(rows.n_rows):
                narrow_tile(row, rows, rest, spare, 0)
                copy_bytes(spare, out + row * outputs + column, outputs - column)

    return matmul


def make_is_proven(target: Target) -> Any:
    """Make ``is_proven(channels, count)``: whether float32, as `target` rounds it, is exact for `count` channels."""
    needed = np.int8(Proof.of(target))

    @jit
    def is_proven(channels: Channels, count: int) -> bool:
        blocks = (count + BLOCK - 1) // BLOCK
        proven = carray(pointer(channels.proven), blocks, np.int8)
        found = True
        for block in range(blocks):
            found = found and proven[block] >= needed
        return found

    return is_proven


def make_matmul_raw(ops: VectorOps) -> Any:
    """Make ``matmul_raw(rows, channels, outputs, out, spare)``: accumulators, int32 in rows of whole blocks."""
    lanes, wide, very_wide = ops.lanes, 2 * ops.lanes, 8 * ops.lanes
    high = min(8, ops.target.rows)
    narrow_heights = (1,) if ops.target.is_sent else (high, 1)
    block, narrow_block, row_block = (
        walk(_raw_tile, ops, heights, columns) for heights, columns in (((high, 1), 2), (narrow_heights, 1), ((1,), 8))
    )

    @jit
    def matmul_raw(rows: Rows, channels: Channels, outputs: int, out: int, spare: int) -> None:
        row_bytes = (outputs + BLOCK - 1) // BLOCK * BLOCK * 4
        quads = rows.groups * rows.quads
        column = 0
        while rows.n_rows < high and column + very_wide <= outputs:
            row_block(rows, columns_from(channels, column, quads), out + column * 4, row_bytes)
            column += very_wide
        while column + wide <= outputs:
            block(rows, columns_from(channels, column, quads), out + column * 4, row_bytes)
            column += wide
        while column < outputs:
            narrow_block(rows, columns_from(channels, column, quads), out + column * 4, row_bytes)
            column += lanes

    return matmul_raw


@jit
def columns_from(channels: Channels, column: int, quads: int) -> Channels:
    """Return where the channels from number `column` on begin; it is a multiple of the lanes of a vector."""
    block, part = column // BLOCK, column % BLOCK
    return Channels(
        channels.weights + block * quads * BLOCK * 4 + part * 4,
        channels.bias + column * 4,
        channels.multiplier + column * 4,
        channels.offset + block * BLOCK * 8 + part * 4,
        channels.shift + column * 4,
        channels.scale + column * 4,
        channels.real_offset + column * 4,
        channels.proven + block,
    )


@jit
def copy_bytes(source: int, target: int, count: int) -> None:
    """Copy `count` bytes."""
    a = carray(pointer(source), count, np.int8)
    b = carray(pointer(target), count, np.int8)
    for i in range(count):
        b[i] = a[i]


@jit
def fill_bytes(address: int, count: int, value: int) -> None:
    """Write the low byte of `value` to `count` bytes."""
    memory = carray(pointer(address), count, np.uint8)
    for i in range(count):
        memory[i] = value & 255


def walk(make_tile: Any, ops: VectorOps, heights: tuple[int, ...], columns: int) -> Any:
    """Make the loop over rows, in tiles of the first of `heights`, which fall, that there are enough rows for.

    A tile of the second takes what is left of the rows, where it is no more than that.
    """
    make_tile = cache(make_tile)
    high, *lower_heights = heights
    tile, low = make_tile(ops, high, columns), lower_heights[0] if lower_heights else 0
    lower = walk(make_tile, ops, tuple(lower_heights), columns) if low else None
    low_tile = make_tile(ops, low, columns) if low else None

    @jit
    def block(rows: Rows, channels: Channels, out: int, row_bytes: int) -> None:
        if lower is not None and rows.n_rows < high:
            lower(rows, channels, out, row_bytes)
        else:
            end = rows.n_rows - low if low_tile is not None and 0 < rows.n_rows % high <= low else rows.n_rows
            for start in range(0, end, high):
                row = min(start, rows.n_rows - high)
                tile(row, rows, channels, out + row * row_bytes, row_bytes)
            if low_tile is not None and end < rows.n_rows:
                low_tile(end, rows, channels, out + end * row_bytes, row_bytes)

    return block


# -- Tiles ------------------------------------------------------------------------------------------------------


def tile_lines(ops: VectorOps, rows: int, columns: int, start: str = "load(channels.bias + {at})") -> list[str]:
    """Generate the start and the loop over inputs: each accumulator takes one dot product a step.

    The first of `rows` is number `first`. Accumulators start with the expression `start`, with ``{at}`` for the offset
    of a vector of channels among numbers of 32 bits.
    """
    lines = ["def tile(first, rows, channels, out, row_bytes):", "    own_frame()"]
    for c in range(columns):
        lines.append(f"    a0_{c} = started({start.format(at=c * ops.lanes * 4)})")
        lines += [f"    a{r}_{c} = a0_{c}" for r in range(1, rows)]
    lines += ["    stride = rows.stride", "    x = rows.x + first * stride"]
    lines += ["    block = rows.groups * rows.quads * 64"]
    lines += ["    for group in range(rows.groups):"]
    lines += ["        row = x + group * rows.group_stride"]
    lines += ["        weights = channels.weights + group * rows.quads * 64"]
    lines += ["        done = 0"]
    if ops.target.multiplies_by_lane:
        lines += ["        done = rows.quads // 4 * 4", "        for k in range(0, done, 4):"]
        lines += [f"            x{r} = load(row + {r} * stride + k * 4)" for r in range(rows)]
        for j in range(4):
            lines += _step_lines(ops, rows, columns, f"k + {j}", f"lane{j}(x{{r}})")
    lines += ["        for k in range(done, rows.quads):"]
    lines += _step_lines(ops, rows, columns, "k", f"broadcast(row + {{r}} * stride + k * {ops.quad_bytes})")
    return lines


def lanes_by_name(ops: VectorOps) -> dict[str, Any]:
    """Return the operations that lines of a tile call and `VectorOps` has under no name."""
    return {f"lane{j}": lane for j, lane in enumerate(ops.lane_of_four)} if ops.target.multiplies_by_lane else {}


def _step_lines(ops: VectorOps, rows: int, columns: int, k: str, inputs: str) -> list[str]:
    """Generate a step: weights, and the dot product of each accumulator with `inputs` of its row."""
    lines = []
    for c in range(columns):
        number, part = divmod(c * ops.lanes, BLOCK)
        lines.append(f"w{c} = load_weights(weights + ({k}) * 64 + {number} * block + {part * 4})")
    # The next columns' weights come from far: they are asked for while these are multiplied.
    blocks = max(1, columns * ops.lanes // BLOCK)
    lines += [f"prefetch(weights + ({k}) * 64 + {blocks + number} * block)" for number in range(blocks)]
    for r in range(rows):
        lines.append(f"u = {inputs.format(r=r)}")
        lines += [f"a{r}_{c} = dot(a{r}_{c}, u, w{c})" for c in range(columns)]
    return [f"            {line}" for line in lines]


def _narrowed_tile(ops: VectorOps, rows: int, columns: int, narrowing: Narrowing) -> Any:
    """Make the tile whose accumulators are rounded, clamped and stored as int8."""
    lanes = ops.lanes
    lines = tile_lines(ops, rows, columns)
    for c in range(columns):
        block, part = divmod(c * lanes, BLOCK)
        at, pair = c * lanes * 4, block * BLOCK * 8 + part * 4
        lines += [f"    {read.format(j=c, at=at, pair=pair)}" for read in narrowing.reads]
        for r in range(rows):
            result = narrowing.result.format(j=c, acc=f"total(a{r}_{c})")
            lines.append(f"    store_saturated(out + {r} * row_bytes + {c * lanes}, {result})")
    return jit_lines(lines, ops, **lanes_by_name(ops))


def _raw_tile(ops: VectorOps, rows: int, columns: int) -> Any:
    """Make the tile whose accumulators are stored as they are."""
    lines = tile_lines(ops, rows, columns)
    for r in range(rows):
        lines += [f"    store(out + {r} * row_bytes + {c * ops.lanes * 4}, total(a{r}_{c}))" for c in range(columns)]
    return jit_lines(lines, ops, **lanes_by_name(ops))
