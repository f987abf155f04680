"""Programs of one step."""

from __future__ import annotations

import numpy as np

from yamjit.kernels.memory import Packer, aligned_bytes, padded
from yamjit.kernels.program import COLUMNS, Column, Program, StepOp
from yamjit.kernels.program_proof import prove_program
from yamjit.plan.lowering import Step

__all__ = ["pooling_program", "program_of"]


def program_of(step: Step, read: int, written: int) -> Program:
    """Return a program of one step: the input at 0, the output after it, `read` and `written` bytes of them."""
    row = np.zeros((1, COLUMNS), np.int64)
    row[0, Column.OP] = step.op
    row[0, Column.OUTPUT] = padded(read)
    for column, value in step.columns.items():
        row[0, column] = value
    constants = Packer()
    for column, array in step.constants.items():
        row[0, column] = constants.add(array)
    block = constants.block()
    block.setflags(write=False)
    program = Program(row, block, padded(read) + padded(written))
    prove_program(program)
    return program


def pooling_program() -> Program:
    """Return a program of one MAX_POOL of 2 by 2, with images (4, 6, 8)."""
    row = np.zeros((1, COLUMNS), np.int64)
    row[0, Column.OP], row[0, Column.OUTPUT] = StepOp.MAX_POOL, 192
    row[0, Column.INPUT_H : Column.OUTPUT_C + 1] = 4, 6, 8, 2, 3, 8
    row[0, Column.KERNEL_H : Column.STRIDE_W + 1] = 2
    row[0, [Column.ACTIVATION_MIN, Column.ACTIVATION_MAX]] = -128, 127
    program = Program(row, aligned_bytes(0), 256)
    prove_program(program)
    return program
