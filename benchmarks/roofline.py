"""The machine's limit of int8 multiply-adds: the best products that a lowering has, and nothing else.

They are summed in as many accumulators as a tile has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import carray, njit

from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.vectors import amx
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.target import TARGETS, Target
from yamjit.kernels.vectors.words import Vector, call, operation
from yamjit.plan import Plan

__all__ = ["limit_loop", "multiply_adds", "step_multiply_adds"]


class _Loop(NamedTuple):
    """Lines of Python before, in and after a loop; what they call, and the multiply-adds of a turn."""

    before: list[str]
    turn: list[str]
    after: list[str]
    names: dict[str, Any]
    multiply_adds: int


def limit_loop(lowering: str, turns: int = 100_000) -> tuple[Callable[[], None], int]:
    """Return a loop of products, and how many multiply-adds it does.

    Numba has to compile for the lowering, or for a processor that has its instructions.
    """
    target = TARGETS[lowering]
    found = _of_tiles() if lowering == "amx" else _of_vectors(target)
    turn = [f"    {line}" for line in found.turn]
    lines = [*found.before, "for turn in range(turns):", *turn, *found.after]
    names = dict(found.names)
    exec("\n    ".join(["def loop(address, turns):", *lines]), names)
    loop = njit(nogil=True)(names["loop"])
    memory = np.ones(8192, np.uint8)
    return lambda: loop(memory.ctypes.data, turns), turns * found.multiply_adds


def _of_vectors(target: Target) -> _Loop:
    """Where a product is one instruction, operands stay in registers.

    Elsewhere one of them comes from memory each time, or the compiler would do a part of the work but once.
    """
    ops, count, size = VectorOps(target), target.rows * target.columns, 4 * target.lanes
    words = target.dot == "pmaddwd"
    names = {name: getattr(ops, name) for name in ("load", "zeros", "store")}
    names["dot"] = _words_dot(target.lanes) if words else ops.dot
    turn = []
    for i in range(count):
        if target.dot not in ("vpdpbusd", "sdot"):
            turn += [f"u = load(address + {i * size} + (turn & 7) * {size})"]
        turn += [f"c{i} = dot(c{i}, u, s)"]
    before = ["u, s = load(address), load(address + 2048)", *(f"c{i} = zeros()" for i in range(count))]
    after = [f"store(address + {4096 + i * size}, c{i})" for i in range(count)]
    return _Loop(before, turn, after, names, count * (size // 2 if words else size))


def _words_dot(lanes: int) -> Any:
    """Make a product of words that are already words, summed in pairs: nothing that AVX2 has multiplies more bytes."""
    vector, kind = Vector(ir.IntType(32), lanes), ir.VectorType(ir.IntType(16), 2 * lanes)

    def emit(b: Any, sums: Any, x: Any, w: Any) -> Any:
        return b.add(sums, call(b, "llvm.x86.avx2.pmadd.wd", sums.type, b.bitcast(x, kind), b.bitcast(w, kind)))

    return operation(vector, (vector, vector, vector), emit)


def _of_tiles() -> _Loop:
    """Products of 16 rows by 16 channels of 64 inputs, in four accumulators."""
    shape = ["tiles = carray(pointer(address), 8, np.int64)", "tiles[:] = 0", "tiles[0] = 1"]
    # Palette 1; every tile has rows of 64 bytes, and 16 of them.
    shape += ["tiles[2] = tiles[3] = 0x0040_0040_0040_0040", "tiles[6] = 0x1010_1010_1010_1010", "configure(address)"]
    loads = [f"load{tile}(address + 2048, 64)" for tile in (*amx.ACCUMULATORS, *amx.INPUTS, *amx.WEIGHTS)]
    turn = ["multiply0_4_6()", "multiply1_4_7()", "multiply2_5_6()", "multiply3_5_7()"]
    after = [f"store{tile}(address + 4096, 64)" for tile in amx.ACCUMULATORS]
    names = {**amx.OPERATIONS, "np": np, "carray": carray, "pointer": pointer}
    return _Loop([*shape, *loads], turn, [*after, "release()"], names, 4 * 16 * 16 * 64)


def multiply_adds(plan: Plan) -> int:
    """Return the int8 multiply-adds of one patch."""
    return sum(step_multiply_adds(row) for row in plan.program.steps)


def step_multiply_adds(row: npt.NDArray[np.int64]) -> int:
    """Return the int8 multiply-adds of one step of a program for one patch."""
    outputs = int(np.prod(row[[Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C]]))
    taps, inputs = int(row[Column.KERNEL_H] * row[Column.KERNEL_W]), int(row[Column.INPUT_C])
    each = {StepOp.CONV: taps * inputs, StepOp.DEPTHWISE: taps, StepOp.POINTWISE: inputs}
    each |= {StepOp.CONV_HYBRID: taps * inputs, StepOp.POINTWISE_HYBRID: inputs, StepOp.ROWS_HYBRID: inputs}
    return outputs * each.get(StepOp(row[Column.OP]), 0)
