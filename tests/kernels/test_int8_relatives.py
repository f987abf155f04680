"""Operators of int8 values that YAMNet has none of: the same bits as TFLite's reference kernels, in every backend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from reference.runtime import Runtime, runtime_available
from tests.support.backends import FAST_BACKENDS
from tests.support.int8_graphs import INT8_GRAPHS
from tests.support.programs import OneOperator
from yamjit.kernels import load_backend
from yamjit.tflite import Graph, write_graph

#: Graphs whose operator TFLite's reference kernels do not have.
NOT_IN_REFERENCE: set[str] = set()


def inputs_for(graph: Graph, count: int = 40) -> list[npt.NDArray[np.int8]]:
    """Return int8 of all sizes."""
    dice = np.random.Generator(np.random.PCG64(5))
    return [dice.integers(-128, 128, (count, *graph.tensors[index].shape)).astype(np.int8) for index in graph.inputs]


@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("name", INT8_GRAPHS)
def test_operators_give_the_bits_of_the_runtime(name: str) -> None:
    graph = INT8_GRAPHS[name]
    runtime = Runtime(write_graph(graph), kernels="optimised" if name in NOT_IN_REFERENCE else "reference")
    inputs = inputs_for(graph)
    expected = np.stack([runtime.run(*patch)[0] for patch in zip(*inputs, strict=True)])
    np.testing.assert_array_equal(OneOperator(graph).run(load_backend("numpy"), *inputs), expected)


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize("name", INT8_GRAPHS)
def test_compiled_operators_give_what_numpy_does(name: str, backend: str) -> None:
    graph = INT8_GRAPHS[name]
    operator, inputs = OneOperator(graph), inputs_for(graph, 3)
    found, expected = (operator.run(load_backend(kind), *inputs) for kind in (backend, "numpy"))
    np.testing.assert_array_equal(found, expected)
