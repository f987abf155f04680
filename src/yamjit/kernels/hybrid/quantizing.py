"""How plain kernels quantize inputs at run time: the range of a row, its scale and zero point, its integers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.machine_code.jit import jit

__all__ = ["InputScale", "quantize_part", "scale_between", "scale_of"]

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]

#: What is added before a value is truncated to an integer: see `yamjit.kernels.hybrid.numpy`.
_HALF, _BELOW_HALF = np.float32(0.5), np.float32(0.49999997)
_LANES = 8

_ZERO, _ONE, _MOST = np.float32(0), np.float32(1), np.float32(127)


class InputScale(NamedTuple):
    """How a row of inputs is quantized: ``real = scale * (quantized - zero_point)``."""

    scale: np.float32
    inverse: np.float32
    zero_point: np.int32
    #: Bounds of a quantized value less the zero point.
    low: np.float32
    high: np.float32


@jit
def scale_of(x: Float32, symmetric: bool) -> InputScale:
    """Return how a row is quantized over its own range, as TFLite does it."""
    low, high = _ZERO, _ZERO
    for i in range(x.size):
        low = x[i] if x[i] < low else low
        high = x[i] if x[i] > high else high
    return scale_between(low, high, symmetric)


@jit
def scale_between(low: np.float32, high: np.float32, symmetric: bool) -> InputScale:
    """Return how a row is quantized whose range, with 0 in it, is from `low` to `high`."""
    return _symmetric(max(np.float32(-low), high)) if symmetric else _asymmetric(low, high)


@jit
def _symmetric(reach: np.float32) -> InputScale:
    if reach == _ZERO:
        return InputScale(_ONE, _ZERO, np.int32(0), np.float32(-127), _MOST)
    return InputScale(np.float32(reach / _MOST), np.float32(_MOST / reach), np.int32(0), np.float32(-127), _MOST)


@jit
def _asymmetric(low: np.float32, high: np.float32) -> InputScale:
    if low == high:
        return InputScale(_ONE, _ZERO, np.int32(0), np.float32(-128), _MOST)
    step = np.float64(np.float32(high - low)) / 255.0
    scale = np.float32(step)
    inverse = np.float32(1.0 / np.float64(scale)) if scale != _ZERO else _ZERO
    below, above = np.float64(low) / step, np.float64(high) / step
    exact = -128.0 - below if 128.0 + abs(below) < 127.0 + abs(above) else 127.0 - above
    whole = np.trunc(exact)
    whole += np.copysign(1.0, exact) if abs(exact - whole) >= 0.5 else 0.0
    whole = whole if whole > -128.0 else -128.0
    zero_point = np.int32(whole if whole < 127.0 else 127.0)
    return InputScale(scale, inverse, zero_point, np.float32(-128 - zero_point), np.float32(127 - zero_point))


@jit
def quantize_part(x: Float32, first: int, size: int, by: InputScale, flip: int, out: Int8) -> None:
    """Quantize a part of a row of `size` values, from number `first` on, with the bits of `flip` turned."""
    whole = size - size % _LANES - first
    for i in range(x.size):
        value = np.float32(x[i] * by.inverse)
        rounded = np.trunc(np.float32(value + np.copysign(_HALF if i < whole else _BELOW_HALF, value)))
        rounded = rounded if rounded > by.low else by.low
        rounded = rounded if rounded < by.high else by.high
        out[i] = np.int8(np.int32(np.int32(rounded) + by.zero_point) ^ np.int32(flip))
