"""MAX_POOL_2D."""

from __future__ import annotations

from yamjit.kernels.program import Column, StepOp
from yamjit.plan.lowering.step import Step, image, make_step, sizes, window
from yamjit.plan.quantization import activation_range
from yamjit.tflite.node import INT8, Node
from yamjit.tflite.operators.pooling import Pool2DOptions

__all__ = ["max_pool_2d"]


def max_pool_2d(node: Node) -> Step:
    """Lower a MAX_POOL_2D: values are compared as they are, since the output is quantized like the input."""
    options = node.options(Pool2DOptions)
    source, output = node.input(0, INT8), node.output(INT8)
    low, high = activation_range(options.activation, node.activation(output))
    columns = {
        **sizes(image(node, source), image(node, output)),
        **window(node, options, (options.filter_height, options.filter_width)),
        Column.ACTIVATION_MIN: low,
        Column.ACTIVATION_MAX: high,
    }
    return make_step(StepOp.MAX_POOL, node, columns)
