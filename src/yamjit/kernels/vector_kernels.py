"""The kernels that take almost all of the time, over vectors: matrix products in register tiles, depthwise 3x3.

They take addresses and integers, and handle what `yamjit.kernels.preparation` has packed for them: accumulators of
unsigned inputs (an int8 is seen as a uint8 that is 128 more) that are rounded by one shift and clamped to a byte, or
left as they are for `yamjit.kernels.numba_backend` to finish. The unrolled bodies come from two small generators.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.compilation import jit
from yamjit.kernels.numba_memory import pointer
from yamjit.kernels.packing import BLOCK, CHUNK
from yamjit.kernels.simd import VectorOps

__all__ = ["VectorKernels"]

_TAPS = 9
_QUAD_TAPS = 4


class VectorKernels:
    """The jitted kernels for one target.

    Attributes
    ----------
    pointwise : callable
        ``(x, rows, stride, flip, quads, weights, outputs, multiplier, offset, shift, out, spare)``: rows of int8 at
        `x`, `stride` bytes apart, times packed weights, rounded by one shift, to rows of `outputs` int8 at `out`.
    pointwise_raw : callable
        ``(x, rows, stride, flip, quads, weights, outputs, bias, out)``: the accumulators themselves, started at
        `bias`, to rows of int32 at `out`, each filled up to whole blocks.
    depthwise : callable
        ``(image, row_bytes, output_h, output_w, channels, stride, weights, multiplier, offset, shift, out, spare)``:
        3x3 filters over a padded image of uint8.
    copy_quad : callable
        ``(source, target)``: four bytes.
    copy_row : callable
        ``(source, target, count, flip)``: at least `count` bytes, up to a vector more, with bits turned.
    """

    def __init__(self, ops: VectorOps) -> None:
        self.pointwise = _make_pointwise(ops)
        self.pointwise_raw = _make_pointwise_raw(ops)
        self.depthwise = _make_depthwise(ops)
        self.copy_quad = ops.copy_quad
        self.copy_row = _make_copy_row(ops)


def _compiled(name: str, lines: Sequence[str], names: dict[str, Any]) -> Any:
    """Compile a generated function that uses `names`."""
    namespace = dict(names)
    exec("\n".join(lines), namespace)  # noqa: S102
    return jit(namespace[name])


# -- Matrix products --------------------------------------------------------------------------------------------


def _tile_lines(rows: int, columns: int, lanes: int) -> list[str]:
    """Generate the loop over inputs: `rows` by `columns` accumulators, each one dot product a step."""
    tile = [(r, c) for r in range(rows) for c in range(columns)]
    lines = ["    turned = splat(flip)", "    for k in range(quads):"]
    lines += [f"        w{c} = load(weights + k * 64 + {_block_offset(c, lanes)})" for c in range(columns)]
    for r in range(rows):
        lines.append(f"        u = broadcast(x + {r} * stride + k * 4, turned)")
        lines += [f"        a{r}_{c} = dot(a{r}_{c}, u, w{c})" for c in range(columns)]
    return [f"    a{r}_{c} = zeros()" for r, c in tile] + lines


def _block_offset(column: int, lanes: int) -> str:
    """Return where the weights of a column of vectors lie: a block of 16 channels may hold several."""
    block, part = divmod(column * lanes, BLOCK)
    return f"{block} * quads * 64 + {part * 4}"


def _pair_offset(column: int, lanes: int) -> int:
    """Return where the even channels' numbers of a column of vectors lie, in bytes."""
    block, part = divmod(column * lanes, BLOCK)
    return block * BLOCK * 8 + part // 2 * 8


def _tile_rounded(ops: VectorOps, rows: int, columns: int) -> Any:
    """Make the tile whose accumulators are rounded by one shift and stored as int8."""
    lanes = ops.lanes
    lines = ["def tile(x, stride, flip, quads, weights, multiplier, offset, shift, out, outputs):"]
    lines += _tile_lines(rows, columns, lanes)
    for c in range(columns):
        pair = _pair_offset(c, lanes)
        lines += [
            f"    even, odd = load_wide(multiplier + {pair}), load_wide(multiplier + {pair + BLOCK * 4})",
            f"    even_offset, odd_offset = load_wide(offset + {pair}), load_wide(offset + {pair + BLOCK * 4})",
            f"    by = load(shift + {c * lanes * 4})",
        ]
        for r in range(rows):
            rounded = f"requantize(a{r}_{c}, even, odd, even_offset, odd_offset, by)"
            lines.append(f"    store_saturated(out + {r} * outputs + {c * lanes}, {rounded})")
    names = ("zeros", "splat", "load", "load_wide", "broadcast", "dot", "requantize", "store_saturated")
    return _compiled("tile", lines, {name: getattr(ops, name) for name in names})


def _tile_raw(ops: VectorOps, rows: int, columns: int) -> Any:
    """Make the tile whose accumulators are stored as they are."""
    lanes = ops.lanes
    lines = ["def tile(x, stride, flip, quads, weights, bias, out, row_bytes):"]
    lines += _tile_lines(rows, columns, lanes)
    for c in range(columns):
        lines.append(f"    start = load(bias + {c * lanes * 4})")
        lines += [f"    store(out + {r} * row_bytes + {c * lanes * 4}, add(a{r}_{c}, start))" for r in range(rows)]
    names = ("zeros", "splat", "load", "broadcast", "dot", "add", "store")
    return _compiled("tile", lines, {name: getattr(ops, name) for name in names})


def _make_pointwise(ops: VectorOps) -> Any:
    lanes, high, wide = ops.lanes, ops.target.rows, ops.target.columns * ops.lanes
    half = high // 2
    tile, half_tile, row_tile = (_tile_rounded(ops, rows, ops.target.columns) for rows in (high, half, 1))
    narrow_tile = _tile_rounded(ops, 1, 1)

    @jit
    def block(
        x: int,
        rows: int,
        stride: int,
        flip: int,
        quads: int,
        weights: int,
        multiplier: int,
        offset: int,
        shift: int,
        out: int,
        outputs: int,
    ) -> None:
        row = 0
        while row + high <= rows:
            at = out + row * outputs
            tile(x + row * stride, stride, flip, quads, weights, multiplier, offset, shift, at, outputs)
            row += high
        if row + half <= rows:
            at = out + row * outputs
            half_tile(x + row * stride, stride, flip, quads, weights, multiplier, offset, shift, at, outputs)
            row += half
        while row < rows:
            at = out + row * outputs
            row_tile(x + row * stride, stride, flip, quads, weights, multiplier, offset, shift, at, outputs)
            row += 1

    @jit
    def narrow_block(
        x: int,
        rows: int,
        stride: int,
        flip: int,
        quads: int,
        weights: int,
        multiplier: int,
        offset: int,
        shift: int,
        out: int,
        outputs: int,
        count: int,
        spare: int,
    ) -> None:
        for row in range(rows):
            narrow_tile(x + row * stride, stride, flip, quads, weights, multiplier, offset, shift, spare, 0)
            copy_bytes(spare, out + row * outputs, count)

    copy_bytes = _make_copy()

    @jit
    def pointwise(
        x: int,
        rows: int,
        stride: int,
        flip: int,
        quads: int,
        weights: int,
        outputs: int,
        multiplier: int,
        offset: int,
        shift: int,
        out: int,
        spare: int,
    ) -> None:
        column = 0
        while column + wide <= outputs:
            w = weights + column // BLOCK * quads * 64 + column % BLOCK * 4
            pair = column // BLOCK * BLOCK * 8 + column % BLOCK * 4
            block(
                x,
                rows,
                stride,
                flip,
                quads,
                w,
                multiplier + pair,
                offset + pair,
                shift + column * 4,
                out + column,
                outputs,
            )
            column += wide
        while column < outputs:
            w = weights + column // BLOCK * quads * 64 + column % BLOCK * 4
            pair = column // BLOCK * BLOCK * 8 + column % BLOCK * 4
            count = min(lanes, outputs - column)
            narrow_block(
                x,
                rows,
                stride,
                flip,
                quads,
                w,
                multiplier + pair,
                offset + pair,
                shift + column * 4,
                out + column,
                outputs,
                count,
                spare,
            )
            column += lanes

    return pointwise


def _make_pointwise_raw(ops: VectorOps) -> Any:
    lanes, high = ops.lanes, ops.target.rows
    tile, row_tile = (_tile_raw(ops, rows, 1) for rows in (high, 1))

    @jit
    def pointwise_raw(
        x: int, rows: int, stride: int, flip: int, quads: int, weights: int, outputs: int, bias: int, out: int
    ) -> None:
        row_bytes = (outputs + BLOCK - 1) // BLOCK * BLOCK * 4
        for column in range(0, outputs, lanes):
            w = weights + column // BLOCK * quads * 64 + column % BLOCK * 4
            row = 0
            while row + high <= rows:
                at = out + row * row_bytes + column * 4
                tile(x + row * stride, stride, flip, quads, w, bias + column * 4, at, row_bytes)
                row += high
            while row < rows:
                at = out + row * row_bytes + column * 4
                row_tile(x + row * stride, stride, flip, quads, w, bias + column * 4, at, row_bytes)
                row += 1

    return pointwise_raw


# -- Depthwise convolution --------------------------------------------------------------------------------------


def _make_depthwise(ops: VectorOps) -> Any:
    """Make the depthwise kernel: 64 bytes of output at a time, in parts as wide as four vectors.

    Nine taps of each channel are brought side by side by unpacking, and multiplied and added in three dot products.
    """
    part = 4 * ops.lanes
    line = _depthwise_line(ops)
    copy_bytes = _make_copy()

    @jit
    def depthwise(
        image: int,
        row_bytes: int,
        output_h: int,
        output_w: int,
        channels: int,
        stride: int,
        weights: int,
        multiplier: int,
        offset: int,
        shift: int,
        out: int,
        spare: int,
    ) -> None:
        narrow = channels < CHUNK
        # Fewer channels than a chunk has bytes: a chunk holds several pixels, side by side in image and output.
        pixel, step = (CHUNK, CHUNK) if narrow else (channels * stride, channels)
        for first in range(0, max(channels, CHUNK), part):
            chunk, at = first // CHUNK, first % CHUNK // 4
            w = weights + chunk * 3 * CHUNK * 4 + at * 4
            even = multiplier + chunk * CHUNK * 8 + at // 2 * 8
            more = offset + chunk * CHUNK * 8 + at // 2 * 8
            by = shift + chunk * CHUNK * 4 + at * 4
            left = max(0, output_w * channels - first) if narrow else 0
            count = left // CHUNK if narrow else output_w
            rest = min(part, left - count * CHUNK)
            for oy in range(output_h):
                source = image + oy * stride * row_bytes + first
                target = out + oy * output_w * channels + first
                line(source, row_bytes, channels, pixel, w, even, more, by, target, step, count)
                if narrow and rest > 0:
                    line(source + count * CHUNK, row_bytes, channels, pixel, w, even, more, by, spare, step, 1)
                    copy_bytes(spare, target + count * CHUNK, rest)

    return depthwise


def _depthwise_line(ops: VectorOps) -> Any:
    """Generate the loop along a row: `count` places, `pixel` bytes apart in the image, `step` in the output."""
    lines = [
        "def line(image, row_bytes, tap, pixel, weights, multiplier, offset, shift, out, step, count):",
    ]
    for j in range(4):
        pair = j * BLOCK * 8
        lines += [f"    w{q}{j} = load(weights + {q * CHUNK * 4 + j * BLOCK * 4})" for q in range(3)]
        lines += [
            f"    e{j}, o{j} = load_wide(multiplier + {pair}), load_wide(multiplier + {pair + BLOCK * 4})",
            f"    eo{j}, oo{j} = load_wide(offset + {pair}), load_wide(offset + {pair + BLOCK * 4})",
            f"    s{j} = load(shift + {j * BLOCK * 4})",
        ]
    lines.append("    for place in range(count):")
    lines.append("        at = image + place * pixel")
    for t in range(_TAPS):
        lines.append(f"        t{t} = load_bytes(at + {t // 3} * row_bytes + {t % 3} * tap)")
    lines += ["        t9 = t8", "        t10 = t8", "        t11 = t8"]
    for j in range(4):
        taps = [", ".join(f"t{_QUAD_TAPS * q + i}" for i in range(_QUAD_TAPS)) for q in range(3)]
        acc = "zeros()"
        for q in range(3):
            acc = f"dot({acc}, quad{j}({taps[q]}), w{q}{j})"
        lines.append(f"        r{j} = requantize({acc}, e{j}, o{j}, eo{j}, oo{j}, s{j})")
    lines.append("        store_quads(out + place * step, r0, r1, r2, r3)")
    names = ("zeros", "load", "load_wide", "load_bytes", "dot", "requantize", "store_quads")
    quads = {f"quad{j}": quad for j, quad in enumerate(ops.quads)}
    return _compiled("line", lines, {**{name: getattr(ops, name) for name in names}, **quads})


def _make_copy_row(ops: VectorOps) -> Any:
    splat, copy_bytes, size = ops.splat, ops.copy_bytes, 4 * ops.lanes

    @jit
    def copy_row(source: int, target: int, count: int, flip: int) -> None:
        turned = splat(flip)
        for at in range(0, count, size):
            copy_bytes(source + at, target + at, turned)

    return copy_row


def _make_copy() -> Any:
    @jit
    def copy_bytes(source: int, target: int, count: int) -> None:
        a = carray(pointer(source), count, np.int8)
        b = carray(pointer(target), count, np.int8)
        for i in range(count):
            b[i] = a[i]

    return copy_bytes
