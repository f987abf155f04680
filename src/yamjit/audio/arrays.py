"""Arrays as audio: what is accepted, and how each type is scaled to [-1, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.limits import BLOCK_SAMPLES, AudioLimits, check_rate, one_line
from yamjit.errors import AudioError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["ArrayReader", "as_array", "check_type", "to_float32"]

#: Per integer type: what is taken off, and the full scale.
INTEGER_SCALES = {
    "int8": (0, 2.0**7),
    "uint8": (128, 2.0**7),
    "int16": (0, 2.0**15),
    "int32": (0, 2.0**31),
}

#: An array of at most so many rows, and more columns than rows, is taken for (channels, samples).
MOST_LIKELY_CHANNELS = 8


class ArrayReader:
    """An array, seen as float32 frames.

    Parameters
    ----------
    array : array_like
        Samples (n,) or (n, channels): floats, taken as [-1, 1], or int8, uint8, int16, int32, scaled by their
        full scale. Any byte order, memory order and strides.
    sample_rate : int
        In Hz.
    limits : AudioLimits
        What is accepted.

    Raises
    ------
    InputError
        If type or shape cannot be audio, or `sample_rate` is missing or absurd.
    AudioError
        If there are no samples.
    """

    name = "array"
    damage: str | None = None

    def __init__(self, array: object, sample_rate: object, limits: AudioLimits) -> None:
        samples = as_array(array)
        check_type(samples)
        self._samples = _as_columns(samples, limits)
        if sample_rate is None:
            raise InputError("an array does not say its sample rate: give sample_rate, in Hz")
        self.sample_rate = check_rate(sample_rate, "sample_rate", limits)
        self.channels = int(self._samples.shape[1])
        self.claimed_frames: int | None = len(self._samples)
        self.format = f"array {samples.dtype.name}"

    def frames(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples, float32 (n, channels)."""
        step = BLOCK_SAMPLES // self.channels
        for start in range(0, len(self._samples), step):
            yield to_float32(self._samples[start : start + step])

    def close(self) -> None:
        """Let go of the array."""
        self._samples = np.zeros((0, self.channels), np.float32)


def as_array(value: object) -> NDArray[Any]:
    """Return `value` as an array, or refuse it."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{type(value).__name__} is no audio: {one_line(str(error))}; accepted are a path, "
            "a binary file object, or an array"
        ) from error


def check_type(samples: NDArray[Any]) -> None:
    """Refuse a type that has no agreed full scale."""
    if samples.dtype.kind == "f" or samples.dtype.name in INTEGER_SCALES:
        return
    hint = ": integers of this type have no agreed full scale" if samples.dtype.kind in "iu" else ""
    raise InputError(
        f"array of type {samples.dtype.name}{hint}; accepted are floats in [-1, 1], and {', '.join(INTEGER_SCALES)}"
    )


def _as_columns(samples: NDArray[Any], limits: AudioLimits) -> NDArray[Any]:
    """Return `samples` as (n, channels)."""
    if samples.ndim not in (1, 2):
        raise InputError(f"array of shape {samples.shape}; accepted are (samples,) and (samples, channels)")
    if samples.size == 0:
        raise AudioError(f"array: holds no samples (shape {samples.shape})")
    if samples.ndim == 1:
        return samples[:, np.newaxis]
    rows, columns = samples.shape
    if rows < columns and (rows <= MOST_LIKELY_CHANNELS or columns > limits.channels):
        raise InputError(
            f"array of shape {samples.shape} looks like (channels, samples); transpose it to (samples, channels)"
        )
    if columns > limits.channels:
        raise InputError(f"array of {columns} channels; at most {limits.channels} are accepted")
    return samples


def to_float32(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Return a new array, scaled to [-1, 1]."""
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):  # becomes inf, which is refused with its time
            return samples.astype(np.float32)
    zero, scale = INTEGER_SCALES[samples.dtype.name]
    scaled: NDArray[np.float32] = (samples.astype(np.float32) - np.float32(zero)) / np.float32(scale)
    return scaled
