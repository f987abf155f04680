"""Operators that reduce the windows of an image: MAX_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass

from yamjit.tflite.graph import Activation, Op
from yamjit.tflite.node import INT8, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.windows import WindowOptions, check_activation, image, infer_image
from yamjit.tflite.schema import table

__all__ = ["MAX_POOL_2D", "Pool2DOptions"]


@dataclass(frozen=True, slots=True)
class Pool2DOptions(WindowOptions):
    """Options of ``MAX_POOL_2D``."""

    filter_height: int = 1
    filter_width: int = 1
    activation: Activation = Activation.NONE


def _max_pool_2d(node: Node) -> Inferred:
    node.check_arity(1)
    options = node.options(Pool2DOptions)
    source, output = node.input(0, INT8), node.output(INT8)
    node.check_same_quantization(source, output)
    check_activation(node, options.activation)
    window = (options.filter_height, options.filter_width)
    if min(window) < 1:
        raise node.error(f"filter {window} should be at least 1 pixel high and wide")
    _, height, width, channels = image(node, source)
    taps = min(window[0], height) * min(window[1], width)
    return infer_image(node, options, window, channels, taps)


MAX_POOL_2D = Record(
    Op.MAX_POOL_2D,
    versions=3,
    contract=_max_pool_2d,
    code=5,
    table=table(
        "Pool2DOptions",
        "padding:byte; stride_w:int; stride_h:int; filter_width:int; filter_height:int; fused_activation_function:byte",
    ),
    options=Pool2DOptions,
)
