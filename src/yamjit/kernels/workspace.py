"""What runs a program in memory: the memory that one thread has for it, and the program as compiled code takes it.

`yamjit.kernels.program` and `yamjit.kernels.prepared.columns` name the columns of its steps.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.memory import ALIGNMENT, aligned_bytes

__all__ = ["PREPARED_COLUMNS", "OutputColumn", "PreparedProgram", "ResultLayout", "ScratchLayout", "Workspace"]

Bytes = npt.NDArray[np.uint8]

#: Columns of a prepared step: those of a program's step, and those of `yamjit.kernels.prepared.columns.Prepared`.
PREPARED_COLUMNS = 46


class Workspace:
    """The memory that one thread runs a program in."""

    def __init__(self, arena: Bytes, scratch: Bytes, capacity: int) -> None:
        #: Memory of the tensors, `ALIGNMENT` bytes more than `capacity` times `arena_bytes`. Kernels may read, but not
        #: write, beyond the end of a tensor.
        self.arena = arena
        #: Memory for intermediate results of a kernel, see `ScratchLayout`.
        self.scratch = scratch
        #: Number of patches that the arena has room for.
        self.capacity = capacity
        # NumPy takes a microsecond to return an address, and a batch of one patch takes only a few hundred.
        self.arena_address, self.scratch_address = arena.ctypes.data, scratch.ctypes.data

    @classmethod
    def of(cls, arena_bytes: int, scratch_bytes: int, capacity: int) -> Workspace:
        """Return memory to run up to `capacity` patches at once."""
        arena = aligned_bytes(arena_bytes * capacity + ALIGNMENT)
        return cls(arena, aligned_bytes(scratch_bytes), capacity)

    def tensor(
        self, offset: int, patches: int, shape: tuple[int, ...], dtype: npt.DTypeLike = np.int8
    ) -> npt.NDArray[Any]:
        """Return the tensor at `offset` as a view [shape=(patches, *shape)]."""
        return np.ndarray((patches, *shape), dtype, self.arena, offset * self.capacity)


class ScratchLayout(NamedTuple):
    """Where the parts of scratch memory begin, in bytes; each part is large enough for the most demanding step."""

    #: What a kernel may use as it likes: room for the rows of a product, each value in two bytes.
    spare: int
    #: Int32 accumulators of `SCRATCH_ROWS` output positions.
    accumulators: int
    #: An input with its border.
    image: int
    #: Rows of a matrix.
    panel: int
    #: What is read in place of a row outside an image.
    border: int
    #: Size of the scratch memory.
    size: int


class OutputColumn(enum.IntEnum):
    """Columns of an output in the table of a `ResultLayout`."""

    #: The step that writes it.
    STEP = 0
    #: Its place in the arena, in bytes per patch, and its size.
    OFFSET = 1
    SIZE = 2
    #: Its place in a row of results.
    PLACE = 3


class ResultLayout:
    """Which tensors a run returns: side by side, in a row of bytes for each patch.

    `outputs` are (step that writes it, offset in the arena in bytes per patch, bytes) of each.
    """

    def __init__(self, outputs: Iterable[tuple[int, int, int]]) -> None:
        outputs = tuple(outputs)
        places = tuple(accumulate((size for _, _, size in outputs), initial=0))
        #: Bytes of a row.
        self.width = places[-1]
        #: Where each tensor lies in a row.
        self.columns = tuple(slice(*ends) for ends in pairwise(places))
        rows = [(*output, place) for output, place in zip(outputs, places, strict=False)]
        #: The outputs [shape=(n, len(OutputColumn))].
        self.table = np.array(rows, np.int64).reshape(-1, len(OutputColumn))
        self.address = self.table.ctypes.data


@dataclass(eq=False, repr=False)
class PreparedProgram:
    """What the compiled entry runs: steps [shape=(n_steps, PREPARED_COLUMNS)], and the constants that they refer to.

    Nothing of it changes.
    """

    steps: npt.NDArray[np.int64]
    #: What kernels read of each step: packed constants, and those of the program that plain kernels take.
    constants: Bytes
    scratch: ScratchLayout
    #: Size of the activations of a patch, as the program has it.
    arena_bytes: int
    steps_address: int = field(init=False)
    constants_address: int = field(init=False)

    def __post_init__(self) -> None:
        self.steps_address, self.constants_address = self.steps.ctypes.data, self.constants.ctypes.data

    def workspace(self, capacity: int) -> Workspace:
        """Return memory to run up to `capacity` patches at once."""
        return Workspace.of(self.arena_bytes, self.scratch.size, capacity)
