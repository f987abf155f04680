"""Operators of one input that compute value by value, and SOFTMAX, which does so along the last axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

from yamjit.tflite.graph import Op, Options
from yamjit.tflite.node import FLOAT32, INT8, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = [
    "DEQUANTIZE",
    "EXP",
    "LOG",
    "LOGISTIC",
    "QUANTIZE",
    "RELU",
    "RELU6",
    "RELU_0_TO_1",
    "RELU_N1_TO_1",
    "RSQRT",
    "SOFTMAX",
    "SQRT",
    "TANH",
    "SoftmaxOptions",
]

#: LOGISTIC's fixed-point input has 4 integer bits of 16.
_LOGISTIC_STEPS = 2.0**11


@dataclass(frozen=True, slots=True)
class SoftmaxOptions(Options):
    """Options of ``SOFTMAX``: the factor of its input."""

    beta: float = 1.0


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
    source = node.input(0, INT8, FLOAT32)
    output = node.output(source.dtype)
    if source.dtype == FLOAT32:
        return Inferred(source.shape)
    quantization = node.activation(output)
    if quantization.scale[0] != 1 / 256 or quantization.zero_point[0] != -128:
        raise node.error("scale and zero point should be 1/256 and -128", output)
    node.check_factor(float(node.activation(source).scale[0]) * _LOGISTIC_STEPS, "input scale * 2^11")
    return Inferred(source.shape)


def _unary(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    return Inferred(node.input(0, FLOAT32).shape)


def _softmax(node: Node) -> Inferred:
    inferred, source = _unary(node), node.input(0, FLOAT32)
    if not source.shape:
        raise node.error("a scalar has no axis to go along", source)
    beta = node.options(SoftmaxOptions).beta
    if not 0 < beta < math.inf:
        raise node.error(f"beta {beta} should be a finite number > 0")
    return inferred


QUANTIZE = Record(Op.QUANTIZE, versions=3, contract=_quantize, code=89, table=table("QuantizeOptions"))

DEQUANTIZE = Record(Op.DEQUANTIZE, versions=6, contract=_dequantize, code=38, table=table("DequantizeOptions"))

LOGISTIC = Record(Op.LOGISTIC, versions=3, contract=_logistic)

SOFTMAX = Record(
    Op.SOFTMAX,
    versions=3,
    contract=_softmax,
    code=9,
    table=table("SoftmaxOptions", "beta:float"),
    options=SoftmaxOptions,
)

LOG = Record(Op.LOG, versions=2, contract=_unary)
EXP = Record(Op.EXP, versions=2, contract=_unary, code=33, table=table("ExpOptions"))
SQRT = Record(Op.SQRT, versions=1, contract=_unary)
RSQRT = Record(Op.RSQRT, versions=3, contract=_unary)
TANH = Record(Op.TANH, versions=3, contract=_unary)
RELU = Record(Op.RELU, versions=3, contract=_unary)
RELU6 = Record(Op.RELU6, versions=3, contract=_unary)
RELU_N1_TO_1 = Record(Op.RELU_N1_TO_1, versions=1, contract=_unary)
RELU_0_TO_1 = Record(Op.RELU_0_TO_1, versions=1, contract=_unary)
