"""Operators of one input that compute value by value, and those that go along the last axis, as SOFTMAX does."""

from __future__ import annotations

import math
from dataclasses import dataclass

from yamjit.tflite.graph import Activation, Op, Options
from yamjit.tflite.node import FLOAT32, INT8, Inferred, Node
from yamjit.tflite.operators.activations import check_rescaling
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = [
    "ABS",
    "DEQUANTIZE",
    "EXP",
    "L2_NORMALIZATION",
    "LOG",
    "LOGISTIC",
    "LOG_SOFTMAX",
    "NEG",
    "QUANTIZE",
    "RSQRT",
    "SOFTMAX",
    "SQRT",
    "SQUARE",
    "TANH",
    "L2NormOptions",
    "SoftmaxOptions",
]

#: LOGISTIC's fixed-point input has 4 integer bits of 16.
_LOGISTIC_STEPS = 2.0**11

#: Least step of the exponents of SOFTMAX of int8, whose fractions have 26 bits.
_LEAST_EXPONENT = 2.0**-26
#: Exponentials that SOFTMAX of int8 adds up in 12 integer bits.
_MOST_PROBABILITIES = 2**12 - 1


@dataclass(frozen=True, slots=True)
class SoftmaxOptions(Options):
    """Options of ``SOFTMAX``: the factor of its input."""

    beta: float = 1.0


@dataclass(frozen=True, slots=True)
class L2NormOptions(Options):
    """Options of ``L2_NORMALIZATION``."""

    activation: Activation = Activation.NONE


def _quantize(node: Node) -> Inferred:
    node.check_arity(1)
    node.activation(node.output(INT8))
    if node.input(0, FLOAT32, INT8).dtype == INT8:
        return check_rescaling(node)
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
    node.output(source.dtype)
    if source.dtype == FLOAT32:
        return Inferred(source.shape)
    _check_quantization(node, 256, -128)
    node.check_factor(float(node.activation(source).scale[0]) * _LOGISTIC_STEPS, "input scale * 2^11")
    return Inferred(source.shape)


def _tanh(node: Node) -> Inferred:
    node.check_arity(1)
    source = node.input(0, FLOAT32, INT8)
    if node.output(source.dtype).dtype == INT8:
        node.activation(source)
        _check_quantization(node, 128, 0)
    return Inferred(source.shape)


def _check_quantization(node: Node, steps: int, zero_point: int) -> None:
    """Check scale and zero point of an int8 output that has only one choice of them."""
    output = node.output(INT8)
    quantization = node.activation(output)
    if quantization.scale[0] != 1 / steps or quantization.zero_point[0] != zero_point:
        raise node.error(f"scale and zero point should be 1/{steps} and {zero_point}", output)


def _unary(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    return Inferred(node.input(0, FLOAT32).shape)


def _function(node: Node) -> Inferred:
    node.check_arity(1)
    source = node.input(0, FLOAT32, INT8)
    output = node.output(source.dtype)
    if source.dtype == INT8:
        node.activation(source)
        node.activation(output)
    return Inferred(source.shape)


def _last_axis(node: Node) -> Inferred:
    inferred = _unary(node)
    if not inferred.shape:
        raise node.error("a scalar has no axis to go along", node.inputs[0])
    return inferred


def _l2_normalization(node: Node) -> Inferred:
    if node.options(L2NormOptions).activation != Activation.NONE:
        raise node.error("a fused activation is not supported")
    return _last_axis(node)


def _softmax(node: Node) -> Inferred:
    node.check_arity(1)
    source = node.input(0, FLOAT32, INT8)
    if node.output(source.dtype).dtype == INT8:
        node.activation(source)
        _check_quantization(node, 256, -128)
        if source.shape and source.shape[-1] > _MOST_PROBABILITIES:
            raise node.error(f"a sum of {source.shape[-1]} exponentials can overflow int32", source)
    if not source.shape:
        raise node.error("a scalar has no axis to go along", source)
    beta = node.options(SoftmaxOptions).beta
    if not 0 < beta < math.inf:
        raise node.error(f"beta {beta} should be a finite number > 0")
    if source.dtype == INT8 and float(node.activation(source).scale[0]) * beta <= _LEAST_EXPONENT:
        raise node.error("input scale * beta should be above 2^-26", source)
    return Inferred(source.shape)


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

LOG_SOFTMAX = Record(Op.LOG_SOFTMAX, versions=1, contract=_last_axis, code=36, table=table("LogSoftmaxOptions"))

L2_NORMALIZATION = Record(
    Op.L2_NORMALIZATION,
    versions=1,
    contract=_l2_normalization,
    code=12,
    table=table("L2NormOptions", "fused_activation_function:byte"),
    options=L2NormOptions,
)

LOG = Record(Op.LOG, versions=2, contract=_function)
EXP = Record(Op.EXP, versions=2, contract=_function, code=33, table=table("ExpOptions"))
SQRT = Record(Op.SQRT, versions=1, contract=_unary)
NEG = Record(Op.NEG, versions=1, contract=_unary, code=42, table=table("NegOptions"))
ABS = Record(Op.ABS, versions=5, contract=_unary, code=78, table=table("AbsOptions"))
SQUARE = Record(Op.SQUARE, versions=1, contract=_unary, code=66, table=table("SquareOptions"))
RSQRT = Record(Op.RSQRT, versions=3, contract=_unary)
TANH = Record(Op.TANH, versions=3, contract=_tanh)
