"""Graph to plan: find the seam, lower the network, lay out memory, prove it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit.errors import LimitError, ModelError
from yamjit.kernels.memory import Packer
from yamjit.kernels.program import COLUMNS, Column, Program, StepOp
from yamjit.kernels.program_proof import prove_ranges
from yamjit.plan.arena import Lifetime, assign_offsets
from yamjit.plan.lowering import Alias, Step, lower
from yamjit.plan.plan import FrontEndConstants, Head, Plan, Slot
from yamjit.plan.seam import Seam, find_seam, read_front_end
from yamjit.spec import DEFAULT_LIMITS, Limits
from yamjit.tflite.graph import Graph, Op, Operator, Tensor

__all__ = ["compile_plan"]

_Array = TypeVar("_Array", bound=npt.NDArray[Any])


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
        If the graph is no YAMNet-like network: a log-mel front end or a patch as input, QUANTIZE, and int8
        operators that there are kernels for.
    LimitError
        If the activations of one patch exceed ``limits.arena_bytes``.
    """
    seam = find_seam(graph)
    front_end = read_front_end(graph, seam)
    layout = _Layout(graph, seam)
    if layout.arena_bytes > limits.arena_bytes:
        raise LimitError(f"activations take {layout.arena_bytes} bytes a patch, arena_bytes is {limits.arena_bytes}")
    program = layout.program()
    prove_ranges(program)
    heads = tuple(_head(graph, layout, index) for index in graph.outputs)
    return Plan(
        program=program,
        front_end=front_end,
        patch_shape=_patch_shape(graph.tensors[seam.quantize.inputs[0]], seam.quantize, front_end),
        patch_offset=layout.offset(seam.quantize.inputs[0]),
        quantized_patch=layout.slot(seam.quantize.outputs[0]),
        embedding=_embedding(graph, layout),
        heads=heads,
        slots=layout.slots(),
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
        raise ModelError("is computed by no operator", tensor=str(graph.tensors[index]))
    return _producer(graph, operator.inputs[0]) if operator.op == Op.RESHAPE else operator


def _head(graph: Graph, layout: _Layout, output: int) -> Head:
    """Describe one output: DEQUANTIZE of a LOGISTIC of logits."""
    dequantize = _producer(graph, output)
    if dequantize.op != Op.DEQUANTIZE:
        raise ModelError("scores must come from DEQUANTIZE", operator=str(dequantize))
    logistic = _producer(graph, dequantize.inputs[0])
    if logistic.op != Op.LOGISTIC:
        raise ModelError("scores must come from LOGISTIC", operator=str(logistic))
    return Head(graph.tensors[output].name, layout.slot(logistic.outputs[0]), layout.slot(logistic.inputs[0]))


def _embedding(graph: Graph, layout: _Layout) -> Slot | None:
    """Return the average that the last fully connected layer of the first head reads, if there is one."""
    operator = _producer(graph, graph.outputs[0])
    while operator.op in (Op.DEQUANTIZE, Op.LOGISTIC, Op.FULLY_CONNECTED):
        operator = _producer(graph, operator.inputs[0])
    return layout.slot(operator.outputs[0]) if operator.op == Op.MEAN else None


# -- Memory -----------------------------------------------------------------------------------------------------


#: The shape that a step passes on, and the one that a step takes.
_PASSED = (Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C)
_TAKEN = (Column.INPUT_H, Column.INPUT_W, Column.INPUT_C)


class _Layout:
    """Steps of the network, and where everything they touch lies."""

    def __init__(self, graph: Graph, seam: Seam) -> None:
        self._graph = graph
        self._alias: dict[int, int] = {}
        self._steps: list[Step] = []
        self._written = {seam.quantize.inputs[0]}
        for operator in (seam.quantize, *seam.network):
            self._add(operator)
        self._patchwise = _count_patchwise(self._steps)
        self._pairs = self._find_pairs()
        self._offsets, self.arena_bytes = self._assign(seam.quantize.inputs[0])

    def _add(self, operator: Operator) -> None:
        if operator.op == Op.DEQUANTIZE:
            return
        lowered = lower(self._graph, operator)
        if self._storage(lowered.input) not in self._written:
            source = self._graph.tensors[lowered.input]
            raise ModelError("is no value that the patch leads to", operator=str(operator), tensor=str(source))
        if isinstance(lowered, Alias):
            self._alias[lowered.output] = self._storage(lowered.input)
        else:
            self._steps.append(lowered)
            self._written.add(lowered.output)

    def _storage(self, tensor: int) -> int:
        """Return the tensor whose memory `tensor` is."""
        return self._alias.get(tensor, tensor)

    def _find_pairs(self) -> tuple[int, ...]:
        """Return the depthwise steps whose output only a pointwise step behind them reads."""
        read = Counter(self._storage(step.input) for step in self._steps)
        read.update(self._storage(o.inputs[0]) for o in self._graph.operators if o.op == Op.DEQUANTIZE)
        return tuple(
            index
            for index, (step, after) in enumerate(pairwise(self._steps))
            if (step.op, after.op) == (StepOp.DEPTHWISE, StepOp.POINTWISE)
            and self._storage(after.input) == step.output
            and read[step.output] == 1
            and [step.columns[c] for c in _PASSED] == [after.columns[c] for c in _TAKEN]
        )

    def _assign(self, patch: int) -> tuple[dict[int, int], int]:
        last = len(self._steps)
        written = {patch: 0, **{step.output: index for index, step in enumerate(self._steps)}}
        read = dict(written)
        for index, step in enumerate(self._steps):
            read[self._storage(step.input)] = index
        for operator in self._graph.operators:
            if operator.op == Op.DEQUANTIZE:
                read[self._storage(operator.inputs[0])] = last
        for tensor in self._results():
            read[tensor] = last
        for index in self._pairs:
            taken = self._storage(self._steps[index].input)
            read[taken] = max(read[taken], index + 1)
        self._keep_patches_apart(written, read)
        lifetimes = [Lifetime(self._bytes(tensor), written[tensor], read[tensor]) for tensor in written]
        offsets, total = assign_offsets(lifetimes)
        return dict(zip(written, offsets, strict=True)), total

    def _keep_patches_apart(self, written: dict[int, int], read: dict[int, int]) -> None:
        """Let input and kept outputs of the patchwise steps live until all of these have run for every patch."""
        kept = []
        for tensor, step in written.items():
            if step == 0 and self._patchwise:
                read[tensor] = max(read[tensor], self._patchwise - 1)
            elif step < self._patchwise <= read[tensor]:
                written[tensor] = 0
                kept.append(step)
        self._kept_steps = tuple(kept)

    def _results(self) -> list[int]:
        """Return the tensors that are read after the last step: embeddings and logits."""
        kept = [step.output for step in self._steps if step.op == StepOp.MEAN]
        kept += [self._storage(step.input) for step in self._steps if step.op == StepOp.LOOKUP]
        return kept

    def _bytes(self, tensor: int) -> int:
        record = self._graph.tensors[tensor]
        return int(np.prod(record.shape, dtype=np.int64)) * record.dtype.itemsize

    def offset(self, tensor: int) -> int:
        """Return where a tensor lies in the arena, in bytes per patch."""
        return self._offsets[self._storage(tensor)]

    def slot(self, tensor: int) -> Slot:
        """Describe an int8 tensor."""
        record = self._graph.tensors[tensor]
        storage = self._storage(tensor)
        quantization = record.quantization
        if quantization is None:
            raise ModelError("has no quantization", tensor=str(record))
        return Slot(
            name=record.name,
            shape=record.shape[1:] if record.shape[:1] == (1,) else record.shape,
            offset=self.offset(tensor),
            step=next(index for index, step in enumerate(self._steps) if step.output == storage),
            scale=float(quantization.scale[0]),
            zero_point=int(quantization.zero_point[0]),
        )

    def slots(self) -> dict[str, Slot]:
        """Describe every int8 tensor, by name."""
        slots: dict[str, Slot] = {}
        for tensor in sorted({step.output for step in self._steps} | set(self._alias)):
            slot = self.slot(tensor)
            name, copies = slot.name, 0
            while name in slots:
                copies += 1
                name = f"{slot.name}#{copies}"
            slots[name] = slot
        return slots

    def program(self) -> Program:
        """Pack constants and write the table."""
        rows = np.zeros((len(self._steps), COLUMNS), np.int64)
        constants = Packer()
        for row, step in zip(rows, self._steps, strict=True):
            row[Column.OP] = step.op
            row[Column.INPUT], row[Column.OUTPUT] = self.offset(step.input), self.offset(step.output)
            for column, value in step.columns.items():
                row[column] = value
            for column, array in step.constants.items():
                row[column] = constants.add(array)
        return Program(
            steps=_frozen(rows),
            constants=_frozen(constants.block()),
            arena_bytes=self.arena_bytes,
            patchwise=self._patchwise,
            kept=self._kept_steps,
            pairs=self._pairs,
        )


def _count_patchwise(steps: Sequence[Step]) -> int:
    """Return how many steps come before the first one that reads more weights than it writes activations."""
    for index, step in enumerate(steps):
        columns = step.columns
        values = columns[Column.OUTPUT_H] * columns[Column.OUTPUT_W] * columns[Column.OUTPUT_C]
        if step.op == StepOp.POINTWISE and columns[Column.INPUT_C] * columns[Column.OUTPUT_C] > values:
            return index
    return len(steps)


def _frozen(array: _Array) -> _Array:
    array.flags.writeable = False
    return array
