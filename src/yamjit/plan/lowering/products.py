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

#: Weights that a filter may have with the zeros in it.
_MOST_WEIGHTS = 2**24


def conv_2d(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a CONV_2D; one of single pixels is a product of matrices."""
    options = node.options(Conv2DOptions)
    weights = _dilated(node, np.moveaxis(_weights(node), 0, -1), options)  # (co, kh, kw, ci) -> (kh, kw, ci, co)
    columns, walk = _images(node), _walk(node, options, weights.shape[:2])
    pointwise = weights.shape[:2] == (1, 1) and (options.stride_h, options.stride_w) == (1, 1)
    if pointwise:
        return _accumulating(StepOp.POINTWISE, node, weights[0, 0], options.activation, columns)
    return _accumulating(StepOp.CONV, node, weights, options.activation, {**columns, **walk})


def depthwise_conv_2d(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a DEPTHWISE_CONV_2D; one of int8 weights with several outputs for an input is a sparse CONV_2D."""
    options = node.options(DepthwiseConv2DOptions)
    weights = _dilated(node, _weights(node)[0], options)
    columns = {**_images(node), **_walk(node, options, weights.shape[:2])}
    if options.depth_multiplier == 1 or weights.dtype == FLOAT32:
        return _accumulating(StepOp.DEPTHWISE, node, weights, options.activation, columns)
    inputs, outputs = columns[Column.INPUT_C], columns[Column.OUTPUT_C]
    sparse = _zeros(node, (*weights.shape[:2], inputs, outputs), weights.dtype)
    channels = np.arange(outputs)
    sparse[:, :, channels // options.depth_multiplier, channels] = weights
    return _accumulating(StepOp.CONV, node, sparse, options.activation, columns)


def fully_connected(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a FULLY_CONNECTED of any number of rows."""
    options = node.options(FullyConnectedOptions)
    weights = _weights(node).T
    rows = math.prod(node.input(0, INT8, FLOAT32).shape) // len(weights)
    columns = sizes((1, rows, len(weights)), (1, rows, weights.shape[1]))
    return _accumulating(StepOp.POINTWISE, node, weights, options.activation, columns, Rounding.REAL)


def _weights(node: Node) -> npt.NDArray[Any]:
    """Return the weights, of int8 or float32."""
    return node.constant(1, node.input(1, INT8, FLOAT32).dtype)


def _dilated(
    node: Node, weights: npt.NDArray[Any], options: Conv2DOptions | DepthwiseConv2DOptions
) -> npt.NDArray[Any]:
    """Return weights [shape=(height, width, ...)] with zeros in the gaps between their taps."""
    steps = (options.dilation_h, options.dilation_w)
    if steps == (1, 1):
        return weights
    height, width = ((size - 1) * step + 1 for size, step in zip(weights.shape, steps, strict=False))
    spaced = _zeros(node, (height, width, *weights.shape[2:]), weights.dtype)
    spaced[:: steps[0], :: steps[1]] = weights
    return spaced


def _zeros(node: Node, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if math.prod(shape) > _MOST_WEIGHTS:
        raise node.error(f"filters of {shape} with their gaps have more than {_MOST_WEIGHTS} weights")
    return np.zeros(shape, dtype)


def _is_hybrid(node: Node) -> bool:
    """Whether float32 inputs are multiplied with int8 weights."""
    return (node.input(0, INT8, FLOAT32).dtype, node.input(1, INT8, FLOAT32).dtype) == (FLOAT32, INT8)


def _images(node: Node) -> dict[Column, int]:
    return sizes(image(node, node.input(0, INT8, FLOAT32)), image(node, node.output(INT8, FLOAT32)))


def _walk(node: Node, options: Conv2DOptions | DepthwiseConv2DOptions, kernel: tuple[int, ...]) -> dict[Column, int]:
    """Return the columns that say how the kernel walks over an image."""
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
