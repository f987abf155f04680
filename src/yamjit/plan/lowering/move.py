"""A rearrangement of values as runs of bytes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import Column, StepOp
from yamjit.plan.lowering.step import Alias, Step, sizes
from yamjit.plan.positions import NOTHING
from yamjit.tflite.node import Node

__all__ = ["move"]


def move(
    node: Node,
    numbers: npt.NDArray[np.int64],
    source: int,
    output: int,
    shape: tuple[int, ...],
    dtype: np.dtype[np.generic],
    zero: int = 0,
) -> Step | Alias:
    """Make the step that writes values of tensor `source` to tensor `output` in another order.

    Parameters
    ----------
    node : Node
        The operator that the step is part of.
    numbers : np.ndarray [any shape, int64]
        For each value of the output the number of the one that it is, or `NOTHING`.
    source, output : int
    shape : tuple of int
        Shape of the source.
    dtype : np.dtype
        Type of the values.
    zero : int
        Byte that zero is made of: the zero point of an int8 tensor.

    Returns
    -------
    Step or Alias
        An alias where every value stays where it is.
    """
    flat, width = numbers.reshape(-1), dtype.itemsize
    follows = np.where(flat[:-1] == NOTHING, NOTHING, flat[:-1] + 1)
    breaks = 1 + np.flatnonzero(flat[1:] != follows)
    length = math.gcd(flat.size, *breaks.tolist())
    starts = flat[::length]
    if starts.tolist() == [0] and length == math.prod(shape):
        return Alias(source, output)
    places = np.where(starts == NOTHING, NOTHING, starts * width).astype("<i4")
    columns = sizes((1, 1, math.prod(shape) * width), (1, starts.size, length * width))
    columns[Column.INPUT_ZERO_POINT] = zero
    return Step(StepOp.MOVE, node.operator, source, output, columns, {Column.WEIGHTS: places})
