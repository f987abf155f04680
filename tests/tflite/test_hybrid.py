"""The contracts of operators whose weights are int8 and whose activations are float32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.support.graphs import quantization
from tests.support.hybrid import hybrid_graph
from yamjit.errors import ModelError
from yamjit.tflite import Graph, Tensor, read_graph, validate_graph, write_graph
from yamjit.tflite.graph import Activation, Padding
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

CONV = hybrid_graph((2, 5, 4, 3), np.ones((6, 3, 2, 3), np.int8), np.full(6, 0.1), np.ones(6), Conv2DOptions())
DEPTHWISE = hybrid_graph(
    (1, 5, 4, 3), np.ones((1, 3, 3, 3), np.int8), np.full(3, 0.1), np.ones(3), DepthwiseConv2DOptions()
)
FULLY_CONNECTED = hybrid_graph((1, 4, 7), np.ones((2, 7), np.int8), 0.1, np.ones(2), FullyConnectedOptions())

SOUND = {
    "conv": CONV,
    "conv of one scale": hybrid_graph((1, 5, 5, 2), np.ones((3, 3, 3, 2), np.int8), 0.1, None, Conv2DOptions()),
    "conv valid": hybrid_graph(
        (1, 9, 7, 2), np.ones((3, 3, 3, 2), np.int8), 0.1, None, Conv2DOptions(), padding=Padding.VALID, stride_h=2
    ),
    "depthwise": DEPTHWISE,
    "depthwise of one channel": hybrid_graph(
        (1, 5, 5, 1), np.ones((1, 3, 3, 1), np.int8), 0.1, None, DepthwiseConv2DOptions()
    ),
    "fully connected": FULLY_CONNECTED,
    "fully connected per unit, asymmetric": hybrid_graph(
        (1, 7),
        np.full((2, 7), -127, np.int8),
        [0.1, 0.2],
        None,
        FullyConnectedOptions(asymmetric_quantize_inputs=True, activation=Activation.RELU6),
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_written_is_read(name: str) -> None:
    graph = SOUND[name]
    validate_graph(graph)
    read = read_graph(write_graph(graph))
    assert read.operators == graph.operators
    assert write_graph(read) == write_graph(graph)


def with_tensor(graph: Graph, index: int, edit: Callable[[Tensor], Tensor]) -> Graph:
    tensors = list(graph.tensors)
    tensors[index] = edit(tensors[index])
    return replace(graph, tensors=tuple(tensors))


def int8(value: int) -> Callable[[Tensor], Tensor]:
    return lambda tensor: replace(tensor, data=np.full(tensor.shape, value, np.int8))


@pytest.mark.parametrize(
    ("graph", "index", "edit", "message"),
    [
        (CONV, 1, int8(-128), "weights of -128 are not supported with float32 inputs"),
        (DEPTHWISE, 1, int8(-128), "weights of -128 are not supported with float32 inputs"),
        (FULLY_CONNECTED, 1, int8(-128), "weights of -128 are not supported with float32 inputs"),
        (CONV, 1, lambda t: replace(t, data=None), "is read before it is written"),
        (CONV, 1, lambda t: replace(t, quantization=None), "has no quantization"),
        (CONV, 1, lambda t: replace(t, quantization=quantization(0.1, 1)), "int8 weights need zero point 0"),
        (CONV, 1, lambda t: replace(t, quantization=quantization([0.1] * 3, 0, 3)), "one scale, or one for each"),
        (DEPTHWISE, 1, lambda t: replace(t, quantization=quantization(0.1)), "needs a scale for each channel"),
        (DEPTHWISE, 1, lambda t: replace(t, quantization=quantization([0.1] * 3, 0, 1)), "needs a scale for each"),
        (FULLY_CONNECTED, 1, lambda t: replace(t, quantization=quantization([0.1] * 7, 0, 1)), "one scale, or one for"),
        (CONV, 2, lambda t: replace(t, data=np.ones(6, np.int32), dtype=np.dtype(np.int32)), "int32 should be float32"),
        (CONV, 2, lambda t: replace(t, data=np.ones(5, np.float32), shape=(5,)), r"\(5,\) should be \(6,\)"),
        (CONV, 3, lambda t: replace(t, dtype=np.dtype(np.int8)), "int8 should be float32"),
        (FULLY_CONNECTED, 3, lambda t: replace(t, dtype=np.dtype(np.int8)), "int8 should be float32"),
    ],
)
def test_refused(graph: Graph, index: int, edit: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        validate_graph(with_tensor(graph, index, edit))


def test_sums_that_leave_int32_are_refused() -> None:
    taps = (2**31 - 1) // (255 * 127)
    for depth in (taps, taps + 1):
        graph = hybrid_graph((1, depth), np.full((1, depth), 127, np.int8), 0.1, None, FullyConnectedOptions())
        if depth == taps:
            validate_graph(graph)
        else:
            with pytest.raises(ModelError, match="sum of products can overflow int32"):
                validate_graph(graph)
