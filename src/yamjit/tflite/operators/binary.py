"""Operators of two inputs that compute value by value: ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from yamjit.tflite.graph import Activation, Op, Options
from yamjit.tflite.node import FLOAT32, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = ["ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "SUB", "AddOptions", "DivOptions", "MulOptions", "SubOptions"]


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


def _binary(node: Node) -> Inferred:
    node.check_arity(2)
    node.output(FLOAT32)
    left, right = node.input(0, FLOAT32).shape, node.input(1, FLOAT32).shape
    rank = max(len(left), len(right))
    shape = []
    for a, b in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True):
        if a != b and 1 not in (a, b):
            raise node.error(f"shapes {left} and {right} do not go together")
        shape.append(max(a, b))
    return Inferred(tuple(shape))


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
