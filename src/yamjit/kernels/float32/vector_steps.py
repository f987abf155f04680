"""Steps of float32 values, or of bytes, over patches: products over vectors, all others by plain loops."""

from __future__ import annotations

from typing import Any

from yamjit.kernels.float32.depthwise import make_float_depthwise
from yamjit.kernels.float32.matmul import FloatChannels, FloatRows, make_float_matmul
from yamjit.kernels.float32.plain import bounds_of, pad_f32
from yamjit.kernels.float32.plain_steps import run_plain_step
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.table import Memory, input_of, input_size, other_of, other_size, output_of, output_size
from yamjit.kernels.program import PANEL_ROWS, Column
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.target import Target

__all__ = ["make_float_steps"]


def make_float_steps(target: Target) -> Any:
    """Make ``run_step(s, memory, patch, patches)``: a step over patches, the first of which is number `patch`."""
    run_products = _make_products(VectorOps(target))

    @jit
    def run_step(s: Any, memory: Memory, patch: int, patches: int) -> None:
        x, out = input_of(s, memory, patch), output_of(s, memory, patch)
        if s[Column.OP] >= VectorOp.POINTWISE_F32:
            run_products(s, memory, x, out, patches)
            return
        other = other_of(s, memory, patch)
        for _ in range(patches):
            run_plain_step(s, memory.constants, x, other, out)
            x, other, out = x + input_size(s), other + other_size(s), out + output_size(s)

    return run_step


def _make_products(ops: VectorOps) -> Any:
    """Make ``run_products(s, memory, x, out, patches)``: a step with a vector kernel."""
    matmul, depthwise = make_float_matmul(ops), make_float_depthwise(ops)

    @jit
    def run_products(s: Any, memory: Memory, x: int, out: int, patches: int) -> None:
        low, high = bounds_of(s)
        if s[Column.OP] == VectorOp.DEPTHWISE_F32 or s[Column.OP] == VectorOp.DEPTHWISE_FROM_BIAS:
            weights, bias = memory.constants + s[Column.WEIGHTS], memory.constants + s[Column.BIAS]
            for _ in range(patches):
                depthwise(s, FloatChannels(weights, bias, low, high), x, memory.image, out)
                x, out = x + input_size(s), out + output_size(s)
            return
        weights, bias = memory.constants + s[Prepared.WEIGHTS], memory.constants + s[Prepared.BIAS]
        channels = FloatChannels(weights, bias, low, high)
        if s[Column.OP] == VectorOp.POINTWISE_F32:
            run_rows(s, memory, channels, x, out, patches * s[Column.INPUT_H] * s[Column.INPUT_W])
            return
        for _ in range(patches):
            run_conv(s, memory, channels, x, out)
            x, out = x + input_size(s), out + output_size(s)

    @jit
    def run_rows(s: Any, memory: Memory, channels: FloatChannels, x: int, out: int, count: int) -> None:
        """Multiply rows of a matrix, as many at a time as stay in the cache."""
        inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
        for start in range(0, count, PANEL_ROWS):
            rows = FloatRows(x + 4 * start * inputs, min(PANEL_ROWS, count - start), 4 * inputs, 1, 0, inputs)
            matmul(rows, channels, outputs, out + 4 * start * outputs, memory.spare)

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

    return run_products
