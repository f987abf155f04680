"""What operators that only move values do: they are run on the numbers of the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from yamjit.tflite.graph import Op
from yamjit.tflite.node import INT32, Node
from yamjit.tflite.operators.movers import GatherOptions, StridedSliceOptions

__all__ = ["MOVERS", "NOTHING", "RESHAPERS"]

Numbers = npt.NDArray[np.int64]

#: Stands for a value that comes from nowhere: zero.
NOTHING = -1


def _reshape(node: Node, numbers: Numbers) -> Numbers:
    return numbers.reshape(node.outputs[0].shape)


def _gather(node: Node, numbers: Numbers) -> Numbers:
    return np.take(numbers, node.constant(1, INT32), axis=node.options(GatherOptions).axis)


def _slice(node: Node, numbers: Numbers) -> Numbers:
    cuts = zip(node.integers(1), node.outputs[0].shape, strict=True)
    return numbers[tuple(slice(begin, begin + size) for begin, size in cuts)]


def _strided_slice(node: Node, numbers: Numbers) -> Numbers:
    options = node.options(StridedSliceOptions)
    cuts: list[slice | int] = []
    for axis, (begin, end, stride) in enumerate(zip(*map(node.integers, (1, 2, 3)), strict=True)):
        first = None if options.begin_mask >> axis & 1 else begin
        last = None if options.end_mask >> axis & 1 else end
        cuts.append(begin if options.shrink_axis_mask >> axis & 1 else slice(first, last, stride))
    return numbers[tuple(cuts)]


def _transpose(node: Node, numbers: Numbers) -> Numbers:
    return numbers.transpose(node.integers(1))


def _pad(node: Node, numbers: Numbers) -> Numbers:
    return np.pad(numbers, node.constant(1, INT32), constant_values=NOTHING)


#: Operators that keep values as they are in memory.
RESHAPERS = frozenset({Op.RESHAPE, Op.SQUEEZE, Op.EXPAND_DIMS})

#: Operators by what makes of the numbers of an input's values [shape of the input] those of the output.
MOVERS: Mapping[Op, Callable[[Node, Numbers], Numbers]] = MappingProxyType(
    {
        **dict.fromkeys(RESHAPERS, _reshape),
        Op.GATHER: _gather,
        Op.PAD: _pad,
        Op.SLICE: _slice,
        Op.STRIDED_SLICE: _strided_slice,
        Op.TRANSPOSE: _transpose,
    }
)
