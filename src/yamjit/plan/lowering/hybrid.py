"""Products of float32 inputs and int8 weights: how inputs are quantized, and which kernel set is equalled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import Column, Scaling, StepOp
from yamjit.plan.lowering.step import Step, float_clamps, make_step
from yamjit.tflite.graph import Activation, Arithmetic, Op
from yamjit.tflite.node import FLOAT32, INT8, Node
from yamjit.tflite.operators.products import FullyConnectedOptions

__all__ = ["hybrid_products"]

_STEPS = {
    StepOp.CONV: StepOp.CONV_HYBRID,
    StepOp.DEPTHWISE: StepOp.DEPTHWISE_HYBRID,
    StepOp.POINTWISE: StepOp.POINTWISE_HYBRID,
}

#: Orders in which the kernel sets scale asymmetric sums, see `Scaling`.
_SCALINGS = {
    (Op.CONV_2D, Arithmetic.REFERENCE): Scaling.WEIGHTS_FIRST,
    (Op.CONV_2D, Arithmetic.OPTIMISED): Scaling.JOINT,
    (Op.DEPTHWISE_CONV_2D, Arithmetic.REFERENCE): Scaling.JOINT,
    (Op.DEPTHWISE_CONV_2D, Arithmetic.OPTIMISED): Scaling.WEIGHTS_FIRST_IN_FOURS,
    (Op.FULLY_CONNECTED, Arithmetic.REFERENCE): Scaling.JOINT,
    (Op.FULLY_CONNECTED, Arithmetic.OPTIMISED): Scaling.JOINT,
}


def hybrid_products(
    op: StepOp, node: Node, weights: npt.NDArray[np.int8], activation: Activation, columns: Mapping[Column, int]
) -> Step:
    """Make the step of a hybrid operator, for which `op` would be that of int8 inputs: output channels come last."""
    channels = weights.shape[-1]
    bias = np.zeros(channels, np.float32)
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        bias = node.constant(2, FLOAT32)
    if activation in (Activation.RELU, Activation.RELU6):
        bias = bias + np.float32(0)  # a fully connected layer makes 0 of -0
    if op == StepOp.CONV and node.operator.op == Op.DEPTHWISE_CONV_2D and node.arithmetic == Arithmetic.OPTIMISED:
        raise node.error(
            "int8 weights with a depth multiplier are not accepted where TFLite's reference lacks operators"
        )
    scaling = Scaling.SYMMETRIC if _is_symmetric(node) else _SCALINGS[node.operator.op, node.arithmetic]
    step = StepOp.ROWS_HYBRID if node.operator.op == Op.FULLY_CONNECTED else _STEPS[op]
    constants: dict[Column, npt.NDArray[Any]] = {
        Column.WEIGHTS: weights,
        Column.MULTIPLIER: np.broadcast_to(node.quantization(node.input(1, INT8)).scale, channels),
        Column.BIAS: bias,
    }
    return make_step(step, node, {**columns, **float_clamps(activation), Column.ROUNDING: scaling}, constants)


def _is_symmetric(node: Node) -> bool:
    """Whether inputs are quantized around zero."""
    if node.operator.op == Op.FULLY_CONNECTED:
        return not node.options(FullyConnectedOptions).asymmetric_quantize_inputs
    scale = node.quantization(node.input(1, INT8)).scale
    return node.operator.op == Op.CONV_2D and bool(np.all(scale == scale[0]))
