"""Operators that sum products: CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.tflite.graph import Activation, Op, Options, Tensor
from yamjit.tflite.node import FLOAT32, INT8, INT32, INT32_MAX, Inferred, Node
from yamjit.tflite.operators.hybrid import check_bias_shape, check_hybrid
from yamjit.tflite.operators.record import BIAS_TYPES, Record
from yamjit.tflite.operators.windows import WindowOptions, check_activation, image, infer_image
from yamjit.tflite.schema import table

__all__ = [
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "Conv2DOptions",
    "DepthwiseConv2DOptions",
    "FullyConnectedOptions",
]

#: Share of an output step that one unit of bias may be off: TFLite's bound.
_BIAS_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Conv2DOptions(WindowOptions):
    """Options of ``CONV_2D``."""

    dilation_h: int = 1
    dilation_w: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class DepthwiseConv2DOptions(WindowOptions):
    """Options of ``DEPTHWISE_CONV_2D``."""

    dilation_h: int = 1
    dilation_w: int = 1
    depth_multiplier: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class FullyConnectedOptions(Options):
    """Options of ``FULLY_CONNECTED``."""

    activation: Activation = Activation.NONE
    keep_num_dims: bool = False
    asymmetric_quantize_inputs: bool = False


def _conv_2d(node: Node) -> Inferred:
    node.check_arity(2, 3)
    options = node.options(Conv2DOptions)
    source, weights = _operands(node)
    *_, channels = image(node, source)
    outputs, kernel_h, kernel_w, depth = image(node, weights)
    if depth != channels:
        raise node.error(f"filter of {depth} channels on an input of {channels}", weights)
    taps = kernel_h * kernel_w * depth
    _check_products(node, outputs, 0, taps, options.activation)
    dilations = (options.dilation_h, options.dilation_w)
    return infer_image(node, options, (kernel_h, kernel_w), outputs, taps, dilations)


def _depthwise_conv_2d(node: Node) -> Inferred:
    node.check_arity(2, 3)
    options = node.options(DepthwiseConv2DOptions)
    source, weights = _operands(node)
    *_, channels = image(node, source)
    one, kernel_h, kernel_w, outputs = image(node, weights)
    if one != 1:
        raise node.error(f"filter shape {weights.shape} should begin with 1", weights)
    if options.depth_multiplier < 1 or outputs != channels * options.depth_multiplier:
        reason = f"filter of {outputs} channels on {channels} with multiplier {options.depth_multiplier}"
        raise node.error(reason, weights)
    _check_products(node, outputs, 3, kernel_h * kernel_w, options.activation)
    dilations = (options.dilation_h, options.dilation_w)
    return infer_image(node, options, (kernel_h, kernel_w), outputs, kernel_h * kernel_w, dilations)


def _fully_connected(node: Node) -> Inferred:
    node.check_arity(2, 3)
    options = node.options(FullyConnectedOptions)
    source, weights = _operands(node)
    if len(weights.shape) != 2:
        raise node.error(f"weights of shape {weights.shape} should be (units, depth)", weights)
    units, depth = weights.shape
    elements = math.prod(source.shape)
    if elements % depth or (options.keep_num_dims and source.shape[-1:] != (depth,)):
        raise node.error(f"input of shape {source.shape} for weights of shape {weights.shape}", source)
    _check_products(node, units, 0, depth, options.activation)
    shape = (*source.shape[:-1], units) if options.keep_num_dims else (elements // depth, units)
    return Inferred(shape, elements // depth * units * depth)


def _operands(node: Node) -> tuple[Tensor, Tensor]:
    """Return input and weights: the output has the type of the input, weights have it or are int8."""
    source = node.input(0, INT8, FLOAT32)
    node.output(source.dtype)
    return source, node.input(1, source.dtype, INT8)


def _check_products(node: Node, channels: int, dimension: int, taps: int, activation: Activation) -> None:
    """Check weights and bias of a sum of `taps` products for each of the output `channels`.

    `dimension` is the weights' dimension of output channels.
    """
    if node.input(0, INT8, FLOAT32).dtype == INT8:
        _check_quantized_products(node, channels, dimension, taps, activation)
    elif node.input(1, FLOAT32, INT8).dtype == INT8:
        check_hybrid(node, channels, dimension)
    else:
        node.constant(1, FLOAT32)
        check_bias_shape(node, channels, FLOAT32)


def _check_quantized_products(node: Node, channels: int, dimension: int, taps: int, activation: Activation) -> None:
    """Check the scales of int8 products, and that no sum of them overflows."""
    source, weights, output = node.input(0, INT8), node.input(1, INT8), node.output(INT8)
    values = node.constant(1, INT8)
    input_scale = float(node.activation(source).scale[0])
    output_scale = float(node.activation(output).scale[0])
    quantization = weights.quantization
    if quantization is None or (quantization.per_channel and quantization.dimension != dimension):
        raise node.error(f"needs one scale, or one for each channel of dimension {dimension}", weights)
    if np.any(quantization.zero_point != 0):
        raise node.error("int8 weights need zero point 0", weights)
    products = input_scale * quantization.scale.astype(np.float64)
    node.check_factor(products / output_scale, "input scale * filter scale / output scale")
    bias = _check_bias(node, channels, products, output_scale)
    _check_accumulator(node, values, dimension, taps, bias)
    check_activation(node, activation)


def _check_bias(
    node: Node, channels: int, products: npt.NDArray[np.float64], output_scale: float
) -> npt.NDArray[Any] | None:
    bias = check_bias_shape(node, channels, INT32)
    if bias is None:
        return None
    quantization = bias.quantization
    if quantization is None or quantization.scale.size not in (1, products.size):
        raise node.error(f"bias needs {products.size} scales", bias)
    # One unit of the bias is added as one unit of the products.
    off = np.abs(products - quantization.scale.astype(np.float64)) / output_scale
    if not np.all(off <= _BIAS_TOLERANCE):
        raise node.error("bias scale is not input scale * filter scale", bias)
    return bias.data


def _check_accumulator(
    node: Node,
    weights: npt.NDArray[Any],
    dimension: int,
    taps: int,
    bias: npt.NDArray[Any] | None,
) -> None:
    """Check that no input can make the int32 sum of products and bias overflow."""
    zero_point = int(node.activation(node.input(0, INT8)).zero_point[0])
    reach = max(127 - zero_point, zero_point + 128)
    offsets = np.abs(bias.astype(np.int64)) if bias is not None else np.zeros(1, np.int64)
    if taps * 128 * reach + int(offsets.max()) <= INT32_MAX:
        return
    axes = tuple(axis for axis in range(weights.ndim) if axis != dimension)
    # The magnitude of -128 is -128 as int8, and 128 as uint8.
    sums = np.abs(weights).view(np.uint8).sum(axis=axes, dtype=np.int64)
    if int((sums * reach + offsets).max()) > INT32_MAX:
        raise node.error("sum of products and bias can overflow int32")


CONV_2D = Record(
    Op.CONV_2D,
    versions=8,
    contract=_conv_2d,
    code=1,
    table=table(
        "Conv2DOptions",
        "padding:byte; stride_w:int; stride_h:int; fused_activation_function:byte;"
        "dilation_w_factor:int=1; dilation_h_factor:int=1; quantized_bias_type:byte",
    ),
    options=Conv2DOptions,
    accepted={"quantized_bias_type": BIAS_TYPES},
)

DEPTHWISE_CONV_2D = Record(
    Op.DEPTHWISE_CONV_2D,
    versions=7,
    contract=_depthwise_conv_2d,
    code=2,
    table=table(
        "DepthwiseConv2DOptions",
        "padding:byte; stride_w:int; stride_h:int; depth_multiplier:int; fused_activation_function:byte;"
        "dilation_w_factor:int=1; dilation_h_factor:int=1",
    ),
    options=DepthwiseConv2DOptions,
)

FULLY_CONNECTED = Record(
    Op.FULLY_CONNECTED,
    versions=13,
    contract=_fully_connected,
    code=8,
    table=table(
        "FullyConnectedOptions",
        "fused_activation_function:byte; weights_format:byte; keep_num_dims:bool;"
        "asymmetric_quantize_inputs:bool; quantized_bias_type:byte",
    ),
    options=FullyConnectedOptions,
    accepted={"weights_format": (0,), "quantized_bias_type": BIAS_TYPES},
    optional_input=2,
)
