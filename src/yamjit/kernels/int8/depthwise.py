"""Depthwise 3x3 convolution over vectors.

Four rows of a column of the image are brought side by side by unpacking bytes and pairs: one quad a channel. A dot
product of it with three weights and a zero is a column of a filter; three columns are one result. The same quads serve
two output rows, whose weights have the zero below or above, and, along the row, up to three results.

A chunk is 64 bytes of a row: 64 channels of one column, or, where there are fewer channels, several columns side by
side in an image that has its border. Without one, a column or row outside the image is read from 64 bytes of border.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from yamjit.kernels.int8.generated import BY_REALS, BY_SHIFT, Narrowing, jit_lines
from yamjit.kernels.int8.matmul import columns_from, copy_bytes, make_is_proven
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.prepared.packing import BLOCK, CHUNK, DEPTHWISE_CHUNK_BYTES
from yamjit.kernels.prepared.table import Channels
from yamjit.kernels.vectors.ops import VectorOps

__all__ = ["Destination", "Image", "make_depthwise"]

_COLUMNS = 3

#: The address of a column of a row: in an image that has its border, and in one without, where it may lie outside.
_INSIDE, _ANYWHERE = "strip.row{row} + ({column}) * strip.step", "column(strip.row{row}, {column}, strip)"

#: Bytes of scratch memory that unwanted results are written to.
_UNWANTED = 2 * CHUNK


class Image(NamedTuple):
    """An image of int8 and how filters walk over it, with `top` rows and `left` columns of border before it."""

    #: Address.
    x: int
    height: int
    width: int
    channels: int
    #: 1 or 2, in both directions.
    stride: int
    top: int
    left: int
    #: Address of a row of border.
    border: int
    #: Bits to turn in each quad of bytes.
    flip: int


class _Strip(NamedTuple):
    """Four rows of an image, by the addresses of their column 0, and how results lie along them."""

    row0: int
    row1: int
    row2: int
    row3: int
    #: Address of what stands for a column outside.
    border: int
    #: Bytes from column to column.
    step: int
    #: Columns.
    width: int
    #: Columns from result to result.
    pace: int
    flip: int


class Destination(NamedTuple):
    """Where results go: `pixel` bytes from one to the next along a row, with the bits of `flip` turned."""

    out: int
    pixel: int
    flip: int


class _Results(NamedTuple):
    """Where results of a row go, `step` bytes apart."""

    out: int
    step: int


def make_depthwise(ops: VectorOps) -> Any:
    """Make ``depthwise(image, channels, start, stop, width, destination, spare)``: output rows from `start` to `stop`.

    The channels of `image` are a multiple of 64; or they divide 64, the stride is 1, the image has its border, and
    pixels of the output lie side by side. `width` is the output's, `spare` is scratch memory.
    """
    wide, wide_steps = _make_wide(ops, rows=2, fresh=1), _make_wide(ops, rows=1, fresh=2)
    very_narrow = _make_narrow(ops, fresh=3)
    narrow = very_narrow if ops.target.is_sent else _make_narrow(ops, fresh=2)

    @jit
    def depthwise(
        image: Image, channels: Channels, start: int, stop: int, width: int, destination: Destination, spare: int
    ) -> None:
        if image.channels >= CHUNK:
            if image.stride == 1:
                wide(image, channels, start, stop, width, destination, spare)
            else:
                wide_steps(image, channels, start, stop, width, destination, spare)
        elif image.channels * 2 == CHUNK:
            narrow(image, channels, start, stop, width, destination, spare)
        else:
            very_narrow(image, channels, start, stop, width, destination, spare)

    return depthwise


def _make_wide(ops: VectorOps, rows: int, fresh: int) -> Any:
    """Make the kernel for whole chunks of channels: `rows` output rows at a time, `fresh` new columns a result."""
    part, part_of = _part_bytes(ops), _make_part(ops, rows)
    line = _make_lines(ops, rows, fresh, _ANYWHERE)

    @jit
    def wide(
        image: Image, channels: Channels, start: int, stop: int, width: int, destination: Destination, spare: int
    ) -> None:
        step, pixel = image.channels, destination.pixel
        for first in range(0, step, part):
            here = part_of(channels, first, spare + _UNWANTED)
            for oy in range(start, stop, rows):
                y = oy * image.stride - image.top
                strip = _Strip(
                    _row(image, y) + first,
                    _row(image, y + 1) + first,
                    _row(image, y + 2) + first,
                    _row(image, y + 3) + first,
                    image.border,
                    step,
                    image.width,
                    image.stride,
                    image.flip,
                )
                at = destination.out + (oy - start) * width * pixel + first
                second = _Results(at + width * pixel, pixel) if oy + 1 < stop else _Results(spare, 0)
                line(strip, -image.left, here, width, _Results(at, pixel), second, destination.flip)

    return wide


def _make_narrow(ops: VectorOps, fresh: int) -> Any:
    """Make the kernel for several columns in a chunk: two output rows at a time, from an image with its border."""
    part, part_of = _part_bytes(ops), _make_part(ops, rows=2)
    line = _make_lines(ops, 2, fresh, _INSIDE)
    # Numba would compile the line once more for an argument that is written as a number.
    zero, one = np.int64(0), np.int64(1)

    @jit
    def narrow(
        image: Image, channels: Channels, start: int, stop: int, width: int, destination: Destination, spare: int
    ) -> None:
        row_bytes, row_out, pace = image.width * image.channels, width * image.channels, CHUNK // image.channels
        count = row_out // CHUNK
        for first in range(0, CHUNK, part):
            chunk = part_of(channels, first, spare + _UNWANTED)
            rest = min(part, row_out - count * CHUNK - first)
            for oy in range(start, stop, 2):
                at = image.x + oy * row_bytes + first
                below = min(3, image.height - 1 - oy) * row_bytes
                strip = _Strip(
                    at,
                    at + row_bytes,
                    at + 2 * row_bytes,
                    at + below,
                    image.border,
                    image.channels,
                    image.width,
                    pace,
                    image.flip,
                )
                out = destination.out + (oy - start) * row_out + first
                more = oy + 1 < stop
                second = _Results(out + row_out, CHUNK) if more else _Results(spare, 0)
                line(strip, zero, chunk, count, _Results(out, CHUNK), second, destination.flip)
                if rest > 0:
                    end = count * CHUNK
                    line(
                        strip,
                        count * pace,
                        chunk,
                        one,
                        _Results(spare, 0),
                        _Results(spare + CHUNK, 0),
                        destination.flip,
                    )
                    copy_bytes(spare, out + end, rest)
                    if more:
                        copy_bytes(spare + CHUNK, out + row_out + end, rest)

    return narrow


@jit
def _row(image: Image, y: int) -> int:
    """Return the address of a row, which may lie outside."""
    return image.x + y * image.width * image.channels if 0 <= y < image.height else image.border


def _part_bytes(ops: VectorOps) -> int:
    """Return how many channels are filtered at a time, a byte each."""
    return len(ops.quads) * ops.lanes


def _make_part(ops: VectorOps, rows: int) -> Any:
    """Make ``part_of(channels, first, spare)``: the channels from byte `first` of a pixel on, for `rows` output rows.

    Weights that operations take as words are widened once for all results, to `spare`.
    """
    lanes, size, quads, taps = ops.lanes, ops.filter_bytes, len(ops.quads), rows * _COLUMNS
    widen = ops.widen_filter

    @jit
    def part_of(channels: Channels, first: int, spare: int) -> Channels:
        chunk, quad = first // CHUNK, first // lanes % 4
        place = quad * BLOCK + first % CHUNK // (4 * lanes) * lanes
        weights = channels.weights + chunk * DEPTHWISE_CHUNK_BYTES + place * 4
        if widen is not None:
            for tap in range(taps):
                for j in range(quads):
                    widen(weights + (tap * CHUNK + j * BLOCK) * 4, spare + (tap * quads + j) * size)
            weights = spare
        here = columns_from(channels, chunk * CHUNK + place, 0)
        return Channels(
            weights, here.bias, here.multiplier, here.offset, here.shift, here.scale, here.real_offset, here.proven
        )

    return part_of


@jit
def _column(row: int, column: int, strip: _Strip) -> int:
    """Return the address of a column of a row, which may lie outside."""
    return row + column * strip.step if 0 <= column < strip.width else strip.border


# -- The loop along a row ---------------------------------------------------------------------------------------


def _make_lines(ops: VectorOps, rows: int, fresh: int, address: str) -> Any:
    """Make ``line(strip, first, channels, count, results0, results1, flip)``: `count` results along `rows` rows.

    The first result's leftmost column is `first`; `address` is that of a column. Of the three columns of a result,
    `fresh` are read; the others are those of the result before it. Results are stored with the bits of `flip` turned.
    """
    by_shift = _generate_line(ops, rows, fresh, address, BY_SHIFT)
    if not ops.target.rounds_in_float32:
        return by_shift
    real, is_proven = _generate_line(ops, rows, fresh, address, BY_REALS), make_is_proven(ops.target)

    @jit
    def line(
        strip: _Strip, first: int, channels: Channels, count: int, results0: _Results, results1: _Results, flip: int
    ) -> None:
        if is_proven(channels, BLOCK):
            real(strip, first, channels, count, results0, results1, flip)
        else:
            by_shift(strip, first, channels, count, results0, results1, flip)

    return line


def _generate_line(ops: VectorOps, rows: int, fresh: int, address: str, narrowing: Narrowing) -> Any:
    kept, quads = _COLUMNS - fresh, range(len(ops.quads))
    lines = ["def line(strip, first, channels, count, results0, results1, flip):"]
    lines += ["    own_frame()", "    turned, turned_back = splat(strip.flip), splat(flip)"]
    for j in quads:
        at = j * BLOCK * 4
        lines.append(f"    bias{j} = load(channels.bias + {at})")
        lines += [f"    {read.format(j=j, at=at, pair=2 * at)}" for read in narrowing.reads]
    for column in range(kept):
        lines += _column_lines(ops, "    ", column, f"first + {column}", rows, address)
    lines.append("    for place in range(count):")
    lines.append("        at = first + place * strip.pace")
    for column in range(kept, _COLUMNS):
        lines += _column_lines(ops, "        ", column, f"at + {column}", rows, address)
    for row in range(rows):
        for j in quads:
            acc = f"started(bias{j})"
            for column in range(_COLUMNS):
                number = (row * _COLUMNS + column) * len(quads) + j
                weights = f"load_weights(channels.weights + {number * ops.filter_bytes})"
                acc = f"dot({acc}, c{column}_{j}, {weights})"
            result = narrowing.result.format(j=j, acc=f"total({acc})")
            lines.append(f"        r{j} = {result}")
        results = ", ".join(f"r{j}" for j in quads)
        lines.append(f"        store_quads(results{row}.out + place * results{row}.step, turned_back, {results})")
    lines += [f"        c{column}_{j} = c{column + fresh}_{j}" for column in range(kept) for j in quads]
    return jit_lines(lines, ops, column=_column, **{f"quad{j}": quad for j, quad in enumerate(ops.quads)})


def _column_lines(ops: VectorOps, indent: str, name: int, column: str, rows: int, address: str) -> list[str]:
    """Generate the reading of a column: its quads. For one output row, the fourth row is not needed."""
    lines = [f"t{row} = load_bytes({address.format(row=row, column=column)}, turned)" for row in range(rows + 2)]
    lines += [f"t{row} = t2" for row in range(rows + 2, 4)]
    lines += [f"c{name}_{j} = quad{j}(t0, t1, t2, t3)" for j in range(len(ops.quads))]
    return [indent + line for line in lines]
