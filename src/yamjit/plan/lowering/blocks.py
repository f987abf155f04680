"""Long sums of float32 products, in the blocks in which TFLite's optimised kernels add them up.

Those multiply matrices by Eigen, which sums a block of the inputs at a time and adds the blocks' sums one after the
other. It chooses blocks that fit the first cache, of 32 KiB (those of 48 KiB are the same for 1,024 inputs), and as
equal as may be (``evaluateProductBlockingSizesHeuristic`` in Eigen's ``GeneralBlockPanelKernel.h``, with SSE).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from yamjit.kernels.program import SECOND_IS_CONSTANT, Column, StepOp
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, flat, float_clamps, sizes, temporary
from yamjit.tflite.graph import Activation
from yamjit.tflite.node import FLOAT32, Node

__all__ = ["in_blocks"]

#: Most inputs of a block, of which every one but the last has a multiple of the other number.
_MOST, _MULTIPLE = 680, 8


def in_blocks(node: Node, product: Step) -> tuple[Step | Alias, ...]:
    """Return the steps of a product of matrices: itself, or a product of each block of inputs, and their sum."""
    size, rows = product.columns[Column.INPUT_C], product.columns[Column.INPUT_H] * product.columns[Column.INPUT_W]
    if size <= _MOST:
        return (product,)
    return tuple(_blocks(node, product, rows, size))


def _block_size(size: int) -> int:
    """Return how many of `size` inputs, more than `_MOST`, a block has."""
    rest = size % _MOST
    less = (_MOST - 1 - rest) // (_MULTIPLE * (size // _MOST + 1)) if rest else 0
    return _MOST - _MULTIPLE * less


def _blocks(node: Node, product: Step, rows: int, size: int) -> Iterator[Step | Alias]:
    """Yield the products of the blocks, their sums, and what adds the bias to the last of these."""
    weights, bias = (np.asarray(product.constants[column]) for column in (Column.WEIGHTS, Column.BIAS))
    values = np.arange(rows * size).reshape(rows, size)
    unbound, total_size = float_clamps(Activation.NONE), rows * bias.size
    numbers, total = itertools.count(), -1
    for start in range(0, size, _block_size(size)):
        block = slice(start, start + _block_size(size))
        taken, found = temporary(node, next(numbers)), temporary(node, next(numbers))
        part = values[:, block]
        yield move(node, part, product.input, taken, (rows, size), FLOAT32)
        columns = {**sizes((1, rows, part.shape[1]), (1, rows, bias.size)), **unbound}
        constants = {Column.WEIGHTS: weights[block], Column.BIAS: np.zeros_like(bias)}
        yield Step(product.op, product.operator, taken, found, columns, constants)
        if start:
            added = temporary(node, next(numbers))
            columns = {**flat(total_size, total_size), **unbound}
            yield Step(StepOp.ADD, product.operator, total, added, columns, {}, found)
            found = added
        total = found
    image = (rows, 1, bias.size)
    columns = {**sizes(image, image), Column.OTHER: SECOND_IS_CONSTANT}
    columns |= {column: product.columns[column] for column in (Column.ACTIVATION_MIN, Column.ACTIVATION_MAX)}
    yield Step(StepOp.ADD, product.operator, total, product.output, columns, {Column.WEIGHTS: bias})
