"""Matrix products by AMX: two by two tiles of accumulators, each of up to 16 rows by a block of 16 channels.

A block of packed weights is a tile as it lies in memory: 16 quads of inputs by 16 channels. Accumulators cannot be
rounded in tiles. They are stored, and while the next products run, which takes another unit of the processor, vectors
round those of the products before: some rows with each step over inputs.

All tiles of a call have the same shape. Where rows do not fill them, all have fewer, and the last ones are moved back
over rows that are done. Inputs that do not fill whole steps are multiplied by zeros, in a copy of the last weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray

from yamjit.kernels.int8.generated import BY_REALS, BY_SHIFT, Narrowing, jit_lines
from yamjit.kernels.int8.matmul import Rows, columns_from, make_is_proven
from yamjit.kernels.int8.matmul import make_matmul as make_vector_matmul
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.prepared.packing import BLOCK
from yamjit.kernels.prepared.table import Channels
from yamjit.kernels.vectors.amx import OPERATIONS
from yamjit.kernels.vectors.ops import VectorOps

__all__ = ["make_matmul"]

#: Most rows of a tile, and quads of inputs in a row; channels, and bytes of accumulators, of two by two tiles.
_TILE = 16
_WIDE, _ROW_BYTES = 2 * BLOCK, 2 * BLOCK * 4

#: What is where in the spare memory: accumulators of two by two tiles, then copies of the last weights of two blocks.
_COPIES = 2 * _TILE * _ROW_BYTES
_COPY_BYTES = _TILE * BLOCK * 4

_configure, _release = OPERATIONS["configure"], OPERATIONS["release"]


class _Walk(NamedTuple):
    """The shape of tiles: `height` rows each, in `steps` of `depth` quads, the first `whole` of which have them all."""

    height: int
    steps: int
    depth: int
    whole: int


class _Operands(NamedTuple):
    """Two tiles of rows, at `x` and `lower`, for `channels`.

    `beside` is 1, or 0 where there is one block of channels, which is then multiplied twice. With each step, `share`
    lines of memory are prefetched from `ahead` on.
    """

    x: int
    lower: int
    stride: int
    quads: int
    channels: Channels
    beside: int
    ahead: int
    share: int


class _Sums(NamedTuple):
    """Rows of accumulators that wait to be rounded: `width` channels of them go to `out`."""

    rows: int
    channels: Channels
    width: int
    out: int
    row_bytes: int


def make_matmul(ops: VectorOps) -> Any:
    """Make ``matmul(rows, channels, outputs, out, spare)``, which does what that of `yamjit.kernels.int8.matmul` does.

    Rows in groups, those of a convolution, are left to vectors: a group fills no more than a few quads of a tile, and
    rounding takes most of the time.
    """
    vector_matmul, is_proven = make_vector_matmul(ops), make_is_proven(ops.target)
    multiply_by_shift, multiply_by_reals = (_filled(_MULTIPLY, ops, narrowing) for narrowing in (BY_SHIFT, BY_REALS))
    round_by_shift, round_by_reals = (_filled(_ROUND, ops, narrowing) for narrowing in (BY_SHIFT, BY_REALS))

    @jit
    def matmul(rows: Rows, channels: Channels, outputs: int, out: int, spare: int) -> None:
        if rows.groups != 1:
            vector_matmul(rows, channels, outputs, out, spare)
            return
        n_rows, stride, quads = rows.n_rows, rows.stride, rows.quads
        pairs = (n_rows + 2 * _TILE - 1) // (2 * _TILE)
        walk = _configured(n_rows, pairs, quads, spare)
        # The weights of the next columns come from far: they are asked for while these are multiplied.
        share = (2 * quads + pairs * walk.steps - 1) // (pairs * walk.steps)
        sums = _Sums(0, channels, BLOCK, out, outputs)
        for column in range(0, outputs, _WIDE):
            here, width = columns_from(channels, column, quads), min(_WIDE, outputs - column)
            beside = (width - 1) // BLOCK
            if walk.whole < walk.steps:
                _copy_last(here, beside, quads, walk, spare + _COPIES)
            for pair in range(pairs):
                first = max(0, min(2 * pair * walk.height, n_rows - 2 * walk.height))
                second = min(first + walk.height, n_rows - walk.height)
                ahead = here.weights + (2 * quads + pair * walk.steps * share) * 64
                x, lower = rows.x + first * stride, rows.x + second * stride
                operands = _Operands(x, lower, stride, quads, here, beside, ahead, share)
                if is_proven(sums.channels, sums.width):
                    multiply_by_reals(operands, walk, sums, spare, second - first)
                else:
                    multiply_by_shift(operands, walk, sums, spare, second - first)
                sums = _Sums(second - first + walk.height, here, width, out + first * outputs + column, outputs)
        _release()
        if is_proven(sums.channels, sums.width):
            round_by_reals(sums, spare)
        else:
            round_by_shift(sums, spare)

    return matmul


@jit
def _configured(n_rows: int, pairs: int, quads: int, at: int) -> _Walk:
    """Give all tiles the shape that suits a product; what describes it is written to `at`."""
    height, steps = (n_rows + 2 * pairs - 1) // (2 * pairs), (quads + _TILE - 1) // _TILE
    depth = (quads + steps - 1) // steps
    # Palette 1; bytes in a row of each tile, 16 bits each; rows of each tile, 8 bits each.
    words = carray(pointer(at), 8, np.int64)
    words[0], words[1], words[4], words[5], words[7] = 1, 0, 0, 0, 0
    words[2] = 0x0040_0040_0040_0040
    words[3] = 0x0040_0040_0000_0000 + 4 * depth * 0x0001_0001
    words[6] = height * 0x0000_0101_0101_0101 + depth * 0x0101_0000_0000_0000
    _configure(at)
    return _Walk(height, steps, depth, quads // depth)


@jit
def _copy_last(channels: Channels, beside: int, quads: int, walk: _Walk, to: int) -> None:
    """Copy the last weights of a block, and of the one beside it, with zeros after them."""
    done = walk.whole * walk.depth
    size = (quads - done) * 64
    for block in range(1 + beside):
        source = carray(pointer(channels.weights + (block * quads + done) * 64), size, np.int8)
        copy = carray(pointer(to + block * _COPY_BYTES), _COPY_BYTES, np.int8)
        for i in range(_COPY_BYTES):
            copy[i] = source[i] if i < size else 0


# -- Tiles ------------------------------------------------------------------------------------------------------

#: Lines of functions; a narrowing fills in what it reads for two blocks, and how it rounds a row of each.
_ROUND = """
def round(sums, spare):
    own_frame()
    {reads}
    for row in range(sums.rows):
        {narrowed}
"""
_MULTIPLY = f"""
def multiply(operands, walk, sums, spare, between):
    own_frame()
    channels, stride = operands.channels, operands.stride
    beside = operands.beside
    load0(channels.bias, 0)
    load1(channels.bias + beside * 64, 0)
    load2(channels.bias, 0)
    load3(channels.bias + beside * 64, 0)
    {{reads}}
    done, rows = 0, (sums.rows + walk.steps - 1) // walk.steps
    for step in range(walk.steps):
        at = step * walk.depth * 4
        weights, apart = channels.weights + at * 16, beside * operands.quads * 64
        if step == walk.whole:
            weights, apart = spare + {_COPIES}, beside * {_COPY_BYTES}
        load4(operands.x + at, stride)
        load6(weights, 64)
        multiply0_4_6()
        load7(weights + apart, 64)
        multiply1_4_7()
        load5(operands.lower + at, stride)
        multiply2_5_6()
        multiply3_5_7()
        ahead = operands.ahead + step * operands.share * 64
        for line in range(operands.share):
            prefetch(ahead + line * 64)
        until = min(done + rows, sums.rows)
        for row in range(done, until):
            {{narrowed}}
        done = until
    lower = spare + between * {_ROW_BYTES}
    store0(spare, {_ROW_BYTES})
    store1(spare + 64, {_ROW_BYTES})
    store2(lower, {_ROW_BYTES})
    store3(lower + 64, {_ROW_BYTES})
"""


def _filled(text: str, ops: VectorOps, narrowing: Narrowing) -> Any:
    """Make the function of a text, with accumulators rounded in one way.

    Where a block stands alone, its own factors stand for those of the block beside it, of which nothing is stored.
    """
    reads = ["next = (sums.width - 1) // 16", "low = (1 << min(16, sums.width)) - 1"]
    reads += ["high = (1 << max(0, sums.width - 16)) - 1"]
    narrowed = [f"at, to = spare + row * {_ROW_BYTES}, sums.out + row * sums.row_bytes"]
    for j, mask in enumerate(("low", "high")):
        places = {"at": f"{j} * next * 64", "pair": f"{j} * next * 128"}
        reads += [read.replace("channels.", "sums.channels.").format(j=j, **places) for read in narrowing.reads]
        result = narrowing.result.format(j=j, acc=f"load(at + {j * 64})")
        narrowed.append(f"store_some(to + {16 * j}, {result}, {mask})")
    lines = []
    for line in text.strip().splitlines():
        parts = {"{reads}": reads, "{narrowed}": narrowed}.get(line.strip(), [line.strip()])
        lines += [line[: len(line) - len(line.lstrip())] + part for part in parts]
    return jit_lines(lines, ops, **OPERATIONS)
