"""A program made ready for the vector kernels: their constants, and steps with columns that refer to them.

The program itself stays as it is, for every backend to read. A step is given a vector kernel where one gives the same
results; the others keep their plain kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.memory import Packer, padded
from yamjit.kernels.prepared.columns import INT8_TO_UINT8, Prepared, VectorOp
from yamjit.kernels.prepared.factors import PlainStep, in_blocks, pack_factors
from yamjit.kernels.prepared.packing import (
    BLOCK,
    CHUNK,
    conv_rows,
    interleaved,
    pack_depthwise,
    pack_floats,
    pack_pointwise,
)
from yamjit.kernels.prepared.preparation_proof import prove_preparation
from yamjit.kernels.prepared.uses import MOST_TAPS, PLAIN_CONSTANTS, VECTOR_KERNELS, constants_of
from yamjit.kernels.program import (
    COLUMNS,
    Column,
    Program,
    StepOp,
    image_size,
    panel_stride,
    scratch_layout,
)
from yamjit.kernels.program_proof import reads_another, writers
from yamjit.kernels.vectors.target import Target
from yamjit.kernels.workspace import PREPARED_COLUMNS, PreparedProgram

__all__ = ["prepare"]


def prepare(program: Program, target: Target | None) -> PreparedProgram:
    """Pack a program's constants for the vector kernels; `target` is None where there are none, as in plain Python.

    Constants of plain kernels are copied; those that nothing reads are left out. Inputs become uint8 that are 128 more
    where a target does not multiply signed bytes. Raises `ModelError` if the program, or what was prepared, would
    touch memory that is not its own.
    """
    signed = target is not None and target.multiplies_signed_bytes
    apart = target is not None and target.rounds_apart
    steps = np.zeros((len(program.steps), PREPARED_COLUMNS), np.int64)
    steps[:, :COLUMNS] = program.steps
    steps[:, Prepared.FLIP] = 0 if signed else INT8_TO_UINT8
    constants = Packer()
    for row, plain in zip(steps, program.steps.tolist(), strict=True):
        preparation = _PREPARATIONS.get(plain[Column.OP]) if target is not None else None
        vector_step = preparation(PlainStep(program, plain, 0 if signed else -128, apart)) if preparation else None
        if vector_step:
            row[Column.OP] = vector_step.op
            for walk, value in vector_step.walk.items():
                row[walk] = value
        sizes = constants_of(row.tolist())
        for column in PLAIN_CONSTANTS:
            start, size = plain[column], sizes.get(column, 0)
            row[column] = constants.add(program.constants[start : start + size]) if size else 0
        for packed, array in vector_step.constants.items() if vector_step else ():
            row[packed] = constants.add(array)
    steps[: program.patchwise, Prepared.PATCHWISE] = 1
    for how, kept in _kept(program).items():
        steps[:, how] = kept
    for index in program.pairs:
        ops = tuple(steps[index : index + 2, Column.OP])
        steps[index, Prepared.PAIRED] = ops == (VectorOp.DEPTHWISE, VectorOp.POINTWISE)
    prepared = PreparedProgram(steps, constants.block(), scratch_layout(program.steps), program.arena_bytes)
    prove_preparation(program, prepared, signed)
    return prepared


def _kept(program: Program) -> dict[Prepared, list[bool]]:
    """Return for each step whether its output, its input and its second input are kept for each patch.

    What only patchwise steps read is written to the same place for one patch after the other, which stays in the cache.
    The output of the first step is always kept: a run may begin after that step.
    """
    rows = program.steps.tolist()
    outputs = [not 0 < index < program.patchwise or index in program.kept for index in range(len(rows))]
    inputs = [writer is None or outputs[writer] for writer in writers(rows)]
    others = [
        reads_another(row) and (writer is None or outputs[writer])
        for row, writer in zip(rows, writers(rows, Column.OTHER), strict=True)
    ]
    return {Prepared.OUTPUT_KEPT: outputs, Prepared.INPUT_KEPT: inputs, Prepared.OTHER_KEPT: others}


# -- The vector kernel of a step --------------------------------------------------------------------------------


class _VectorStep(NamedTuple):
    """What a step becomes: an operation, how that walks over its input, and the packed constants that it reads."""

    op: VectorOp
    walk: Mapping[Prepared, int]
    constants: Mapping[Prepared, npt.NDArray[np.generic]]


def _prepare_pointwise(step: PlainStep) -> _VectorStep:
    weights, inputs = step.weights(Column.INPUT_C, Column.OUTPUT_C), step[Column.INPUT_C]
    walk = {Prepared.QUADS: padded(inputs, 4) // 4, Prepared.PANEL_STRIDE: panel_stride(inputs)}
    packed = {Prepared.WEIGHTS: pack_pointwise(weights)}
    if step.rounds_by_one_shift():
        return _VectorStep(VectorOp.POINTWISE, walk, {**packed, **pack_factors(step, weights)})
    bias = in_blocks(step.bias(weights).astype(np.int32))
    return _VectorStep(VectorOp.POINTWISE_RAW, walk, {**packed, Prepared.BIAS: bias})


def _prepare_conv(step: PlainStep) -> _VectorStep | None:
    if not step.rounds_by_one_shift():
        return None
    rows = conv_rows(step.weights(Column.KERNEL_H, Column.KERNEL_W, Column.INPUT_C, Column.OUTPUT_C))
    groups = step[Column.KERNEL_H]
    walk = {Prepared.GROUPS: groups, Prepared.QUADS: len(rows) // groups // 4, **_image(step)}
    return _VectorStep(VectorOp.CONV, walk, {Prepared.WEIGHTS: pack_pointwise(rows), **pack_factors(step, rows)})


def _prepare_depthwise(step: PlainStep) -> _VectorStep | None:
    channels, strides = step[Column.OUTPUT_C], (step[Column.STRIDE_H], step[Column.STRIDE_W])
    whole = channels % CHUNK == 0 and strides in ((1, 1), (2, 2))
    divides = CHUNK % channels == 0 and strides == (1, 1)
    fits = (step[Column.KERNEL_H], step[Column.KERNEL_W]) == (3, 3)
    if not ((whole or divides) and fits and step.rounds_by_one_shift()):
        return None
    weights = step.weights(Column.KERNEL_H, Column.KERNEL_W, Column.OUTPUT_C)
    factors = pack_factors(step, weights.reshape(9, channels), interleaved(channels), CHUNK)
    return _VectorStep(VectorOp.DEPTHWISE, _image(step), {Prepared.WEIGHTS: pack_depthwise(weights), **factors})


def _prepare_pointwise_hybrid(step: PlainStep) -> _VectorStep:
    weights, inputs = step.weights(Column.INPUT_C, Column.OUTPUT_C), step[Column.INPUT_C]
    walk = {Prepared.QUADS: padded(inputs, 4) // 4, Prepared.PANEL_STRIDE: panel_stride(inputs)}
    op = VectorOp.ROWS_HYBRID if step[Column.OP] == StepOp.ROWS_HYBRID else VectorOp.POINTWISE_HYBRID
    return _VectorStep(op, walk, {Prepared.WEIGHTS: pack_pointwise(weights), **_hybrid_factors(step, weights)})


def _prepare_conv_hybrid(step: PlainStep) -> _VectorStep:
    rows = conv_rows(step.weights(Column.KERNEL_H, Column.KERNEL_W, Column.INPUT_C, Column.OUTPUT_C))
    groups = step[Column.KERNEL_H]
    walk = {Prepared.GROUPS: groups, Prepared.QUADS: len(rows) // groups // 4, **_image(step)}
    constants = {Prepared.WEIGHTS: pack_pointwise(rows), **_hybrid_factors(step, rows)}
    return _VectorStep(VectorOp.CONV_HYBRID, walk, constants)


def _prepare_depthwise_hybrid(step: PlainStep) -> _VectorStep | None:
    weights = step.weights(Column.KERNEL_H, Column.KERNEL_W, Column.OUTPUT_C)
    if weights.shape[2] % BLOCK or weights[..., 0].size > MOST_TAPS:
        return None
    factors = _hybrid_factors(step, weights)
    del factors[Prepared.BIAS]
    constants = {Prepared.WEIGHTS: weights.astype(np.float32), **factors}
    return _VectorStep(VectorOp.DEPTHWISE_HYBRID, _image(step), constants)


def _hybrid_factors(step: PlainStep, weights: npt.NDArray[np.int8]) -> dict[Prepared, npt.NDArray[np.generic]]:
    """Pack sums of weights, whose last axis is that of channels, their scales, and biases."""
    return {
        Prepared.BIAS: in_blocks(weights.reshape(-1, weights.shape[-1]).sum(axis=0, dtype=np.int32)),
        Prepared.SCALE: in_blocks(step.reals(Column.MULTIPLIER)),
        Prepared.REAL_OFFSET: in_blocks(step.reals(Column.BIAS)),
    }


def _image(step: PlainStep) -> Mapping[Prepared, int]:
    height, width = image_size(step.row)
    return {Prepared.IMAGE_H: height, Prepared.IMAGE_W: width}


def _prepare_float_products(step: PlainStep) -> _VectorStep:
    pointwise = step[Column.OP] == StepOp.POINTWISE_F32
    inputs = step[Column.INPUT_C] * (1 if pointwise else step[Column.KERNEL_H] * step[Column.KERNEL_W])
    bias = in_blocks(step.reals(Column.BIAS))
    packed = {Prepared.WEIGHTS: pack_floats(step.float_weights(inputs)), Prepared.BIAS: bias}
    return _VectorStep(VectorOp.POINTWISE_F32 if pointwise else VectorOp.CONV_F32, {}, packed)


def _prepare_float_depthwise(step: PlainStep) -> _VectorStep | None:
    """Give a step the vector kernel, which reads what the plain one does."""
    from_bias = step[Column.OP] == StepOp.DEPTHWISE_FROM_BIAS
    op, bias = VectorOp.DEPTHWISE_FROM_BIAS if from_bias else VectorOp.DEPTHWISE_F32, step.reals(Column.BIAS)
    keeps_zeros = not (from_bias and np.any(np.signbit(bias) & (bias == 0)))
    return _VectorStep(op, {}, {}) if keeps_zeros and VECTOR_KERNELS[op].suits(step.row) else None


_PREPARATIONS: Mapping[int, Callable[[PlainStep], _VectorStep | None]] = {
    StepOp.POINTWISE: _prepare_pointwise,
    StepOp.CONV: _prepare_conv,
    StepOp.DEPTHWISE: _prepare_depthwise,
    StepOp.CONV_HYBRID: _prepare_conv_hybrid,
    StepOp.DEPTHWISE_HYBRID: _prepare_depthwise_hybrid,
    StepOp.POINTWISE_HYBRID: _prepare_pointwise_hybrid,
    StepOp.ROWS_HYBRID: _prepare_pointwise_hybrid,
    StepOp.CONV_F32: _prepare_float_products,
    StepOp.DEPTHWISE_F32: _prepare_float_depthwise,
    StepOp.DEPTHWISE_FROM_BIAS: _prepare_float_depthwise,
    StepOp.POINTWISE_F32: _prepare_float_products,
}
