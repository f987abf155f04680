"""Models whose steps are of every kind: each reads a place of its own, which nothing writes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np

from tests.support import graphs
from tests.support.float_graphs import FLOAT_GRAPHS, OPTIMISED_GRAPHS, constant, operation
from tests.support.hybrid import HYBRID_GRAPHS, hybrid_graph
from tests.support.int8_graphs import INT8_GRAPHS
from tests.support.programs import OneOperator, pooling_program
from tests.support.spectral_graphs import SPECTRAL_GRAPHS
from yamjit.compiled.record import CompiledModel
from yamjit.heads import HeadRecord, NamedBy
from yamjit.kernels.memory import Packer
from yamjit.kernels.prepared.uses import constants_of
from yamjit.kernels.program import Column, Program
from yamjit.kernels.program_proof import reads_another
from yamjit.plan.plan import Head, Plan, Slot
from yamjit.tflite.graph import Graph, Op, Padding
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

__all__ = ["float_zoo", "zoo"]

_FRAMES, _BANDS = 9, 7

_CHANNELS = (1, 3, 4, 8, 16, 17, 32, 33, 64, 128, 512, 520)
_KERNELS = ((1, 1), (2, 3), (3, 3), (3, 3), (3, 3))
_STRIDES = ((1, 1), (1, 1), (2, 2), (1, 2))
#: Scale and zero point of outputs: one that vector kernels round, and one that is left to plain ones.
_QUANTIZED = ((6 / 255, -128), (6 / 255, -128), (0.1, 3))


def _graphs(seed: int) -> Iterator[Graph]:
    """Yield graphs of one operator: one of each kind of kernel, then some at random."""
    yield graphs.quantize((1, _FRAMES * _BANDS))
    yield graphs.conv2d_s8((1, 7, 5, 3), 24)
    yield graphs.conv2d_s8((1, 7, 5, 3), 24, (2, 3), stride=(2, 1), output_quantized=(0.1, 3))
    for channels, stride in ((4, 1), (32, 1), (64, 2), (128, 1), (48, 1)):
        yield graphs.depthwise_s8((1, 6, 5, channels), stride=(stride, stride))
    yield graphs.depthwise_s8((1, 6, 5, 8), kernel=(2, 3))
    yield graphs.conv2d_s8((1, 5, 5, 17), 33, (1, 1))
    yield graphs.conv2d_s8((1, 2, 2, 512), 16, (1, 1))
    yield graphs.fully_connected_s8((1, 33), 50)
    yield graphs.mean_s8((1, 3, 4, 20))
    yield from INT8_GRAPHS.values()
    choose = random.Random(seed)
    for number in range(12):
        shape = (1, choose.randint(1, 12), choose.randint(1, 12), choose.choice(_CHANNELS))
        stride, quantized = choose.choice(_STRIDES), choose.choice(_QUANTIZED)
        how = {"kernel": choose.choice(_KERNELS), "stride": stride, "output_quantized": quantized, "seed": number}
        if choose.random() < 0.5:
            yield graphs.depthwise_s8(shape, **how)
        else:
            yield graphs.conv2d_s8(shape, choose.choice(_CHANNELS), **how)
    yield graphs.logistic_s8((1, 50))


def zoo(seed: int = 0) -> CompiledModel:
    """Return a model of int8 values: a patch (9, 7), scores of three classes, nothing that calls for a front end."""
    program = _merged([*(OneOperator(graph).program for graph in _graphs(seed)), pooling_program()])
    quantize, scores = program.steps[0], program.steps[-2]
    patch = Slot("patch", (_FRAMES, _BANDS), int(quantize[Column.OUTPUT]), 0, 0.1, 0)
    slot = Slot("scores", (3,), int(scores[Column.OUTPUT]), len(program.steps) - 2, 1 / 256, -128)
    plan = Plan(program, None, (_FRAMES, _BANDS), int(quantize[Column.INPUT]), patch, None, (_head(slot),), {})
    return CompiledModel(plan, 16_000, (_record(),), "zoo", None)


def float_zoo(seed: int = 0) -> CompiledModel:
    """Return a model of floats, hybrid products and spectra: windows of 63 samples, an embedding, three classes."""
    program = _merged([OneOperator(graph).program for graph in _float_graphs(seed)])
    embedding, scores = (
        Slot(name, (size,), int(program.steps[step, Column.OUTPUT]), step, 1.0, 0, np.dtype(np.float32))
        for name, size, step in (("embedding", 17, 1), ("scores", 3, len(program.steps) - 1))
    )
    samples = _FRAMES * _BANDS
    patch, slots = int(program.steps[0, Column.INPUT]), {"column": embedding._replace(shape=(17, 1))}
    plan = Plan(program, None, (samples,), patch, None, embedding, (_head(scores),), slots)
    return CompiledModel(plan, 16_000, (_record(),), "float zoo", None)


def _float_graphs(seed: int) -> Iterator[Graph]:
    """Yield graphs of one operator: one of each kind of kernel, then some products at random."""
    yield operation(Op.RELU, [((1, _FRAMES * _BANDS), np.float32)], ((1, _FRAMES * _BANDS), np.float32))
    yield operation(
        Op.FULLY_CONNECTED,
        [((1, 21), np.float32), constant(17, 21), constant(17)],
        ((1, 17), np.float32),
        FullyConnectedOptions(),
    )
    yield from FLOAT_GRAPHS.values()
    yield from OPTIMISED_GRAPHS.values()
    yield from HYBRID_GRAPHS.values()
    yield from SPECTRAL_GRAPHS.values()
    yield graphs.dequantize((1, 50))
    choose = random.Random(seed)
    for _ in range(16):
        yield _product(choose)
    yield operation(Op.RELU6, [((1, 3), np.float32)], ((1, 3), np.float32))


def _product(choose: random.Random) -> Graph:
    """Return a hybrid product, or one of float32 values, of a random shape."""
    inputs, outputs = choose.choice(_CHANNELS), choose.choice(_CHANNELS)
    shape = (1, choose.randint(1, 12), choose.randint(1, 12), inputs)
    (height, width), (stride_h, stride_w) = choose.choice(_KERNELS), choose.choice(_STRIDES)
    depthwise, hybrid, dice = choose.random() < 0.5, choose.random() < 0.6, np.random.default_rng(inputs)
    kind = DepthwiseConv2DOptions if depthwise else Conv2DOptions
    options = kind(Padding.SAME, stride_h, stride_w)
    sizes = (1, height, width, inputs) if depthwise else (outputs, height, width, inputs)
    channels = inputs if depthwise else outputs
    if hybrid:
        weights = dice.integers(-127, 128, sizes, np.int8)
        return hybrid_graph(shape, weights, np.linspace(0.1, 0.2, channels), np.ones(channels), options)
    output = (1, -(-shape[1] // stride_h), -(-shape[2] // stride_w), channels)
    op = Op.DEPTHWISE_CONV_2D if depthwise else Op.CONV_2D
    operands = [(shape, np.float32), constant(*sizes), constant(channels)]
    return operation(op, operands, (output, np.float32), options)


def _merged(programs: Sequence[Program]) -> Program:
    """Return the steps of all programs, each in memory of its own; the first three run patch after patch."""
    rows, constants, arena = [], Packer(), 0
    for program in programs:
        block = constants.add(program.constants)
        for row in program.steps.copy():
            places = [Column.INPUT, Column.OUTPUT, *([Column.OTHER] if reads_another(row.tolist()) else [])]
            row[places] += arena
            row[[column for column, size in constants_of(row.tolist()).items() if size]] += block
            rows.append(row)
        arena += program.arena_bytes
    return Program(np.array(rows), constants.block(), arena, patchwise=3)


def _head(scores: Slot) -> Head:
    return Head("scores", scores, scores, 0)


def _record() -> HeadRecord:
    return HeadRecord("scores", ("one", "two", "drei ä"), ("", "", ""), NamedBy.METADATA, {})
