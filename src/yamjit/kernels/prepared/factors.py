"""A step that sums products, as vector kernels round its accumulators: by one shift, or in float32.

A vector kernel makes ``(acc * multiplier + offset) >> shift`` of an accumulator and clamps that to an int8; where
`yamjit.kernels.prepared.real_requantization` proves that float32 gives the same, it takes float32. Accumulators start
with what makes those around 0 an int8 around 0: float32 has most places there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.memory import padded
from yamjit.kernels.prepared.columns import Prepared, Proof
from yamjit.kernels.prepared.packing import BLOCK, pack_pairs
from yamjit.kernels.prepared.real_requantization import IntegerFactors, find_real_factors
from yamjit.kernels.program import Column, Program, Rounding

__all__ = ["PlainStep", "in_blocks", "pack_factors"]

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]

#: Offsets of channels that are shifted by more do not fit 64 bits.
_MOST_SHIFT = 54

#: Where more inputs than these are summed, multiplying takes much longer than rounding, and factors are seldom found
#: that may be rounded to the nearest: none are looked for.
_MOST_INPUTS_FOR_NEAREST = 128

#: Accumulators up to this are moved: nothing wraps around.
_MOST_MOVED = 2**24


class PlainStep:
    """A step of a program with its constants.

    `zero` is the int8 that vector kernels multiply as zero: 0, or -128 where they multiply uint8 that are 128 more.
    `apart` tells whether they round products and sums of float32 apart.
    """

    def __init__(self, program: Program, row: list[int], zero: int, apart: bool = False) -> None:
        self._constants = program.constants
        self.row = row
        self.zero = zero
        self.apart = apart

    def __getitem__(self, column: Column) -> int:
        return self.row[column]

    def weights(self, *sizes: Column) -> Int8:
        """Return the weights, whose shape is in the columns `sizes`."""
        return np.ndarray([self[size] for size in sizes], np.int8, self._constants, self[Column.WEIGHTS])

    def per_channel(self, column: Column, dtype: npt.DTypeLike) -> Int64:
        """Return a number of every output channel."""
        array = np.ndarray((self[Column.OUTPUT_C],), dtype, self._constants, self[column])
        return array.astype(np.int64)

    def reals(self, column: Column) -> npt.NDArray[np.float32]:
        """Return a float32 of every output channel."""
        return np.ndarray((self[Column.OUTPUT_C],), np.float32, self._constants, self[column])

    def float_weights(self, inputs: int) -> npt.NDArray[np.float32]:
        """Return float32 weights [shape=(inputs, outputs)]."""
        return np.ndarray((inputs, self[Column.OUTPUT_C]), np.float32, self._constants, self[Column.WEIGHTS])

    def bias(self, weights: Int8) -> Int64:
        """Return where accumulators start, [shape=(channels,)]; the channels are the last axis of `weights`."""
        sums = weights.reshape(-1, weights.shape[-1]).sum(axis=0, dtype=np.int64)
        return self.per_channel(Column.BIAS, np.int32) + (self.zero - self[Column.INPUT_ZERO_POINT]) * sums

    def shift(self) -> Int64:
        """Return by how much each channel is shifted."""
        return 31 - self.per_channel(Column.SHIFT, np.int32)

    def rounds_by_one_shift(self) -> bool:
        """Whether one shift of at least 32 bits rounds, and the clamp is the whole range of an int8."""
        clamps = (self[Column.OUTPUT_ZERO_POINT], self[Column.ACTIVATION_MIN], self[Column.ACTIVATION_MAX])
        fits = (self.shift() >= 32) & (self.shift() <= _MOST_SHIFT)
        return self[Column.ROUNDING] == Rounding.ONE_SHIFT and clamps == (-128, -128, 127) and bool(fits.all())


def pack_factors(
    step: PlainStep, weights: Int8, order: npt.NDArray[np.intp] | None = None, unit: int = BLOCK
) -> dict[Prepared, npt.NDArray[np.generic]]:
    """Pack biases and factors of channels; all channels of a `unit` are rounded in one way.

    `order` [shape=(places,)] holds the channel at each place. The weights [shape=(inputs, channels)] tell what
    accumulators can reach.
    """
    bias, shift = step.bias(weights), step.shift()
    order = np.arange(bias.size) if order is None else order
    multiplier = step.per_channel(Column.MULTIPLIER, np.int32)
    offset = step.per_channel(Column.OFFSET, np.int64) + (np.int64(step[Column.OUTPUT_ZERO_POINT]) << shift)
    low, high = _reach(step, weights, bias)
    origin = np.where((low > -_MOST_MOVED) & (high < _MOST_MOVED), offset // np.maximum(multiplier, 1), 0)
    origin[np.abs(origin) > _MOST_MOVED] = 0
    bias, low, high = bias + origin, low + origin, high + origin
    offset -= origin * multiplier
    if len(weights) <= _MOST_INPUTS_FOR_NEAREST:
        wanted = Proof.APART if step.apart else Proof.NEAREST
    else:
        wanted = Proof.NONE if step.apart else Proof.DOWN
    reals = find_real_factors(IntegerFactors(multiplier, offset, shift), low, high, wanted)
    proven = np.zeros(padded(order.size, unit), np.int8)
    proven[: order.size] = reals.proven[order]
    factors = {
        Prepared.BIAS: in_blocks(bias[order].astype(np.int32)),  # wraps as the plain kernels do
        Prepared.MULTIPLIER: in_blocks(multiplier[order].astype(np.int32)),
        Prepared.OFFSET: pack_pairs(offset[order]),
        Prepared.SHIFT: in_blocks((shift[order] - 32).astype(np.int32)),
        Prepared.SCALE: in_blocks(reals.scale[order]),
        Prepared.REAL_OFFSET: in_blocks(reals.offset[order]),
        Prepared.PROVEN: proven.reshape(-1, unit).min(axis=1).repeat(unit // BLOCK),
    }
    if step.apart:
        _clear_unread(factors, unit)
    return factors


def _clear_unread(factors: dict[Prepared, npt.NDArray[Any]], unit: int) -> None:
    """Make zeros of what no kernel that rounds products and sums apart reads: they take no place in compressed files.

    Blocks that are not proven are shifted. In a proven block tiles that are smaller than others still are; a unit of
    several blocks is rounded in one way throughout.
    """
    by_reals = factors[Prepared.PROVEN] >= Proof.APART
    unread = dict.fromkeys((Prepared.SCALE, Prepared.REAL_OFFSET), ~by_reals)
    if unit > BLOCK:
        unread |= dict.fromkeys((Prepared.MULTIPLIER, Prepared.OFFSET, Prepared.SHIFT), by_reals)
    for column, blocks in unread.items():
        factors[column].reshape(blocks.size, BLOCK)[blocks] = 0


def _reach(step: PlainStep, weights: Int8, bias: Int64) -> tuple[Int64, Int64]:
    """Return the least and the greatest accumulator of each channel."""
    least, greatest = -128 - step.zero, 127 - step.zero
    rising = np.maximum(weights, 0).sum(axis=0, dtype=np.int64)
    falling = np.minimum(weights, 0).sum(axis=0, dtype=np.int64)
    return bias + least * rising + greatest * falling, bias + greatest * rising + least * falling


def in_blocks(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return values of channels filled up with zeros to whole blocks."""
    whole = np.zeros(padded(values.size, BLOCK), values.dtype)
    whole[: values.size] = values
    return whole
