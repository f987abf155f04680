"""MAX_POOL_2D and AVERAGE_POOL_2D."""

from __future__ import annotations

from yamjit.kernels.program import Column, StepOp
from yamjit.plan.lowering.step import Step, float_clamps, image, make_step, sizes, window
from yamjit.plan.quantization import activation_range
from yamjit.tflite.node import FLOAT32, INT8, Node
from yamjit.tflite.operators.pooling import Pool2DOptions

__all__ = ["average_pool_2d", "max_pool_2d"]


def max_pool_2d(node: Node) -> Step:
    """Lower a MAX_POOL_2D: int8 are compared as they are, since the output is quantized like the input."""
    return _either(StepOp.MAX_POOL, StepOp.MAX_POOL_F32, node)


def average_pool_2d(node: Node) -> Step:
    """Lower an AVERAGE_POOL_2D: int8 are averaged as they are, since the output is quantized like the input."""
    return _either(StepOp.AVERAGE_POOL, StepOp.AVERAGE_POOL_F32, node)


def _either(int8: StepOp, float32: StepOp, node: Node) -> Step:
    """Make the step of one type or the other."""
    output, activation = node.output(INT8, FLOAT32), node.options(Pool2DOptions).activation
    if output.dtype == FLOAT32:
        return _pool(float32, node, float_clamps(activation))
    low, high = activation_range(activation, node.activation(output))
    return _pool(int8, node, {Column.ACTIVATION_MIN: low, Column.ACTIVATION_MAX: high})


def _pool(op: StepOp, node: Node, bounds: dict[Column, int]) -> Step:
    options = node.options(Pool2DOptions)
    columns = {
        **sizes(image(node, node.input(0, INT8, FLOAT32)), image(node, node.output(INT8, FLOAT32))),
        **window(node, options, (options.filter_height, options.filter_width)),
        **bounds,
    }
    return make_step(op, node, columns)
