"""Operators that give an image another size: RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from dataclasses import dataclass

from yamjit.tflite.graph import Op, Options
from yamjit.tflite.node import FLOAT32, INT8, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.windows import image
from yamjit.tflite.schema import table

__all__ = [
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "ResizeBilinearOptions",
    "ResizeNearestNeighborOptions",
    "ResizeOptions",
]

#: Far above any use, and far below where int32 coordinates with ten binary places overflow.
_MOST_PIXELS = 2**16


@dataclass(frozen=True, slots=True)
class ResizeOptions(Options):
    """Where pixels of the output lie in the input; at most one of the two is true."""

    align_corners: bool = False
    half_pixel_centers: bool = False


@dataclass(frozen=True, slots=True)
class ResizeBilinearOptions(ResizeOptions):
    """Options of ``RESIZE_BILINEAR``."""


@dataclass(frozen=True, slots=True)
class ResizeNearestNeighborOptions(ResizeOptions):
    """Options of ``RESIZE_NEAREST_NEIGHBOR``."""


def _resize(node: Node) -> Inferred:
    node.check_arity(2)
    options, source = node.options(ResizeOptions), node.input(0, FLOAT32, INT8)
    node.check_same_quantization(source, node.outputs[0])
    batch, height, width, channels = image(node, source)
    sizes = node.integers(1)
    if len(sizes) != 2 or not all(1 <= size <= _MOST_PIXELS for size in (*sizes, height, width)):
        raise node.error(f"size {sizes} should be a height and a width from 1 to {_MOST_PIXELS}", node.inputs[1])
    if options.align_corners and options.half_pixel_centers:
        raise node.error("align_corners and half_pixel_centers exclude each other")
    return Inferred((batch, *sizes, channels))


RESIZE_BILINEAR = Record(
    Op.RESIZE_BILINEAR,
    versions=4,
    contract=_resize,
    code=15,
    table=table("ResizeBilinearOptions", "new_height:int; new_width:int; align_corners:bool; half_pixel_centers:bool"),
    options=ResizeBilinearOptions,
)

RESIZE_NEAREST_NEIGHBOR = Record(
    Op.RESIZE_NEAREST_NEIGHBOR,
    versions=4,
    contract=_resize,
    code=74,
    table=table("ResizeNearestNeighborOptions", "align_corners:bool; half_pixel_centers:bool"),
    options=ResizeNearestNeighborOptions,
)
