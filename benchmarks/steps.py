"""Where the network's time goes, step by step: ``python -m benchmarks.steps``.

Each step runs alone on a batch of patches, in turns with the bare dot products of `benchmarks.roofline`: its share of
the limit is that of int8 multiply-adds a second; steps of float32 have none. A step run alone starts with a call from
Python and a copy of its input, and the steps of pairs run one by one: the sum is more than the whole, which is the last
line.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

import yamjit
from benchmarks.inputs import model
from benchmarks.roofline import limit_loop, multiply_adds, step_multiply_adds
from tools.checks.lowerings import compiled_lowering
from yamjit.kernels.program import Column, Program, StepOp
from yamjit.kernels.program_proof import KERNELS
from yamjit.kernels.steps.compiled import run
from yamjit.kernels.workspace import ResultLayout


def main() -> None:
    """Measure every step and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16, help="patches that run together (default: 16)")
    parser.add_argument("--rounds", type=int, default=40, help="default: 40")
    args = parser.parse_args()
    plan = yamjit.load(model().data, backend="numba").plan
    loop, done = limit_loop(compiled_lowering())
    print("| step | from | to | us a patch | share of the limit in % |\n|---|---|---|---:|---:|")
    for index, row in enumerate(plan.program.steps):
        alone = replace(plan.program, steps=plan.program.steps[index : index + 1], patchwise=0, kept=(), pairs=())
        step = _runner(alone, args.batch)
        took, share = _paired(step, loop, args.rounds, step_multiply_adds(row) * args.batch / done)
        shapes = " | ".join("x".join(str(row[c + i]) for i in range(3)) for c in (Column.INPUT_H, Column.OUTPUT_H))
        print(
            f"| {index} {StepOp(row[Column.OP]).name} | {shapes} | {1e6 * took / args.batch:.1f} | {100 * share:.0f} |"
        )
    whole = _runner(plan.program, args.batch)
    took, share = _paired(whole, loop, args.rounds, multiply_adds(plan) * args.batch / done)
    print(f"| all together | | | {1e6 * took / args.batch:.1f} | {100 * share:.0f} |")


def _runner(program: Program, batch: int) -> Callable[[], None]:
    """Return what runs a program over a batch; what it computes on does not change how long steps take."""
    first, random = program.steps[0], np.random.default_rng(0)
    shape, width = (batch, *first[Column.INPUT_H : Column.INPUT_C + 1]), KERNELS[StepOp(first[Column.OP])].input_bytes
    x = random.standard_normal(shape, np.float32) if width == 4 else random.integers(-128, 128, shape, np.int8)
    workspace, layout, results = program.workspace(batch), ResultLayout([]), np.empty((batch, 0), np.int8)
    return lambda: run(program, workspace, x, layout, results, 0)


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
