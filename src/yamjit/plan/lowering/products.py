"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: weights, folded zero points, integer multipliers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import Column, Rounding, StepOp
from yamjit.plan.lowering.blocks import in_blocks
from yamjit.plan.lowering.hybrid import hybrid_products
from yamjit.plan.lowering.step import (
    Alias,
    Step,
    clamps,
    flat,
    float_clamps,
    image,
    make_step,
    requantization,
    sizes,
    window,
)
from yamjit.plan.quantization import activation_range, quantize_multiplier
from yamjit.tflite.graph import Activation, Arithmetic
from yamjit.tflite.node import FLOAT32, INT8, INT32, Node
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

__all__ = ["conv_2d", "depthwise_conv_2d", "fully_connected"]


def conv_2d(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a CONV_2D; one of single pixels is a product of matrices."""
    options = node.options(Conv2DOptions)
    weights = np.moveaxis(_weights(node), 0, -1)  # (co, kh, kw, ci) -> (kh, kw, ci, co)
    columns, walk = _images(node), _walk(node, options, weights.shape[:2])
    pointwise = weights.shape[:2] == (1, 1) and (options.stride_h, options.stride_w) == (1, 1)
    if pointwise:
        return _accumulating(StepOp.POINTWISE, node, weights[0, 0], options.activation, columns)
    return _accumulating(StepOp.CONV, node, weights, options.activation, {**columns, **walk})


def depthwise_conv_2d(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a DEPTHWISE_CONV_2D: of int8 with an output channel for each input channel, of float32 with any number."""
    options = node.options(DepthwiseConv2DOptions)
    weights = _weights(node)[0]
    if options.depth_multiplier != 1 and weights.dtype == INT8:
        raise node.error("a depth multiplier of 1 is accepted")
    columns = {**_images(node), **_walk(node, options, weights.shape[:2])}
    return _accumulating(StepOp.DEPTHWISE, node, weights, options.activation, columns)


def fully_connected(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a FULLY_CONNECTED: of int8 inputs one row, of float32 ones any number."""
    options = node.options(FullyConnectedOptions)
    weights = _weights(node).T
    size = math.prod(node.input(0, INT8, FLOAT32).shape)
    if node.input(0, INT8, FLOAT32).dtype == FLOAT32:
        columns = sizes((1, size // len(weights), len(weights)), (1, size // len(weights), weights.shape[1]))
        return _accumulating(StepOp.POINTWISE, node, weights, options.activation, columns)
    if size != weights.shape[0]:
        raise node.error(f"{weights.shape[0]} inputs per patch are accepted, found {size}")
    columns = flat(size, weights.shape[1])
    return _accumulating(StepOp.POINTWISE, node, weights, options.activation, columns, Rounding.REAL)


def _weights(node: Node) -> npt.NDArray[Any]:
    """Return the weights, of int8 or float32."""
    return node.constant(1, node.input(1, INT8, FLOAT32).dtype)


def _is_hybrid(node: Node) -> bool:
    """Whether float32 inputs are multiplied with int8 weights."""
    return (node.input(0, INT8, FLOAT32).dtype, node.input(1, INT8, FLOAT32).dtype) == (FLOAT32, INT8)


def _images(node: Node) -> dict[Column, int]:
    return sizes(image(node, node.input(0, INT8, FLOAT32)), image(node, node.output(INT8, FLOAT32)))


def _walk(node: Node, options: Conv2DOptions | DepthwiseConv2DOptions, kernel: tuple[int, ...]) -> dict[Column, int]:
    """Return the columns that say how the kernel walks over an image."""
    if (options.dilation_h, options.dilation_w) != (1, 1):
        raise node.error("a dilation of 1 is accepted")
    source, columns = node.input(0, INT8, FLOAT32), window(node, options, kernel)
    if source.dtype == INT8:
        columns[Column.INPUT_ZERO_POINT] = int(node.activation(source).zero_point[0])
    return columns


_FLOAT_STEPS = {
    StepOp.CONV: StepOp.CONV_F32,
    StepOp.DEPTHWISE: StepOp.DEPTHWISE_F32,
    StepOp.POINTWISE: StepOp.POINTWISE_F32,
}


def _float_products(
    op: StepOp, node: Node, weights: npt.NDArray[np.float32], activation: Activation, columns: Mapping[Column, int]
) -> Step | tuple[Step | Alias, ...]:
    """Make the step of an operator that sums float32 products: weights with the output channels last."""
    given = len(node.inputs) > 2 and node.inputs[2] is not None
    bias = node.constant(2, FLOAT32) if given else np.zeros(weights.shape[-1], np.float32)
    constants = {Column.WEIGHTS: weights, Column.BIAS: bias}
    if op == StepOp.DEPTHWISE_F32 and node.arithmetic == Arithmetic.OPTIMISED:
        op = StepOp.DEPTHWISE_FROM_BIAS
    step = make_step(op, node, {**columns, **float_clamps(activation)}, constants)
    if op == StepOp.POINTWISE_F32 and node.arithmetic == Arithmetic.OPTIMISED:
        return in_blocks(node, step)
    return step


def _accumulating(
    op: StepOp,
    node: Node,
    weights: npt.NDArray[Any],
    activation: Activation,
    columns: Mapping[Column, int],
    rounding: Rounding | None = None,
) -> Step | tuple[Step | Alias, ...]:
    """Make the step of an operator that sums products: weights with the output channels last."""
    if _is_hybrid(node):
        return hybrid_products(op, node, weights, activation, columns)
    if weights.dtype == FLOAT32:
        return _float_products(_FLOAT_STEPS[op], node, weights, activation, columns)
    quantized, result = node.activation(node.input(0, INT8)), node.activation(node.output(INT8))
    filters, channels = node.quantization(node.input(1, INT8)), weights.shape[-1]
    scale = float(quantized.scale[0]) * filters.scale.astype(np.float64) / float(result.scale[0])
    multipliers = quantize_multiplier(np.broadcast_to(scale, channels))
    low, high = activation_range(activation, result)
    if rounding is None:
        hidden = low >= int(result.zero_point[0]) and int(multipliers.shift.max()) <= 0
        rounding = Rounding.ONE_SHIFT if hidden else Rounding.TWICE
    sums = weights.reshape(-1, channels).astype(np.int64)
    bias = np.zeros(channels, np.int64)
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        bias = node.constant(2, INT32).astype(np.int64)
    bound = np.abs(bias) + 256 * np.abs(sums).sum(axis=0)
    if op == StepOp.POINTWISE:
        bias = bias - int(quantized.zero_point[0]) * sums.sum(axis=0)
    columns = {**columns, **clamps(low, high, result), Column.ROUNDING: rounding}
    constants = {Column.WEIGHTS: weights, **requantization(node, bias, bound, multipliers, rounding)}
    return make_step(op, node, columns, constants)
