"""Steps that multiply float32 over vectors."""

from __future__ import annotations

from typing import Any

from yamjit.kernels.float32.plain import bounds_of, pad_f32
from yamjit.kernels.int8.float_matmul import FloatChannels, FloatRows
from yamjit.kernels.int8.kernel_set import KernelSet
from yamjit.kernels.int8.prepared import Prepared, VectorOp
from yamjit.kernels.int8.step_table import Memory
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.program import Column

__all__ = ["make_run_float_products"]


def make_run_float_products(kernels: KernelSet) -> Any:
    """Make ``run_float_products(s, memory, x, out)``: a step with a vector kernel, for one patch."""
    matmul, depthwise = kernels.float_matmul, kernels.float_depthwise

    @jit
    def run_float_products(s: Any, memory: Memory, x: int, out: int) -> None:
        inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
        low, high = bounds_of(s)
        if s[Column.OP] == VectorOp.DEPTHWISE_F32 or s[Column.OP] == VectorOp.DEPTHWISE_FROM_BIAS:
            weights, bias = memory.constants + s[Column.WEIGHTS], memory.constants + s[Column.BIAS]
            width = pad_f32(s, x, memory.image)
            depthwise(s, FloatChannels(weights, bias, low, high), memory.image, width, out)
            return
        weights, bias = memory.constants + s[Prepared.WEIGHTS], memory.constants + s[Prepared.BIAS]
        channels = FloatChannels(weights, bias, low, high)
        if s[Column.OP] == VectorOp.POINTWISE_F32:
            count = s[Column.INPUT_H] * s[Column.INPUT_W]
            matmul(FloatRows(x, count, 4 * inputs, 1, 0, inputs), channels, outputs, out, memory.spare)
        else:
            run_conv(s, memory, channels, x, out)

    @jit
    def run_conv(s: Any, memory: Memory, channels: FloatChannels, x: int, out: int) -> None:
        """Multiply what each output position sees, a row of them at a time."""
        inputs, outputs, count = s[Column.INPUT_C], s[Column.OUTPUT_C], s[Column.OUTPUT_W]
        row_bytes = 4 * pad_f32(s, x, memory.image) * inputs
        stride, seen = 4 * s[Column.STRIDE_W] * inputs, s[Column.KERNEL_W] * inputs
        for oy in range(s[Column.OUTPUT_H]):
            at = memory.image + oy * s[Column.STRIDE_H] * row_bytes
            rows = FloatRows(at, count, stride, s[Column.KERNEL_H], row_bytes, seen)
            matmul(rows, channels, outputs, out + 4 * oy * count * outputs, memory.spare)

    return run_float_products
