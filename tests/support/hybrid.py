"""Graphs of one hybrid operator, and inputs that are hard to quantize."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.graphs import GraphBuilder, output_size, quantization
from yamjit.tflite.graph import Graph, Op, Options, Padding
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

__all__ = ["HARD_ROWS", "HYBRID_GRAPHS", "hard_rows", "hybrid_graph"]

Float32 = npt.NDArray[np.float32]

#: Versions from which on TFLite runs the operators with a scale per channel.
_VERSIONS = {Conv2DOptions: 5, DepthwiseConv2DOptions: 6, FullyConnectedOptions: 9}
_OPS = {
    Conv2DOptions: Op.CONV_2D,
    DepthwiseConv2DOptions: Op.DEPTHWISE_CONV_2D,
    FullyConnectedOptions: Op.FULLY_CONNECTED,
}


def hybrid_graph(
    shape: tuple[int, ...],
    weights: npt.NDArray[np.int8],
    scale: npt.ArrayLike,
    bias: npt.ArrayLike | None,
    options: Conv2DOptions | DepthwiseConv2DOptions | FullyConnectedOptions,
    **changes: Any,
) -> Graph:
    """Return a graph of one hybrid operator on a float32 input; `changes` are to its options."""
    options = replace(options, **changes)
    dimension = 3 if isinstance(options, DepthwiseConv2DOptions) else 0
    graph = GraphBuilder()
    source = graph.activation(shape, name="input")
    operands = [source, graph.constant(weights, quantization(scale, 0, dimension))]
    if bias is not None:
        operands.append(graph.constant(np.asarray(bias, np.float32)))
    output = graph.activation(_output_shape(shape, weights, options, dimension), name="output")
    graph.operator(_OPS[type(options)], operands, output, options, _VERSIONS[type(options)])
    return graph.build([source], [output])


def _output_shape(
    shape: tuple[int, ...], weights: npt.NDArray[np.int8], options: Options, dimension: int
) -> tuple[int, ...]:
    if isinstance(options, FullyConnectedOptions):
        return (int(np.prod(shape)) // weights.shape[1], weights.shape[0])
    assert isinstance(options, Conv2DOptions | DepthwiseConv2DOptions)
    same = options.padding == Padding.SAME
    height = output_size(shape[1], weights.shape[1], options.stride_h, options.dilation_h, same)
    width = output_size(shape[2], weights.shape[2], options.stride_w, options.dilation_w, same)
    return (shape[0], height, width, weights.shape[dimension])


#: A graph of one operator for each hybrid step.
HYBRID_GRAPHS = {
    "conv": hybrid_graph((1, 5, 4, 3), np.ones((6, 3, 2, 3), np.int8), np.full(6, 0.1), np.ones(6), Conv2DOptions()),
    "depthwise": hybrid_graph(
        (1, 5, 4, 16), np.ones((1, 3, 3, 16), np.int8), np.full(16, 0.1), np.ones(16), DepthwiseConv2DOptions()
    ),
    "pointwise": hybrid_graph((1, 5, 4, 3), np.ones((6, 1, 1, 3), np.int8), 0.1, np.ones(6), Conv2DOptions()),
    "rows": hybrid_graph((4, 7), np.ones((2, 7), np.int8), 0.1, np.ones(2), FullyConnectedOptions()),
}

#: Kinds of `hard_rows`, in their order.
HARD_ROWS = (
    *("noise", "positive", "negative", "constant", "zeros", "negative zeros", "one spike"),
    *("tiny", "huge", "ties of 127", "ties of 255", "halves", "one sign but one", "large offset"),
)


def hard_rows(rng: np.random.Generator, count: int, size: int) -> Float32:
    """Return `count` rows [shape=(count, size)], which take the kinds of `HARD_ROWS` in turn.

    Ties are of values that quantize to a half, and to the float32 before it.
    """
    rows = np.zeros((count, size), np.float32)
    for number, row in enumerate(rows):
        noise = rng.standard_normal(size)
        match HARD_ROWS[number % len(HARD_ROWS)]:
            case "noise":
                row[:] = noise
            case "positive":
                row[:] = rng.random(size) + 1
            case "negative":
                row[:] = -rng.random(size) - 1
            case "constant":
                row[:] = 3.7
            case "negative zeros":
                row[:] = -0.0
            case "one spike":
                row[size // 2] = -2.5
            case "tiny":
                row[:] = noise * 1e-30
            case "huge":
                row[:] = noise * 1e30
            case "ties of 127":
                row[:] = _ties(rng, size, 126, (127, -127))
            case "ties of 255":
                row[:] = _ties(rng, size, 100, (127, -128))
            case "halves":
                row[:] = np.round(noise * 40) / 2
            case "one sign but one":
                row[:] = np.abs(noise)
                row[-1] = -1e-3
            case "large offset":
                row[:] = 1000 + noise
    return rows


def _ties(rng: np.random.Generator, size: int, reach: int, ends: tuple[int, int]) -> Float32:
    """Return halves and their neighbours, in a row whose range makes one step of 1."""
    row = np.asarray(rng.integers(-reach, reach, size) + 0.5, np.float32)
    below = np.nextafter(np.float32(0.5), np.float32(0))
    row[::3], row[1::7] = below, -below
    row[: min(2, size)] = ends[:size]
    return row
