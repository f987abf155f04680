"""What the compiled front end reads besides samples: all tables in one block, which `packing` makes.

Tables and scratch memory are laid out for the widest vectors and serve narrower ones as well.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.log_mel.constants import FrontEndConstants

__all__ = ["MOST_LANES", "Field", "is_transformed", "read_tables"]

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
    SCALES = 22  # place in the tables; 0 where magnitudes are not quantized
    FLOATS = 23  # whether logarithms have the bits of the C library


def is_transformed(constants: FrontEndConstants) -> bool:
    """Return whether the kernel computes a front end: its transforms are powers of two from 8 on."""
    n_fft = constants.n_fft
    return n_fft >= 8 and n_fft & (n_fft - 1) == 0 and constants.window.size <= n_fft


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
        mel_scale=part(Field.SCALES, np.float32, count) if header[Field.SCALES] else None,
        float_patch=bool(header[Field.FLOATS]),
        tables=tables,
    )
