"""Graph to plan: find the seam, lower the network, lay out memory, prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit.errors import LimitError, ModelError
from yamjit.kernels.memory import Packer
from yamjit.kernels.program import COLUMNS, Column, Program, StepOp
from yamjit.kernels.program_proof import prove_program
from yamjit.keywords import explained
from yamjit.plan.arena import assign_offsets
from yamjit.plan.float_input import with_float_input
from yamjit.plan.front_end import check_finite, read_front_end
from yamjit.plan.log_mel_output import find_log_mel
from yamjit.plan.plan import FrontEndConstants, Head, LogMel, Plan, Slot
from yamjit.plan.roles import Output, Role, find_embedding, find_outputs, producer
from yamjit.plan.schedule import schedule
from yamjit.plan.seam import Seam, find_seam, without_seam
from yamjit.plan.steps import Steps
from yamjit.plan.yamnet_front_end import PATCH_SHAPE, yamnet_front_end
from yamjit.spec import DEFAULT_LIMITS, Limits
from yamjit.tflite.graph import Graph, Op

__all__ = ["compile_plan"]

_Array = TypeVar("_Array", bound=npt.NDArray[Any])


@explained
def compile_plan(graph: Graph, *, limits: Limits = DEFAULT_LIMITS, roles: Sequence[Role] | None = None) -> Plan:
    """Compile a graph.

    Parameters
    ----------
    graph : Graph
        As `yamjit.tflite.read_graph` returns it.
    limits : Limits
    roles : sequence of Role, optional
        What each output is; by default what `find_outputs` finds.

    Returns
    -------
    Plan

    Raises
    ------
    ModelError
        If the graph is not a network whose operators have kernels, on samples, or on log-mel patches.
    LimitError
        If the activations of one patch exceed ``limits.arena_bytes``.
    """
    graph = with_float_input(graph)
    seam, front_end = _divide(graph)
    memory = _Memory(graph, Steps(graph, seam))
    if memory.arena_bytes > limits.arena_bytes:
        raise LimitError(f"activations take {memory.arena_bytes} bytes a patch, arena_bytes is {limits.arena_bytes}")
    program = memory.program()
    prove_program(program)
    outputs = find_outputs(graph, roles)
    heads = tuple(_head(graph, memory, o.tensor, place) for place, o in enumerate(outputs) if o.role == Role.SCORES)
    if not heads and not any(o.role == Role.EMBEDDINGS for o in outputs):
        found = ", ".join(f"{graph.tensors[o.tensor].name!r} ({o.role.value})" for o in outputs)
        raise ModelError(f"a model with an output of scores is accepted, this one has {found}")
    patch_shape = _patch_shape(graph, seam.patch, front_end)
    if front_end is None and patch_shape == PATCH_SHAPE:
        front_end = yamnet_front_end(float_patch=memory.quantized_patch() is None)
    slots, embedding = memory.slots(), find_embedding(graph, outputs)
    return Plan(
        program=program,
        front_end=front_end,
        patch_shape=patch_shape,
        patch_offset=memory.offset(seam.patch),
        quantized_patch=memory.quantized_patch(),
        embedding=None if embedding is None else memory.slot(embedding),
        heads=heads,
        slots=slots,
        log_mel=_log_mel(graph, memory, outputs, slots) if front_end is None and len(patch_shape) == 1 else None,
    )


def _divide(graph: Graph) -> tuple[Seam, FrontEndConstants | None]:
    """Find a front end of YAMNet's kind; one of any other kind, or none, is part of the network."""
    whole = without_seam(graph)
    try:
        seam = find_seam(graph)
        front_end = read_front_end(graph, seam)
    except ModelError:
        return whole, None
    if front_end is not None:
        check_finite(front_end, seam)
    return seam, front_end


def _patch_shape(graph: Graph, patch: int, front_end: FrontEndConstants | None) -> tuple[int, ...]:
    """Return (frames, bands) of the patch, or (samples,); its tensor may have further axes of size 1."""
    tensor, reader = graph.tensors[patch], next(str(o) for o in graph.operators if patch in o.inputs)
    if tensor.dtype != np.float32:
        raise ModelError(f"a float32 input is accepted, found {tensor.dtype}", operator=reader)
    found = tuple(size for size in tensor.shape if size > 1)
    if front_end is not None:
        cut = (front_end.n_frames, front_end.mel_basis.shape[0])
        if found != tuple(size for size in cut if size > 1):
            raise ModelError(f"a patch of {cut} is accepted, found {tensor.shape}", operator=reader)
        return cut
    if not 1 <= len(found) <= 2:
        message = f"a window (samples,) or one patch (frames, bands) is accepted, found {tensor.shape}"
        raise ModelError(message, operator=reader)
    return found


# -- Names for what comes out -----------------------------------------------------------------------------------


def _head(graph: Graph, memory: _Memory, output: int, place: int) -> Head:
    """Describe one output: what LOGISTIC or SOFTMAX makes of logits, or anything else that a step writes."""
    operator, scores, name = producer(graph, output), output, graph.tensors[output].name
    if operator.op == Op.DEQUANTIZE:
        scores = operator.inputs[0]
        operator = producer(graph, scores)
    has_logits = operator.op in (Op.LOGISTIC, Op.SOFTMAX)
    return Head(name, memory.slot(scores), memory.slot(operator.inputs[0] if has_logits else scores), place)


def _log_mel(graph: Graph, memory: _Memory, outputs: Sequence[Output], slots: Mapping[str, Slot]) -> LogMel | None:
    """Return the output of log-mel of a network that takes samples, or None."""
    tensor = next((output.tensor for output in outputs if output.role == Role.LOG_MEL), None)
    if tensor is None or producer(graph, tensor).op == Op.DEQUANTIZE:  # of int8, which is not given as log-mel
        return None
    slot = memory.slot(tensor)
    return find_log_mel(graph, outputs, slot, next(name for name, known in slots.items() if known == slot))


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
        """Describe a tensor that a step writes."""
        record = self._graph.tensors[tensor]
        quantization = record.quantization
        if record.dtype == np.int8 and quantization is None:
            raise ModelError("has no quantization", tensor=str(record))
        return Slot(
            name=record.name,
            shape=record.shape[1:] if record.shape[:1] == (1,) else record.shape,
            offset=self.offset(tensor),
            step=self._network.writer(tensor),
            scale=float(quantization.scale[0]) if quantization else 1.0,
            zero_point=int(quantization.zero_point[0]) if quantization else 0,
            dtype=record.dtype,
        )

    def quantized_patch(self) -> Slot | None:
        """Describe what the first step writes, if it quantizes the patch."""
        first = self._network.steps[0]
        return self.slot(first.output) if first.op == StepOp.QUANTIZE else None

    def slots(self) -> dict[str, Slot]:
        """Describe every tensor that a step writes, by name."""
        slots: dict[str, Slot] = {}
        for tensor in self._network.named():
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
            if step.other is not None:
                row[Column.OTHER] = self.offset(step.other)
            for column, array in step.constants.items():
                row[column] = constants.add(array)
        patchwise, kept, pairs, _ = self._schedule
        return Program(_frozen(rows), _frozen(constants.block()), self.arena_bytes, patchwise, kept, pairs)


def _frozen(array: _Array) -> _Array:
    array.flags.writeable = False
    return array
