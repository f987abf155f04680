"""What each kernel reads and uses, as compiled checks look it up: the tables of the proofs in Python, compiled.

`yamjit.kernels.program_proof.KERNELS` and `yamjit.kernels.prepared.uses.VECTOR_KERNELS` become arrays by operation and
column, and their functions of a row machine code, so that a plan file is held against the same text as a program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.uses import BLOCK_BYTES, PLAIN_CONSTANTS, USES, VECTOR_KERNELS, WALK
from yamjit.kernels.program import PLAN_FILE_STEPS, Column, StepOp
from yamjit.kernels.step_kernels import KERNELS, PER_CHANNEL, UNREAD
from yamjit.kernels.workspace import PREPARED_COLUMNS

__all__ = ["EQUAL", "INPUT_BYTES", "ONES", "READS", "STEP_OF", "UNITS", "suits", "use_of", "weights_of"]

_OPS = max(VectorOp) + 1

#: Vector kernels of steps that plan files carry.
_VECTORS = {op: kernel for op, kernel in VECTOR_KERNELS.items() if kernel.step in PLAN_FILE_STEPS}

#: The step operation that an operation computes, -1 where there is none.
STEP_OF = np.full(_OPS, -1, np.int64)
#: Columns that a kernel reads; the others are 0.
READS = np.zeros((_OPS, PREPARED_COLUMNS), np.bool_)
#: Sizes that are 1.
ONES = np.zeros((_OPS, PREPARED_COLUMNS), np.bool_)
#: The column with the same number, 0 where there is none.
EQUAL = np.zeros((_OPS, PREPARED_COLUMNS), np.int8)
#: Bytes of an input value.
INPUT_BYTES = np.zeros(_OPS, np.int64)
#: Bytes of constants for an output channel, or for a block of them where they are packed; 0 in other columns.
UNITS = np.zeros(PREPARED_COLUMNS, np.int64)

#: Columns that say of every step how it runs.
_RUNS = (Prepared.PATCHWISE, Prepared.FLIP, Prepared.PAIRED, Prepared.INPUT_KEPT, Prepared.OUTPUT_KEPT)


def _fill(op: int, step: StepOp) -> None:
    kernel, vector = KERNELS[step], VECTOR_KERNELS.get(op)
    STEP_OF[op], INPUT_BYTES[op] = step, kernel.input_bytes
    READS[op, [*set(Column) - set(UNREAD[step]), *_RUNS]] = True
    if vector:
        READS[op, [*set(PLAIN_CONSTANTS) - vector.plain]] = False
        READS[op, [*WALK, Prepared.WEIGHTS, *vector.packed]] = True
    ONES[op, list(kernel.ones)] = True
    for one, other in kernel.equal:
        EQUAL[op, one] = other


for _step in PLAN_FILE_STEPS:
    _fill(_step, _step)
for _op, _vector in _VECTORS.items():
    _fill(_op, _vector.step)
for _column, _size in (*PER_CHANNEL.items(), *BLOCK_BYTES.items()):
    UNITS[_column] = _size


# -- Functions of a row -----------------------------------------------------------------------------------------


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile a Python function, with those of its module that it calls."""
    names = function.__globals__
    called = {name: names[name] for name in function.__code__.co_names if isinstance(names.get(name), FunctionType)}
    compiled = {name: _compiled(other) for name, other in called.items()}
    return jit(FunctionType(function.__code__, {**names, **compiled}, function.__name__))


def _choice(column: int, functions: Mapping[int, Callable[..., Any]], otherwise: Callable[..., Any]) -> Any:
    """Return a compiled function of a row: that of the number in a column, or another one."""
    if not functions:
        return _compiled(otherwise)
    (number, function), *rest = functions.items()
    here, there, value = _compiled(function), _choice(column, dict(rest), otherwise), int(number)

    @jit
    def choose(row: Any) -> Any:
        return here(row) if row[column] == value else there(row)

    return choose


def _yes(row: Any) -> bool:
    return True


#: Whether a vector kernel takes a step.
suits = _choice(Column.OP, {op: kernel.suits for op, kernel in _VECTORS.items()}, _yes)
#: What the kernel of a step uses: a `yamjit.kernels.prepared.uses.Use`.
use_of = _choice(Column.OP, {op: USES[op] for op in (*PLAN_FILE_STEPS, *_VECTORS)}, USES[StepOp.LOOKUP])
#: Bytes of the weights that a plain kernel reads for a step.
weights_of = _choice(Column.OP, {op: KERNELS[op].weights for op in PLAN_FILE_STEPS}, KERNELS[StepOp.MEAN].weights)
