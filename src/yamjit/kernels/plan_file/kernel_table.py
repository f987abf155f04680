"""What each kernel reads and uses, as compiled checks look it up: the tables of the proofs in Python, compiled.

`yamjit.kernels.step_kernels.KERNELS` and `yamjit.kernels.prepared.uses.VECTOR_KERNELS` become arrays by operation and
column, and their functions of a row machine code, so that a plan file is held against the same text as a program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import CellType, FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.uses import BLOCK_BYTES, PLAIN_CONSTANTS, USES, VECTOR_KERNELS, WALK
from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.step_kernels import KERNELS, PER_CHANNEL, UNREAD
from yamjit.kernels.workspace import PREPARED_COLUMNS

__all__ = [
    "EQUAL",
    "INPUT_BYTES",
    "MULTIPLIES",
    "ONES",
    "OUTPUT_BYTES",
    "READS",
    "ROUNDINGS",
    "STEP_OF",
    "UNITS",
    "other_values",
    "suits",
    "use_of",
    "weights_of",
]

_OPS = max(*StepOp, *VectorOp) + 1

#: The step operation that an operation computes, -1 where there is none.
STEP_OF = np.full(_OPS, -1, np.int64)
#: Columns that a kernel reads; the others are 0.
READS = np.zeros((_OPS, PREPARED_COLUMNS), np.bool_)
#: Sizes that are 1.
ONES = np.zeros((_OPS, PREPARED_COLUMNS), np.bool_)
#: The column with the same number, 0 where there is none.
EQUAL = np.zeros((_OPS, PREPARED_COLUMNS), np.int8)
#: Bytes of an input value, and of an output value.
INPUT_BYTES = np.zeros(_OPS, np.int64)
OUTPUT_BYTES = np.zeros(_OPS, np.int64)
#: What `Column.ROUNDING` is below.
ROUNDINGS = np.zeros(_OPS, np.int64)
#: Whether every output value is a sum over input channels.
MULTIPLIES = np.zeros(_OPS, np.bool_)
#: Bytes of constants for an output channel, or for a block of them where they are packed; 0 in other columns.
UNITS = np.zeros(PREPARED_COLUMNS, np.int64)

#: Columns that say of every step how it runs.
_RUNS = (Prepared.PATCHWISE, Prepared.FLIP, Prepared.PAIRED, Prepared.INPUT_KEPT, Prepared.OUTPUT_KEPT)

_PRODUCTS = frozenset(
    {
        *(StepOp.CONV, StepOp.POINTWISE, StepOp.CONV_F32, StepOp.POINTWISE_F32),
        *(StepOp.CONV_HYBRID, StepOp.POINTWISE_HYBRID, StepOp.ROWS_HYBRID, StepOp.COSINES),
    }
)


def _fill(op: int, step: StepOp) -> None:
    kernel, vector = KERNELS[step], VECTOR_KERNELS.get(op)
    STEP_OF[op], MULTIPLIES[op], ROUNDINGS[op] = step, step in _PRODUCTS, len(kernel.rounding)
    INPUT_BYTES[op], OUTPUT_BYTES[op] = kernel.input_bytes, kernel.output_bytes
    READS[op, [*set(Column) - set(UNREAD[step]), *_RUNS]] = True
    READS[op, Prepared.OTHER_KEPT] = kernel.other is not None
    if vector:
        READS[op, [*set(PLAIN_CONSTANTS) - vector.plain]] = False
        READS[op, [*WALK, Prepared.WEIGHTS, *vector.packed]] = True
    ONES[op, list(kernel.ones)] = True
    for one, other in kernel.equal:
        EQUAL[op, one] = other


for _step in KERNELS:
    _fill(_step, _step)
for _op, _vector in VECTOR_KERNELS.items():
    _fill(_op, _vector.step)
for _column, _size in (*PER_CHANNEL.items(), *BLOCK_BYTES.items()):
    UNITS[_column] = _size


# -- Functions of a row -----------------------------------------------------------------------------------------


@functools.cache
def _compiled(function: Callable[..., Any]) -> Any:
    """Compile a Python function, with those of its module, and of the function that it was made in, that it calls."""
    names = function.__globals__
    called = {name: _inside(names[name]) for name in function.__code__.co_names if name in names}
    closure = tuple(CellType(_inside(cell.cell_contents)) for cell in function.__closure__ or ())
    return jit(FunctionType(function.__code__, {**names, **called}, function.__name__, None, closure))


def _inside(value: Any) -> Any:
    return _compiled(value) if isinstance(value, FunctionType) else value


def _choice(functions: Mapping[int, Callable[..., Any]]) -> Any:
    """Return a compiled function of a row: the one of its operation."""
    different = list(dict.fromkeys(functions.values()))
    numbers = np.zeros(_OPS, np.int8)
    for op, function in functions.items():
        numbers[op] = different.index(function)
    return _from_number(0, different, numbers)


def _from_number(number: int, functions: Sequence[Callable[..., Any]], numbers: npt.NDArray[np.int8]) -> Any:
    """Return what chooses among the functions from a number on."""
    here = _compiled(functions[number])
    if number == len(functions) - 1:
        return here
    there = _from_number(number + 1, functions, numbers)

    @jit
    def choose(row: Any) -> Any:
        return here(row) if numbers[row[Column.OP]] == number else there(row)

    return choose


def _none(row: Any) -> int:
    return 0


#: Whether a kernel takes a step.
suits = _choice(
    {
        **{op: kernel.suits for op, kernel in KERNELS.items()},
        **{op: kernel.suits for op, kernel in VECTOR_KERNELS.items()},
    }
)
#: What the kernel of a step uses: a `yamjit.kernels.prepared.uses.Use`.
use_of = _choice(USES)
#: Bytes of the weights that a plain kernel reads for a step.
weights_of = _choice({op: KERNELS[StepOp(step)].weights for op, step in enumerate(STEP_OF.tolist()) if step >= 0})
#: Values of the second operand of a step that has one.
other_values = _choice({op: kernel.other or _none for op, kernel in KERNELS.items()})
