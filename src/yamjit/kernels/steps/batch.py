"""The patches of one batch: how they come to the first step, and where what is wanted of them goes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray

from yamjit.kernels.int8.matmul import copy_bytes
from yamjit.kernels.int8.plain_steps import run_plain_step
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.prepared.columns import Prepared
from yamjit.kernels.prepared.table import Memory, input_of, input_size, output_of, output_size, row_of
from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.workspace import OutputColumn

__all__ = ["Batch", "give", "is_wanted", "take"]

_OUTPUT_COLUMNS = len(OutputColumn)


class Batch(NamedTuple):
    """Where the patches of a batch are, and what of them goes where."""

    #: Address of the first patch, and bytes from patch to patch: they may overlap.
    patches: int
    pace: int
    #: Address of the table of a `ResultLayout`, and its length.
    outputs: int
    n_outputs: int
    #: Address of the first patch's row of results, and bytes of a row.
    results: int
    width: int


@jit
def take(steps: int, first: int, memory: Memory, batch: Batch, patch: int) -> int:
    """Bring a patch to where a step reads it, and return which step that is.

    Step 0 quantizes it where it lies. Another step is given a copy, as step 1 is where `first` is 1.
    """
    s, source = row_of(steps, 0), batch.patches + patch * batch.pace
    if first == 0 and s[Column.OP] != StepOp.QUANTIZE:
        copy_bytes(source, input_of(s, memory, patch), input_size(s))
        return np.int64(0)
    if first == 0:
        run_plain_step(s, memory, source, output_of(s, memory, patch))
    else:
        copy_bytes(source, output_of(s, memory, patch), output_size(s))
    give(steps, np.int64(0), memory, batch, patch, np.int64(1))
    return np.int64(1)


@jit
def is_wanted(batch: Batch, index: int) -> bool:
    """Return whether the output of a step is copied."""
    wanted = False
    for number in range(batch.n_outputs):
        wanted |= _output(batch, number)[OutputColumn.STEP] == index
    return wanted


@jit
def give(steps: int, index: int, memory: Memory, batch: Batch, patch: int, patches: int) -> None:
    """Copy what a step has written for some patches, if it is wanted, to their rows of results."""
    for number in range(batch.n_outputs):
        output = _output(batch, number)
        if output[OutputColumn.STEP] == index:
            size, kept = output[OutputColumn.SIZE], row_of(steps, index)[Prepared.OUTPUT_KEPT]
            source = memory.arena + output[OutputColumn.OFFSET] * memory.capacity + kept * patch * size
            target = batch.results + patch * batch.width + output[OutputColumn.PLACE]
            for more in range(patches):
                copy_bytes(source + more * size, target + more * batch.width, size)


@jit
def _output(batch: Batch, number: int) -> Any:
    return carray(pointer(batch.outputs + number * _OUTPUT_COLUMNS * 8), _OUTPUT_COLUMNS, np.int64)
