"""A program made ready for the vector kernels: packed constants, and steps that name them.

The program itself stays as it is, for every backend to read. A step is given a vector kernel where its rounding allows
it; the others keep their plain one. Prepared steps have the columns of a step, and behind them those of `Prepared`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.int8.packing import (
    BLOCK,
    CHUNK,
    conv_rows,
    interleaved,
    pack_depthwise,
    pack_pairs,
    pack_pointwise,
)
from yamjit.kernels.int8.preparation_proof import prove_preparation
from yamjit.kernels.int8.prepared import INT8_TO_UINT8, PREPARED_COLUMNS, Prepared, PreparedProgram, VectorOp
from yamjit.kernels.int8.real_requantization import IntegerFactors, find_real_factors
from yamjit.kernels.memory import Packer, padded
from yamjit.kernels.program import (
    COLUMNS,
    Column,
    Program,
    Rounding,
    StepOp,
    image_size,
    panel_stride,
    scratch_layout,
)
from yamjit.kernels.vectors.target import Target

__all__ = ["prepare"]


_Row = npt.NDArray[np.int64]
_Constants = dict[Prepared, npt.NDArray[np.generic]]


def prepare(program: Program, target: Target | None) -> PreparedProgram:
    """Pack a program's constants for the vector kernels; the same program is prepared once.

    Parameters
    ----------
    program : Program
    target : Target or None
        The target of the kernels; None where there are no vector kernels, as in plain Python. Where it does not
        multiply signed bytes, inputs become uint8 that are 128 more.
    """
    return _prepare(program, target is not None, target is not None and target.multiplies_signed_bytes)


@lru_cache(maxsize=8)
def _prepare(program: Program, vectors: bool, signed: bool) -> PreparedProgram:
    steps = np.zeros((len(program.steps), PREPARED_COLUMNS), np.int64)
    steps[:, :COLUMNS] = program.steps
    steps[:, Prepared.FLIP] = 0 if signed else INT8_TO_UINT8
    constants = Packer()
    constants.add(program.constants)
    for row in steps if vectors else ():
        for column, array in _prepare_step(program, row).items():
            row[column] = constants.add(array)
    steps[: program.patchwise, Prepared.PATCHWISE] = 1
    steps[:, Prepared.INPUT_KEPT], steps[:, Prepared.OUTPUT_KEPT] = _kept(program)
    for index in program.pairs:
        ops = tuple(steps[index : index + 2, Column.OP])
        steps[index, Prepared.PAIRED] = ops == (VectorOp.DEPTHWISE, VectorOp.POINTWISE)
    prepared = PreparedProgram(steps, constants.block(), scratch_layout(program.steps))
    prove_preparation(program, prepared, signed)
    return prepared


def _kept(program: Program) -> tuple[list[bool], list[bool]]:
    """Return for each step whether its input, and its output, is kept for each patch.

    What only the leading steps need is written by one patch after the other at the same place, which stays in the
    cache. The first step's output is none of it: a run may begin behind that step.
    """
    outputs = [not 0 < index < program.patchwise or index in program.kept for index in range(len(program.steps))]
    inputs, latest = [], dict[int, bool]()
    for row, kept in zip(program.steps, outputs, strict=True):
        inputs.append(latest.get(int(row[Column.INPUT]), True))
        latest[int(row[Column.OUTPUT])] = kept
    return inputs, outputs


def _prepare_step(program: Program, row: _Row) -> _Constants:
    """Give a step its vector kernel, if there is one for it, and return what that reads."""
    preparation = _PREPARATIONS.get(StepOp(row[Column.OP]))
    return preparation(program, row) if preparation else {}


def _prepare_pointwise(program: Program, row: _Row) -> _Constants:
    shape = (int(row[Column.INPUT_C]), int(row[Column.OUTPUT_C]))
    weights = _constant(program, row, Column.WEIGHTS, shape, np.int8)
    # The plain kernel's bias is made for int8 inputs.
    bias = _bias(program, row) + _seen_as_zero(row) * weights.sum(axis=0, dtype=np.int64)
    rounded = _rounds_by_one_shift(program, row)
    row[Column.OP] = VectorOp.POINTWISE if rounded else VectorOp.POINTWISE_RAW
    row[Prepared.QUADS] = padded(shape[0], 4) // 4
    row[Prepared.PANEL_STRIDE] = panel_stride(shape[0])
    packed: _Constants = {Prepared.WEIGHTS: pack_pointwise(weights)}
    return packed | (_one_shift(program, row, bias, weights) if rounded else {Prepared.BIAS: _filled(_wrapped(bias))})


def _prepare_conv(program: Program, row: _Row) -> _Constants:
    if not _rounds_by_one_shift(program, row):
        return {}
    shape = tuple(int(row[c]) for c in (Column.KERNEL_H, Column.KERNEL_W, Column.INPUT_C, Column.OUTPUT_C))
    weights = _constant(program, row, Column.WEIGHTS, shape, np.int8)
    rows = conv_rows(weights)
    row[Column.OP] = VectorOp.CONV
    row[Prepared.GROUPS], row[Prepared.QUADS] = shape[0], len(rows) // shape[0] // 4
    row[Prepared.IMAGE_H], row[Prepared.IMAGE_W] = image_size(row)
    sums = weights.sum(axis=(0, 1, 2), dtype=np.int64)
    bias = _bias(program, row) + (_seen_as_zero(row) - int(row[Column.INPUT_ZERO_POINT])) * sums
    return {Prepared.WEIGHTS: pack_pointwise(rows), **_one_shift(program, row, bias, rows)}


def _prepare_depthwise(program: Program, row: _Row) -> _Constants:
    channels = int(row[Column.OUTPUT_C])
    strides = (row[Column.STRIDE_H], row[Column.STRIDE_W])
    whole = channels % CHUNK == 0 and strides in ((1, 1), (2, 2))
    divides = CHUNK % channels == 0 and strides == (1, 1)
    fits = (row[Column.KERNEL_H], row[Column.KERNEL_W]) == (3, 3)
    if not ((whole or divides) and fits and _rounds_by_one_shift(program, row)):
        return {}
    weights = _constant(program, row, Column.WEIGHTS, (3, 3, channels), np.int8)
    row[Column.OP] = VectorOp.DEPTHWISE
    row[Prepared.IMAGE_H], row[Prepared.IMAGE_W] = image_size(row)
    sums = weights.sum(axis=(0, 1), dtype=np.int64)
    bias = _bias(program, row) + (_seen_as_zero(row) - int(row[Column.INPUT_ZERO_POINT])) * sums
    factors = _one_shift(program, row, bias, weights.reshape(-1, channels), interleaved(channels))
    return {Prepared.WEIGHTS: pack_depthwise(weights), **factors}


_PREPARATIONS: Mapping[StepOp, Callable[[Program, _Row], _Constants]] = {
    StepOp.POINTWISE: _prepare_pointwise,
    StepOp.CONV: _prepare_conv,
    StepOp.DEPTHWISE: _prepare_depthwise,
}


# -- Requantization ---------------------------------------------------------------------------------------------


#: What one shift may shift by beyond 32 bits, so that what it shifts fits 64.
_MOST_SHIFT = 22


def _rounds_by_one_shift(program: Program, row: _Row) -> bool:
    """Whether one shift of at least 32 bits rounds, and the clamp is the whole range of an int8."""
    whole = (row[Column.OUTPUT_ZERO_POINT], row[Column.ACTIVATION_MIN], row[Column.ACTIVATION_MAX]) == (-128, -128, 127)
    beyond = _shift_beyond(program, row)
    return bool(
        whole and row[Column.ROUNDING] == Rounding.ONE_SHIFT and ((beyond >= 0) & (beyond <= _MOST_SHIFT)).all()
    )


def _shift_beyond(program: Program, row: _Row) -> npt.NDArray[np.int32]:
    """Return by how much more than 32 bits each channel is shifted."""
    shift: npt.NDArray[np.int32] = -1 - _per_channel(program, row, Column.SHIFT, np.int32)
    return shift


#: Where more inputs than these are summed, products take so long that it does not matter how they are rounded.
_MOST_INPUTS_FOR_REALS = 64


def _one_shift(
    program: Program,
    row: _Row,
    bias: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int8],
    order: npt.NDArray[np.intp] | None = None,
) -> _Constants:
    """Pack biases and factors of channels in `order`; `weights` [shape=(inputs, channels)] tell what can be reached."""
    order = np.arange(bias.size) if order is None else order
    shift = _shift_beyond(program, row)
    multiplier = _per_channel(program, row, Column.MULTIPLIER, np.int32)
    zero_point = np.int64(row[Column.OUTPUT_ZERO_POINT]) << (32 + shift.astype(np.int64))
    offset = _per_channel(program, row, Column.OFFSET, np.int64) + zero_point
    packed: _Constants = {
        Prepared.BIAS: _filled(_wrapped(bias[order])),
        Prepared.MULTIPLIER: _filled(multiplier[order]),
        Prepared.OFFSET: pack_pairs(offset[order]),
        Prepared.SHIFT: _filled(shift[order]),
    }
    integers = IntegerFactors(multiplier.astype(np.int64), offset, 32 + shift.astype(np.int64))
    return packed | _reals(row, integers, bias, weights, order)


def _reals(
    row: _Row,
    integers: IntegerFactors,
    bias: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int8],
    order: npt.NDArray[np.intp],
) -> _Constants:
    """Pack what float32 makes the same results with, and in which blocks of channels; none where it does not matter."""
    if len(weights) > _MOST_INPUTS_FOR_REALS:
        return {Prepared.PROVEN: np.zeros(padded(order.size, CHUNK) // BLOCK, np.int8)}
    products = weights * np.array([-128, 127])[:, None, None] - weights * np.int64(_seen_as_zero(row))
    low, high = bias + products.min(axis=0).sum(axis=0), bias + products.max(axis=0).sum(axis=0)
    reals = find_real_factors(integers, low, high)
    # A chunk of a depthwise kernel is rounded in one way.
    unit = CHUNK if row[Column.OP] == VectorOp.DEPTHWISE else BLOCK
    proven = np.zeros(padded(order.size, unit), np.bool_)
    proven[: order.size] = reals.proven[order]
    return {
        Prepared.SCALE: _filled(reals.scale[order]),
        Prepared.REAL_OFFSET: _filled(reals.offset[order]),
        Prepared.PROVEN: proven.reshape(-1, unit).all(axis=1).repeat(unit // BLOCK).astype(np.int8),
    }


def _wrapped(bias: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Return where int32 accumulators start that wrap as the plain kernels' do."""
    return bias.astype(np.int32)


def _seen_as_zero(row: _Row) -> int:
    """Return the int8 that a vector kernel multiplies as zero."""
    return -128 if row[Prepared.FLIP] else 0


def _bias(program: Program, row: _Row) -> npt.NDArray[np.int64]:
    return _per_channel(program, row, Column.BIAS, np.int32).astype(np.int64)


def _filled(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    whole = np.zeros(padded(values.size, BLOCK), values.dtype)
    whole[: values.size] = values
    return whole


def _per_channel(program: Program, row: _Row, column: Column, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return _constant(program, row, column, (int(row[Column.OUTPUT_C]),), dtype)


def _constant(
    program: Program, row: _Row, column: Column, shape: tuple[int, ...], dtype: npt.DTypeLike
) -> npt.NDArray[Any]:
    return np.ndarray(shape, dtype, program.constants, int(row[column]))
