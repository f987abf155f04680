"""The hybrid loops against a TFLite runtime of both kernel sets, and every backend against the loops: every bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reference import hybrid
from reference.runtime import Runtime, runtime_available
from tests.support.backends import FAST_BACKENDS
from tests.support.hybrid import HARD_ROWS, hard_rows, hybrid_graph
from tests.support.programs import OneOperator
from yamjit.kernels import load_backend
from yamjit.kernels.hybrid.numpy import quantize_rows
from yamjit.tflite import Graph, write_graph
from yamjit.tflite.graph import Activation, Arithmetic, Padding
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

Float32 = npt.NDArray[np.float32]

KERNELS = ("reference", "optimised")
ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


@dataclass(frozen=True, eq=False)
class Problem:
    """Constants of an operator, and inputs of every kind."""

    input: Float32
    filter: npt.NDArray[np.int8]
    scale: Float32
    bias: Float32
    activation: str
    asymmetric: bool = True
    padding: str = "SAME"
    stride: tuple[int, int] = (1, 1)


def draw(rng: np.random.Generator, shape: tuple[int, ...], filter_shape: tuple[int, ...], scales: int) -> Problem:
    """Return a problem whose filter has as many output channels as its longest dimension says, or as `scales` does."""
    entries = hard_rows(rng, shape[0], int(np.prod(shape[1:]))).reshape(shape)
    weights = rng.integers(-127, 128, filter_shape).astype(np.int8)
    channels = filter_shape[3] if filter_shape[0] == 1 and len(filter_shape) == 4 else filter_shape[0]
    scale = np.asarray(rng.random(scales) * 0.02 + 0.001, np.float32)
    bias = np.asarray(rng.standard_normal(channels), np.float32)
    bias[0] = -0.0
    return Problem(entries, weights, scale, bias, str(rng.choice(ACTIVATIONS)), bool(rng.integers(2)))


def matrices(seed: int) -> Iterator[Problem]:
    rng = np.random.default_rng(seed)
    for depth in (1, 5, 8, 13, 64, 67):
        for scales in (1, 6):
            yield draw(rng, (len(HARD_ROWS), depth), (6, depth), scales)
    yield Problem(
        np.zeros((3, 8), np.float32), np.ones((2, 8), np.int8), np.float32([1]), np.float32([-0.0, 1]), "NONE"
    )
    yield Problem(
        np.zeros((3, 8), np.float32), np.ones((2, 8), np.int8), np.float32([1]), np.float32([-0.0, 1]), "RELU"
    )


def images(seed: int, *, depthwise: bool) -> Iterator[Problem]:
    """Yield problems whose channels are not all whole fours, and whose images are not all whole eights."""
    rng = np.random.default_rng(seed)
    for window in ((1, 1), (3, 3), (2, 3)):
        for channels in (1, 3, 4, 6, 16):
            outputs = channels if depthwise else int(rng.integers(2, 6))
            shape = (1, *window, channels) if depthwise else (outputs, *window, channels)
            drawn = draw(rng, (len(HARD_ROWS), 5, 4, channels), shape, int(rng.choice([1, outputs])))
            scale = np.resize(drawn.scale, channels) if depthwise else drawn.scale
            padding, stride = str(rng.choice(["SAME", "VALID"])), int(rng.integers(1, 3))
            yield Problem(
                drawn.input, drawn.filter, scale, drawn.bias, drawn.activation, padding=padding, stride=(stride, stride)
            )


def by_loops(problem: Problem, kind: str, kernel_set: str) -> Float32:
    operands = (problem.input, problem.filter, problem.scale, problem.bias)
    if kind == "matrix":
        return hybrid.fully_connected(*operands, asymmetric=problem.asymmetric, activation=problem.activation)
    loops = hybrid.depthwise_conv_2d if kind == "depthwise" else hybrid.conv_2d
    walk: dict[str, Any] = {"padding": problem.padding, "stride": problem.stride}
    return loops(*operands, kernels=kernel_set, activation=problem.activation, **walk)


def graph_of(problem: Problem, kind: str) -> Graph:
    options = {"matrix": FullyConnectedOptions(), "depthwise": DepthwiseConv2DOptions(), "conv": Conv2DOptions()}[kind]
    changes: dict[str, Any] = {"activation": Activation[problem.activation]}
    if kind == "matrix":
        changes["asymmetric_quantize_inputs"] = problem.asymmetric
    else:
        changes |= {"padding": Padding[problem.padding], "stride_h": problem.stride[0], "stride_w": problem.stride[1]}
    return hybrid_graph(problem.input.shape, problem.filter, problem.scale, problem.bias, options, **changes)


def by_backend(problem: Problem, kind: str, kernel_set: str, backend: str = "numpy") -> Float32:
    """Run the operator as a program; images are its patches, a matrix is one."""
    patches = problem.input[None] if kind == "matrix" else problem.input[:, None]
    graph = graph_of(replace(problem, input=patches[0]), kind)
    operator = OneOperator(replace(graph, arithmetic=Arithmetic(kernel_set)))
    found = operator.run(load_backend(backend), patches)
    return found.reshape(-1, *found.shape[2:])


def problems(kind: str, seed: int) -> Iterator[Problem]:
    return matrices(seed) if kind == "matrix" else images(seed, depthwise=kind == "depthwise")


def assert_same_bits(found: Float32, expected: Float32, problem: Problem) -> None:
    np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32), err_msg=str(problem))


@pytest.mark.parametrize("kernel_set", KERNELS)
@pytest.mark.parametrize("kind", ["matrix", "conv", "depthwise"])
def test_numpy_gives_the_bits_of_the_loops(kind: str, kernel_set: str) -> None:
    for problem in problems(kind, 1):
        expected = by_loops(problem, kind, kernel_set)
        assert_same_bits(by_backend(problem, kind, kernel_set), expected, problem)


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("kernel_set", KERNELS)
@pytest.mark.parametrize("kind", ["matrix", "conv", "depthwise"])
def test_loops_and_numpy_give_the_bits_of_the_runtime(kind: str, kernel_set: str) -> None:
    for problem in problems(kind, 2):
        runtime = Runtime(write_graph(graph_of(problem, kind)), kernels=kernel_set, inner=False)
        (expected,) = runtime.run(problem.input)
        assert_same_bits(by_loops(problem, kind, kernel_set), expected, problem)
        assert_same_bits(by_backend(problem, kind, kernel_set), expected, problem)


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize("kernel_set", KERNELS)
@pytest.mark.parametrize("kind", ["matrix", "conv", "depthwise"])
def test_compiled_kernels_give_the_bits_of_numpy(kind: str, kernel_set: str, backend: str) -> None:
    for problem in problems(kind, 3):
        expected = by_backend(problem, kind, kernel_set)
        assert_same_bits(by_backend(problem, kind, kernel_set, backend), expected, problem)


def test_rounding_that_no_other_library_has() -> None:
    """The float32 before a half becomes 1 where eight values are rounded at a time, 0 in the rest of a row."""
    below = np.nextafter(np.float32(0.5), np.float32(0))
    row = np.full(11, below, np.float32)
    row[0] = 127
    assert hybrid.quantize_row(row, symmetric=True).quantized == [127, *[1] * 7, 0, 0, 0]
    found = quantize_rows(row[None], symmetric=True)
    assert found.values.tolist() == [[127, *[1] * 7, 0, 0, 0]]
