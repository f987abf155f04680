"""Loops of float32 operators against the kernels, which are tested against the runtime: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reference import float_ops
from reference.ops import fully_connected_f32
from tests.kernels.test_float32 import differing, inputs_for
from tests.support.float_graphs import FLOAT_GRAPHS
from tests.support.programs import OneOperator
from yamjit.kernels import load_backend
from yamjit.kernels.float32.functions import exp
from yamjit.tflite import Graph, Op

_BINARY = {Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MAXIMUM, Op.MINIMUM}
_LOOPS = {Op.CONV_2D: float_ops.conv_2d_f32, Op.DEPTHWISE_CONV_2D: float_ops.depthwise_conv_2d_f32}
_POOLS = {Op.MAX_POOL_2D: float_ops.max_pool_2d_f32, Op.AVERAGE_POOL_2D: float_ops.average_pool_2d_f32}
_WITH_LOOPS = {*_BINARY, *_LOOPS, *_POOLS, Op.MEAN, Op.SOFTMAX, Op.FULLY_CONNECTED}


def answer(graph: Graph, feeds: list[np.ndarray]) -> np.ndarray:
    """Return what the loops make of the inputs of a graph."""
    operator, fed = graph.operators[0], dict(zip(graph.inputs, feeds, strict=True))
    values: list[Any] = [fed[i] if i in fed else np.asarray(graph.tensors[i].data) for i in operator.inputs]
    options: Any = operator.options
    activation = getattr(options, "activation", None)
    how: dict[str, Any] = {"activation": activation.name} if activation is not None else {}
    if operator.op in (*_LOOPS, *_POOLS):
        how |= {"padding": options.padding.name, "stride": (options.stride_h, options.stride_w)}
    if operator.op in _LOOPS:
        how["dilation"] = (options.dilation_h, options.dilation_w)
        values[2:] = values[2:] or [np.zeros(graph.tensors[operator.outputs[0]].shape[-1], np.float32)]
        return _LOOPS[operator.op](*values, **how)
    if operator.op in _POOLS:
        return _POOLS[operator.op](values[0], (options.filter_height, options.filter_width), **how)
    if operator.op == Op.MEAN:
        axes = tuple(int(axis) % values[0].ndim for axis in np.atleast_1d(values[1]))
        return float_ops.mean_f32(values[0], axes)
    if operator.op == Op.SOFTMAX:
        return float_ops.softmax_f32(values[0].reshape(-1, values[0].shape[-1]), options.beta, exp)
    if operator.op == Op.FULLY_CONNECTED:
        return np.vectorize(float_ops.clamp_f32)(fully_connected_f32(*values), activation.name)
    return float_ops.binary_f32(operator.op.name, *values, **how)


@pytest.mark.parametrize("name", [name for name, graph in FLOAT_GRAPHS.items() if graph.operators[0].op in _WITH_LOOPS])
def test_kernels_compute_what_the_loops_do(name: str) -> None:
    graph = FLOAT_GRAPHS[name]
    inputs = inputs_for(name, graph, 1)
    found = OneOperator(graph).run(load_backend("numpy"), *inputs)
    with np.errstate(all="ignore"):
        expected = answer(graph, [values[0] for values in inputs]).astype(np.float32)
    assert differing(found.reshape(-1), expected.reshape(-1)) == 0
