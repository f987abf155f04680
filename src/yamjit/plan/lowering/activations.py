"""RELU and the like, LEAKY_RELU, PRELU and HARD_SWISH: of int8 as tables."""

from __future__ import annotations

import math

import numpy as np

from yamjit.kernels.program import NO_MAX, SECOND_IS_CONSTANT, Column, StepOp
from yamjit.plan.int8_tables import hard_swish_table, leaky_relu_table, prelu_table, requantization_table
from yamjit.plan.lowering.binary import lookup_two, repeated
from yamjit.plan.lowering.chain import Chain
from yamjit.plan.lowering.pointwise import lookup
from yamjit.plan.lowering.step import Alias, Step, flat, make_step, sizes
from yamjit.plan.quantization import quantized_bounds
from yamjit.tflite.graph import Op
from yamjit.tflite.node import FLOAT32, INT8, Node
from yamjit.tflite.operators.activations import LeakyReluOptions

__all__ = ["hard_swish", "leaky_relu", "prelu", "relu"]

_BOUNDS = {Op.RELU: (0, NO_MAX), Op.RELU6: (0, 6), Op.RELU_N1_TO_1: (-1, 1), Op.RELU_0_TO_1: (0, 1)}


def relu(node: Node) -> Step:
    """Lower a RELU, or another one with bounds."""
    source, (low, high) = node.input(0, FLOAT32, INT8), _BOUNDS[node.operator.op]
    if source.dtype == INT8:
        output = node.activation(node.output(INT8))
        bounds = quantized_bounds(float(low), None if high == NO_MAX else float(high), output)
        return lookup(node, requantization_table(node.activation(source), output, bounds))
    size = math.prod(source.shape)
    columns = {**flat(size, size), Column.ACTIVATION_MIN: low, Column.ACTIVATION_MAX: high}
    return make_step(StepOp.CLAMP, node, columns)


def leaky_relu(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a LEAKY_RELU: the greater of a value and its product with a slope up to 1, the lesser beyond."""
    source, alpha = node.input(0, FLOAT32, INT8), node.options(LeakyReluOptions).alpha
    if source.dtype == INT8:
        return lookup(node, leaky_relu_table(node.activation(source), node.activation(node.output(INT8)), alpha))
    chain, size = Chain(node), math.prod(source.shape)
    sloped = chain.of_two(StepOp.MUL, source.index, np.array([alpha], np.float32), size)
    chain.of_two(StepOp.MAXIMUM if alpha <= 1 else StepOp.MINIMUM, source.index, sloped, size)
    return chain.finish()


def prelu(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a PRELU with constant slopes."""
    source, slopes = node.input(0, FLOAT32, INT8), node.input(1, FLOAT32, INT8)
    size, values = math.prod(source.shape), repeated(slopes, source.shape)
    if source.dtype == INT8:
        table = prelu_table(node.activation(source), node.activation(slopes), node.activation(node.output(INT8)))
        image = (size // values.size, 1, values.size)
        return lookup_two(node, source.index, SECOND_IS_CONSTANT, table, values, sizes(image, image))
    chain = Chain(node)
    if np.any(values > 1) and np.any(values < 1):
        raise node.error("slopes up to 1, or from 1 on, are accepted", slopes)
    sloped = chain.of_two(StepOp.MUL, source.index, values, size)
    chain.of_two(StepOp.MAXIMUM if np.all(values <= 1) else StepOp.MINIMUM, sloped, source.index, size)
    return chain.finish()


def hard_swish(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a HARD_SWISH: ``x * min(max(x + 3, 0), 6) / 6``."""
    source = node.input(0, FLOAT32, INT8)
    if source.dtype == INT8:
        return lookup(node, hard_swish_table(node.activation(source), node.activation(node.output(INT8))))
    chain, size = Chain(node), math.prod(source.shape)
    bounded = chain.of_two(StepOp.ADD, source.index, np.array([3], np.float32), size, (0, 6))
    product = chain.of_two(StepOp.MUL, source.index, bounded, size)
    chain.of_two(StepOp.DIV, product, np.array([6], np.float32), size)
    return chain.finish()
