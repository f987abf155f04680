"""Steps of float32 values, or of bytes, by plain loops, one patch at a time; int8 ones that YAMNet has none of."""

from __future__ import annotations

from typing import Any

from yamjit.kernels.float32.plain import (
    clamp_f32,
    conv_f32,
    dequantize_s8,
    join_bytes,
    mean_f32,
    move_bytes,
    of_one_f32,
    of_two_f32,
    pointwise_f32,
    pool_f32,
    softmax_f32,
)
from yamjit.kernels.int8.relatives_plain import run_relatives_step
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.program import FIRST_IS_CONSTANT, Column, StepOp

__all__ = ["run_plain_step"]


@jit
def run_plain_step(s: Any, constants: int, x: int, other: int, out: int) -> None:
    """Run a step; `other` is the address of a second tensor, where it has one."""
    op = s[Column.OP]
    if StepOp.JOIN < op < StepOp.DEQUANTIZE:
        run_relatives_step(s, constants, x, other, out)
        return
    first, second = x, other
    if s[Column.OTHER] < 0:
        second = constants + s[Column.WEIGHTS]
    if s[Column.OTHER] == FIRST_IS_CONSTANT:
        first, second = second, x
    if op == StepOp.POINTWISE_F32:
        pointwise_f32(s, constants, x, out)
    elif op == StepOp.CONV_F32 or op == StepOp.DEPTHWISE_F32 or op == StepOp.DEPTHWISE_FROM_BIAS:
        conv_f32(s, constants, x, out)
    elif op == StepOp.MAX_POOL_F32 or op == StepOp.AVERAGE_POOL_F32:
        pool_f32(s, x, out)
    elif op == StepOp.MEAN_F32:
        mean_f32(s, x, out)
    elif op == StepOp.SOFTMAX_F32:
        softmax_f32(s, constants, x, out)
    elif StepOp.ADD <= op <= StepOp.MINIMUM:
        of_two_f32(s, first, second, out)
    elif op == StepOp.CLAMP:
        clamp_f32(s, x, out)
    elif StepOp.SQRT <= op <= StepOp.LOGISTIC_OPTIMISED:
        of_one_f32(op, s[Column.INPUT_C], x, out)
    elif op == StepOp.DEQUANTIZE:
        dequantize_s8(s, constants, x, out)
    elif op == StepOp.MOVE:
        move_bytes(s, constants, x, out)
    elif op == StepOp.JOIN:
        join_bytes(s, first, second, out)
