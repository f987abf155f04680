"""Where the network's time goes, step by step: ``python -m benchmarks.steps``.

Each step runs alone on a batch of patches, in turns with the bare dot products of `benchmarks.roofline`: its share of
the limit is that of multiply-adds a second. A step run alone starts with a call from Python, and the steps of pairs
run one by one: the sum is a little more than the whole, which is the last line.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

import yamjit
from benchmarks.inputs import model
from benchmarks.roofline import limit_loop, multiply_adds, step_multiply_adds
from yamjit.kernels.int8.compiled import run
from yamjit.kernels.program import Column, Program, StepOp
from yamjit.kernels.workspace import Workspace
from yamjit.plan import Plan


def main() -> None:
    """Measure every step and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16, help="patches that run together (default: 16)")
    parser.add_argument("--rounds", type=int, default=40, help="default: 40")
    args = parser.parse_args()
    plan = yamjit.load(model().data, backend="numba").plan
    workspace = _filled(plan, args.batch)
    loop, done = limit_loop()
    count = len(plan.program.steps)
    print("| step | from | to | us a patch | share of the limit in % |\n|---|---|---|---:|---:|")
    for index, row in enumerate(plan.program.steps):
        step = _runner(plan.program, workspace, args.batch, index, index + 1)
        took, share = _paired(step, loop, args.rounds, step_multiply_adds(row) * args.batch / done)
        shapes = " | ".join("x".join(str(row[c + i]) for i in range(3)) for c in (Column.INPUT_H, Column.OUTPUT_H))
        print(
            f"| {index} {StepOp(row[Column.OP]).name} | {shapes} | {1e6 * took / args.batch:.1f} | {100 * share:.0f} |"
        )
    whole = _runner(plan.program, workspace, args.batch, 0, count)
    took, share = _paired(whole, loop, args.rounds, multiply_adds(plan) * args.batch / done)
    print(f"| all together | | | {1e6 * took / args.batch:.1f} | {100 * share:.0f} |")


def _filled(plan: Plan, batch: int) -> Workspace:
    """Return memory with something in it to compute on; what it is does not change how long steps take."""
    workspace = plan.program.workspace(batch)
    random = np.random.default_rng(0)
    workspace.arena[:] = random.integers(0, 256, workspace.arena.size)
    patches = workspace.tensor(plan.patch_offset, batch, plan.patch_shape, np.float32)
    patches[...] = random.standard_normal(patches.shape)
    return workspace


def _runner(program: Program, workspace: Workspace, patches: int, first: int, last: int) -> Callable[[], None]:
    return lambda: run(program, workspace, patches, first, last)


def _paired(run: Callable[[], None], loop: Callable[[], None], rounds: int, work: float) -> tuple[float, float]:
    """Return the median time of a run, and of its share of the limit: `work` is measured in loops.

    A round lasts at least a millisecond: wide vector units take a while to come to their speed.
    """
    run()
    loop()
    repeats = max(1, round(1e-3 / _seconds(run)))
    times, shares = [], []
    for _ in range(rounds):
        limit = _seconds(loop)
        times.append(_seconds(run, repeats))
        shares.append(work * limit / times[-1])
    return statistics.median(times), statistics.median(shares)


def _seconds(run: Callable[[], None], repeats: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


if __name__ == "__main__":
    main()
