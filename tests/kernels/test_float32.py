"""Steps of float32 values: the same bits as TFLite's reference kernels, in every backend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from reference.runtime import Runtime, runtime_available
from tests.support.backends import FAST_BACKENDS
from tests.support.float_graphs import FLOAT_GRAPHS, OPTIMISED_GRAPHS
from tests.support.programs import OneOperator
from yamjit.kernels import load_backend
from yamjit.tflite import Graph, write_graph

#: Functions of the C library, whose numbers differ from one version of it to another.
OF_THE_LIBRARY = {"tanh"}
POSITIVE = {"sqrt", "rsqrt", "log"}


def inputs_for(name: str, graph: Graph, count: int = 3) -> list[npt.NDArray[np.float32]]:
    """Return numbers of all sizes, of both signs where the operator takes them, with zeros of both signs."""
    dice = np.random.Generator(np.random.PCG64(7))
    found = []
    for index in graph.inputs:
        values = dice.normal(0, 3, (count, *graph.tensors[index].shape)) * np.exp(dice.normal(0, 1))
        values[dice.random(values.shape) < 0.05] = 0.0
        values *= np.where(dice.random(values.shape) < 0.5, 1, -1)
        found.append((np.abs(values) if name in POSITIVE else values).astype(np.float32))
    return found


def differing(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> int:
    """Return how many values differ in a bit; any NaN is like any other."""
    differs = one.view(np.int32) != other.view(np.int32)
    return int((differs & ~(np.isnan(one) & np.isnan(other))).sum())


@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("name", FLOAT_GRAPHS)
def test_operators_give_the_bits_of_the_reference_kernels(name: str) -> None:
    graph = FLOAT_GRAPHS[name]
    runtime = Runtime(write_graph(graph), kernels="reference")
    inputs = inputs_for(name, graph)
    expected = np.stack([runtime.run(*patch)[0] for patch in zip(*inputs, strict=True)])
    found = OneOperator(graph).run(load_backend("numpy"), *inputs)
    if name in OF_THE_LIBRARY:
        np.testing.assert_array_max_ulp(found, expected, 2)
    else:
        assert differing(found, expected) == 0


@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("name", OPTIMISED_GRAPHS)
def test_operators_give_the_bits_of_the_optimised_kernels(name: str) -> None:
    graph = OPTIMISED_GRAPHS[name]
    runtime = Runtime(write_graph(graph), kernels="optimised")
    (values,) = inputs_for(name, graph)
    values[0].flat[:4] = -200, 200, -104, 16.7
    expected = np.stack([runtime.run(patch)[0] for patch in values])
    assert differing(OneOperator(graph).run(load_backend("numpy"), values), expected) == 0


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize("name", OPTIMISED_GRAPHS)
def test_compiled_operators_give_the_bits_of_numpy_for_the_optimised_kernels(name: str, backend: str) -> None:
    graph = OPTIMISED_GRAPHS[name]
    operator, inputs = OneOperator(graph), inputs_for(name, graph)
    inputs[0][0].flat[:5] = -200, 200, -104, 16.7, np.nan
    assert differing(*(operator.run(load_backend(kind), *inputs) for kind in ("numpy", backend))) == 0


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize("name", FLOAT_GRAPHS)
def test_compiled_operators_give_the_bits_of_numpy(name: str, backend: str) -> None:
    graph = FLOAT_GRAPHS[name]
    operator, inputs = OneOperator(graph), inputs_for(name, graph)
    assert differing(*(operator.run(load_backend(kind), *inputs) for kind in ("numpy", backend))) == 0
