"""Operators that compute value by value, and SOFTMAX."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from yamjit.kernels.float32 import functions
from yamjit.kernels.int8.softmax import exponentials
from yamjit.kernels.program import Column, StepOp
from yamjit.plan.int8_tables import function_table, requantization_table, tanh_table
from yamjit.plan.lowering.step import Step, flat, make_step, sizes
from yamjit.plan.quantization import logistic_table
from yamjit.tflite.graph import Arithmetic, Op
from yamjit.tflite.node import FLOAT32, INT8, Node
from yamjit.tflite.operators.pointwise import SoftmaxOptions

__all__ = ["dequantize", "function", "logistic", "lookup", "quantize", "softmax", "tanh"]


def quantize(node: Node) -> Step:
    """Lower a QUANTIZE: of floats, or of int8 that are quantized in another way."""
    output, source = node.output(INT8), node.input(0, FLOAT32, INT8)
    quantization = node.activation(output)
    if source.dtype == INT8:
        return lookup(node, requantization_table(node.activation(source), quantization))
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
    return lookup(node, logistic_table(node.activation(source), int(node.activation(output).zero_point[0])))


def tanh(node: Node) -> Step:
    """Lower a TANH: of int8 to a table of its 256 values."""
    source, output = node.input(0, INT8, FLOAT32), node.output(INT8, FLOAT32)
    if source.dtype == FLOAT32:
        return function(node)
    return lookup(node, tanh_table(node.activation(source), int(node.activation(output).zero_point[0])))


def lookup(node: Node, table: npt.NDArray[np.int8]) -> Step:
    """Make the step that looks every int8 value up in a table."""
    size = math.prod(node.input(0, INT8).shape)
    return make_step(StepOp.LOOKUP, node, flat(size, size), {Column.WEIGHTS: table})


_FUNCTIONS = {
    Op.EXP: StepOp.EXP,
    Op.LOG: StepOp.LOG,
    Op.LOGISTIC: StepOp.LOGISTIC,
    Op.RSQRT: StepOp.RSQRT,
    Op.SQRT: StepOp.SQRT,
    Op.TANH: StepOp.TANH,
}


#: What is computed of int8 values as of real numbers.
_REAL = {Op.EXP: functions.exp, Op.LOG: functions.log}


def function(node: Node) -> Step:
    """Lower a function of a float32 value; of an int8 one, to a table of its 256 values."""
    source, output = node.input(0, FLOAT32, INT8), node.output(FLOAT32, INT8)
    if source.dtype == INT8:
        real = _REAL[node.operator.op]
        return lookup(node, function_table(real, node.activation(source), node.activation(output)))
    size = math.prod(source.shape)
    op = _FUNCTIONS[node.operator.op]
    if op == StepOp.LOGISTIC and node.arithmetic == Arithmetic.OPTIMISED:
        op = StepOp.LOGISTIC_OPTIMISED
    return make_step(op, node, flat(size, size))


def softmax(node: Node) -> Step:
    """Lower a SOFTMAX along the last axis."""
    source, beta = node.input(0, FLOAT32, INT8), node.options(SoftmaxOptions).beta
    image = (1, math.prod(source.shape[:-1]), source.shape[-1])
    columns = sizes(image, image)
    if source.dtype == FLOAT32:
        return make_step(StepOp.SOFTMAX_F32, node, columns, {Column.WEIGHTS: np.array([beta], np.float32)})
    table = exponentials(float(node.activation(source).scale[0]), beta)
    return make_step(StepOp.SOFTMAX, node, columns, {Column.WEIGHTS: table})
