"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR: where pixels of the output lie is known beforehand."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import BLEND_SHIFT, Column, StepOp
from yamjit.plan.lowering.chain import Chain
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, image, make_step, sizes
from yamjit.tflite.node import FLOAT32, INT8, Node
from yamjit.tflite.operators.resizing import ResizeOptions

__all__ = ["resize_bilinear", "resize_nearest_neighbor"]

Int64 = npt.NDArray[np.int64]

#: Places after the point that coordinates of int8 images have.
_BITS = BLEND_SHIFT // 2


class _Axis(NamedTuple):
    """Pixels of the input on either side of each pixel of the output, and how far it is from the first of them."""

    before: Int64
    after: Int64
    distance: npt.NDArray[Any]


def resize_nearest_neighbor(node: Node) -> Step | Alias:
    """Lower a RESIZE_NEAREST_NEIGHBOR."""
    source, options = node.input(0, FLOAT32, INT8), node.options(ResizeOptions)
    places = []
    for axis in (1, 2):
        size, count = source.shape[axis], node.outputs[0].shape[axis]
        at = np.arange(count, dtype=np.float32)
        at = (at + np.float32(0.5 if options.half_pixel_centers else 0)) * _scale(options, size, count)
        whole = np.floor(at + np.float32(0.5)) if options.align_corners else np.floor(at)
        places.append(np.clip(whole.astype(np.int64), 0, size - 1))
    numbers = np.arange(math.prod(source.shape)).reshape(source.shape)[:, places[0]][:, :, places[1]]
    return move(node, numbers, source.index, node.operator.outputs[0], source.shape, source.dtype)


def resize_bilinear(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a RESIZE_BILINEAR: four pixels around each of the output, weighed by how near they are."""
    source, options = node.input(0, FLOAT32, INT8), node.options(ResizeOptions)
    if image(node, source) == image(node, node.outputs[0]):
        return (Alias(source.index, node.operator.outputs[0]),)
    find = _real_axis if source.dtype == FLOAT32 else _whole_axis
    rows, columns = (find(options, source.shape[axis], node.outputs[0].shape[axis]) for axis in (1, 2))
    if source.dtype == INT8:
        return _blend(node, rows, columns)
    chain, shape, written = Chain(node), source.shape, node.outputs[0].shape
    numbers, count = np.arange(math.prod(shape)).reshape(shape), math.prod(written)
    one, parts = np.float32(1), []
    corners = (
        (rows.before, one - rows.distance, columns.before, one - columns.distance),
        (rows.after, rows.distance, columns.before, one - columns.distance),
        (rows.before, one - rows.distance, columns.after, columns.distance),
        (rows.after, rows.distance, columns.after, columns.distance),
    )
    for y, down, x, across in corners:
        part = chain.move(source.index, numbers[:, y][:, :, x], shape)
        part = chain.of_two(StepOp.MUL, part, np.broadcast_to(down[:, None, None], written[1:]), count)
        parts.append(chain.of_two(StepOp.MUL, part, np.broadcast_to(across[:, None], written[2:]), count))
    total = parts[0]
    for part in parts[1:]:
        total = chain.of_two(StepOp.ADD, total, part, count)
    return chain.finish()


def _scale(options: ResizeOptions, size: int, count: int) -> np.float32:
    """Return how many pixels of the input there are to one of the output."""
    if options.align_corners and count > 1:
        return np.float32(np.float32(size - 1) / np.float32(count - 1))
    return np.float32(np.float32(size) / np.float32(count))


def _real_axis(options: ResizeOptions, size: int, count: int) -> _Axis:
    at, half = np.arange(count, dtype=np.float32), np.float32(0.5)
    scale = _scale(options, size, count)
    at = (at + half) * scale - half if options.half_pixel_centers else at * scale
    before = np.maximum(np.floor(at).astype(np.int64), 0)
    after = np.minimum(np.ceil(at).astype(np.int64), size - 1)
    return _Axis(before, after, (at - before.astype(np.float32)).astype(np.float32))


def _whole_axis(options: ResizeOptions, size: int, count: int) -> _Axis:
    """Return the same with distances in parts of 1024."""
    unit = 1 << _BITS
    scale = (unit * size + count // 2) // count
    if options.align_corners and count > 1:
        scale = (unit * (size - 1) + (count - 1) // 2) // (count - 1)
    at = np.arange(count) * scale
    if options.half_pixel_centers:
        at += scale // 2 - unit // 2
    before = np.maximum(np.sign(at) * (np.abs(at) // unit), 0)
    after = np.minimum((at + unit - 1) // unit, size - 1)
    return _Axis(before, after, np.where(before == after, 0, at - unit * before))


def _blend(node: Node, rows: _Axis, columns: _Axis) -> Step:
    """Make the step of int8 values: places of four pixels, and their weights."""
    unit, width = 1 << _BITS, node.input(0, INT8).shape[2]
    rest_y, rest_x = unit - rows.distance[:, None], unit - columns.distance
    down, across = rows.distance[:, None], columns.distance
    above, below = rows.before[:, None] * width, rows.after[:, None] * width
    places = (above + columns.before, below + columns.before, above + columns.after, below + columns.after)
    weights = (rest_y * rest_x, down * rest_x, rest_y * across, down * across)
    taps = np.stack([np.stack(places, axis=-1), np.stack(weights, axis=-1)], axis=-2).astype("<i4")
    read, written = image(node, node.input(0, INT8)), image(node, node.output(INT8))
    return make_step(StepOp.BLEND, node, sizes(read, written), {Column.WEIGHTS: taps})
