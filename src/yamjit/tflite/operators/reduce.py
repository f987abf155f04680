"""Operators that reduce axes to one value: MEAN, SUM, REDUCE_MAX, REDUCE_MIN."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yamjit.tflite.graph import Op, Options, Tensor
from yamjit.tflite.node import FLOAT32, INT8, INT32_MAX, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = ["MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUM", "ReducerOptions"]


@dataclass(frozen=True, slots=True)
class ReducerOptions(Options):
    """Options of ``MEAN`` and the like."""

    keep_dims: bool = False


def _mean(node: Node) -> Inferred:
    inferred, source = _reduced(node, INT8, FLOAT32), node.input(0, INT8, FLOAT32)
    if source.dtype == INT8:
        output = node.output(INT8)
        _check_sums(node, source, output, math.prod(source.shape) // max(math.prod(inferred.shape), 1))
    return inferred


def _sum(node: Node) -> Inferred:
    return _reduced(node, FLOAT32)


def _extreme(node: Node) -> Inferred:
    inferred = _reduced(node, INT8, FLOAT32)
    node.check_same_quantization(node.input(0, INT8, FLOAT32), node.outputs[0])
    return inferred


def _reduced(node: Node, *dtypes: np.dtype[np.generic]) -> Inferred:
    node.check_arity(2)
    source, options = node.input(0, *dtypes), node.options(ReducerOptions)
    node.output(source.dtype)
    axes = [node.axis(axis, len(source.shape)) for axis in node.integers(1, scalar=True)]
    if len(set(axes)) != len(axes):
        raise node.error(f"axes {axes} are not distinct", node.inputs[1])
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


def _record(op: Op, versions: int, contract: Callable[[Node], Inferred]) -> Record:
    known = table("ReducerOptions", "keep_dims:bool")
    return Record(op, versions=versions, contract=contract, code=27, table=known, options=ReducerOptions)


MEAN = _record(Op.MEAN, 3, _mean)
SUM = _record(Op.SUM, 2, _sum)
REDUCE_MAX = _record(Op.REDUCE_MAX, 3, _extreme)
REDUCE_MIN = _record(Op.REDUCE_MIN, 3, _extreme)
