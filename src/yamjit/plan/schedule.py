"""How steps run: which patch after patch, which as pairs, and from when to when each tensor is needed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.step_kernels import KERNELS
from yamjit.plan.arena import Lifetime
from yamjit.plan.lowering import Step
from yamjit.plan.steps import Steps

__all__ = ["Schedule", "schedule"]

_OUTPUT = (Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C)
_INPUT = (Column.INPUT_H, Column.INPUT_W, Column.INPUT_C)

#: Steps that multiply rows by a matrix, and the bytes of one of its weights.
_WEIGHT_BYTES = {
    StepOp.POINTWISE: 1,
    StepOp.POINTWISE_F32: 4,
    StepOp.POINTWISE_HYBRID: 1,
    StepOp.ROWS_HYBRID: 1,
}


class Schedule(NamedTuple):
    """How steps run: `patchwise`, `kept` and `pairs` of a `Program`, and the lifetimes of tensors that have memory."""

    patchwise: int
    kept: tuple[int, ...]
    pairs: tuple[int, ...]
    lifetimes: Mapping[int, Lifetime]


def schedule(network: Steps) -> Schedule:
    """Decide how the steps of a network run."""
    steps, patchwise, pairs = network.steps, _count_patchwise(network.steps), _find_pairs(network)
    written = {network.patch: 0, **{step.output: index for index, step in enumerate(steps)}}
    read = dict(written)
    for index, step in enumerate(steps):
        for source in _sources(step):
            read[network.storage(source)] = index
    for tensor in network.results:
        read[tensor] = len(steps)
    for index in pairs:
        taken = network.storage(steps[index].input)
        read[taken] = max(read[taken], index + 1)
    kept: list[int] = []
    # Patchwise steps run again for the next patch: what must outlast them lives from the first of them to the last.
    for tensor, first in written.items():
        if first == 0 and patchwise:
            read[tensor] = max(read[tensor], patchwise - 1)
        elif first < patchwise <= read[tensor]:
            written[tensor] = 0
            kept.append(first)
    sizes = {network.patch: network.graph.tensors[network.patch].nbytes}
    sizes |= {step.output: _bytes(step) for step in steps}
    lifetimes = {tensor: Lifetime(size, written[tensor], read[tensor]) for tensor, size in sizes.items()}
    return Schedule(patchwise, tuple(kept), pairs, lifetimes)


def _sources(step: Step) -> tuple[int, ...]:
    """Return the tensors that a step reads."""
    return (step.input,) if step.other is None else (step.input, step.other)


def _bytes(step: Step) -> int:
    """Return the bytes of what a step writes."""
    return math.prod(step.columns[column] for column in _OUTPUT) * KERNELS[step.op].output_bytes


def _count_patchwise(steps: Sequence[Step]) -> int:
    """Return how many steps come before those of which each product reads more weights than it writes activations."""
    count = len(steps)
    for index, step in reversed(list(enumerate(steps))):
        if step.op in _WEIGHT_BYTES:
            columns = step.columns
            if columns[Column.INPUT_C] * columns[Column.OUTPUT_C] * _WEIGHT_BYTES[step.op] <= _bytes(step):
                break
            count = index
    return count


def _find_pairs(network: Steps) -> tuple[int, ...]:
    """Return the depthwise steps whose output only the next step reads, a pointwise one."""
    readers = Counter(network.storage(source) for step in network.steps for source in _sources(step))
    return tuple(
        index
        for index, (step, after) in enumerate(pairwise(network.steps))
        if (step.op, after.op) == (StepOp.DEPTHWISE, StepOp.POINTWISE)
        and network.storage(after.input) == step.output
        and readers[step.output] == 1
        and step.output not in network.results
        and [step.columns[c] for c in _OUTPUT] == [after.columns[c] for c in _INPUT]
    )
