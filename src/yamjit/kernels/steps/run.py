"""The one function that runs a table of steps, made for a target, over any number of patches.

It takes addresses and integers, and returns nothing. It allocates nothing, raises nothing, holds no Python object and
releases the GIL, so that it can also be compiled ahead of time for a target that has neither Python nor NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from yamjit.kernels.float32.vector_steps import make_float_steps
from yamjit.kernels.hybrid.steps import make_hybrid_steps
from yamjit.kernels.int8.kernel_set import KernelSet
from yamjit.kernels.int8.vector_steps import make_int8_steps
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.prepared.columns import Prepared
from yamjit.kernels.prepared.table import Memory, is_hybrid, is_int8, is_spectral, row_of
from yamjit.kernels.program import Column
from yamjit.kernels.spectral.plain import run_spectral_step
from yamjit.kernels.steps.batch import Batch, give, is_wanted, take
from yamjit.kernels.vectors.target import Target

__all__ = ["make_run_int8_steps", "make_run_steps"]

#: Numba compiles a function, and all that it calls, once more for an argument that is written as a number.
_ZERO, _ONE = np.int64(0), np.int64(1)


def make_run_steps(target: Target) -> Callable[..., None]:
    """Return ``run_steps(steps, first, last, ...)`` for a target, ready to be compiled."""
    int8 = make_int8_steps(KernelSet(target))
    run_int8_step, run_float_step, run_hybrid_step = int8.run_step, make_float_steps(target), make_hybrid_steps(target)

    @jit
    def run_step(s: Any, memory: Memory, patch: int, patches: int) -> None:
        if is_int8(s[Column.OP]):
            run_int8_step(s, memory, patch, patches)
        elif is_hybrid(s[Column.OP]):
            run_hybrid_step(s, memory, patch, patches)
        elif is_spectral(s[Column.OP]):
            run_spectral_step(s, memory, patch, patches)
        else:
            run_float_step(s, memory, patch, patches)

    return _make_run(run_step, int8.run_pair)


def make_run_int8_steps(target: Target) -> Callable[..., None]:
    """Return the same for programs whose steps are all of int8 values: there is less to compile."""
    return _make_run(*make_int8_steps(KernelSet(target)))


def _make_run(run_step: Any, run_pair: Any) -> Callable[..., None]:
    """Make the function that leads patches through steps, of functions that run one step, and a pair of them."""

    @jit
    def run_range(steps: int, first: int, last: int, memory: Memory, batch: Batch, patch: int, patches: int) -> None:
        """Run steps over some patches, the first of which is number `patch`; both steps of a pair run as one."""
        index = first
        while index < last:
            s, after = row_of(steps, index), row_of(steps, index + 1)
            if index + 1 < last and s[Prepared.PAIRED] and not is_wanted(batch, index):
                run_pair(s, after, memory, patch, patches)
                index += 1
            else:
                run_step(s, memory, patch, patches)
            give(steps, index, memory, batch, patch, patches)
            index += 1

    def run_steps(
        steps: int,
        first: int,
        last: int,
        constants: int,
        arena: int,
        scratch: int,
        accumulators: int,
        image: int,
        panel: int,
        border: int,
        capacity: int,
        patches: int,
        pace: int,
        count: int,
        outputs: int,
        n_outputs: int,
        results: int,
        width: int,
    ) -> None:
        """Run the steps from `first` to `last` over `count` patches, and copy what is wanted of each.

        `steps`, `constants`, `arena`, `scratch`, `patches`, `outputs` and `results` are addresses, what comes after
        `scratch` offsets into it. From patch to patch it is `pace` bytes, from one row of results to the next `width`.
        Where `first` is 1, patches are what step 0 would write.
        """
        # Early steps have large activations and few weights: they run patch after patch, so that what one step writes
        # is still in the cache when the next one reads it. Later steps have large weights and small activations: they
        # run all patches of a batch together, so that weights are read once. `together` is the first of the later ones.
        #
        # A patch that runs alone leaves most of its activations where the patch before it left its own: only what is
        # marked as kept has a place for each patch. So outputs are copied as soon as a step has written them.
        memory = Memory(
            constants,
            arena,
            scratch,
            scratch + accumulators,
            scratch + image,
            scratch + panel,
            scratch + border,
            capacity,
        )
        together = np.int64(0)
        while together < last and row_of(steps, together)[Prepared.PATCHWISE]:
            together += 1
        for start in range(0, count, capacity):
            here = min(capacity, count - start)
            batch = Batch(patches + start * pace, pace, outputs, n_outputs, results + start * width, width)
            begin = np.int64(0)
            for patch in range(here):
                begin = take(steps, first, memory, batch, patch)
                run_range(steps, begin, together, memory, batch, patch, _ONE)
            run_range(steps, max(begin, together), last, memory, batch, _ZERO, here)

    return run_steps
