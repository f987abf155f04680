"""ADD, SUB, MUL, DIV, MAXIMUM and MINIMUM, with one operand repeated where it is smaller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import FIRST_IS_CONSTANT, SECOND_IS_CONSTANT, Column, StepOp
from yamjit.plan.int8_tables import add_table, extreme_table, mul_table
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, float_clamps, sizes, temporary
from yamjit.plan.quantization import activation_range
from yamjit.tflite.graph import Activation, Op, Tensor
from yamjit.tflite.node import FLOAT32, INT8, Node

__all__ = ["binary", "lookup_two", "repeated"]

#: Values of a constant operand of int8, for each of which there is a table.
_MOST_TABLES = 2**14

_STEPS: Mapping[Op, StepOp] = MappingProxyType(
    {
        Op.ADD: StepOp.ADD,
        Op.SUB: StepOp.SUB,
        Op.SQUARED_DIFFERENCE: StepOp.SUB,
        Op.MUL: StepOp.MUL,
        Op.DIV: StepOp.DIV,
        Op.MAXIMUM: StepOp.MAXIMUM,
        Op.MINIMUM: StepOp.MINIMUM,
    }
)


def binary(node: Node) -> tuple[Step | Alias, ...]:
    """Lower an operator of two inputs.

    The one that the step takes first is a tensor of the output's size; the other is a tensor or a constant, of the
    same size or of one that is repeated. A tensor that is smaller in another way is spread out by a step before. Int8
    values are looked up in a table of all pairs, or in one for each value of a constant.
    """
    left, right = node.input(0, FLOAT32, INT8), node.input(1, FLOAT32, INT8)
    if left.data is not None and right.data is not None:
        raise node.error("two constants are not accepted")
    make = _step if left.dtype == FLOAT32 else _lookup
    shape = node.outputs[0].shape
    if left.data is not None or right.data is not None:
        source, constant = (right, left) if left.data is not None else (left, right)
        position = SECOND_IS_CONSTANT if source is left else FIRST_IS_CONSTANT
        moves, first = _spread(node, source, shape, 0)
        return (*moves, make(node, first, position, repeated(constant, shape)))
    moves, first = _spread(node, left, shape, 0)
    suffix = _suffix(right.shape, shape)
    if math.prod(right.shape) == math.prod(suffix):
        return (*moves, make(node, first, right.index, np.empty(suffix)))
    more, second = _spread(node, right, shape, 1)
    return (*moves, *more, make(node, first, second, np.empty(shape)))


def repeated(constant: Tensor, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return the part of a constant's values that is repeated to fill a shape."""
    suffix = _suffix(constant.shape, shape)
    return np.broadcast_to(np.asarray(constant.data).reshape(constant.shape[-len(suffix) :] or ()), suffix)


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
    return (move(node, numbers, tensor.index, spread, tensor.shape, tensor.dtype),), spread


def _images(node: Node, period: int) -> dict[Column, int]:
    """Return the sizes of a step whose second operand has `period` values."""
    image = (math.prod(node.outputs[0].shape) // period, 1, period)
    return sizes(image, image)


def _step(node: Node, first: int, other: int, values: npt.NDArray[Any]) -> Step:
    """Make the step of float32 values: `other` is a tensor, or says where the constant stands that `values` is."""
    activation = getattr(node.operator.options, "activation", Activation.NONE)
    columns = {**_images(node, values.size), **float_clamps(activation)}
    op, output = _STEPS[node.operator.op], node.operator.outputs[0]
    if other >= 0:
        return Step(op, node.operator, first, output, columns, other=other)
    return Step(op, node.operator, first, output, {**columns, Column.OTHER: other}, {Column.WEIGHTS: values})


def _lookup(node: Node, first: int, other: int, values: npt.NDArray[Any]) -> Step:
    """Make the same of int8 values."""
    table = _table(node)
    if other == FIRST_IS_CONSTANT:
        table = table.T
    return lookup_two(node, first, other, table, values, _images(node, values.size))


def lookup_two(
    node: Node, first: int, other: int, table: npt.NDArray[np.int8], values: npt.NDArray[Any], images: dict[Column, int]
) -> Step:
    """Make the step that looks up pairs of values: of tensor `first` and tensor `other`, or the constant `values`."""
    output = node.operator.outputs[0]
    if other >= 0:
        return Step(StepOp.LOOKUP_TWO, node.operator, first, output, images, {Column.WEIGHTS: table}, other)
    if values.size > _MOST_TABLES:
        raise node.error(f"a constant of {values.size} int8 values is larger than {_MOST_TABLES}")
    tables = table[:, values.reshape(-1).astype(np.int64) + 128].T
    columns = {**images, Column.OTHER: SECOND_IS_CONSTANT}
    return Step(StepOp.LOOKUP_TWO, node.operator, first, output, columns, {Column.WEIGHTS: tables})


def _table(node: Node) -> npt.NDArray[np.int8]:
    """Return what an operator makes of each pair of int8 values."""
    op, output = node.operator.op, node.activation(node.output(INT8))
    if op in (Op.MAXIMUM, Op.MINIMUM):
        return extreme_table(op == Op.MAXIMUM)
    left, right = (node.activation(node.input(position, INT8)) for position in (0, 1))
    bounds = activation_range(getattr(node.operator.options, "activation", Activation.NONE), output)
    if op == Op.MUL:
        return mul_table(left, right, output, bounds)
    return add_table(left, right, output, bounds, 1 if op == Op.ADD else -1)
