"""Rows that a PAD fills up with zeros: a product leaves the zeros out where that changes no bit."""

from __future__ import annotations

import numpy as np
import pytest

from reference.runtime import Runtime, runtime_available
from tests.support.backends import BACKENDS
from tests.support.graphs import Dice, GraphBuilder, quantization
from yamjit.compiled.from_graph import compile_model
from yamjit.kernels.program import Column, StepOp
from yamjit.network import Network
from yamjit.plan.seam import without_seam
from yamjit.plan.steps import Steps
from yamjit.tflite import Graph, Op, read_graph, write_graph
from yamjit.tflite.operators.products import FullyConnectedOptions

ROWS, INPUTS, OUTPUTS = 5, 24, 19

#: Zeros before and after each row, of frames of `INPUTS` samples.
BORDERS = {"after": (0, 8), "around": (3, 5), "before": (16, 0), "of another number": (1, 2)}


def filled(borders: tuple[int, int], hybrid: bool) -> Graph:
    """Return PAD, FULLY_CONNECTED and LOGISTIC."""
    width, builder, dice = sum(borders) + INPUTS, GraphBuilder(), Dice(sum(borders))
    source = builder.activation((ROWS, INPUTS), name="samples")
    padded, scores = builder.activation((ROWS, width)), builder.activation((ROWS, OUTPUTS), name="scores")
    builder.operator(Op.PAD, [source, builder.constant(np.array([(0, 0), borders], np.int32))], padded)
    weights = dice.uniform(-1.0, 1.0, OUTPUTS * width).astype(np.float32).reshape(OUTPUTS, width)
    if hybrid:
        whole = builder.constant(np.round(100 * weights).astype(np.int8), quantization(0.01, 0))
    else:
        whole = builder.constant(weights)
    logits, bias = builder.activation((ROWS, OUTPUTS)), builder.constant(np.full(OUTPUTS, 0.25, np.float32))
    builder.operator(Op.FULLY_CONNECTED, [padded, whole, bias], logits, FullyConnectedOptions(), 9 if hybrid else 1)
    builder.operator(Op.LOGISTIC, [logits], scores)
    return read_graph(write_graph(builder.build([source], [scores])))


def inputs_of_the_product(graph: Graph) -> int:
    steps = Steps(graph, without_seam(graph)).steps
    (product,) = (step for step in steps if step.op in (StepOp.POINTWISE_F32, StepOp.ROWS_HYBRID))
    return product.columns[Column.INPUT_C]


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("name", BORDERS)
def test_zeros_are_left_out(name: str, hybrid: bool) -> None:
    borders = BORDERS[name]
    rounded_otherwise = hybrid and name == "of another number"
    expected = INPUTS + sum(borders) if rounded_otherwise else INPUTS
    assert inputs_of_the_product(filled(borders, hybrid)) == expected


@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("name", BORDERS)
def test_scores_have_the_bits_of_the_reference_kernels(name: str, hybrid: bool, backend: str) -> None:
    graph = filled(BORDERS[name], hybrid)
    network, runtime = Network(compile_model(graph).plan, backend), Runtime(write_graph(graph))
    windows = np.random.default_rng(1).normal(0, 1, (6, ROWS, INPUTS)).astype(np.float32)
    windows[0], windows[1, ::2] = 0, -np.float32(0)
    expected = np.stack([runtime.run(window)[0] for window in windows])
    found = network.run(windows).scores
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
