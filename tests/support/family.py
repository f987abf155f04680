"""Small models of every kind but int8: each float and hybrid operator, any length, spectra, float or mixed weights.

Each takes samples and gives scores, so that it can be loaded and run whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tests.support.float_graphs import FLOAT_GRAPHS, OPTIMISED_GRAPHS, constant
from tests.support.graphs import GraphBuilder
from tests.support.hybrid import HYBRID_GRAPHS
from tests.support.sample_model import sample_model
from tests.support.spectral_graphs import commands_model, stft_model
from tests.support.synthetic import synthetic_yamnet
from tests.tflite.test_folding import PROBLEMS, Problem, any_length
from yamjit.tflite.graph import Graph, Op, Operator
from yamjit.tflite.operators.arrangement import ConcatenationOptions
from yamjit.tflite.operators.binary import MulOptions
from yamjit.tflite.operators.movers import ReshapeOptions
from yamjit.tflite.operators.products import FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.weight_types import dynamic_range, floating

__all__ = ["CLASSES", "family_models"]

CLASSES = 3

#: Samples of a window of the models that are made around an operator of shapes.
_SAMPLES = 40


def family_models() -> Mapping[str, Graph]:
    """Return the models by what they are of."""
    whole = synthetic_yamnet(classes=CLASSES, width=0.0625)
    operators = {**FLOAT_GRAPHS, **{f"hybrid {name}": graph for name, graph in HYBRID_GRAPHS.items()}}
    operators |= {f"optimised {name}": graph for name, graph in OPTIMISED_GRAPHS.items()}
    return {
        **{name: _around(graph) for name, graph in operators.items()},
        **{f"computed {name}": _beside(p) for name, p in PROBLEMS.items() if all(out.size for out in p.outputs)},
        "any length": _any_length(),
        "samples": sample_model(),
        "samples, softmax": sample_model(Op.SOFTMAX, (1,)),
        "magnitudes": stft_model(3),
        "imaginary parts": stft_model(3, Op.IMAG),
        "commands": commands_model(1600),
        "commands, with a rate": commands_model(1600, asks_for_rate=True),
        "float": floating(whole),
        "dynamic": dynamic_range(floating(whole)),
    }


def _around(graph: Graph) -> Graph:
    """Return a model in which the operator of a graph reads parts of the samples, and scores are made of its result."""
    builder = GraphBuilder()
    shapes = [graph.tensors[index].shape for index in graph.inputs]
    samples = builder.activation((sum(map(math.prod, shapes)),), name="samples")
    moved, start = {}, 0
    for index, shape in zip(graph.inputs, shapes, strict=True):
        size = math.prod(shape)
        ends = [builder.constant(np.array([number], np.int32)) for number in (start, size)]
        part = builder.operator(Op.SLICE, [samples, *ends], builder.activation((size,)))
        moved[index] = _reshaped(builder, part, shape)
        start += size
    for tensor in graph.tensors:
        if tensor.data is not None:
            moved[tensor.index] = builder.constant(tensor.data, tensor.quantization)
    (operator,) = graph.operators
    (output,) = (graph.tensors[index] for index in operator.outputs)
    inputs = [moved[index] for index in operator.inputs]
    result = builder.activation(output.shape)
    builder.operator(operator.op, inputs, result, operator.options, operator.version)
    return builder.build([samples], [_scored(builder, result, output.shape)])


def _beside(problem: Problem) -> Graph:
    """Return a model in which what an operator makes of constants stands beside the samples."""
    builder = GraphBuilder()
    samples = builder.activation((1, _SAMPLES), name="samples")
    inputs = [builder.constant(value) for value in problem.inputs]
    outputs = [builder.activation(value.shape, value.dtype) for value in problem.outputs]
    parts, size = [samples], _SAMPLES
    added: list[int] = []
    for index, value in zip(outputs, problem.outputs, strict=True):
        real = index
        if value.dtype != np.float32:
            real = builder.operator(Op.CAST, [index], builder.activation(value.shape))
        parts.append(_reshaped(builder, real, (1, value.size)))
        added += parts[-1:]
        size += value.size
    joined = builder.operator(Op.CONCATENATION, parts, builder.activation((1, size)), ConcatenationOptions(axis=1))
    graph = builder.build([samples], [_scored(builder, joined, (1, size))])
    first = Operator(0, problem.op, tuple(inputs), tuple(outputs), problem.options)
    later = (replace(operator, index=operator.index + 1) for operator in graph.operators)
    return replace(graph, operators=(first, *later))


def _any_length() -> Graph:
    """Return a model of any length: frames, and the mean of their logarithms."""
    graph = any_length()
    builder = GraphBuilder()
    builder._tensors, builder._operators = list(graph.tensors), list(graph.operators)
    axes = builder.constant(np.array([0], np.int32))
    options = ReducerOptions(keep_dims=True)
    mean = builder.operator(Op.MEAN, [graph.outputs[0], axes], builder.activation((1, 400)), options)
    return builder.build(graph.inputs, [_scored(builder, mean, (1, 400))])


def _reshaped(builder: GraphBuilder, source: int, shape: Sequence[int]) -> int:
    wanted = builder.constant(np.array(shape, np.int32))
    return builder.operator(Op.RESHAPE, [source, wanted], builder.activation(shape), ReshapeOptions(tuple(shape)))


def _scored(builder: GraphBuilder, values: int, shape: Sequence[int]) -> int:
    """Add scores of all values, which are there twice: what is one row throughout is taken for a head alone."""
    size = math.prod(shape)
    ones = builder.constant(np.ones((2, size), np.float32))
    row = _reshaped(builder, values, (1, size))
    twice = builder.operator(Op.MUL, [row, ones], builder.activation((2, size)), MulOptions())
    row, size = _reshaped(builder, twice, (1, 2 * size)), 2 * size
    operands = [row, builder.constant(constant(CLASSES, size)), builder.constant(constant(CLASSES, seed=1))]
    logits = builder.operator(Op.FULLY_CONNECTED, operands, builder.activation((1, CLASSES)), FullyConnectedOptions())
    return builder.operator(Op.LOGISTIC, [logits], builder.activation((1, CLASSES), name="scores"))
