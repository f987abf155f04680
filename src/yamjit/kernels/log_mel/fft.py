"""Tables of the Fourier transform of real frames, as `yamjit.kernels.log_mel.fft_codelets` computes it.

A frame of ``2 n`` samples is taken as `n` complex points, even samples being real parts. Their transform is
decimated in time: points begin in bit-reversed order, and every pass runs three or two levels of butterflies.

Factors of quarter turns are exact, zeros included: where a bin is a mere sum of samples, nothing is added to it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["bit_reversed", "factors", "pass_factors", "radices"]

Float64 = npt.NDArray[np.float64]


def radices(points: int) -> list[int]:
    """Return the radix of each pass over a number of points, a power of two from 4 on: first 8, then 4.

    Sixteen points are two passes of 4, since nothing is left for a pass of 2.
    """
    levels = points.bit_length() - 1
    fours = -levels % 3
    return [8] * ((levels - 2 * fours) // 3) + [4] * fours


def bit_reversed(count: int) -> npt.NDArray[np.int64]:
    """Return the integers below `count`, a power of two, with their bits in reversed order."""
    order = np.zeros(1, np.int64)
    while order.size < count:
        order = np.concatenate((2 * order, 2 * order + 1))
    return order


def factors(turns: Float64) -> Float64:
    """Return ``exp(-i pi turns)`` as real and imaginary parts [shape=(..., 2)], exact at quarter turns."""
    points = np.exp(-1j * np.pi * turns)
    parts = np.stack((points.real, points.imag), axis=-1)
    parts[np.abs(parts) < 1e-15] = 0
    return parts


def pass_factors(span: int, radix: int) -> Float64:
    """Return the factors [shape=(span, radix / 2, 2)] of a pass that combines `radix` transforms of `span` points.

    Each place has one factor for the level of neighbours, one for the next, two for the third.
    """
    place = np.arange(span)
    turns = []
    for width in (2**level for level in range(radix.bit_length() - 1)):
        turns += [(place + twin * span) / (width * span) for twin in range(max(1, width // 2))]
    return factors(np.stack(turns, axis=1))
