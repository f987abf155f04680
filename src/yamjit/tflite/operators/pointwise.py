"""Operators that compute value by value: QUANTIZE, DEQUANTIZE, LOGISTIC, MUL, LOG."""

from __future__ import annotations

from dataclasses import dataclass

from yamjit.tflite.graph import Activation, Op, Options
from yamjit.tflite.node import FLOAT32, INT8, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = ["DEQUANTIZE", "LOG", "LOGISTIC", "MUL", "QUANTIZE", "MulOptions"]

#: LOGISTIC's fixed-point input has 4 integer bits of 16.
_LOGISTIC_STEPS = 2.0**11


@dataclass(frozen=True, slots=True)
class MulOptions(Options):
    """Options of ``MUL``."""

    activation: Activation = Activation.NONE


def _quantize(node: Node) -> Inferred:
    node.check_arity(1)
    node.activation(node.output(INT8))
    return Inferred(node.input(0, FLOAT32).shape)


def _dequantize(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    source = node.input(0, INT8)
    node.activation(source)
    return Inferred(source.shape)


def _logistic(node: Node) -> Inferred:
    node.check_arity(1)
    source, output = node.input(0, INT8), node.output(INT8)
    quantization = node.activation(output)
    if quantization.scale[0] != 1 / 256 or quantization.zero_point[0] != -128:
        raise node.error("scale and zero point should be 1/256 and -128", output)
    node.check_factor(float(node.activation(source).scale[0]) * _LOGISTIC_STEPS, "input scale * 2^11")
    return Inferred(source.shape)


def _mul(node: Node) -> Inferred:
    node.check_arity(2)
    node.options(MulOptions)
    node.output(FLOAT32)
    left, right = node.input(0, FLOAT32).shape, node.input(1, FLOAT32).shape
    rank = max(len(left), len(right))
    shape = []
    for a, b in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True):
        if a != b and 1 not in (a, b):
            raise node.error(f"shapes {left} and {right} do not go together")
        shape.append(max(a, b))
    return Inferred(tuple(shape))


def _log(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    return Inferred(node.input(0, FLOAT32).shape)


QUANTIZE = Record(Op.QUANTIZE, versions=3, contract=_quantize, code=89, table=table("QuantizeOptions"))

DEQUANTIZE = Record(Op.DEQUANTIZE, versions=6, contract=_dequantize, code=38, table=table("DequantizeOptions"))

LOGISTIC = Record(Op.LOGISTIC, versions=3, contract=_logistic)

MUL = Record(
    Op.MUL,
    versions=7,
    contract=_mul,
    code=21,
    table=table("MulOptions", "fused_activation_function:byte"),
    options=MulOptions,
)

LOG = Record(Op.LOG, versions=2, contract=_log)
