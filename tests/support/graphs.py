"""Graphs made by hand: a builder, and a graph of one operator for each that tests need.

What is drawn at random is the same on every machine for the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from yamjit.tflite.graph import Activation, Graph, Op, Operator, Options, Padding, Quantization, Tensor
from yamjit.tflite.metadata import Metadata
from yamjit.tflite.operators.movers import SplitOptions
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions

__all__ = [
    "Dice",
    "GraphBuilder",
    "conv2d_s8",
    "depthwise_s8",
    "dequantize",
    "fully_connected_s8",
    "logistic_s8",
    "mean_s8",
    "output_size",
    "quantization",
    "quantize",
    "reshape",
    "split",
]

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float64]

#: Versions of the operators as the official file has them; 1 where an operator is not listed.
_VERSIONS = {
    Op.CONV_2D: 3,
    Op.DEPTHWISE_CONV_2D: 3,
    Op.DEQUANTIZE: 2,
    Op.FULLY_CONNECTED: 4,
    Op.LOGISTIC: 2,
    Op.MEAN: 2,
    Op.SPLIT: 2,
}


class Dice:
    """Random values from the raw bits of PCG64, the part of NumPy's randomness that never changes."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def int8(self, *shape: int) -> npt.NDArray[np.int8]:
        """Return int8 values in -127 .. 127."""
        size = int(np.prod(shape))
        words = np.asarray(self._bits.random_raw(size // 8 + 1), dtype="<u8")
        return np.asarray(np.maximum(words.view(np.int8)[:size], np.int8(-127)).reshape(shape))

    def uniform(self, low: float, high: float, size: int) -> Floats:
        """Return `size` values in ``[low, high)``."""
        words = np.asarray(self._bits.random_raw(size), dtype=np.uint64)
        return np.asarray(low + (high - low) * ((words >> np.uint64(11)) * 2.0**-53))


def quantization(scale: npt.ArrayLike, zero_point: int = 0, dimension: int = 0) -> Quantization:
    """Return the quantization of one scale, or of one per channel, with one zero point for all."""
    scales = np.atleast_1d(np.asarray(scale, dtype=np.float32))
    return Quantization(scales, np.full(scales.size, zero_point, dtype=np.int64), dimension)


class GraphBuilder:
    """Collects tensors and operators; what adds a tensor returns its index."""

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []
        self._operators: list[Operator] = []

    def tensor(self, index: int) -> Tensor:
        """Return a tensor by its index."""
        return self._tensors[index]

    def constant(self, data: npt.ArrayLike, quantized: Quantization | None = None, name: str = "") -> int:
        """Add a constant of the type and shape of `data`."""
        array = np.array(data)
        array.setflags(write=False)
        return self._add(name, array.shape, array.dtype, quantized, array)

    def activation(
        self,
        shape: Sequence[int],
        dtype: npt.DTypeLike = np.float32,
        quantized: Quantization | None = None,
        name: str = "",
    ) -> int:
        """Add a tensor that the caller or an operator fills."""
        return self._add(name, tuple(shape), np.dtype(dtype), quantized, None)

    def operator(
        self, op: Op, inputs: Sequence[int], output: int, options: Options | None = None, version: int = 0
    ) -> int:
        """Add an operator of one output and return that; version 0 is the official file's."""
        version = version or _VERSIONS.get(op, 1)
        index = len(self._operators)
        self._operators.append(Operator(index, op, tuple(inputs), (output,), options, version))
        return output

    def build(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        description: str = "",
        metadata: Metadata | None = None,
        files: dict[str, bytes] | None = None,
    ) -> Graph:
        """Return the graph of what was added."""
        return Graph(
            tuple(self._tensors),
            tuple(self._operators),
            tuple(inputs),
            tuple(outputs),
            description,
            metadata,
            files or {},
        )

    def _add(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[np.generic],
        quantized: Quantization | None,
        data: Array | None,
    ) -> int:
        index = len(self._tensors)
        self._tensors.append(Tensor(index, name or f"tensor{index}", shape, dtype, quantized, data))
        return index


def output_size(size: int, kernel: int, stride: int = 1, dilation: int = 1, same: bool = True) -> int:
    """Return the length of a convolution's output along an axis of length `size`."""
    reach = 1 if same else dilation * (kernel - 1) + 1
    return (size - reach) // stride + 1


def conv2d_s8(
    shape: Sequence[int] = (1, 5, 5, 4),
    channels: int = 8,
    kernel: tuple[int, int] = (3, 3),
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: Padding = Padding.SAME,
    activation: Activation = Activation.NONE,
    input_quantized: tuple[float, int] = (6 / 255, -128),
    output_quantized: tuple[float, int] = (6 / 255, -128),
    weight_scales: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Graph:
    """Return a graph of one int8 ``CONV_2D``, weights quantized per output channel.

    Parameters
    ----------
    shape : sequence of int
        Input ``(n, height, width, channels)``.
    channels : int
        Output channels.
    kernel, stride, dilation : tuple of int
        Along height and width.
    padding, activation
        As in `Conv2DOptions`.
    input_quantized, output_quantized : tuple of float and int
        Scale and zero point.
    weight_scales : array_like [shape=(channels,)], optional
        By default such that outputs spread over, and a little beyond, the range of int8.
    weights : array_like [shape=(channels, *kernel, input channels), int8], optional
        Drawn from -127 .. 127 by default.
    bias : array_like [shape=(channels,), int32], optional
        Drawn by default.
    seed : int
        Of what is drawn.
    """
    options = Conv2DOptions(padding, *stride, *dilation, activation)
    return _convolution(
        Op.CONV_2D,
        options,
        shape,
        (channels, *kernel, shape[3]),
        (input_quantized, output_quantized),
        (weight_scales, weights, bias),
        seed,
    )


def depthwise_s8(
    shape: Sequence[int] = (1, 5, 5, 8),
    kernel: tuple[int, int] = (3, 3),
    *,
    depth_multiplier: int = 1,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: Padding = Padding.SAME,
    activation: Activation = Activation.NONE,
    input_quantized: tuple[float, int] = (6 / 255, -128),
    output_quantized: tuple[float, int] = (6 / 255, -128),
    weight_scales: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Graph:
    """Return a graph of one int8 ``DEPTHWISE_CONV_2D``; weights are ``(1, *kernel, output channels)``.

    The parameters are those of `conv2d_s8`, and the output channels for each input channel.
    """
    options = DepthwiseConv2DOptions(padding, *stride, *dilation, depth_multiplier, activation)
    return _convolution(
        Op.DEPTHWISE_CONV_2D,
        options,
        shape,
        (1, *kernel, shape[3] * depth_multiplier),
        (input_quantized, output_quantized),
        (weight_scales, weights, bias),
        seed,
    )


def _convolution(
    op: Op,
    options: Conv2DOptions | DepthwiseConv2DOptions,
    shape: Sequence[int],
    filter_shape: tuple[int, int, int, int],
    quantized: tuple[tuple[float, int], tuple[float, int]],
    given: tuple[npt.ArrayLike | None, npt.ArrayLike | None, npt.ArrayLike | None],
    seed: int,
) -> Graph:
    same = options.padding == Padding.SAME
    height = output_size(shape[1], filter_shape[1], options.stride_h, options.dilation_h, same)
    width = output_size(shape[2], filter_shape[2], options.stride_w, options.dilation_w, same)
    axis = 0 if op == Op.CONV_2D else 3
    graph = GraphBuilder()
    x = graph.activation(shape, np.int8, quantization(*quantized[0]))
    constants = _weights_and_bias(graph, filter_shape, axis, quantized, given, seed)
    y = graph.activation((shape[0], height, width, filter_shape[axis]), np.int8, quantization(*quantized[1]))
    graph.operator(op, [x, *constants], y, options)
    return graph.build([x], [y])


def _weights_and_bias(
    graph: GraphBuilder,
    shape: tuple[int, ...],
    axis: int,
    quantized: tuple[tuple[float, int], tuple[float, int]],
    given: tuple[npt.ArrayLike | None, npt.ArrayLike | None, npt.ArrayLike | None],
    seed: int,
) -> tuple[int, int]:
    """Add weights and bias, given or drawn, and return their indices."""
    dice = Dice(seed)
    channels = shape[axis]
    scales, weights, bias = given
    if weights is None:
        weights = dice.int8(*shape)
    # Inputs and weights are uniform int8: standard deviation 74 each; outputs shall have about 60.
    depth = float(np.prod(shape)) / channels
    if scales is None:
        spread = 2.0 ** dice.uniform(-1.0, 1.0, channels)
        scales = spread * 60 / (74 * 74 * depth**0.5) * quantized[1][0] / quantized[0][0]
    if bias is None:
        bias = np.rint(dice.uniform(-1.0, 1.0, channels) * 74 * 74 * depth**0.5)
    scales = np.broadcast_to(np.asarray(scales, dtype=np.float32), np.shape(scales) or (1,))
    return (
        graph.constant(np.asarray(weights, dtype=np.int8), quantization(scales, 0, axis)),
        graph.constant(np.asarray(bias, dtype=np.int32), quantization(scales * np.float32(quantized[0][0]))),
    )


def fully_connected_s8(
    shape: Sequence[int] = (1, 16),
    channels: int = 8,
    *,
    activation: Activation = Activation.NONE,
    input_quantized: tuple[float, int] = (0.02232835, -128),
    output_quantized: tuple[float, int] = (0.34717748, 100),
    weight_scale: float | None = None,
    weights: npt.ArrayLike | None = None,
    bias: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Graph:
    """Return a graph of one int8 ``FULLY_CONNECTED``, one weight scale for all.

    Parameters
    ----------
    shape : sequence of int
        Input; its last axis is that of the products, the others are flattened to rows of the output.
    channels : int
        Output channels.
    weight_scale : float, optional
        By default such that outputs spread over the range of int8.
    weights : array_like [shape=(channels, shape[-1]), int8], optional
    bias : array_like [shape=(channels,), int32], optional
    activation, input_quantized, output_quantized, seed
        As in `conv2d_s8`.
    """
    quantized = (input_quantized, output_quantized)
    if weight_scale is None:
        weight_scale = 60 / (74 * 74 * shape[-1] ** 0.5) * output_quantized[0] / input_quantized[0]
    graph = GraphBuilder()
    x = graph.activation(shape, np.int8, quantization(*input_quantized))
    given = (weight_scale, weights, bias)
    constants = _weights_and_bias(graph, (channels, shape[-1]), 0, quantized, given, seed)
    rows = int(np.prod(shape[:-1]))
    y = graph.activation((rows, channels), np.int8, quantization(*output_quantized))
    graph.operator(Op.FULLY_CONNECTED, [x, *constants], y, FullyConnectedOptions(activation))
    return graph.build([x], [y])


def mean_s8(
    shape: Sequence[int] = (1, 3, 2, 8),
    axes: Sequence[int] = (1, 2),
    *,
    keep_dims: bool = True,
    input_quantized: tuple[float, int] = (6 / 255, -128),
    output_quantized: tuple[float, int] = (0.02232835, -128),
) -> Graph:
    """Return a graph of one int8 ``MEAN`` over `axes`."""
    reduced = [1 if axis in axes else size for axis, size in enumerate(shape)]
    kept = [size for axis, size in enumerate(shape) if axis not in axes]
    graph = GraphBuilder()
    x = graph.activation(shape, np.int8, quantization(*input_quantized))
    indices = graph.constant(np.array(axes, dtype=np.int32))
    y = graph.activation(reduced if keep_dims else kept, np.int8, quantization(*output_quantized))
    graph.operator(Op.MEAN, [x, indices], y, ReducerOptions(keep_dims))
    return graph.build([x], [y])


def logistic_s8(shape: Sequence[int] = (1, 256), *, input_quantized: tuple[float, int] = (0.34717748, 100)) -> Graph:
    """Return a graph of one int8 ``LOGISTIC``; TFLite fixes its output to scale 1/256, zero point -128."""
    return _unary(Op.LOGISTIC, shape, (np.int8, input_quantized), (np.int8, (1 / 256, -128)))


def quantize(shape: Sequence[int] = (1, 64), *, output_quantized: tuple[float, int] = (0.048, 16)) -> Graph:
    """Return a graph of one ``QUANTIZE``, float32 to int8."""
    return _unary(Op.QUANTIZE, shape, (np.float32, None), (np.int8, output_quantized))


def dequantize(shape: Sequence[int] = (1, 256), *, input_quantized: tuple[float, int] = (1 / 256, -128)) -> Graph:
    """Return a graph of one ``DEQUANTIZE``, int8 to float32."""
    return _unary(Op.DEQUANTIZE, shape, (np.int8, input_quantized), (np.float32, None))


def split(shape: Sequence[int] = (1, 6, 4, 1), *, quantized: tuple[float, int] = (0.048, 16)) -> Graph:
    """Return a graph of one int8 ``SPLIT`` into one part, as the official file has it."""
    graph = GraphBuilder()
    axis = graph.constant(np.int32(0))
    x = graph.activation(shape, np.int8, quantization(*quantized))
    y = graph.activation(shape, np.int8, quantization(*quantized))
    graph.operator(Op.SPLIT, [axis, x], y, SplitOptions(1))
    return graph.build([x], [y])


def reshape(
    shape: Sequence[int] = (2, 6),
    new_shape: Sequence[int] = (3, 4),
    *,
    dtype: npt.DTypeLike = np.float32,
    quantized: tuple[float, int] = (0.048, 16),
) -> Graph:
    """Return a graph of one ``RESHAPE``, its new shape a constant input; `quantized` counts for int8 only."""
    parameters = quantization(*quantized) if np.dtype(dtype) == np.int8 else None
    graph = GraphBuilder()
    x = graph.activation(shape, dtype, parameters)
    sizes = graph.constant(np.array(new_shape, dtype=np.int32))
    y = graph.activation(new_shape, dtype, parameters)
    graph.operator(Op.RESHAPE, [x, sizes], y)
    return graph.build([x], [y])


def _unary(
    op: Op,
    shape: Sequence[int],
    source: tuple[npt.DTypeLike, tuple[float, int] | None],
    target: tuple[npt.DTypeLike, tuple[float, int] | None],
) -> Graph:
    graph = GraphBuilder()
    x = graph.activation(shape, source[0], source[1] and quantization(*source[1]))
    y = graph.activation(shape, target[0], target[1] and quantization(*target[1]))
    graph.operator(op, [x], y)
    return graph.build([x], [y])
