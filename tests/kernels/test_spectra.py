"""Steps of spectra: the same bits as TFLite's kernels, in every backend."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from reference.runtime import Runtime, runtime_available
from tests.kernels.test_float32 import differing
from tests.support.backends import FAST_BACKENDS
from tests.support.programs import OneOperator
from tests.support.spectral_graphs import SPECTRAL_GRAPHS
from yamjit.kernels import load_backend
from yamjit.kernels.spectral.numpy import log
from yamjit.tflite import Graph, write_graph
from yamjit.tflite.graph import Op


def inputs_for(graph: Graph, count: int = 3) -> npt.NDArray[np.float32]:
    """Return noise, tones, and silence, loud and faint; what a spectrogram holds is not below zero."""
    dice = np.random.Generator(np.random.PCG64(3))
    shape = graph.tensors[graph.inputs[0]].shape
    size = math.prod(shape)
    found = dice.normal(0, 0.3, (count, size)) * 10.0 ** dice.integers(-5, 3, (count, 1))
    found[1] = np.sin(2 * np.pi * np.arange(size) / 16)
    found[2, : size // 2] = 0
    if graph.operators[0].op == Op.MFCC:
        found *= found
    return found.astype(np.float32).reshape(count, *shape)


def as_floats(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(values).view(np.float32)


@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("name", SPECTRAL_GRAPHS)
def test_operators_give_the_bits_of_the_runtime(name: str) -> None:
    graph = SPECTRAL_GRAPHS[name]
    runtime, values = Runtime(write_graph(graph)), inputs_for(graph, 12)
    expected = np.stack([runtime.run(patch)[0] for patch in values])
    found = OneOperator(graph).run(load_backend("numpy"), values)
    assert differing(as_floats(found), as_floats(expected)) == 0


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize("name", SPECTRAL_GRAPHS)
def test_compiled_operators_give_the_bits_of_numpy(name: str, backend: str) -> None:
    graph = SPECTRAL_GRAPHS[name]
    operator, values = OneOperator(graph), inputs_for(graph)
    values[0].flat[:2] = np.nan, np.inf
    found = [as_floats(operator.run(load_backend(kind), values)) for kind in ("numpy", backend)]
    assert differing(*found) == 0


def test_logarithms_are_within_two_units_in_the_last_place() -> None:
    dice = np.random.Generator(np.random.PCG64(1))
    values = np.exp(dice.uniform(math.log(1e-12), 30, 20_000))
    expected = np.array([math.log(value) for value in values.tolist()])
    assert (np.abs(log(values) - expected) <= 2 * np.spacing(np.abs(expected))).all()
    np.testing.assert_array_equal(log(np.array([1.0, np.inf, np.nan])), [0, np.inf, np.nan])
