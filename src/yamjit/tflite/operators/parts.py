"""Operators that repeat, stack, take apart or surround tensors: TILE, PACK, UNPACK, SPLIT_V, MIRROR_PAD."""

from __future__ import annotations

from dataclasses import dataclass

from yamjit.tflite.graph import Op, Options
from yamjit.tflite.node import FLOAT32, INT8, INT32, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = [
    "MIRROR_PAD",
    "PACK",
    "SPLIT_V",
    "TILE",
    "UNPACK",
    "MirrorPadOptions",
    "PackOptions",
    "SplitVOptions",
    "UnpackOptions",
    "split_sizes",
]


@dataclass(frozen=True, slots=True)
class MirrorPadOptions(Options):
    """Options of ``MIRROR_PAD``: 1 where values at the edge are repeated, 0 where they are not."""

    mode: int = 0


@dataclass(frozen=True, slots=True)
class PackOptions(Options):
    """Options of ``PACK``."""

    values_count: int = 0
    axis: int = 0


@dataclass(frozen=True, slots=True)
class UnpackOptions(Options):
    """Options of ``UNPACK``."""

    num: int = 0
    axis: int = 0


@dataclass(frozen=True, slots=True)
class SplitVOptions(Options):
    """Options of ``SPLIT_V``."""

    num_splits: int = 0


def _tile(node: Node) -> Inferred:
    node.check_arity(2)
    source, times = node.input(0, FLOAT32, INT8), node.integers(1)
    node.check_same_quantization(source, node.outputs[0])
    if len(times) != len(source.shape) or min(times, default=1) < 1:
        raise node.error(f"{times} do not say how often each axis of {source.shape} is repeated", node.inputs[1])
    return Inferred(tuple(size * count for size, count in zip(source.shape, times, strict=True)))


def _pack(node: Node) -> Inferred:
    options = node.options(PackOptions)
    node.check_arity(max(options.values_count, 1))
    first = node.input(0, FLOAT32, INT8, INT32)
    for position in range(len(node.inputs)):
        source = node.input(position, first.dtype)
        node.check_same_quantization(source, node.outputs[0])
        if source.shape != first.shape:
            raise node.error(f"shapes {first.shape} and {source.shape} differ", source)
    axis = node.axis(options.axis, len(first.shape) + 1)
    return Inferred((*first.shape[:axis], len(node.inputs), *first.shape[axis:]))


def _unpack(node: Node) -> Inferred:
    options = node.options(UnpackOptions)
    node.check_arity(1, outputs=max(options.num, 1))
    source = node.input(0, FLOAT32, INT8, INT32)
    axis = node.axis(options.axis, len(source.shape))
    for output in node.outputs:
        node.check_same_quantization(source, output)
    if source.shape[axis] != options.num:
        raise node.error(f"dimension of {source.shape[axis]} as {options.num} outputs", source)
    return Inferred((*source.shape[:axis], *source.shape[axis + 1 :]))


def split_sizes(node: Node) -> tuple[list[int], int]:
    """Return the sizes of the parts of a ``SPLIT_V``, and the axis."""
    source, sizes, axes = node.any_input(0), node.integers(1), node.integers(2, scalar=True)
    if len(axes) != 1:
        raise node.error(f"{len(axes)} axes instead of one", node.inputs[2])
    axis = node.axis(axes[0], len(source.shape))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = source.shape[axis] - sum(sizes) - 1
    if min(sizes, default=0) < 1 or sum(sizes) != source.shape[axis]:
        raise node.error(f"sizes {sizes} do not add up to {source.shape[axis]}", node.inputs[1])
    return sizes, axis


def _split_v(node: Node) -> Inferred:
    options = node.options(SplitVOptions)
    node.check_arity(3, outputs=max(options.num_splits, 1))
    source = node.input(0, FLOAT32, INT8, INT32)
    for output in node.outputs:
        node.check_same_quantization(source, output)
    sizes, axis = split_sizes(node)
    if len(sizes) != len(node.outputs):
        raise node.error(f"{len(sizes)} sizes for {len(node.outputs)} outputs", node.inputs[1])
    each = tuple((*source.shape[:axis], size, *source.shape[axis + 1 :]) for size in sizes)
    return Inferred(each[0], each=each)


def _mirror_pad(node: Node) -> Inferred:
    node.check_arity(2)
    source, paddings, mode = node.input(0, FLOAT32, INT8), node.constant(1, INT32), node.options(MirrorPadOptions).mode
    node.check_same_quantization(source, node.outputs[0])
    if mode not in (0, 1) or paddings.shape != (len(source.shape), 2):
        raise node.error(f"mode {mode} with paddings of shape {paddings.shape} for rank {len(source.shape)}")
    pairs = [(int(before), int(after)) for before, after in paddings]
    for size, pair in zip(source.shape, pairs, strict=True):
        if min(pair) < 0 or max(pair) > size - 1 + mode:
            raise node.error(f"paddings {pair} of {size} values should be from 0 to {size - 1 + mode}", node.inputs[1])
    return Inferred(tuple(before + size + after for size, (before, after) in zip(source.shape, pairs, strict=True)))


TILE = Record(Op.TILE, versions=3, contract=_tile, code=51, table=table("TileOptions"))

PACK = Record(
    Op.PACK,
    versions=4,
    contract=_pack,
    code=59,
    table=table("PackOptions", "values_count:int; axis:int"),
    options=PackOptions,
)

UNPACK = Record(
    Op.UNPACK,
    versions=4,
    contract=_unpack,
    code=64,
    table=table("UnpackOptions", "num:int; axis:int"),
    options=UnpackOptions,
)

SPLIT_V = Record(
    Op.SPLIT_V,
    versions=2,
    contract=_split_v,
    code=79,
    table=table("SplitVOptions", "num_splits:int"),
    options=SplitVOptions,
)

MIRROR_PAD = Record(
    Op.MIRROR_PAD,
    versions=3,
    contract=_mirror_pad,
    code=77,
    table=table("MirrorPadOptions", "mode:byte"),
    options=MirrorPadOptions,
)
