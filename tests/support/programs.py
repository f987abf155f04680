"""Programs of one step."""

from __future__ import annotations

import numpy as np

from yamjit.kernels.memory import Packer, padded
from yamjit.kernels.program import COLUMNS, Column, Program
from yamjit.kernels.program_proof import prove_program
from yamjit.plan.lowering import Step

__all__ = ["program_of"]


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
