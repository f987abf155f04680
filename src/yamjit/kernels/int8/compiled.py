"""The network compiled: programs prepared for the vector kernels, run by one compiled function a batch.

Importing it imports neither Numba nor its kernels: what was compiled once is loaded from the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from yamjit.kernels.int8.preparation import prepare
from yamjit.kernels.int8.prepared import PreparedProgram
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.program import Program, Workspace
from yamjit.kernels.settings import is_interpreted

__all__ = ["RUN_STEPS", "call", "run", "run_steps"]

RUN_STEPS = Entry("yamjit.kernels.int8.steps", "run_steps", (int,) * 12)

run_steps = LoadedEntry(RUN_STEPS)


def run(program: Program | PreparedProgram, workspace: Workspace, patches: int, first: int, last: int) -> None:
    """Run the steps ``first .. last - 1`` over the first `patches` patches of a workspace."""
    prepared = program if isinstance(program, PreparedProgram) else _prepared(program)
    call(run_steps, prepared, workspace, patches, first, last)


def call(
    function: Callable[..., object],
    prepared: PreparedProgram,
    workspace: Workspace,
    patches: int,
    first: int,
    last: int,
) -> None:
    """Call `run_steps`, or another function that `RUN_STEPS` describes, for the target of a prepared program."""
    layout = prepared.scratch
    function(
        prepared.steps_address,
        first,
        last,
        prepared.constants_address,
        workspace.arena_address,
        workspace.scratch_address,
        layout.accumulators,
        layout.image,
        layout.panel,
        layout.border,
        workspace.capacity,
        patches,
    )


@functools.lru_cache(maxsize=8)
def _prepared(program: Program) -> PreparedProgram:
    """Return a program prepared for this machine: once, since that takes a hundred times as long as running it."""
    if is_interpreted():
        return prepare(program, None)
    from yamjit.kernels.vectors.processor import host_target

    return prepare(program, host_target())
