"""Loops of int8 operators that YAMNet has none of against the kernels, which are tested against the runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reference import relatives
from reference.arithmetic import activation_range
from reference.relatives import Scale
from tests.kernels.test_int8_relatives import inputs_for
from tests.support.int8_graphs import INT8_GRAPHS
from tests.support.programs import OneOperator
from yamjit.kernels import load_backend
from yamjit.tflite import Graph, Op
from yamjit.tflite.graph import Tensor

_RELUS = {Op.RELU: "RELU", Op.RELU6: "RELU6", Op.RELU_N1_TO_1: "RELU_N1_TO_1", Op.QUANTIZE: "NONE"}
_BINARY = {Op.ADD, Op.SUB, Op.MUL}
_WITH_LOOPS = {
    *(*_RELUS, *_BINARY, Op.LEAKY_RELU, Op.PRELU, Op.HARD_SWISH),
    *(Op.SOFTMAX, Op.AVERAGE_POOL_2D, Op.RESIZE_BILINEAR),
}


def scale_of(tensor: Tensor) -> Scale:
    assert tensor.quantization is not None
    return Scale(float(tensor.quantization.scale[0]), int(tensor.quantization.zero_point[0]))


def answer(graph: Graph, feeds: list[np.ndarray]) -> np.ndarray:
    """Return what the loops make of the inputs of a graph."""
    operator, fed = graph.operators[0], dict(zip(graph.inputs, feeds, strict=True))
    tensors = [graph.tensors[index] for index in operator.inputs]
    x, *rest = (fed[tensor.index] if tensor.data is None else np.asarray(tensor.data) for tensor in tensors)
    source, output, options = scale_of(tensors[0]), scale_of(graph.tensors[operator.outputs[0]]), operator.options
    how: Any = options
    if operator.op in _RELUS:
        bounds = activation_range(_RELUS[operator.op], output.scale, output.zero_point)
        return relatives.requantize_s8(x, source, output, *bounds)
    if operator.op == Op.LEAKY_RELU:
        return relatives.leaky_relu_s8(x, source, output, how.alpha)
    if operator.op == Op.PRELU:
        return relatives.prelu_s8(x, rest[0], source, scale_of(tensors[1]), output)
    if operator.op == Op.HARD_SWISH:
        return relatives.hard_swish_s8(x, source, output)
    if operator.op == Op.SOFTMAX:
        return relatives.softmax_s8(x.reshape(-1, x.shape[-1]), source.scale, how.beta)
    if operator.op == Op.RESIZE_BILINEAR:
        size = (int(rest[0][0]), int(rest[0][1]))
        corners, half = how.align_corners, how.half_pixel_centers
        return relatives.resize_bilinear_s8(x, size, align_corners=corners, half_pixel_centers=half)
    if operator.op == Op.AVERAGE_POOL_2D:
        size, stride = (how.filter_height, how.filter_width), (how.stride_h, how.stride_w)
        name = how.activation.name
        return relatives.average_pool_2d_s8(x, size, output, padding=how.padding.name, stride=stride, activation=name)
    scales = (source, scale_of(tensors[1]), output)
    if operator.op == Op.MUL:
        return relatives.mul_s8(x, rest[0], *scales, how.activation.name)
    return relatives.add_s8(x, rest[0], *scales, how.activation.name, 1 if operator.op == Op.ADD else -1)


@pytest.mark.parametrize("name", [name for name, graph in INT8_GRAPHS.items() if graph.operators[0].op in _WITH_LOOPS])
def test_kernels_compute_what_the_loops_do(name: str) -> None:
    graph = INT8_GRAPHS[name]
    inputs = inputs_for(graph, 2)
    found = OneOperator(graph).run(load_backend("numpy"), *inputs)
    for patch in range(2):
        expected = answer(graph, [values[patch] for values in inputs])
        np.testing.assert_array_equal(found[patch].reshape(expected.shape), expected)
