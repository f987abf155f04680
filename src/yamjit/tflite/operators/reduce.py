"""Operators that reduce an image to fewer values: MEAN."""

from __future__ import annotations

import math
from dataclasses import dataclass

from yamjit.tflite.graph import Op, Options, Tensor
from yamjit.tflite.node import FLOAT32, INT8, INT32_MAX, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = ["MEAN", "ReducerOptions"]


@dataclass(frozen=True, slots=True)
class ReducerOptions(Options):
    """Options of ``MEAN``."""

    keep_dims: bool = False


def _mean(node: Node) -> Inferred:
    node.check_arity(2)
    options = node.options(ReducerOptions)
    source = node.input(0, INT8, FLOAT32)
    output = node.output(source.dtype)
    axes = [node.axis(axis, len(source.shape)) for axis in node.integers(1, scalar=True)]
    if len(set(axes)) != len(axes):
        raise node.error(f"axes {axes} are not distinct", node.inputs[1])
    if source.dtype == INT8:
        _check_sums(node, source, output, math.prod(source.shape[axis] for axis in axes))
    kept = [(1 if axis in axes else size) for axis, size in enumerate(source.shape)]
    if not options.keep_dims:
        kept = [size for axis, size in enumerate(source.shape) if axis not in axes]
    return Inferred(tuple(kept))


def _check_sums(node: Node, source: Tensor, output: Tensor, count: int) -> None:
    """Check that `count` int8 values can be added up, and their sum divided."""
    if count * 255 > INT32_MAX:
        raise node.error(f"sum of {count} values can overflow int32", source)
    factor = float(node.activation(source).scale[0]) / float(node.activation(output).scale[0])
    node.check_factor(factor, "input scale / output scale")
    node.check_factor(factor / count, "input scale / output scale / count")


MEAN = Record(
    Op.MEAN,
    versions=3,
    contract=_mean,
    code=27,
    table=table("ReducerOptions", "keep_dims:bool"),
    options=ReducerOptions,
)
