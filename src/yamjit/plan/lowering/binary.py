"""ADD, SUB, MUL, DIV, MAXIMUM and MINIMUM of float32, with one operand repeated where it is smaller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from yamjit.kernels.program import FIRST_IS_CONSTANT, SECOND_IS_CONSTANT, Column, StepOp
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, float_clamps, sizes, temporary
from yamjit.tflite.graph import Activation, Op, Tensor
from yamjit.tflite.node import FLOAT32, Node

__all__ = ["binary"]

_STEPS: Mapping[Op, StepOp] = MappingProxyType(
    {
        Op.ADD: StepOp.ADD,
        Op.SUB: StepOp.SUB,
        Op.MUL: StepOp.MUL,
        Op.DIV: StepOp.DIV,
        Op.MAXIMUM: StepOp.MAXIMUM,
        Op.MINIMUM: StepOp.MINIMUM,
    }
)


def binary(node: Node) -> tuple[Step | Alias, ...]:
    """Lower an operator of two inputs.

    The one that the step takes first is a tensor of the output's size; the other is a tensor or a constant, of the
    same size or of one that is repeated. A tensor that is smaller in another way is spread out by a step before.
    """
    left, right = node.input(0, FLOAT32), node.input(1, FLOAT32)
    if left.data is not None and right.data is not None:
        raise node.error("two constants are not accepted")
    shape = node.outputs[0].shape
    if left.data is not None or right.data is not None:
        source, constant = (right, left) if left.data is not None else (left, right)
        position = SECOND_IS_CONSTANT if source is left else FIRST_IS_CONSTANT
        moves, first = _spread(node, source, shape, 0)
        suffix = _suffix(constant.shape, shape)
        values = np.broadcast_to(np.asarray(constant.data).reshape(constant.shape[-len(suffix) :] or ()), suffix)
        columns = {**_columns(node, shape, math.prod(suffix)), Column.OTHER: position}
        return (*moves, _step(node, first, columns, None, values))
    moves, first = _spread(node, left, shape, 0)
    suffix = _suffix(right.shape, shape)
    if math.prod(right.shape) == math.prod(suffix):
        return (*moves, _step(node, first, _columns(node, shape, math.prod(suffix)), right.index, None))
    more, second = _spread(node, right, shape, 1)
    return (*moves, *more, _step(node, first, _columns(node, shape, math.prod(shape)), second, None))


def _suffix(shape: tuple[int, ...], output: tuple[int, ...]) -> tuple[int, ...]:
    """Return the last axes of the output that an operand has values of its own for: at least one, if there are any."""
    aligned = (1,) * (len(output) - len(shape)) + shape
    first = next((axis for axis, size in enumerate(aligned) if size != 1), len(output) - 1)
    return output[max(first, 0) :]


def _spread(node: Node, tensor: Tensor, shape: tuple[int, ...], number: int) -> tuple[tuple[Step | Alias, ...], int]:
    """Return the steps that repeat the values of a tensor to a shape, and the tensor that has it."""
    if math.prod(tensor.shape) == math.prod(shape):
        return (), tensor.index
    numbers = np.broadcast_to(np.arange(math.prod(tensor.shape)).reshape(tensor.shape), shape)
    spread = temporary(node, number)
    return (move(node, numbers, tensor.index, spread, tensor.shape, FLOAT32),), spread


def _columns(node: Node, shape: tuple[int, ...], period: int) -> dict[Column, int]:
    """Return the columns of a step whose second operand has `period` values."""
    image = (math.prod(shape) // period, 1, period)
    activation = getattr(node.operator.options, "activation", Activation.NONE)
    return {**sizes(image, image), **float_clamps(activation)}


def _step(node: Node, first: int, columns: dict[Column, int], second: int | None, constant: np.ndarray | None) -> Step:
    op, output = _STEPS[node.operator.op], node.operator.outputs[0]
    constants = {} if constant is None else {Column.WEIGHTS: constant}
    return Step(op, node.operator, first, output, columns, constants, second)
