"""Operators of two inputs that compute value by value: ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from yamjit.tflite.graph import Activation, Op, Options, Tensor
from yamjit.tflite.node import FLOAT32, INT8, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.windows import check_activation
from yamjit.tflite.schema import table

__all__ = [
    "ADD",
    "DIV",
    "MAXIMUM",
    "MINIMUM",
    "MUL",
    "SQUARED_DIFFERENCE",
    "SUB",
    "AddOptions",
    "DivOptions",
    "MulOptions",
    "SubOptions",
]


@dataclass(frozen=True, slots=True)
class AddOptions(Options):
    """Options of ``ADD``."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class SubOptions(Options):
    """Options of ``SUB``."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class MulOptions(Options):
    """Options of ``MUL``."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class DivOptions(Options):
    """Options of ``DIV``."""

    activation: Activation = Activation.NONE


#: Operators that have int8 arithmetic as well.
_OF_INT8 = frozenset((Op.ADD, Op.SUB, Op.MUL, Op.MAXIMUM, Op.MINIMUM))


def _binary(node: Node) -> Inferred:
    node.check_arity(2)
    first = node.input(0, *((FLOAT32, INT8) if node.operator.op in _OF_INT8 else (FLOAT32,)))
    second = node.input(1, first.dtype)
    node.output(first.dtype)
    if first.dtype == INT8:
        _check_scales(node, first, second)
    left, right = first.shape, second.shape
    rank = max(len(left), len(right))
    shape = []
    for a, b in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True):
        if a != b and 1 not in (a, b):
            raise node.error(f"shapes {left} and {right} do not go together")
        shape.append(max(a, b))
    return Inferred(tuple(shape))


def _check_scales(node: Node, first: Tensor, second: Tensor) -> None:
    """Check the factors of an int8 operator, which TFLite writes as integers."""
    output, op = node.output(INT8), node.operator.op
    if op in (Op.MAXIMUM, Op.MINIMUM):
        node.check_same_quantization(first, output)
        node.check_same_quantization(second, output)
        return
    check_activation(node, getattr(node.operator.options, "activation", Activation.NONE))
    left, right, written = (float(node.activation(tensor).scale[0]) for tensor in (first, second, output))
    if op == Op.MUL:
        node.check_factor(left * right / written, "scale * scale / output scale")
    elif 2 * max(left, right) / (2.0**20 * written) >= 1:
        raise node.error("the output's scale is too small for the sums", output)


def _with(options: type[Options]) -> Callable[[Node], Inferred]:
    """Return the contract of an operator that has options."""

    def contract(node: Node) -> Inferred:
        node.options(options)
        return _binary(node)

    return contract


def _with_options(op: Op, versions: int, code: int, options: type[Options], fields: str = "") -> Record:
    return Record(
        op,
        versions=versions,
        contract=_with(options),
        code=code,
        table=table(options.__name__, f"fused_activation_function:byte; {fields}"),
        options=options,
    )


# What ``pot_scale_int16`` says is of int16 alone.
ADD = _with_options(Op.ADD, 5, 11, AddOptions, "pot_scale_int16:bool=1")
SUB = _with_options(Op.SUB, 5, 28, SubOptions, "pot_scale_int16:bool=1")
MUL = _with_options(Op.MUL, 7, 21, MulOptions)
DIV = _with_options(Op.DIV, 2, 29, DivOptions)
MAXIMUM = Record(Op.MAXIMUM, versions=4, contract=_binary, code=39, table=table("MaximumMinimumOptions"))
MINIMUM = Record(Op.MINIMUM, versions=4, contract=_binary, code=39, table=table("MaximumMinimumOptions"))
SQUARED_DIFFERENCE = Record(
    Op.SQUARED_DIFFERENCE, versions=2, contract=_binary, code=76, table=table("SquaredDifferenceOptions")
)
