"""Activations that are operators of their own: RELU and the like, LEAKY_RELU, PRELU, HARD_SWISH."""

from __future__ import annotations

import math
from dataclasses import dataclass

from yamjit.tflite.graph import Op, Options
from yamjit.tflite.node import FLOAT32, INT8, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = [
    "HARD_SWISH",
    "LEAKY_RELU",
    "PRELU",
    "RELU",
    "RELU6",
    "RELU_0_TO_1",
    "RELU_N1_TO_1",
    "LeakyReluOptions",
    "check_rescaling",
]


@dataclass(frozen=True, slots=True)
class LeakyReluOptions(Options):
    """Options of ``LEAKY_RELU``: the slope below zero."""

    alpha: float = 0.0


def check_rescaling(node: Node) -> Inferred:
    """Check an operator of one input, float32 or int8, whose output is of the same type and any quantization."""
    node.check_arity(1)
    source = node.input(0, FLOAT32, INT8)
    output = node.output(source.dtype)
    if source.dtype == INT8:
        factor = float(node.activation(source).scale[0]) / float(node.activation(output).scale[0])
        node.check_factor(factor, "input scale / output scale")
    return Inferred(source.shape)


def _leaky_relu(node: Node) -> Inferred:
    alpha = node.options(LeakyReluOptions).alpha
    inferred, source = check_rescaling(node), node.input(0, FLOAT32, INT8)
    if not math.isfinite(alpha):
        raise node.error(f"alpha {alpha} should be finite")
    if source.dtype == INT8:
        factor = float(node.activation(source).scale[0]) / float(node.activation(node.outputs[0]).scale[0])
        node.check_factor(factor * alpha, "input scale * alpha / output scale")
    return inferred


def _prelu(node: Node) -> Inferred:
    node.check_arity(2)
    source, alpha = node.input(0, FLOAT32, INT8), node.any_input(1)
    output = node.output(source.dtype)
    node.constant(1, source.dtype)
    aligned = (1,) * (len(source.shape) - len(alpha.shape)) + alpha.shape
    if len(alpha.shape) > len(source.shape) or any(
        size not in (1, whole) for size, whole in zip(aligned, source.shape, strict=True)
    ):
        raise node.error(f"slopes of shape {alpha.shape} do not go with {source.shape}", alpha)
    if source.dtype == INT8:
        factor = float(node.activation(source).scale[0]) / float(node.activation(output).scale[0])
        node.check_factor(factor, "input scale / output scale")
        node.check_factor(factor * float(node.activation(alpha).scale[0]), "input scale * alpha scale / output scale")
    return Inferred(source.shape)


def _hard_swish(node: Node) -> Inferred:
    inferred, source = check_rescaling(node), node.input(0, FLOAT32, INT8)
    if source.dtype == INT8:
        factor = float(node.activation(source).scale[0]) / 128 / float(node.activation(node.outputs[0]).scale[0])
        if factor >= 1:
            raise node.error("input scale / 128 / output scale should be below 1")
    return inferred


RELU = Record(Op.RELU, versions=3, contract=check_rescaling)
RELU6 = Record(Op.RELU6, versions=3, contract=check_rescaling)
RELU_N1_TO_1 = Record(Op.RELU_N1_TO_1, versions=1, contract=check_rescaling)
RELU_0_TO_1 = Record(Op.RELU_0_TO_1, versions=1, contract=check_rescaling)
PRELU = Record(Op.PRELU, versions=1, contract=_prelu)
HARD_SWISH = Record(Op.HARD_SWISH, versions=1, contract=_hard_swish, code=91, table=table("HardSwishOptions"))

LEAKY_RELU = Record(
    Op.LEAKY_RELU,
    versions=2,
    contract=_leaky_relu,
    code=75,
    table=table("LeakyReluOptions", "alpha:float"),
    options=LeakyReluOptions,
)
