"""Operators that only move values: RESHAPE, SPLIT, STRIDED_SLICE, GATHER, PAD."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from yamjit.tflite.graph import Op, Options
from yamjit.tflite.node import COMPLEX64, FLOAT32, INT8, INT32, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = [
    "GATHER",
    "PAD",
    "RESHAPE",
    "SPLIT",
    "STRIDED_SLICE",
    "GatherOptions",
    "ReshapeOptions",
    "SplitOptions",
    "StridedSliceOptions",
    "strided_cuts",
]


@dataclass(frozen=True, slots=True)
class GatherOptions(Options):
    """Options of ``GATHER``."""

    axis: int = 0
    batch_dims: int = 0


@dataclass(frozen=True, slots=True)
class ReshapeOptions(Options):
    """Options of ``RESHAPE``; used only where the operator has no shape input that is a vector."""

    new_shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitOptions(Options):
    """Options of ``SPLIT``."""

    num_splits: int = 1


@dataclass(frozen=True, slots=True)
class StridedSliceOptions(Options):
    """Options of ``STRIDED_SLICE``: bit masks, one bit per dimension."""

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0


def _reshape(node: Node) -> Inferred:
    node.check_arity(1, 2)
    source, output = node.input(0, FLOAT32, INT8, INT32, COMPLEX64), node.outputs[0]
    node.check_same_quantization(source, output)
    # TFLite takes the shape from the options where this input has another form than a vector, as old converters wrote.
    by_input = len(node.inputs) == 2 and node.constant(1, INT32).ndim == 1
    wanted = node.integers(1) if by_input else list(node.options(ReshapeOptions).new_shape)
    free = [axis for axis, size in enumerate(wanted) if size == -1]
    if len(free) > 1 or any(size < 1 and size != -1 for size in wanted):
        raise node.error(f"shape {wanted} should have positive dimensions, and at most one -1")
    elements, known = math.prod(source.shape), math.prod(size for size in wanted if size != -1)
    if free and elements % known == 0:
        wanted[free[0]] = elements // known
    if math.prod(wanted) != elements:
        raise node.error(f"{elements} elements of shape {source.shape} do not fill shape {wanted}")
    return Inferred(tuple(wanted))


def _split(node: Node) -> Inferred:
    options = node.options(SplitOptions)
    node.check_arity(2, outputs=max(options.num_splits, 1))
    source = node.input(1, FLOAT32, INT8, INT32)
    for output in node.outputs:
        node.check_same_quantization(source, output)
    axes = node.integers(0, scalar=True)
    if len(axes) != 1:
        raise node.error(f"{len(axes)} axes instead of one", node.inputs[0])
    axis = node.axis(axes[0], len(source.shape))
    if options.num_splits < 1 or source.shape[axis] % options.num_splits:
        raise node.error(f"dimension of {source.shape[axis]} in {options.num_splits} parts", source)
    part = source.shape[axis] // options.num_splits
    return Inferred((*source.shape[:axis], part, *source.shape[axis + 1 :]))


def _strided_slice(node: Node) -> Inferred:
    node.check_arity(4)
    source = node.input(0, FLOAT32, INT8, INT32)
    node.check_same_quantization(source, node.outputs[0])
    cut = np.broadcast_to(np.int8(0), source.shape)[strided_cuts(node, source.shape)]
    if 0 in cut.shape:
        raise node.error(f"what it takes of shape {source.shape} is empty", source)
    return Inferred(cut.shape)


def strided_cuts(node: Node, shape: tuple[int, ...]) -> tuple[slice | int | None, ...]:
    """Return what a ``STRIDED_SLICE`` takes of a shape, as NumPy's index: a bit of its masks for each of its limits."""
    options, rank = node.options(StridedSliceOptions), len(shape)
    begins, ends, strides = (node.integers(position) for position in (1, 2, 3))
    count = len(begins)
    masks = (options.begin_mask, options.end_mask, options.ellipsis_mask, options.new_axis_mask)
    if not count == len(ends) == len(strides) or any(mask >> count for mask in (*masks, options.shrink_axis_mask)):
        raise node.error(f"{count} begins, {len(ends)} ends and {len(strides)} strides, with masks {masks}")
    taken = count - (options.ellipsis_mask | options.new_axis_mask).bit_count()
    if options.ellipsis_mask.bit_count() > 1 or taken > rank or (taken < rank and not options.ellipsis_mask):
        raise node.error(f"{count} begins, ends and strides for rank {rank}")
    if 0 in strides:
        raise node.error("strides should not be zero", node.inputs[3])
    cuts: list[slice | int | None] = []
    axis = 0
    for place, limits in enumerate(zip(begins, ends, strides, strict=True)):
        if options.ellipsis_mask >> place & 1:
            cuts += [slice(None)] * (rank - taken)
            axis += rank - taken
        elif options.new_axis_mask >> place & 1:
            cuts.append(None)
        else:
            cuts.append(_cut(node, options, place, limits, shape[axis]))
            axis += 1
    return tuple(cuts)


def _cut(node: Node, options: StridedSliceOptions, place: int, limits: tuple[int, int, int], size: int) -> slice | int:
    """Return what is taken of an axis: a slice, or the index of the one value that is left of it."""
    begin, end, stride = limits
    if options.shrink_axis_mask >> place & 1:
        if not -size <= begin < size or stride < 1 or options.begin_mask >> place & 1:
            raise node.error(f"index {begin} with stride {stride} is outside dimension {place} of {size}")
        return begin
    first = None if options.begin_mask >> place & 1 else begin
    return slice(first, None if options.end_mask >> place & 1 else end, stride)


def _gather(node: Node) -> Inferred:
    node.check_arity(2)
    options = node.options(GatherOptions)
    source, output = node.input(0, FLOAT32, INT8, INT32), node.outputs[0]
    node.check_same_quantization(source, output)
    if options.batch_dims != 0:
        raise node.error(f"batch_dims {options.batch_dims} is not supported; 0 is")
    axis = node.axis(options.axis, len(source.shape))
    indices = node.constant(1, INT32)
    if np.any(indices < 0) or np.any(indices >= source.shape[axis]):
        raise node.error(f"indices should be from 0 to {source.shape[axis] - 1}", node.inputs[1])
    return Inferred((*source.shape[:axis], *indices.shape, *source.shape[axis + 1 :]))


def _pad(node: Node) -> Inferred:
    node.check_arity(2)
    source, output = node.input(0, FLOAT32, INT8, INT32), node.outputs[0]
    node.check_same_quantization(source, output)
    paddings = node.constant(1, INT32)
    if paddings.shape != (len(source.shape), 2):
        raise node.error(f"paddings of shape {paddings.shape} for rank {len(source.shape)}", node.inputs[1])
    pairs = [(int(before), int(after)) for before, after in paddings]
    if any(before < 0 or after < 0 for before, after in pairs):
        raise node.error("paddings should not be negative", node.inputs[1])
    return Inferred(tuple(before + size + after for size, (before, after) in zip(source.shape, pairs, strict=True)))


RESHAPE = Record(
    Op.RESHAPE,
    versions=1,
    contract=_reshape,
    code=17,
    table=table("ReshapeOptions", "new_shape:[int]"),
    options=ReshapeOptions,
    may_lack_options=True,
)

SPLIT = Record(
    Op.SPLIT, versions=4, contract=_split, code=35, table=table("SplitOptions", "num_splits:int"), options=SplitOptions
)

STRIDED_SLICE = Record(
    Op.STRIDED_SLICE,
    versions=8,
    contract=_strided_slice,
    code=32,
    table=table(
        "StridedSliceOptions",
        "begin_mask:int; end_mask:int; ellipsis_mask:int; new_axis_mask:int; shrink_axis_mask:int;offset:bool",
    ),
    options=StridedSliceOptions,
    accepted={"offset": (0,)},
)

GATHER = Record(
    Op.GATHER,
    versions=7,
    contract=_gather,
    code=23,
    table=table("GatherOptions", "axis:int; batch_dims:int"),
    options=GatherOptions,
)

PAD = Record(Op.PAD, versions=4, contract=_pad, code=22, table=table("PadOptions"))
