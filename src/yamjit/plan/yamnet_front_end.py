"""YAMNet's own front end, from its definition: it is given to models that take YAMNet's log-mel patches.

A periodic Hann window of 25 ms every 10 ms, 512 points, 64 mel bands from 125 to 7500 Hz, and the logarithm of the
magnitudes they sum plus 0.001. The window was computed in float32 and the mel basis in float64 when YAMNet was made
(``features.py`` in tensorflow/models, ``tf.signal.hann_window`` and ``linear_to_mel_weight_matrix``): the same
operations, in the same order, give the bits of the published files.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from yamjit.plan.plan import FrontEndConstants

__all__ = ["PATCH_SHAPE", "yamnet_front_end"]

#: Frames and bands of a patch.
PATCH_SHAPE = (96, 64)

_SAMPLE_RATE = 16_000
_FRAME, _HOP, _N_FFT = 400, 160, 512
_LOW_HZ, _HIGH_HZ = 125.0, 7500.0
_LOG_OFFSET = 0.001

#: The constants of the mel scale: ``1127 * ln(1 + hz / 700)``.
_MEL_FACTOR, _MEL_BREAK_HZ = 1127.0, 700.0

#: TensorFlow's cosine of float32: pi/2 in three parts, and polynomials in x**2 for cos(x) and sin(x)/x - 1, from the
#: highest power on, within pi/4 of 0 (``psincos_float`` in Eigen).
_HALF_PI = (1.57079601287841796875, 3.1391647326017846353e-07, 5.3903025299577647655e-15)
_COSINE = (2.4372266125283204e-05, -0.00138865201734006405, 0.041666619479656219, -0.5, 1.0)
_SINE = (-0.00019592341140837029, 0.0083326873655616852, -0.16666662039822983)


@functools.cache
def yamnet_front_end(*, float_patch: bool = False) -> FrontEndConstants:
    """Return the constants of YAMNet's front end, bit for bit those of the published files.

    `float_patch` is as in `FrontEndConstants`.
    """
    return FrontEndConstants(
        window_samples=_FRAME + (PATCH_SHAPE[0] - 1) * _HOP,
        hop_length=_HOP,
        n_fft=_N_FFT,
        window=_frozen(_hann()),
        mel_basis=_frozen(_mel_basis()),
        log_offset=_frozen(np.full(PATCH_SHAPE[1], _LOG_OFFSET)),
        float_patch=float_patch,
    )


def _hann() -> npt.NDArray[np.float32]:
    """Return the periodic Hann window: ``0.5 - 0.5 cos(2 pi n / 400)``."""
    numbers = np.arange(_FRAME, dtype=np.float32)
    half = np.float32(0.5)
    return half - half * _cosine(np.float32(2 * np.pi) * numbers / np.float32(_FRAME))


def _cosine(angle: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return cosines of angles >= 0 as TensorFlow rounds them; a product and a sum are two roundings."""
    quarter = np.rint(angle * np.float32(2 / np.pi))
    for part in _HALF_PI:
        angle = angle - quarter * np.float32(part)
    square = angle * angle
    cosine = _polynomial(_COSINE, square)
    sine = _polynomial(_SINE, square) * square * angle + angle
    turn = quarter.astype(np.int64) % 4
    return np.choose(turn, (cosine, -sine, -cosine, sine))


def _polynomial(factors: tuple[float, ...], x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    value = np.full_like(x, factors[0])
    for factor in factors[1:]:
        value = value * x + np.float32(factor)
    return value


def _mel_basis() -> npt.NDArray[np.float64]:
    """Return the weight of each bin in each band [shape=(64, 257)]: triangles on the mel scale, of height 1."""
    mels = _mel(np.linspace(0.0, _SAMPLE_RATE / 2, _N_FFT // 2 + 1))
    edges = np.linspace(_mel(_LOW_HZ), _mel(_HIGH_HZ), PATCH_SHAPE[1] + 2)[:, np.newaxis]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    return np.maximum(0.0, np.minimum((mels - low) / (centre - low), (high - mels) / (high - centre)))


def _mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(_MEL_FACTOR * np.log(1.0 + np.asarray(hz) / _MEL_BREAK_HZ))


def _frozen(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    values = np.ascontiguousarray(values, np.float32)
    values.flags.writeable = False
    return values
