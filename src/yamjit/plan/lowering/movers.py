"""Operators that only move values: they rename memory, or copy runs of bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import FIRST_IS_CONSTANT, SECOND_IS_CONSTANT, Column, StepOp
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, sizes, temporary
from yamjit.plan.positions import MOVERS
from yamjit.tflite.graph import Tensor
from yamjit.tflite.node import COMPLEX64, FLOAT32, INT8, INT32, Node
from yamjit.tflite.operators.arrangement import ConcatenationOptions
from yamjit.tflite.operators.parts import PackOptions, UnpackOptions, split_sizes

__all__ = ["concatenation", "pack", "rearrange", "split", "split_v", "unpack"]


def rearrange(node: Node) -> Step | Alias:
    """Lower an operator that gives the values of its first input another order, or another shape."""
    source = node.input(0, FLOAT32, INT8, COMPLEX64)
    numbers = MOVERS[node.operator.op](node, _numbers(source))
    zero = int(node.activation(source).zero_point[0]) if source.dtype == INT8 else 0
    read, written = node.operator.inputs[0], node.operator.outputs[0]
    return move(node, numbers, read, written, source.shape, source.dtype, zero)


def split(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a SPLIT into equal parts."""
    source = node.input(1, FLOAT32, INT8)
    axis = node.axis(node.integers(0, scalar=True)[0], len(source.shape))
    return _parted(node, source, np.split(_numbers(source), len(node.outputs), axis))


def split_v(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a SPLIT_V into parts of any sizes."""
    source, (sizes_of_parts, axis) = node.input(0, FLOAT32, INT8), split_sizes(node)
    return _parted(node, source, np.split(_numbers(source), np.cumsum(sizes_of_parts)[:-1], axis))


def unpack(node: Node) -> tuple[Step | Alias, ...]:
    """Lower an UNPACK."""
    source = node.input(0, FLOAT32, INT8)
    axis = node.axis(node.options(UnpackOptions).axis, len(source.shape))
    return _parted(node, source, list(np.moveaxis(_numbers(source), axis, 0)))


def _parted(node: Node, source: Tensor, parts: Sequence[npt.NDArray[np.int64]]) -> tuple[Step | Alias, ...]:
    return tuple(
        move(node, part, source.index, written, source.shape, source.dtype)
        for part, written in zip(parts, node.operator.outputs, strict=True)
    )


def _numbers(tensor: Tensor) -> npt.NDArray[np.int64]:
    return np.arange(math.prod(tensor.shape)).reshape(tensor.shape)


def concatenation(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a CONCATENATION."""
    shape = node.outputs[0].shape
    return _joined(node, math.prod(shape[: node.axis(node.options(ConcatenationOptions).axis, len(shape))]))


def pack(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a PACK."""
    shape = node.outputs[0].shape
    return _joined(node, math.prod(shape[: node.axis(node.options(PackOptions).axis, len(shape))]))


def _joined(node: Node, rows: int) -> tuple[Step | Alias, ...]:
    """Put rows of two tensors side by side, as often as there are more."""
    parts = list(_parts(node, rows))
    if not any(isinstance(part, int) for part, _ in parts):
        raise node.error("a concatenation of constants alone is not accepted")
    (done, width), *rest = parts
    if not rest and isinstance(done, int):
        return (Alias(done, node.operator.outputs[0]),)
    steps = []
    for number, (part, more) in enumerate(rest):
        output = temporary(node, number) if number + 1 < len(rest) else node.operator.outputs[0]
        steps.append(_join(node, rows, (done, width), (part, more), output))
        done, width = output, width + more
    return tuple(steps)


#: What is put side by side: a tensor, or a constant [shape=(rows, bytes)]; and the bytes of a row.
_Part = tuple["int | npt.NDArray[np.uint8]", int]


def _parts(node: Node, rows: int) -> Iterator[_Part]:
    """Yield what is put side by side; constants next to each other are one."""
    held: list[npt.NDArray[np.uint8]] = []
    for position, index in enumerate(node.operator.inputs):
        tensor = node.input(position, FLOAT32, INT8, INT32)
        if tensor.data is not None:
            held.append(np.ascontiguousarray(tensor.data).reshape(rows, -1).view(np.uint8))
            continue
        if held:
            yield np.concatenate(held, axis=1), sum(block.shape[1] for block in held)
            held = []
        yield index, tensor.nbytes // rows
    if held:
        yield np.concatenate(held, axis=1), sum(block.shape[1] for block in held)


def _join(node: Node, rows: int, first: _Part, second: _Part, output: int) -> Step:
    (left, before), (right, after) = first, second
    source, width = (left, before) if isinstance(left, int) else (right, after)
    columns = sizes((1, rows, width), (1, rows, before + after))
    if isinstance(left, int) and isinstance(right, int):
        return Step(StepOp.JOIN, node.operator, left, output, columns, other=right)
    constant, columns[Column.OTHER] = (
        (right, SECOND_IS_CONSTANT) if isinstance(left, int) else (left, FIRST_IS_CONSTANT)
    )
    assert isinstance(source, int)
    assert not isinstance(constant, int)
    return Step(StepOp.JOIN, node.operator, source, output, columns, {Column.WEIGHTS: constant})
