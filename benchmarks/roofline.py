"""The machine's limit of int8 multiply-adds: dot products and nothing else, on as many accumulators as a tile has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.processor import host_target
from yamjit.plan import Plan

__all__ = ["limit_loop", "multiply_adds", "step_multiply_adds"]


def limit_loop(turns: int = 500_000) -> tuple[Callable[[], None], int]:
    """Return a loop of dot products, and how many multiply-adds it does.

    Where a dot product is one instruction, all operands stay in registers. Elsewhere one of them comes from memory
    each time, or the compiler would do half of the work but once.
    """
    target = host_target()
    ops = VectorOps(target)
    in_registers = target.dot in ("vpdpbusd", "sdot")
    count = target.rows * target.columns
    size = 4 * target.lanes
    lines = ["def loop(address, turns):", "    u, s = load(address), load(address + 2048)"]
    lines += [f"    c{i} = zeros()" for i in range(count)]
    lines += ["    for turn in range(turns):"]
    for i in range(count):
        if not in_registers:
            lines += [f"        u = load(address + {i * size} + (turn & 7) * {size})"]
        lines += [f"        c{i} = dot(c{i}, u, s)"]
    lines += [f"    store(address + {4096 + i * size}, c{i})" for i in range(count)]
    names: dict[str, Any] = {name: getattr(ops, name) for name in ("load", "zeros", "dot", "store")}
    exec("\n".join(lines), names)
    loop = njit(nogil=True)(names["loop"])
    memory = np.ones(8192, np.uint8)
    return lambda: loop(memory.ctypes.data, turns), turns * count * size


def multiply_adds(plan: Plan) -> int:
    """Return the multiply-adds of one patch."""
    return sum(step_multiply_adds(row) for row in plan.program.steps)


def step_multiply_adds(row: npt.NDArray[np.int64]) -> int:
    """Return the multiply-adds of one step of a program for one patch."""
    outputs = int(np.prod(row[[Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C]]))
    taps, inputs = int(row[Column.KERNEL_H] * row[Column.KERNEL_W]), int(row[Column.INPUT_C])
    each = {StepOp.CONV: taps * inputs, StepOp.DEPTHWISE: taps, StepOp.POINTWISE: inputs}
    return outputs * each.get(StepOp(row[Column.OP]), 0)
