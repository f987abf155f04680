"""What hybrid operators have in common: products of float32 inputs, quantized at run time, with int8 weights."""

from __future__ import annotations

import numpy as np

from yamjit.tflite.graph import Op, Tensor
from yamjit.tflite.node import FLOAT32, INT8, INT32_MAX, Node

__all__ = ["check_bias_shape", "check_hybrid"]

#: Largest magnitude of a quantized input less its zero point.
_INPUT_REACH = 255


def check_hybrid(node: Node, channels: int, dimension: int) -> None:
    """Check output, int8 weights, their scales and a float32 bias of `channels` output channels.

    `dimension` is the weights' dimension of output channels. In depthwise convolutions each needs a scale of its own.
    """
    node.output(FLOAT32)
    weights, values = node.input(1, INT8), node.constant(1, INT8)
    quantization = node.quantization(weights)
    each, per_channel = quantization.per_channel, node.operator.op == Op.DEPTHWISE_CONV_2D
    if (each and quantization.dimension != dimension) or (per_channel and not each and channels > 1):
        accepted = "a scale" if per_channel else "one scale, or one"
        raise node.error(f"needs {accepted} for each channel of dimension {dimension}", weights)
    if np.any(quantization.zero_point != 0):
        raise node.error("int8 weights need zero point 0", weights)
    if np.any(values == -128):
        raise node.error(
            "weights of -128 are not supported with float32 inputs: TFLite's kernels do not agree on them", weights
        )
    axes = tuple(axis for axis in range(values.ndim) if axis != dimension)
    if int(np.abs(values).sum(axis=axes, dtype=np.int64).max()) * _INPUT_REACH > INT32_MAX:
        raise node.error("sum of products can overflow int32")
    check_bias_shape(node, channels, FLOAT32)


def check_bias_shape(node: Node, channels: int, dtype: np.dtype[np.generic]) -> Tensor | None:
    """Check type and shape of the bias and return it; None if there is none."""
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    if bias is None:
        return None
    node.constant(2, dtype)
    if bias.shape != (channels,):
        raise node.error(f"bias of shape {bias.shape} should be ({channels},)", bias)
    return bias
