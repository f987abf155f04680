"""Spectra as plain loops, rounded as TFLite rounds them; numbers in brackets are equations of ``README.md``."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["MelRange", "audio_spectrogram", "fast_transform", "mfcc"]

Float32 = npt.NDArray[np.float32]

_EIGHTH = math.atan(1.0)
_ROOT = math.cos(_EIGHTH)
_LEAST_BAND = 1e-12


class MelRange(NamedTuple):
    """Bands of a spectrogram: from `low` to `high` Hz, at a sample rate."""

    sample_rate: int
    low: int
    high: int
    bands: int


def fast_transform(values: list[float]) -> list[complex]:
    """Transform a power of two of real values: the sums of ``x[n] exp(2 pi i k n / N)``, equation (48)."""
    pairs = [complex(re, im) for re, im in zip(values[0::2], values[1::2], strict=True)]
    found = _transform(pairs, turned=False, whole=True)
    half, last = len(pairs), found[0].real - found[0].imag
    found[0] = complex(found[0].real + found[0].imag, 0.0)
    for k in range(1, half // 2):
        factor = complex(0.5 - 0.5 * _sine(k, half), 0.5 * _cosine(k, half))
        low, high = found[k], found[half - k]
        change = factor * complex(low.real - high.real, low.imag + high.imag)
        found[k] = complex(low.real - change.real, low.imag - change.imag)
        found[half - k] = complex(high.real + change.real, high.imag - change.imag)
    return [*found, complex(last, 0.0)]


def _cosine(k: int, half: int) -> float:
    """Return ``cos(pi k / half)`` for angles up to a quarter of a turn, as the sine of the rest above an eighth."""
    return math.cos(_EIGHTH * k / (half / 4)) if 4 * k <= half else math.sin(_EIGHTH * (half // 2 - k) / (half / 4))


def _sine(k: int, half: int) -> float:
    return _cosine(half // 2 - k, half)


def _transform(block: list[complex], *, turned: bool, whole: bool = False) -> list[complex]:
    """Transform complex values, which are times ``exp(pi i n / 2 N)`` before where they are `turned`, equation (49)."""
    size = len(block)
    if size == 1:
        return block
    if size == 2:
        a, b = block[0], 1j * block[1] if turned else block[1]
        return [a + b, a - b]
    quarter = size // 4
    quarters: list[list[complex]] = [[], [], [], []]
    for n in range(quarter):
        a, b, c, d = block[n::quarter]
        if turned:
            c, d = 1j * c, 1j * d
            up, down = _turned(size, n, a + c, b + d), _turned_3(size, n, a - c, b - d)
        else:
            first, second = a + c, b + d
            up = (first + second, first - second)
            down = _straight(size, n, (a - c) + 1j * (b - d), (a - c) - 1j * (b - d), whole=whole)
        for place, value in zip(quarters, (*up, *down), strict=True):
            place.append(value)
    kinds = (False, True, False, turned)
    parts = [_transform(part, turned=kind) for part, kind in zip(quarters, kinds, strict=True)]
    # In the order of frequencies: those that are 0, 2, 1 and 3 more than a multiple of four.
    return [parts[(0, 2, 1, 3)[k % 4]][k // 4] for k in range(size)]


def _rotated(value: complex) -> complex:
    """Return a value an eighth of a turn further: a difference and a sum, each times the root of a half."""
    return complex(_ROOT * (value.real - value.imag), _ROOT * (value.imag + value.real))


def _angle(n: int, parts: float, times: int = 1) -> float:
    return times * _EIGHTH * n * (8 / parts)


def _turn(angle: float) -> complex:
    return complex(math.cos(angle), math.sin(angle))


def _swapped(value: complex) -> complex:
    return complex(value.imag, value.real)


def _straight(size: int, n: int, up: complex, down: complex, *, whole: bool) -> tuple[complex, complex]:
    """Multiply by ``exp(2 pi i n / N)`` and its cube: above an eighth of a turn by the mirrored factors, (50)."""
    if n == 0:
        return up, down
    if 8 * n == size:
        return _rotated(up), 1j * _rotated(down)
    nearer = min(n, size // 4 - n)
    factor, cube = _factor(size, nearer), _cube(size, nearer)
    if whole and size >= 32 and nearer % 2:
        first, third = (0.5 / math.cos(_angle(1, size, times)) for times in (1, 3))
        sums = [one + other for one, other in zip(_both(size, nearer - 1), _both(size, nearer + 1), strict=True)]
        factor, cube = (complex(f * s.real, f * s.imag) for f, s in zip((first, third), sums, strict=True))
    if n > nearer:
        factor, cube = _swapped(factor), -_swapped(cube)
    return factor * up, cube * down


def _factor(size: int, n: int) -> complex:
    return _turn(_angle(n, size))


def _cube(size: int, n: int) -> complex:
    return _swapped(_factor(size, n)) if size == 16 else _turn(_angle(n, size, 3))


def _both(size: int, n: int) -> tuple[complex, complex]:
    """Return a factor and its cube at a place between which others are taken."""
    if 8 * n == size:
        return complex(_ROOT, _ROOT), complex(-_ROOT, _ROOT)
    return _factor(size, n), _cube(size, n)


def _turned(size: int, n: int, first: complex, second: complex) -> tuple[complex, complex]:
    """Add and subtract ``first exp(pi i n / N)`` and ``second`` an eighth of a turn further, (51)."""
    if n == 0:
        x, y = first, _rotated(second)
    else:
        x, y = _turn(_angle(n, 2 * size)) * first, _swapped(_turn(_angle(size // 4 - n, 2 * size))) * second
    return x + y, x - y


def _turned_3(size: int, n: int, first: complex, second: complex) -> tuple[complex, complex]:
    """Do the same with the cubes of those factors."""
    if n == 0:
        x, y = first, 1j * _rotated(second)
    elif 8 * n == size:
        factor = _turn(_angle(n, 2 * size))
        x, y = _swapped(factor) * first, -factor * second
    else:
        x, y = _cube_turned(size, n) * first, -_swapped(_cube_turned(size, size // 4 - n)) * second
    return x + y, x - y


def _cube_turned(size: int, n: int) -> complex:
    if size == 16 and n == 3:
        factor = _turn(_angle(1, 2 * size))
        return complex(-factor.imag, factor.real)
    return _turn(_angle(n, 2 * size, 3))


def audio_spectrogram(samples: Float32, window_size: int, stride: int, *, squared: bool) -> Float32:
    """Return squares of the magnitudes of frames, or the magnitudes, equation (52).

    Parameters
    ----------
    samples : np.ndarray [shape=(n,), float32]
    window_size, stride : int
        Samples of a frame, and from one to the next.
    squared : bool

    Returns
    -------
    output : np.ndarray [shape=(frames, bins), float32]
    """
    length = 1
    while length < window_size:
        length *= 2
    rows = []
    for start in range(0, len(samples) - window_size + 1, stride):
        frame = [0.0] * length
        for n in range(window_size):
            hann = 0.5 - 0.5 * math.cos(2.0 * (4.0 * _EIGHTH) * n / window_size)
            frame[n] = float(samples[start + n]) * hann
        powers = [np.float32(value.real * value.real + value.imag * value.imag) for value in fast_transform(frame)]
        rows.append(powers if squared else [np.sqrt(power) for power in powers])
    return np.array(rows, np.float32)


def mfcc(spectrogram: Float32, mel: MelRange, coefficients: int) -> Float32:
    """Return cosines of the logarithms of bands, equation (53).

    Parameters
    ----------
    spectrogram : np.ndarray [shape=(frames, bins), float32]
        Squares of magnitudes.
    mel : MelRange
    coefficients : int
    """
    rows = []
    for powers in spectrogram.tolist():
        logarithms = [math.log(max(band, _LEAST_BAND)) for band in _bands(powers, mel)]
        norm, step = math.sqrt(2.0 / mel.bands), 4.0 * _EIGHTH / mel.bands
        row = []
        for i in range(coefficients):
            total = 0.0
            for j, value in enumerate(logarithms):
                total += norm * math.cos(i * step * (j + 0.5)) * value
            row.append(np.float32(total))
        rows.append(row)
    return np.array(rows, np.float32)


def _bands(powers: list[float], mel: MelRange) -> list[float]:
    """Share magnitudes out: each bin to the band whose middle is below it, and the rest to the next band."""
    bottom, top = _mel(mel.low), _mel(mel.high)
    middles = [bottom, *(bottom + (top - bottom) / (mel.bands + 1) * (i + 1) for i in range(mel.bands + 1))]
    width = 0.5 * mel.sample_rate / (len(powers) - 1)
    bands = [0.0] * mel.bands
    for k in range(int(1.5 + mel.low / width), int(mel.high / width) + 1):
        place, magnitude = _mel(k * width), math.sqrt(powers[k])
        after = next((i for i, middle in enumerate(middles[1:-1], 1) if place <= middle), mel.bands + 1)
        share = magnitude * ((middles[after] - place) / (middles[after] - middles[after - 1]))
        if after >= 2:
            bands[after - 2] += share
        if after <= mel.bands:
            bands[after - 1] += magnitude - share
    return bands


def _mel(frequency: float) -> float:
    return 1127.0 * math.log1p(frequency / 700.0)
