"""What operators that only move values do: they are run on the numbers of the values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from yamjit.tflite.graph import Op
from yamjit.tflite.node import INT32, Node
from yamjit.tflite.operators.blocks import BlockOptions
from yamjit.tflite.operators.movers import GatherOptions, strided_cuts
from yamjit.tflite.operators.parts import MirrorPadOptions

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
    return numbers[strided_cuts(node, numbers.shape)]


def _transpose(node: Node, numbers: Numbers) -> Numbers:
    return numbers.transpose(node.integers(1))


def _pad(node: Node, numbers: Numbers) -> Numbers:
    return np.pad(numbers, node.constant(1, INT32), constant_values=NOTHING)


def _tile(node: Node, numbers: Numbers) -> Numbers:
    return np.tile(numbers, node.integers(1))


def _mirror_pad(node: Node, numbers: Numbers) -> Numbers:
    pairs = node.constant(1, INT32)
    if node.options(MirrorPadOptions).mode:
        return np.pad(numbers, pairs, mode="symmetric")
    return np.pad(numbers, pairs, mode="reflect")


def _space_to_batch(node: Node, numbers: Numbers) -> Numbers:
    sizes, borders = node.integers(1), node.constant(2, INT32)
    rest = numbers.ndim - 1 - len(sizes)
    padded = np.pad(numbers, [(0, 0), *borders.tolist(), *[(0, 0)] * rest], constant_values=NOTHING)
    shape = [padded.shape[0]]
    for size, block in zip(padded.shape[1:], sizes, strict=False):
        shape += [size // block, block]
    cut = padded.reshape(*shape, *padded.shape[1 + len(sizes) :])
    blocks, places = range(2, 2 * len(sizes) + 1, 2), range(1, 2 * len(sizes), 2)
    return cut.transpose(*blocks, 0, *places, *range(2 * len(sizes) + 1, cut.ndim)).reshape(node.outputs[0].shape)


def _batch_to_space(node: Node, numbers: Numbers) -> Numbers:
    sizes, crops = node.integers(1), node.constant(2, INT32).tolist()
    count, batch = len(sizes), numbers.shape[0] // math.prod(sizes)
    cut = numbers.reshape(*sizes, batch, *numbers.shape[1:])
    order = [count]
    for axis in range(count):
        order += [count + 1 + axis, axis]
    whole = cut.transpose(*order, *range(2 * count + 1, cut.ndim))
    whole = whole.reshape(
        batch, *(n * b for n, b in zip(numbers.shape[1:], sizes, strict=False)), *numbers.shape[1 + count :]
    )
    cuts = [slice(None)]
    cuts += [slice(before, size - after) for size, (before, after) in zip(whole.shape[1:], crops, strict=False)]
    return whole[tuple(cuts)]


def _space_to_depth(node: Node, numbers: Numbers) -> Numbers:
    block, (batch, height, width, channels) = node.options(BlockOptions).block_size, numbers.shape
    cut = numbers.reshape(batch, height // block, block, width // block, block, channels)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(node.outputs[0].shape)


def _depth_to_space(node: Node, numbers: Numbers) -> Numbers:
    block, (batch, height, width, channels) = node.options(BlockOptions).block_size, numbers.shape
    cut = numbers.reshape(batch, height, width, block, block, channels // block**2)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(node.outputs[0].shape)


#: Operators that keep values as they are in memory.
RESHAPERS = frozenset({Op.RESHAPE, Op.SQUEEZE, Op.EXPAND_DIMS})

#: Operators by what makes of the numbers of an input's values [shape of the input] those of the output.
MOVERS: Mapping[Op, Callable[[Node, Numbers], Numbers]] = MappingProxyType(
    {
        **dict.fromkeys(RESHAPERS, _reshape),
        Op.BATCH_TO_SPACE_ND: _batch_to_space,
        Op.DEPTH_TO_SPACE: _depth_to_space,
        Op.GATHER: _gather,
        Op.MIRROR_PAD: _mirror_pad,
        Op.PAD: _pad,
        Op.SLICE: _slice,
        Op.SPACE_TO_BATCH_ND: _space_to_batch,
        Op.SPACE_TO_DEPTH: _space_to_depth,
        Op.STRIDED_SLICE: _strided_slice,
        Op.TILE: _tile,
        Op.TRANSPOSE: _transpose,
    }
)
