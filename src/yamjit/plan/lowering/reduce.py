"""MEAN over an image."""

from __future__ import annotations

import numpy as np

from yamjit.kernels.program import Column, Rounding, StepOp
from yamjit.plan.lowering.step import Step, clamps, image, make_step, requantization, sizes
from yamjit.plan.quantization import mean_multipliers
from yamjit.tflite.node import INT8, Node

__all__ = ["mean"]


def mean(node: Node) -> Step:
    """Lower a MEAN over height and width."""
    source, output = node.input(0, INT8), node.output(INT8)
    height, width, channels = image(node, source)
    if sorted(node.axis(axis, 4) for axis in node.integers(1, scalar=True)) != [1, 2]:
        raise node.error("the mean over axes 1 and 2 of an image is accepted")
    quantized, result = node.activation(source), node.activation(output)
    multipliers = mean_multipliers(float(quantized.scale[0]) / float(result.scale[0]), height * width)
    bias = np.full(channels, -int(quantized.zero_point[0]) * height * width, np.int64)
    bound = np.full(channels, 256 * height * width, np.int64)
    columns = {
        **sizes((height, width, channels), (1, 1, channels)),
        **clamps(-128, 127, result),
        Column.ROUNDING: Rounding.TWICE,
    }
    constants = requantization(node, bias, bound, multipliers, Rounding.TWICE)
    return make_step(StepOp.MEAN, node, columns, constants)
