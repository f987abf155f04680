"""The network compiled: programs prepared for the vector kernels, run by one compiled function.

The function comes from a library, or Numba made it for this machine. Importing this imports neither Numba nor kernels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.settings import is_interpreted
from yamjit.kernels.workspace import PreparedProgram, ResultLayout, Workspace

if TYPE_CHECKING:
    from yamjit.kernels.program import Program
    from yamjit.kernels.vectors.target import Target

__all__ = ["RUN_INT8_STEPS", "RUN_STEPS", "entry_for", "numba_target", "run", "run_int8_steps", "run_steps"]

RUN_STEPS = Entry("yamjit.kernels.steps.run", "run_steps", (int,) * 18)
#: The same for programs whose steps are all of int8 values, since it takes half of the time to compile.
RUN_INT8_STEPS = RUN_STEPS._replace(name="run_int8_steps")

run_steps, run_int8_steps = LoadedEntry(RUN_STEPS), LoadedEntry(RUN_INT8_STEPS)


@functools.lru_cache(maxsize=8)
def entry_for(program: Program | PreparedProgram) -> LoadedEntry:
    """Return the function that Numba compiles for a program."""
    from yamjit.kernels.program import Column, StepOp

    return run_int8_steps if (program.steps[:, Column.OP] < StepOp.MOVE).all() else run_steps


def numba_target() -> Target | None:
    """Return the target of what Numba compiles here; None where it compiles nothing."""
    if is_interpreted():
        return None
    from yamjit.kernels.vectors.processor import host_target

    return host_target()


def run(
    program: Program | PreparedProgram,
    workspace: Workspace,
    patches: npt.NDArray[np.generic],
    layout: ResultLayout,
    results: npt.NDArray[np.int8],
    first: int,
    function: Callable[..., object] | None = None,
    target: Callable[[], Target | None] = numba_target,
) -> None:
    """Run the steps from `first` on over patches, see `yamjit.kernels.backends.Backend.run`.

    `function` is one that `RUN_STEPS` describes, compiled for what `target` returns; by default, what Numba makes. A
    program is prepared for that once.
    """
    prepared = program if isinstance(program, PreparedProgram) else _prepared(program, target)
    scratch = prepared.scratch
    (function or entry_for(program))(
        prepared.steps_address,
        first,
        len(prepared.steps),
        prepared.constants_address,
        workspace.arena_address,
        workspace.scratch_address,
        scratch.accumulators,
        scratch.image,
        scratch.panel,
        scratch.border,
        workspace.capacity,
        patches.ctypes.data,
        patches.strides[0],
        len(patches),
        layout.address,
        len(layout.table),
        results.ctypes.data,
        results.strides[0],
    )


@functools.lru_cache(maxsize=8)
def _prepared(program: Program, target: Callable[[], Target | None]) -> PreparedProgram:
    """Return a program prepared for a target: once, since that takes a hundred times as long as running it."""
    from yamjit.kernels.prepared.preparation import prepare  # which a program that is prepared does without

    return prepare(program, target())
