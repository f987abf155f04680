"""A model whose steps are of every kind: each reads a place of its own, which nothing writes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np

from tests.support import graphs
from tests.support.programs import pooling_program
from yamjit.compiled.record import CompiledModel
from yamjit.heads import HeadRecord
from yamjit.kernels.memory import Packer, padded
from yamjit.kernels.program import COLUMNS, Column, Program
from yamjit.plan.lowering import Step, lower
from yamjit.plan.plan import Head, Plan, Slot
from yamjit.tflite.graph import Graph

__all__ = ["zoo"]

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
    """Return the model: a patch (9, 7), scores of three classes, nothing that calls for a front end."""
    rows, constants, arena = [], Packer(), 0
    for graph in _graphs(seed):
        operator = graph.operators[0]
        (step,) = lower(graph, operator)
        assert isinstance(step, Step)
        tensors = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
        read, written = (int(np.prod(tensor.shape)) * tensor.dtype.itemsize for tensor in tensors)
        row = np.zeros(COLUMNS, np.int64)
        row[Column.OP], row[Column.INPUT], row[Column.OUTPUT] = step.op, arena, arena + padded(read)
        for column, value in step.columns.items():
            row[column] = value
        for column, array in step.constants.items():
            row[column] = constants.add(array)
        rows.append(row)
        arena += padded(read) + padded(written)
    pool = pooling_program()
    row = pool.steps[0].copy()
    row[[Column.INPUT, Column.OUTPUT]] += arena
    rows.append(row)
    program = Program(np.array(rows), constants.block(), arena + pool.arena_bytes, patchwise=3)
    return CompiledModel(_plan(program), 16_000, (_record(),), "zoo", None)


def _plan(program: Program) -> Plan:
    quantize, scores = program.steps[0], program.steps[-2]
    patch = Slot("patch", (_FRAMES, _BANDS), int(quantize[Column.OUTPUT]), 0, 0.1, 0)
    slot = Slot("scores", (3,), int(scores[Column.OUTPUT]), len(program.steps) - 2, 1 / 256, -128)
    head = Head("scores", slot, slot, 0)
    return Plan(program, None, (_FRAMES, _BANDS), int(quantize[Column.INPUT]), patch, None, (head,), {})


def _record() -> HeadRecord:
    return HeadRecord("scores", ("one", "two", "drei ä"), ("", "", ""), True, {})
