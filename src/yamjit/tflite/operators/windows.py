"""What the operators that walk over an image with a window have in common: options, sizes, the fused activation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from yamjit.tflite.graph import Activation, Options, Padding, Tensor
from yamjit.tflite.node import FLOAT32, INT8, INT32_MAX, Inferred, Node

__all__ = ["WindowOptions", "check_activation", "image", "infer_image"]

#: Strides and dilations; far above any use, and far below where int32 coordinates overflow.
_MAX_STEP = 2**10
#: A window's height or width with its dilation.
_MAX_EXTENT = 2**16


@dataclass(frozen=True, slots=True)
class WindowOptions(Options):
    """Padding of the image and steps of the window."""

    padding: Padding = Padding.SAME
    stride_h: int = 1
    stride_w: int = 1


def image(node: Node, tensor: Tensor) -> tuple[int, int, int, int]:
    """Return the four dimensions of an image, or of a filter."""
    if len(tensor.shape) != 4:
        raise node.error(f"shape {tensor.shape} should have 4 dimensions", tensor)
    first, second, third, fourth = tensor.shape
    return first, second, third, fourth


def infer_image(
    node: Node,
    options: WindowOptions,
    window: tuple[int, int],
    channels: int,
    taps: int,
    dilations: tuple[int, int] = (1, 1),
) -> Inferred:
    """Return what follows for the output image.

    `window` is (height, width); `taps` counts the operations for each output value.
    """
    batch, height, width, _ = image(node, node.input(0, INT8, FLOAT32))
    strides = (options.stride_h, options.stride_w)
    if not all(1 <= step <= _MAX_STEP for step in (*strides, *dilations)):
        raise node.error(f"strides {strides} and dilations {dilations} should be from 1 to {_MAX_STEP}")
    extents = [(size - 1) * step + 1 for size, step in zip(window, dilations, strict=True)]
    if max(extents) > _MAX_EXTENT:
        raise node.error(f"filter covers {extents} pixels with its dilation; at most {_MAX_EXTENT}")
    counts = []
    for size, stride, extent in zip((height, width), strides, extents, strict=True):
        room = size if options.padding == Padding.SAME else size - extent + 1
        if room < 1:
            raise node.error(f"filter of {extent} pixels does not fit into {size}")
        counts.append(-(-room // stride))
    shape = (batch, *counts, channels)
    return Inferred(shape, math.prod(shape) * taps)


def check_activation(node: Node, activation: Activation) -> None:
    """Check that the bounds of an activation, in steps of an int8 output, are int32."""
    output = node.output(INT8, FLOAT32)
    if output.dtype == FLOAT32:
        return
    bound = {Activation.RELU6: 6.0, Activation.RELU_N1_TO_1: 1.0}.get(activation, 0.0)
    if bound / float(node.activation(output).scale[0]) > INT32_MAX - 256:
        raise node.error(f"{activation.name} is out of reach of the output's scale", output)
