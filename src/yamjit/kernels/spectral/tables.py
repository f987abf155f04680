"""Numbers that spectra are computed with: turns of the Fourier transform, windows, bands and cosines.

The transform of ``n`` real values is one of ``n / 2`` complex ones. Level after level it divides blocks into four,
until four values or two are left. Some blocks are turned by half a step before; those have other factors, which
``reference/README.md`` derives. How each factor is rounded decides the last bit of the result, which is TFLite's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import FFT_BYTES

__all__ = [
    "LEAST_BAND",
    "LN2_HEAD",
    "LN2_TAIL",
    "LOG_LEAST",
    "LOG_SERIES",
    "ROOT",
    "cosines",
    "fft_tables",
    "hann_window",
    "mel_bands",
]

Float64 = npt.NDArray[np.float64]
Turn = tuple[float, float]

#: What a band is at least before its logarithm is taken.
LEAST_BAND = 1e-12

#: Bits of the float64 from which mantissas go up to twice as much, the root of a half; logarithm of 2 in two parts, of
#: which products with small integers are exact; coefficients of the series that the logarithm of a mantissa is.
LOG_LEAST = int(np.float64(math.sqrt(0.5)).view(np.int64))
LN2_HEAD, LN2_TAIL = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
LOG_SERIES = tuple(2.0 / (2 * k + 1) for k in range(11, 0, -1))

#: Cosine and sine of an eighth of a turn.
ROOT = math.sqrt(0.5)

_EIGHTH = math.atan(1.0)

#: Size of blocks whose factors of the triple angle are those of other angles, of the same value.
_SMALL = 16
#: Least size of a transform whose first level takes every other factor from the two beside it.
_INTERPOLATED = 32


def fft_tables(n: int) -> Float64:
    """Return the tables of a transform of `n` real values, a power of two [shape=(5 n / 2,)].

    For each level there are 12 rows: real and imaginary parts of two factors for blocks that are not turned, and of
    four for those that are. After ``2 n`` numbers come both parts of what makes a spectrum of real values.
    """
    tables = np.zeros(FFT_BYTES * n // 8)
    size, start = n // 2, 0
    while size > 4:
        interpolates = size == n // 2 and size >= _INTERPOLATED
        rows = (*(_interpolated(size) if interpolates else _straight(size)), *_turned(size))
        tables[start : start + 3 * size] = np.array(rows).ravel()
        start += 3 * size
        size //= 4
    quarter = n // 4
    halves = [0.5 * _turn(_eighths(k, 2 / max(quarter, 1)))[0] for k in range(quarter // 2 + 1)]
    sines = [0.5 * _turn(_eighths(k, 2 / max(quarter, 1)))[1] for k in range(quarter // 2)]
    halves += sines[:0:-1]
    for k in range(1, quarter):
        tables[2 * n + k] = 0.5 - halves[quarter - k]
        tables[2 * n + quarter + k] = halves[k]
    return tables


def _eighths(count: int, step: float, times: int = 1) -> float:
    """Return an angle: a multiple of eighths of a turn times a power of two, rounded as one product."""
    return times * _EIGHTH * count * step


def _turn(angle: float) -> Turn:
    return math.cos(angle), math.sin(angle)


def _single(size: int, place: int) -> Turn:
    """Return the factor of a place in a block that is not turned."""
    return _turn(_eighths(place, 8 / size))


def _triple(size: int, place: int) -> Turn:
    """Return the cube of that factor."""
    if size == _SMALL:
        cosine, sine = _single(size, place)
        return sine, cosine
    return _turn(_eighths(place, 8 / size, 3))


def _rows(size: int, single: Callable[[int], Turn], triple: Callable[[int], Turn]) -> list[list[float]]:
    """Return four rows of factors: those of the second half of a quarter are mirrored."""
    quarter = size // 4
    rows = []
    for place in range(quarter):
        mirrored = 2 * place > quarter
        (cosine, sine), (cosine_3, sine_3) = (f(quarter - place if mirrored else place) for f in (single, triple))
        if 2 * place == quarter:
            rows.append((ROOT, ROOT, -ROOT, ROOT))
        elif mirrored:
            rows.append((sine, cosine, -sine_3, -cosine_3))
        else:
            rows.append((cosine, sine, cosine_3, sine_3))
    return [list(row) for row in zip(*rows, strict=True)]


def _straight(size: int) -> list[list[float]]:
    return _rows(size, lambda place: _single(size, place), lambda place: _triple(size, place))


def _interpolated(size: int) -> list[list[float]]:
    """Return the same rows, where factors at odd places come from their neighbours."""

    def between(scale: float, exact: Callable[[int], Turn]) -> Callable[[int], Turn]:
        def factor(place: int) -> Turn:
            if place % 2 == 0:
                return exact(place)
            before, after = exact(place - 1), exact(place + 1)
            return scale * (before[0] + after[0]), scale * (before[1] + after[1])

        return factor

    def single(place: int) -> Turn:
        return (ROOT, ROOT) if 8 * place == size else _single(size, place)

    def triple(place: int) -> Turn:
        return (-ROOT, ROOT) if 8 * place == size else _triple(size, place)

    first, third = 0.5 / math.cos(_eighths(1, 8 / size)), 0.5 / math.cos(_eighths(1, 8 / size, 3))
    return _rows(size, between(first, single), between(third, triple))


def _turned(size: int) -> list[list[float]]:
    """Return eight rows of factors for blocks that are turned: two of each pair, and two of their cubes."""
    quarter = size // 4

    def single(place: int) -> Turn:
        return _turn(_eighths(place, 4 / size))

    def triple(place: int) -> Turn:
        if size == _SMALL and place == 3:
            cosine, sine = single(1)
            return -sine, cosine
        return _turn(_eighths(place, 4 / size, 3))

    rows = []
    for place in range(quarter):
        cosine, sine = single(place)
        other_cosine, other_sine = single(quarter - place)
        if place == 0:
            rows.append((1.0, 0.0, ROOT, ROOT, 1.0, 0.0, -ROOT, ROOT))
        elif 2 * place == quarter:
            rows.append((cosine, sine, sine, cosine, sine, cosine, -cosine, -sine))
        else:
            (cosine_3, sine_3), (other_cosine_3, other_sine_3) = triple(place), triple(quarter - place)
            rows.append((cosine, sine, other_sine, other_cosine, cosine_3, sine_3, -other_sine_3, -other_cosine_3))
    return [list(row) for row in zip(*rows, strict=True)]


def hann_window(length: int) -> Float64:
    """Return the periodic Hann window of `length` samples, in double precision."""
    return np.array([0.5 - 0.5 * math.cos((2.0 * (4.0 * _EIGHTH) * place) / length) for place in range(length)])


def mel_bands(
    bins: int, sample_rate: int, bands: int, low: float, high: float
) -> tuple[Float64, npt.NDArray[np.int32]]:
    """Return the share of each bin that its band takes, and the number of that band; the next one takes the rest.

    The band is -1 where only the next one, the first, has a share, and -2 where none has. `low` and `high` are Hz.
    """
    bottom, span = _mel(low), _mel(high) - _mel(low)
    spacing = span / (bands + 1)
    centres = [bottom + spacing * (band + 1) for band in range(bands + 1)]
    width = 0.5 * sample_rate / (bins - 1)
    first, last = int(1.5 + low / width), int(high / width)
    shares, numbers, band = np.zeros(bins), np.full(bins, -2, np.int32), 0
    for place in range(first, min(last + 1, bins)):
        mel = _mel(place * width)
        while band < bands and centres[band] < mel:
            band += 1
        here = band - 1
        lower = centres[here] if here >= 0 else bottom
        numbers[place], shares[place] = here, (centres[band] - mel) / (centres[band] - lower)
    return shares, numbers


def _mel(frequency: float) -> float:
    return 1127.0 * math.log1p(frequency / 700.0)


def cosines(bands: int, coefficients: int) -> Float64:
    """Return the matrix of a cosine transform [shape=(coefficients, bands)]."""
    norm, step = math.sqrt(2.0 / bands), 4.0 * _EIGHTH / bands
    return np.array(
        [[norm * math.cos(row * step * (band + 0.5)) for band in range(bands)] for row in range(coefficients)]
    )
