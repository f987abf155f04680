"""MEAN."""

from __future__ import annotations

import math

import numpy as np

from yamjit.kernels.program import Column, Rounding, StepOp
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, clamps, image, make_step, requantization, sizes, temporary
from yamjit.plan.quantization import mean_multipliers
from yamjit.tflite.node import FLOAT32, INT8, Node

__all__ = ["mean"]


def mean(node: Node) -> Step | tuple[Step | Alias, ...]:
    """Lower a MEAN: of int8 over height and width, of float32 over any axes."""
    source, output = node.input(0, INT8, FLOAT32), node.output(INT8, FLOAT32)
    if source.dtype == FLOAT32:
        return _float_mean(node, source.shape)
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


def _float_mean(node: Node, shape: tuple[int, ...]) -> tuple[Step | Alias, ...]:
    """Lower a MEAN of float32; axes that are not next to each other are moved to the end first."""
    rank = len(shape)
    axes = sorted(node.axis(axis, rank) for axis in node.integers(1, scalar=True))
    first, after = (axes[0], axes[-1] + 1) if axes else (rank, rank)
    source, moves = node.operator.inputs[0], []
    if axes and axes != list(range(first, after)):
        kept = [axis for axis in range(rank) if axis not in axes]
        numbers = np.arange(math.prod(shape)).reshape(shape).transpose(*kept, *axes)
        moves = [move(node, numbers, source, temporary(node, 0), shape, FLOAT32)]
        shape, first, after = numbers.shape, len(kept), rank
        source = temporary(node, 0)
    outer, count, inner = (math.prod(part) for part in (shape[:first], shape[first:after], shape[after:]))
    columns = sizes((outer, count, inner), (outer, 1, inner))
    return (*moves, Step(StepOp.MEAN_F32, node.operator, source, node.operator.outputs[0], columns))
