"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from yamjit.kernels.program import Column, Rounding, StepOp
from yamjit.plan.lowering.chain import Chain
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, clamps, requantization, sizes, temporary
from yamjit.plan.quantization import mean_multipliers
from yamjit.tflite.graph import Op
from yamjit.tflite.node import FLOAT32, INT8, Node

__all__ = ["extreme", "mean", "total"]


class _Reduction(NamedTuple):
    """A tensor [shape=(outer, between, inner)] whose middle axis goes, and the step that gives it this order."""

    moves: tuple[Step | Alias, ...]
    source: int
    outer: int
    between: int
    inner: int


def mean(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a MEAN over any axes."""
    source, output = node.input(0, INT8, FLOAT32), node.output(INT8, FLOAT32)
    if source.dtype == FLOAT32:
        moves, read, outer, count, inner = _reduction(node)
        columns = sizes((outer, count, inner), (outer, 1, inner))
        return (*moves, Step(StepOp.MEAN_F32, node.operator, read, node.operator.outputs[0], columns))
    moves, read, _, count, channels = _reduction(node, outermost=True)
    quantized, result = node.activation(source), node.activation(output)
    multipliers = mean_multipliers(float(quantized.scale[0]) / float(result.scale[0]), count)
    bias = np.full(channels, -int(quantized.zero_point[0]) * count, np.int64)
    bound = np.full(channels, 256 * count, np.int64)
    columns = {
        **sizes((1, count, channels), (1, 1, channels)),
        **clamps(-128, 127, result),
        Column.ROUNDING: Rounding.TWICE,
    }
    constants = requantization(node, bias, bound, multipliers, Rounding.TWICE)
    return (*moves, Step(StepOp.MEAN, node.operator, read, node.operator.outputs[0], columns, constants))


def total(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a SUM of float32 values: products with ones."""
    moves, read, outer, count, inner = _reduction(node)
    chain = Chain(node, moves)
    if inner > 1:
        numbers = np.arange(outer * count * inner).reshape(outer, count, inner)
        read = chain.move(read, numbers.transpose(0, 2, 1), numbers.shape)
    chain.sum(read, outer * inner, count)
    return chain.finish()


def extreme(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a REDUCE_MAX, or a REDUCE_MIN of float32: the least is the greatest with the other sign."""
    moves, read, outer, count, inner = _reduction(node)
    chain, is_int8 = Chain(node, moves), node.input(0, INT8, FLOAT32).dtype == INT8
    if node.operator.op == Op.REDUCE_MAX:
        chain.greatest(read, outer, count, inner, StepOp.MAX_POOL if is_int8 else StepOp.MAX_POOL_F32)
        return chain.finish()
    if is_int8:
        raise node.error("float32 values are accepted", node.inputs[0])
    minus = np.array([-1], np.float32)
    turned = chain.of_two(StepOp.MUL, read, minus, outer * count * inner)
    greatest = chain.greatest(turned, outer, count, inner)
    chain.of_two(StepOp.MUL, greatest, minus, outer * inner)
    return chain.finish()


def _reduction(node: Node, *, outermost: bool = False) -> _Reduction:
    """Return what is reduced: axes that are not next to each other, or not the first where that is asked, are moved."""
    source = node.input(0, INT8, FLOAT32)
    shape, rank = source.shape, len(source.shape)
    axes = sorted(node.axis(axis, rank) for axis in node.integers(1, scalar=True))
    first, after = (axes[0], axes[-1] + 1) if axes else (rank, rank)
    apart = bool(axes) and axes != list(range(first, after))
    if not apart and not (outermost and math.prod(shape[:first]) > 1):
        return _Reduction(
            (), source.index, *(math.prod(part) for part in (shape[:first], shape[first:after], shape[after:]))
        )
    kept = [axis for axis in range(rank) if axis not in axes]
    order = [*axes, *kept] if outermost else [*kept, *axes]
    numbers = np.arange(math.prod(shape)).reshape(shape).transpose(order)
    moved = temporary(node, 0)
    count, others = math.prod(shape[axis] for axis in axes), math.prod(shape[axis] for axis in kept)
    step = move(node, numbers, source.index, moved, shape, source.dtype)
    return _Reduction((step,), moved, *((1, count, others) if outermost else (others, count, 1)))
