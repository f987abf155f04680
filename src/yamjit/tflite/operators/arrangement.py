"""Operators that take parts, put parts together, or name axes anew: SLICE, CONCATENATION, TRANSPOSE, and the like."""

from __future__ import annotations

from dataclasses import dataclass

from yamjit.tflite.graph import Activation, Op, Options
from yamjit.tflite.node import COMPLEX64, FLOAT32, INT8, INT32, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = [
    "CONCATENATION",
    "EXPAND_DIMS",
    "SLICE",
    "SQUEEZE",
    "TRANSPOSE",
    "ConcatenationOptions",
    "SqueezeOptions",
]


@dataclass(frozen=True, slots=True)
class ConcatenationOptions(Options):
    """Options of ``CONCATENATION``."""

    axis: int = 0
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class SqueezeOptions(Options):
    """Options of ``SQUEEZE``: the axes that go; none stands for all of size 1."""

    squeeze_dims: tuple[int, ...] = ()


def _concatenation(node: Node) -> Inferred:
    options = node.options(ConcatenationOptions)
    node.check_arity(max(len(node.inputs), 1))
    if options.activation != Activation.NONE:
        raise node.error("a fused activation is not supported")
    first = node.input(0, FLOAT32, INT8, INT32)
    axis = node.axis(options.axis, len(first.shape))
    size = 0
    for position in range(len(node.inputs)):
        source = node.input(position, first.dtype)
        node.check_same_quantization(source, node.outputs[0])
        if _without(source.shape, axis) != _without(first.shape, axis) or len(source.shape) != len(first.shape):
            raise node.error(f"shapes {first.shape} and {source.shape} do not go together along axis {axis}", source)
        size += source.shape[axis]
    return Inferred((*first.shape[:axis], size, *first.shape[axis + 1 :]))


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


def _slice(node: Node) -> Inferred:
    node.check_arity(3)
    source = node.input(0, FLOAT32, INT8, INT32)
    node.check_same_quantization(source, node.outputs[0])
    begins, sizes = node.integers(1), node.integers(2)
    if not len(begins) == len(sizes) == len(source.shape):
        raise node.error(f"{len(begins)} begins and {len(sizes)} sizes for rank {len(source.shape)}")
    shape = []
    for begin, size, whole in zip(begins, sizes, source.shape, strict=True):
        count = whole - begin if size == -1 else size
        if begin < 0 or count < 1 or begin + count > whole:
            raise node.error(f"a slice of {size} from {begin} on is not within {whole}", source)
        shape.append(count)
    return Inferred(tuple(shape))


def _transpose(node: Node) -> Inferred:
    node.check_arity(2)
    source = node.input(0, FLOAT32, INT8, INT32)
    node.check_same_quantization(source, node.outputs[0])
    axes = [node.axis(axis, len(source.shape)) for axis in node.integers(1)]
    if sorted(axes) != list(range(len(source.shape))):
        raise node.error(f"axes {axes} are not those of rank {len(source.shape)}", node.inputs[1])
    return Inferred(tuple(source.shape[axis] for axis in axes))


def _squeeze(node: Node) -> Inferred:
    node.check_arity(1)
    source = node.input(0, FLOAT32, INT8, INT32, COMPLEX64)
    node.check_same_quantization(source, node.outputs[0])
    chosen = node.options(SqueezeOptions).squeeze_dims
    axes = {node.axis(axis, len(source.shape)) for axis in chosen}
    if any(source.shape[axis] != 1 for axis in axes):
        raise node.error(f"axes {chosen} of shape {source.shape} are not all of size 1", source)
    left = [size for axis, size in enumerate(source.shape) if (axis not in axes if chosen else size != 1)]
    return Inferred(tuple(left))


def _expand_dims(node: Node) -> Inferred:
    node.check_arity(2)
    source = node.input(0, FLOAT32, INT8, INT32, COMPLEX64)
    node.check_same_quantization(source, node.outputs[0])
    axes = node.integers(1, scalar=True)
    if len(axes) != 1:
        raise node.error(f"{len(axes)} axes instead of one", node.inputs[1])
    axis = node.axis(axes[0], len(source.shape) + 1)
    return Inferred((*source.shape[:axis], 1, *source.shape[axis:]))


CONCATENATION = Record(
    Op.CONCATENATION,
    versions=4,
    contract=_concatenation,
    code=10,
    table=table("ConcatenationOptions", "axis:int; fused_activation_function:byte"),
    options=ConcatenationOptions,
)

SLICE = Record(Op.SLICE, versions=6, contract=_slice, code=48, table=table("SliceOptions"))

TRANSPOSE = Record(Op.TRANSPOSE, versions=6, contract=_transpose, code=26, table=table("TransposeOptions"))

SQUEEZE = Record(
    Op.SQUEEZE,
    versions=2,
    contract=_squeeze,
    code=30,
    table=table("SqueezeOptions", "squeeze_dims:[int]"),
    options=SqueezeOptions,
)

EXPAND_DIMS = Record(Op.EXPAND_DIMS, versions=1, contract=_expand_dims, code=52, table=table("ExpandDimsOptions"))
