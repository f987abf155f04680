"""The constants of a front end packed into the tables that its compiled kernel reads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yamjit.kernels.log_mel import fft
from yamjit.kernels.log_mel.constants import FrontEndConstants
from yamjit.kernels.log_mel.numpy import bands
from yamjit.kernels.log_mel.tables import MOST_LANES, Field
from yamjit.kernels.memory import Packer, padded

__all__ = ["make_tables"]

Bytes = npt.NDArray[np.uint8]


def make_tables(constants: FrontEndConstants) -> Bytes:
    """Return everything that the kernel reads besides samples, in one block."""
    points, quantizes = constants.n_fft // 2, constants.mel_scale is not None
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
    if constants.mel_scale is not None:
        parts[Field.SCALES] = constants.mel_scale
    numbers = {
        Field.FLOATS: int(constants.float_patch),
        Field.SCALES: 0,
        Field.HOP: 4 * constants.hop_length,
        Field.FRAME: constants.window.size,
        Field.POINTS: points,
        Field.BANDS: len(first),
        Field.FIRST_RADIX: radices[0],
        Field.EIGHTS: radices[1:].count(8),
        Field.FOURS: radices[1:].count(4),
        Field.FIRST_PAIR: 0 if quantizes else _first_pair(first, widths, points),
        **_scratch_places(constants),
    }
    return _pack(numbers, parts)


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
