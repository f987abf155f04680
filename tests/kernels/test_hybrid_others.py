"""Hybrid operators with dilations, depth multipliers and several images: the bits of the runtime, in every backend."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from reference.runtime import Runtime, runtime_available
from tests.support.backends import FAST_BACKENDS
from tests.support.graphs import Dice
from tests.support.hybrid import hybrid_graph
from tests.support.programs import OneOperator
from yamjit.errors import ModelError
from yamjit.kernels import load_backend
from yamjit.plan.lowering import lower
from yamjit.tflite import Graph, write_graph
from yamjit.tflite.graph import Activation, Arithmetic
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions

_DICE = Dice(11)


def _graph(
    shape: tuple[int, ...], weights: tuple[int, ...], options: Conv2DOptions | DepthwiseConv2DOptions, scales: int = 0
) -> Graph:
    channels = weights[3] if isinstance(options, DepthwiseConv2DOptions) else weights[0]
    scale = _DICE.uniform(0.001, 0.01, scales or channels)
    return hybrid_graph(shape, _DICE.int8(*weights), scale, _DICE.uniform(-1, 1, channels), options)


_DILATED = Conv2DOptions(dilation_h=2, dilation_w=3)
_STRIDED = DepthwiseConv2DOptions(stride_h=2, stride_w=2, depth_multiplier=8, activation=Activation.RELU)

GRAPHS = {
    "multiplied": _graph((1, 9, 8, 1), (1, 4, 3, 8), _STRIDED),
    "multiplied channels": _graph((1, 9, 8, 3), (1, 3, 3, 6), DepthwiseConv2DOptions(depth_multiplier=2)),
    "depthwise dilated": _graph((1, 9, 8, 16), (1, 3, 3, 16), DepthwiseConv2DOptions(dilation_h=2, dilation_w=2)),
    "conv dilated": _graph((1, 9, 8, 3), (5, 3, 2, 3), _DILATED),
    "conv dilated, one scale": _graph((1, 9, 8, 3), (5, 3, 2, 3), _DILATED, 1),
    "conv of images": _graph((3, 5, 4, 3), (5, 3, 2, 3), Conv2DOptions()),
    "depthwise of images": _graph((3, 5, 4, 16), (1, 3, 3, 16), DepthwiseConv2DOptions()),
}


def inputs_for(graph: Graph) -> npt.NDArray[np.float32]:
    shape = (4, *graph.tensors[graph.inputs[0]].shape)
    return Dice(2).uniform(-3, 3, int(np.prod(shape))).astype(np.float32).reshape(shape)


@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("kernels", ["reference", "optimised"])
@pytest.mark.parametrize("name", GRAPHS)
def test_operators_give_the_bits_of_the_runtime(name: str, kernels: str) -> None:
    graph = dataclasses.replace(GRAPHS[name], arithmetic=Arithmetic(kernels))
    if name.startswith("multiplied") and kernels == "optimised":
        with pytest.raises(ModelError, match="depth multiplier"):
            lower(graph, graph.operators[0])
        return
    runtime, inputs = Runtime(write_graph(graph), kernels=kernels), inputs_for(graph)
    expected = np.stack([runtime.run(patch)[0] for patch in inputs])
    found = OneOperator(graph).run(load_backend("numpy"), inputs)
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_compiled_operators_give_the_bits_of_numpy(name: str, backend: str) -> None:
    operator, inputs = OneOperator(GRAPHS[name]), inputs_for(GRAPHS[name])
    found, expected = (operator.run(load_backend(kind), inputs) for kind in (backend, "numpy"))
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))
