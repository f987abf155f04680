"""Operators that reduce the windows of an image: MAX_POOL_2D, AVERAGE_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass

from yamjit.tflite.graph import Activation, Op
from yamjit.tflite.node import FLOAT32, INT8, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.windows import WindowOptions, check_activation, image, infer_image
from yamjit.tflite.schema import table

__all__ = ["AVERAGE_POOL_2D", "MAX_POOL_2D", "Pool2DOptions"]


@dataclass(frozen=True, slots=True)
class Pool2DOptions(WindowOptions):
    """Options of ``MAX_POOL_2D`` and ``AVERAGE_POOL_2D``."""

    filter_height: int = 1
    filter_width: int = 1
    activation: Activation = Activation.NONE


def _pool(node: Node) -> Inferred:
    node.check_arity(1)
    source = node.input(0, INT8, FLOAT32)
    options, output = node.options(Pool2DOptions), node.output(source.dtype)
    node.check_same_quantization(source, output)
    check_activation(node, options.activation)
    window = (options.filter_height, options.filter_width)
    if min(window) < 1:
        raise node.error(f"filter {window} should be at least 1 pixel high and wide")
    _, height, width, channels = image(node, source)
    taps = min(window[0], height) * min(window[1], width)
    return infer_image(node, options, window, channels, taps)


_TABLE = table(
    "Pool2DOptions",
    "padding:byte; stride_w:int; stride_h:int; filter_width:int; filter_height:int; fused_activation_function:byte",
)

MAX_POOL_2D = Record(Op.MAX_POOL_2D, versions=3, contract=_pool, code=5, table=_TABLE, options=Pool2DOptions)

AVERAGE_POOL_2D = Record(Op.AVERAGE_POOL_2D, versions=3, contract=_pool, code=5, table=_TABLE, options=Pool2DOptions)
