"""Graph to plan: find the seam, lower the network, lay out memory, prove it."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit.errors import LimitError, ModelError
from yamjit.kernels.memory import Packer
from yamjit.kernels.program import COLUMNS, Column, Program
from yamjit.kernels.program_proof import prove_program
from yamjit.keywords import explained
from yamjit.plan.arena import assign_offsets
from yamjit.plan.front_end import read_front_end
from yamjit.plan.plan import FrontEndConstants, Head, Plan, Slot
from yamjit.plan.schedule import schedule
from yamjit.plan.seam import find_seam
from yamjit.plan.steps import Steps
from yamjit.plan.yamnet_front_end import PATCH_SHAPE, yamnet_front_end
from yamjit.spec import DEFAULT_LIMITS, Limits
from yamjit.tflite.graph import Graph, Op, Operator, Tensor

__all__ = ["compile_plan"]

_Array = TypeVar("_Array", bound=npt.NDArray[Any])


@explained
def compile_plan(graph: Graph, *, limits: Limits = DEFAULT_LIMITS) -> Plan:
    """Compile a graph.

    Parameters
    ----------
    graph : Graph
        As `yamjit.tflite.read_graph` returns it.
    limits : Limits

    Returns
    -------
    Plan

    Raises
    ------
    ModelError
        If the graph is not a YAMNet-like network: a log-mel front end or a patch as input, QUANTIZE, and int8
        operators that have kernels.
    LimitError
        If the activations of one patch exceed ``limits.arena_bytes``.
    """
    seam = find_seam(graph)
    front_end = read_front_end(graph, seam)
    memory = _Memory(graph, Steps(graph, seam))
    if memory.arena_bytes > limits.arena_bytes:
        raise LimitError(f"activations take {memory.arena_bytes} bytes a patch, arena_bytes is {limits.arena_bytes}")
    program = memory.program()
    prove_program(program)
    heads = tuple(_head(graph, memory, index) for index in graph.outputs)
    patch_shape = _patch_shape(graph.tensors[seam.quantize.inputs[0]], seam.quantize, front_end)
    if front_end is None and patch_shape == PATCH_SHAPE:
        front_end = yamnet_front_end()
    return Plan(
        program=program,
        front_end=front_end,
        patch_shape=patch_shape,
        patch_offset=memory.offset(seam.quantize.inputs[0]),
        quantized_patch=memory.slot(seam.quantize.outputs[0]),
        embedding=_embedding(graph, memory),
        heads=heads,
        slots=memory.slots(),
    )


def _patch_shape(tensor: Tensor, quantize: Operator, front_end: FrontEndConstants | None) -> tuple[int, int]:
    """Return (frames, bands) of the patch, whose tensor may have further axes of size 1."""
    found = tuple(size for size in tensor.shape if size > 1)
    if front_end is not None:
        patch = (front_end.n_frames, front_end.mel_basis.shape[0])
    elif len(found) == 2:
        patch = (found[0], found[1])
    else:
        raise ModelError(f"one patch (frames, bands) is accepted, found {tensor.shape}", operator=str(quantize))
    if found != tuple(size for size in patch if size > 1):
        raise ModelError(f"a patch of {patch} is accepted, found {tensor.shape}", operator=str(quantize))
    return patch


# -- Names for what comes out -----------------------------------------------------------------------------------


def _producer(graph: Graph, index: int) -> Operator:
    """Return the operator that computes a tensor, seen through changes of shape."""
    operator = next((o for o in graph.operators if index in o.outputs), None)
    if operator is None:
        raise ModelError("is not computed by any operator", tensor=str(graph.tensors[index]))
    return _producer(graph, operator.inputs[0]) if operator.op == Op.RESHAPE else operator


def _head(graph: Graph, memory: _Memory, output: int) -> Head:
    """Describe one output: DEQUANTIZE of a LOGISTIC of logits."""
    dequantize = _producer(graph, output)
    if dequantize.op != Op.DEQUANTIZE:
        raise ModelError("scores must come from DEQUANTIZE", operator=str(dequantize))
    logistic = _producer(graph, dequantize.inputs[0])
    if logistic.op != Op.LOGISTIC:
        raise ModelError("scores must come from LOGISTIC", operator=str(logistic))
    return Head(graph.tensors[output].name, memory.slot(logistic.outputs[0]), memory.slot(logistic.inputs[0]))


def _embedding(graph: Graph, memory: _Memory) -> Slot | None:
    """Return the average that the last fully connected layer of the first head reads, if there is one."""
    operator = _producer(graph, graph.outputs[0])
    while operator.op in (Op.DEQUANTIZE, Op.LOGISTIC, Op.FULLY_CONNECTED):
        operator = _producer(graph, operator.inputs[0])
    return memory.slot(operator.outputs[0]) if operator.op == Op.MEAN else None


# -- Memory -----------------------------------------------------------------------------------------------------


class _Memory:
    """Where the tensors of a network lie, and the program that works on them."""

    def __init__(self, graph: Graph, network: Steps) -> None:
        self._graph = graph
        self._network = network
        self._schedule = schedule(network)
        offsets, self.arena_bytes = assign_offsets(list(self._schedule.lifetimes.values()))
        self._offsets = dict(zip(self._schedule.lifetimes, offsets, strict=True))

    def offset(self, tensor: int) -> int:
        """Return where a tensor lies in the arena, in bytes per patch."""
        return self._offsets[self._network.storage(tensor)]

    def slot(self, tensor: int) -> Slot:
        """Describe an int8 tensor."""
        record = self._graph.tensors[tensor]
        quantization = record.quantization
        if quantization is None:
            raise ModelError("has no quantization", tensor=str(record))
        return Slot(
            name=record.name,
            shape=record.shape[1:] if record.shape[:1] == (1,) else record.shape,
            offset=self.offset(tensor),
            step=self._network.writer(tensor),
            scale=float(quantization.scale[0]),
            zero_point=int(quantization.zero_point[0]),
        )

    def slots(self) -> dict[str, Slot]:
        """Describe every int8 tensor, by name."""
        slots: dict[str, Slot] = {}
        for tensor in sorted({step.output for step in self._network.steps} | set(self._network.aliases)):
            slot = self.slot(tensor)
            name, copies = slot.name, 0
            while name in slots:
                copies += 1
                name = f"{slot.name}#{copies}"
            slots[name] = slot
        return slots

    def program(self) -> Program:
        """Pack constants and write the table."""
        rows = np.zeros((len(self._network.steps), COLUMNS), np.int64)
        constants = Packer()
        for row, step in zip(rows, self._network.steps, strict=True):
            row[Column.OP] = step.op
            row[Column.INPUT], row[Column.OUTPUT] = self.offset(step.input), self.offset(step.output)
            for column, value in step.columns.items():
                row[column] = value
            for column, array in step.constants.items():
                row[column] = constants.add(array)
        patchwise, kept, pairs, _ = self._schedule
        return Program(_frozen(rows), _frozen(constants.block()), self.arena_bytes, patchwise, kept, pairs)


def _frozen(array: _Array) -> _Array:
    array.flags.writeable = False
    return array
