"""The Numba backend: programs prepared for the vector kernels, run by one compiled function a batch.

Importing it imports neither Numba nor its kernels: what was compiled once is loaded from the cache.
"""

from __future__ import annotations

import platform

from yamjit.kernels.int8.preparation import multiplies_signed_bytes, prepare
from yamjit.kernels.machine_code.loading import Entry, is_interpreted
from yamjit.kernels.program import Program, Workspace

__all__ = ["is_ready", "run"]

_SIGNED = multiplies_signed_bytes(platform.machine())

_run_steps = Entry("yamjit.kernels.int8.steps", "run_steps", (int,) * 12)


def is_ready() -> bool:
    """Load the compiled function if it is in the cache; return whether it can run without being compiled."""
    return _run_steps.is_ready()


def run(program: Program, workspace: Workspace, patches: int, first: int, last: int) -> None:
    """Run the steps ``first .. last - 1`` over the first `patches` patches of a workspace.

    Parameters
    ----------
    program : Program
    workspace : Workspace
    patches : int in [0, workspace.capacity]
    first, last : int in [0, n_steps]
    """
    prepared = prepare(program, not is_interpreted(), _SIGNED)
    layout = prepared.scratch
    _run_steps(
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
