"""QUANTIZE and LOGISTIC."""

from __future__ import annotations

import math

from yamjit.kernels.program import Column, StepOp
from yamjit.plan.lowering.step import Step, flat, make_step
from yamjit.plan.quantization import logistic_table
from yamjit.tflite.node import INT8, Node

__all__ = ["logistic", "quantize"]


def quantize(node: Node) -> Step:
    """Lower a QUANTIZE of floats."""
    output = node.output(INT8)
    quantization = node.activation(output)
    size = math.prod(output.shape)
    columns = {**flat(size, size), Column.OUTPUT_ZERO_POINT: int(quantization.zero_point[0])}
    return make_step(StepOp.QUANTIZE, node, columns, {Column.WEIGHTS: quantization.scale})


def logistic(node: Node) -> Step:
    """Lower a LOGISTIC to a table of its 256 values."""
    source, output = node.input(0, INT8), node.output(INT8)
    table = logistic_table(node.activation(source), int(node.activation(output).zero_point[0]))
    size = math.prod(source.shape)
    return make_step(StepOp.LOOKUP, node, flat(size, size), {Column.WEIGHTS: table})
