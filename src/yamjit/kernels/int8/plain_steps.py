"""Steps that have no vector kernel, one patch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.int8.plain import conv_s8, depthwise_s8, lookup_s8, max_pool_s8, mean_s8, pointwise_s8, quantize_f32
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.prepared.table import Memory, requantization_of, window_of
from yamjit.kernels.program import Column, StepOp

__all__ = ["run_plain_step"]


@jit
def run_plain_step(s: Any, memory: Memory, x_address: int, out_address: int) -> None:
    """Run one step that has no vector kernel over one patch."""
    acc = carray(pointer(memory.accumulators), s[Column.OUTPUT_C], np.int32)
    constants = memory.constants
    input_shape = (s[Column.INPUT_H], s[Column.INPUT_W], s[Column.INPUT_C])
    output_shape = (s[Column.OUTPUT_H], s[Column.OUTPUT_W], s[Column.OUTPUT_C])
    input_size = input_shape[0] * input_shape[1] * input_shape[2]
    output_size = output_shape[0] * output_shape[1] * output_shape[2]
    weights, x, out = pointer(constants + s[Column.WEIGHTS]), pointer(x_address), pointer(out_address)
    op = s[Column.OP]
    if op == StepOp.QUANTIZE:
        scale = carray(weights, 1, np.float32)[0]
        quantize_f32(
            carray(x, input_size, np.float32),
            scale,
            s[Column.OUTPUT_ZERO_POINT],
            carray(out, output_size, np.int8),
        )
    elif op == StepOp.LOOKUP:
        lookup_s8(carray(x, input_size, np.int8), carray(weights, 256, np.int8), carray(out, output_size, np.int8))
    elif op == StepOp.MAX_POOL:
        max_pool_s8(
            carray(x, input_shape, np.int8),
            (s[Column.KERNEL_H], s[Column.KERNEL_W]),
            window_of(s),
            s[Column.ACTIVATION_MIN],
            s[Column.ACTIVATION_MAX],
            carray(out, output_shape, np.int8),
        )
    elif op == StepOp.MEAN:
        positions = (input_shape[0] * input_shape[1], input_shape[2])
        mean_s8(
            carray(x, positions, np.int8),
            requantization_of(s, constants),
            acc,
            carray(out, output_shape[2], np.int8),
        )
    elif op == StepOp.POINTWISE:
        positions = (input_shape[0] * input_shape[1], input_shape[2])
        pointwise_s8(
            carray(x, positions, np.int8),
            carray(weights, (input_shape[2], output_shape[2]), np.int8),
            requantization_of(s, constants),
            acc,
            carray(out, (positions[0], output_shape[2]), np.int8),
        )
    elif op == StepOp.DEPTHWISE:
        depthwise_s8(
            carray(x, input_shape, np.int8),
            carray(weights, (s[Column.KERNEL_H], s[Column.KERNEL_W], output_shape[2]), np.int8),
            window_of(s),
            requantization_of(s, constants),
            acc,
            carray(out, output_shape, np.int8),
        )
    elif op == StepOp.CONV:
        conv_s8(
            carray(x, input_shape, np.int8),
            carray(weights, (s[Column.KERNEL_H], s[Column.KERNEL_W], input_shape[2], output_shape[2]), np.int8),
            window_of(s),
            requantization_of(s, constants),
            acc,
            carray(out, output_shape, np.int8),
        )
