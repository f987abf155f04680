"""Operators that compute value by value, and SOFTMAX."""

from __future__ import annotations

import math

import numpy as np

from yamjit.kernels.program import NO_MAX, Column, StepOp
from yamjit.plan.lowering.step import Step, flat, make_step, sizes
from yamjit.plan.quantization import logistic_table
from yamjit.tflite.graph import Arithmetic, Op
from yamjit.tflite.node import FLOAT32, INT8, Node
from yamjit.tflite.operators.pointwise import SoftmaxOptions

__all__ = ["dequantize", "function", "logistic", "quantize", "relu", "softmax"]


def quantize(node: Node) -> Step:
    """Lower a QUANTIZE of floats."""
    output = node.output(INT8)
    quantization = node.activation(output)
    size = math.prod(output.shape)
    columns = {**flat(size, size), Column.OUTPUT_ZERO_POINT: int(quantization.zero_point[0])}
    return make_step(StepOp.QUANTIZE, node, columns, {Column.WEIGHTS: quantization.scale})


def dequantize(node: Node) -> Step:
    """Lower a DEQUANTIZE to floats."""
    source = node.input(0, INT8)
    quantization, size = node.activation(source), math.prod(source.shape)
    columns = {**flat(size, size), Column.INPUT_ZERO_POINT: int(quantization.zero_point[0])}
    return make_step(StepOp.DEQUANTIZE, node, columns, {Column.WEIGHTS: quantization.scale})


def logistic(node: Node) -> Step:
    """Lower a LOGISTIC: of int8 to a table of its 256 values."""
    source, output = node.input(0, INT8, FLOAT32), node.output(INT8, FLOAT32)
    if source.dtype == FLOAT32:
        return function(node)
    table = logistic_table(node.activation(source), int(node.activation(output).zero_point[0]))
    size = math.prod(source.shape)
    return make_step(StepOp.LOOKUP, node, flat(size, size), {Column.WEIGHTS: table})


_FUNCTIONS = {
    Op.EXP: StepOp.EXP,
    Op.LOG: StepOp.LOG,
    Op.LOGISTIC: StepOp.LOGISTIC,
    Op.RSQRT: StepOp.RSQRT,
    Op.SQRT: StepOp.SQRT,
    Op.TANH: StepOp.TANH,
}

_BOUNDS = {Op.RELU: (0, NO_MAX), Op.RELU6: (0, 6), Op.RELU_N1_TO_1: (-1, 1), Op.RELU_0_TO_1: (0, 1)}


def function(node: Node) -> Step:
    """Lower a function of a float32 value."""
    size = math.prod(node.input(0, FLOAT32).shape)
    op = _FUNCTIONS[node.operator.op]
    if op == StepOp.LOGISTIC and node.arithmetic == Arithmetic.OPTIMISED:
        op = StepOp.LOGISTIC_OPTIMISED
    return make_step(op, node, flat(size, size))


def relu(node: Node) -> Step:
    """Lower a RELU, or another one, of float32 values."""
    size, bounds = math.prod(node.input(0, FLOAT32).shape), _BOUNDS[node.operator.op]
    columns = dict(zip((Column.ACTIVATION_MIN, Column.ACTIVATION_MAX), bounds, strict=True))
    return make_step(StepOp.CLAMP, node, {**flat(size, size), **columns})


def softmax(node: Node) -> Step:
    """Lower a SOFTMAX along the last axis."""
    shape = node.input(0, FLOAT32).shape
    image = (1, math.prod(shape[:-1]), shape[-1])
    beta = np.array([node.options(SoftmaxOptions).beta], np.float32)
    return make_step(StepOp.SOFTMAX_F32, node, sizes(image, image), {Column.WEIGHTS: beta})
