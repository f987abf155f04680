"""Depthwise convolutions of float32 over vectors of channels: one of them at a time, with a border of zeros.

Pixels lie far from each other, often a power of two, so that the cache would hold few of them where they are.
A product with such a zero adds nothing to a sum that began with 0, or with a bias other than -0: it is added too.
"""

from __future__ import annotations

from itertools import product
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

#: Output positions that are summed side by side: each sum waits for the one before it.
_BESIDE = 2


def make_float_depthwise(ops: VectorOps) -> Any:
    """Make ``depthwise(s, channels, x, image, out)``: a step that suits, see `yamjit.kernels.prepared.uses`.

    `image` is memory for a vector of channels of the image with its border; weights are those of the program,
    [shape=(9, channels)]. The last vector of channels is moved back over those that are done, which get the same values
    once more.
    """
    filter_channels, lanes, size, reals = _filter(ops), ops.lanes, 4 * ops.lanes, RealOps(ops.target)
    load, spread, store, same = reals.load_floats, reals.broadcast_float, reals.store_floats, reals.same_floats

    @jit
    def depthwise(s: Any, channels: FloatChannels, x: int, image: int, out: int) -> None:
        outputs, each = s[Column.OUTPUT_C], s[Column.OUTPUT_C] // s[Column.INPUT_C]
        bottom = (s[Column.OUTPUT_H] - 1) * s[Column.STRIDE_H] + s[Column.KERNEL_H]
        right = (s[Column.OUTPUT_W] - 1) * s[Column.STRIDE_W] + s[Column.KERNEL_W]
        height, top = max(bottom, s[Column.PAD_TOP] + s[Column.INPUT_H]), s[Column.PAD_TOP]
        row_bytes = size * max(right, s[Column.PAD_LEFT] + s[Column.INPUT_W])
        clear(image, height * row_bytes)
        inside = image + top * row_bytes + s[Column.PAD_LEFT] * size
        start = 0
        while start < outputs:
            start = min(start, outputs - lanes)
            weights, bias = channels.weights + 4 * start, channels.bias + 4 * start
            here = FloatChannels(weights, bias, channels.low, channels.high)
            bring(s, x + 4 * (start // each), each > 1, inside, row_bytes)
            filter_channels(s, here, image, row_bytes, out + 4 * start, 4 * outputs)
            start += lanes

    @jit
    def bring(s: Any, x: int, is_shared: bool, target: int, row_bytes: int) -> None:
        """Copy a vector of channels of each pixel; a channel that they share to all of them."""
        width, pixel = s[Column.INPUT_W], 4 * s[Column.INPUT_C]
        for y in range(s[Column.INPUT_H]):
            row, at = target + y * row_bytes, x + y * width * pixel
            if is_shared:
                for ix in range(width):
                    store(row + ix * size, spread(at + ix * pixel))
            else:
                for ix in range(width):
                    store(row + ix * size, load(at + ix * pixel))

    @jit
    def clear(target: int, count: int) -> None:
        for place in range(0, count, size):
            store(target + place, same(_ZERO))

    return depthwise


def _filter(ops: VectorOps) -> Any:
    """Make the filter of 3 by 3 for a vector of channels of an image, whose weights stay in registers.

    The last positions of a row are moved back over those that are done; fewer than are summed side by side are summed
    one by one.
    """
    size = 4 * ops.lanes
    lines = ["def filter_channels(s, channels, image, row_bytes, out, pixel):", "    own_frame()"]
    lines += [f"    w{tap} = load_floats(channels.weights + {tap} * pixel)" for tap in range(9)]
    lines += ["    bias = load_floats(channels.bias)"]
    lines += ["    start, end = same_floats(ZERO), bias"]
    lines += ["    if s[OP] == FROM_BIAS:", "        start, end = bias, same_floats(ZERO)"]
    lines += ["    low, high = same_floats(channels.low), same_floats(channels.high)"]
    lines += [f"    across, positions = s[STRIDE_W] * {size}, s[OUTPUT_W]"]
    lines += ["    for oy in range(s[OUTPUT_H]):"]
    lines += ["        row0, ox = image + oy * s[STRIDE_H] * row_bytes, 0"]
    for beside in (_BESIDE, 1):
        lines += [f"        while ox < positions and positions >= {beside}:"]
        lines += [f"            begin = min(ox, positions - {beside})"]
        lines += ["            at0 = row0 + begin * across"]
        lines += [f"            at{ky} = at{ky - 1} + row_bytes" for ky in (1, 2)]
        lines += [f"            total{j} = start" for j in range(beside)]
        for tap, j in product(range(9), range(beside)):
            seen = f"load_floats(at{tap // 3} + {tap % 3 * size} + {j} * across)"
            lines += [f"            total{j} = plus(total{j}, times({seen}, w{tap}))"]
        for j in range(beside):
            lines += [f"            store_floats(out + (begin + {j}) * pixel, within(plus(total{j}, end), low, high))"]
        lines += [f"            ox = begin + {beside}"]
    lines += ["        out += positions * pixel"]
    reals = RealOps(ops.target)
    names = ("load_floats", "store_floats", "same_floats", "times", "plus", "within")
    columns = {name: int(Column[name]) for name in ("OP", "STRIDE_H", "STRIDE_W", "OUTPUT_H", "OUTPUT_W")}
    columns["FROM_BIAS"] = int(VectorOp.DEPTHWISE_FROM_BIAS)
    return jit_lines(lines, ops, ZERO=_ZERO, **columns, **{name: getattr(reals, name) for name in names})
