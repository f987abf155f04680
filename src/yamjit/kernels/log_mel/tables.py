"""What the compiled front end reads besides samples: all tables in one block.

Tables and scratch memory are laid out for the widest vectors and serve narrower ones as well.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.log_mel import fft
from yamjit.kernels.log_mel.constants import FrontEndConstants
from yamjit.kernels.log_mel.numpy import bands
from yamjit.kernels.memory import Packer, padded

__all__ = ["MOST_LANES", "Field", "is_transformed", "make_tables", "read_tables"]

Bytes = npt.NDArray[np.uint8]

#: Frames at once, where vectors are widest.
MOST_LANES = 8


class Field(IntEnum):
    """Integers at the beginning of the tables; places are bytes from the beginning of what they are in."""

    HOP = 0  # bytes
    FRAME = 1  # samples
    POINTS = 2  # half the length of the transform
    BANDS = 3
    FIRST_RADIX = 4
    EIGHTS = 5  # later passes
    FOURS = 6
    FIRST_PAIR = 7
    WINDOW = 8  # places in the tables
    REVERSED = 9
    FACTORS = 10
    PAIR_FACTORS = 11
    MEL_ROWS = 12
    WEIGHTS = 13
    OFFSETS = 14
    ROWS = 15  # places in scratch memory
    TAIL = 16
    WINDOWED = 17
    SPECTRUM = 18
    MAGNITUDES = 19
    LOGARITHMS = 20
    SCRATCH_SIZE = 21


def is_transformed(constants: FrontEndConstants) -> bool:
    """Return whether the kernel computes a front end: its transforms are powers of two from 8 on."""
    n_fft = constants.n_fft
    return n_fft >= 8 and n_fft & (n_fft - 1) == 0 and constants.window.size <= n_fft


def make_tables(constants: FrontEndConstants) -> Bytes:
    """Return everything that the kernel reads besides samples, in one block."""
    points = constants.n_fft // 2
    first, widths = bands(constants.mel_basis)
    radices = fft.radices(points)
    spans = np.cumprod(radices)[:-1].tolist()
    passes = [fft.pass_factors(span, radix).ravel() for span, radix in zip(spans, radices[1:], strict=True)]
    pairs = 0.5 * fft.factors(np.arange(points // 2 + 1) / points)
    window = np.zeros(padded(constants.window.size, 2 * MOST_LANES), np.float32)
    window[: constants.window.size] = constants.window
    weights = [row[start : start + width] for row, start, width in zip(constants.mel_basis, first, widths, strict=True)]
    parts: dict[Field, npt.NDArray[np.generic]] = {
        Field.WINDOW: window,
        Field.REVERSED: radices[0] * fft.bit_reversed(points // radices[0]),
        Field.FACTORS: np.concatenate([np.zeros(0), *passes]),
        Field.PAIR_FACTORS: pairs,
        Field.MEL_ROWS: np.stack((first, widths), axis=1).astype(np.int64),
        Field.WEIGHTS: np.concatenate(weights, dtype=np.float32),
        Field.OFFSETS: constants.log_offset.astype(np.float32),
    }
    numbers = {
        Field.HOP: 4 * constants.hop_length,
        Field.FRAME: constants.window.size,
        Field.POINTS: points,
        Field.BANDS: len(first),
        Field.FIRST_RADIX: radices[0],
        Field.EIGHTS: radices[1:].count(8),
        Field.FOURS: radices[1:].count(4),
        Field.FIRST_PAIR: _first_pair(first, widths, points),
        **_scratch_places(constants),
    }
    return _pack(numbers, parts)


def read_tables(tables: Bytes, window_samples: int) -> FrontEndConstants:
    """Return the constants that tables were made from, as views of them.

    `window_samples` are those of a patch. Raises `ValueError` where a number of the tables makes no sense.
    """
    header = np.frombuffer(tables, np.int64, len(Field))

    def part(field: Field, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any]:
        return np.frombuffer(tables, dtype, count, int(header[field]))

    count, bins = int(header[Field.BANDS]), int(header[Field.POINTS]) + 1
    rows = part(Field.MEL_ROWS, np.int64, 2 * count).reshape(count, 2)
    weights = part(Field.WEIGHTS, np.float32, int(rows[:, 1].sum()))
    basis, done = np.zeros((count, bins), np.float32), 0
    for row, (first, width) in zip(basis, rows.tolist(), strict=True):
        row[first : first + width] = weights[done : done + width]
        done += width
    return FrontEndConstants(
        window_samples=window_samples,
        hop_length=int(header[Field.HOP]) // 4,
        n_fft=2 * int(header[Field.POINTS]),
        window=part(Field.WINDOW, np.float32, int(header[Field.FRAME])),
        mel_basis=basis,
        log_offset=part(Field.OFFSETS, np.float32, count),
        tables=tables,
    )


def _first_pair(first: npt.NDArray[np.int64], widths: npt.NDArray[np.int64], points: int) -> int:
    """Return the least `k` such that bin `k` or bin ``points - k`` has a weight."""
    used = widths > 0
    lowest = int(np.min(first[used], initial=points // 2))
    highest = int(np.max((first + widths - 1)[used], initial=points // 2))
    return min(lowest, points - highest)


def _pack(numbers: dict[Field, int], parts: dict[Field, npt.NDArray[np.generic]]) -> Bytes:
    """Lay numbers and arrays into one aligned block."""
    header, packer = np.zeros(len(Field), np.int64), Packer()
    packer.add(header)
    found = numbers | {field: packer.add(part) for field, part in parts.items()}
    header[:] = [found[field] for field in Field]
    return packer.block()


def _scratch_places(constants: FrontEndConstants) -> dict[Field, int]:
    """Return where everything lies in scratch memory, and its size."""
    points, lanes = constants.n_fft // 2, MOST_LANES
    sizes = {
        Field.ROWS: 8 * lanes,
        Field.TAIL: 8 * lanes * lanes,
        Field.WINDOWED: 8 * lanes * max(points, lanes),
        Field.SPECTRUM: 16 * lanes * points,
        Field.MAGNITUDES: 4 * lanes * (points + 1),
        Field.LOGARITHMS: 4 * lanes * len(constants.log_offset),
    }
    ends = np.cumsum([padded(size) for size in sizes.values()]).tolist()
    return dict(zip((*sizes, Field.SCRATCH_SIZE), (0, *ends), strict=True))
