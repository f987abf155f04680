"""Arrays as audio: what is accepted, and how each type is scaled to [-1, 1]."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit import checks
from yamjit.audio.limits import BLOCK_SAMPLES, AudioLimits, check_rate
from yamjit.audio.reader import Reader
from yamjit.errors import AudioError, InputError
from yamjit.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from numpy.typing import NDArray

__all__ = ["ArrayReader", "as_array", "as_columns", "check_type", "of_dict", "to_float32"]

#: Integers whose full scale is that of their type.
INTEGERS = ("int8", "uint8", "int16", "int32")

#: An array with at most this many rows, and more columns than rows, is taken for (channels, samples).
MOST_LIKELY_CHANNELS = 8


class ArrayReader(Reader):
    """An array as a source of float32 frames: any byte order, memory order and strides.

    `array` is (n,) or (n, channels): floats in [-1, 1], or int8, uint8, int16, int32, divided by their full scale.
    """

    name = "array"
    opens, anew = False, True

    def __init__(self, array: object, sample_rate: object, limits: AudioLimits) -> None:
        samples = as_array(array)
        check_type(samples)
        self._samples = _as_columns(samples, limits)
        if sample_rate is None:
            raise InputError("an array does not say its sample rate: give sample_rate, in Hz")
        self.sample_rate = check_rate(sample_rate, "sample_rate", limits)
        self.channels = int(self._samples.shape[1])
        self.claimed_frames = len(self._samples)
        self.format = f"array {_name(samples.dtype)}"
        self._start = 0

    def skip(self, frames: int) -> int:
        """Leave out the first `frames`, or all of them; return how many were left out."""
        self._start = min(frames, len(self._samples))
        return self._start

    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (n, channels)."""
        step = BLOCK_SAMPLES // self.channels
        for start in range(self._start, len(self._samples), step):
            yield to_float32(self._samples[start : start + step])

    def close(self) -> None:
        """Release the array."""
        self._samples = np.zeros((0, self.channels), np.float32)


def as_array(value: object) -> NDArray[Any]:
    """Return `value` as an array, or raise an `InputError`."""
    if type(value) is np.ndarray:
        return value
    what = f"{type(value).__name__} is not audio"
    accepted = "a path, a binary file object, an array, or an iterator of arrays"
    if value is None or isinstance(value, (int, float)):
        raise InputError(f"{what}; {accepted} is accepted")
    samples: NDArray[Any] = checks.array(value, what, accepted=accepted)
    return samples


def as_columns(block: object, where: str, least: int, most: int) -> NDArray[Any]:
    """Return a block of `least` to `most` channels as (n, channels); an `InputError` says `where` it does not fit."""
    samples = as_array(block)
    columns = samples[:, np.newaxis] if samples.ndim == 1 else samples
    if columns.ndim != 2 or not least <= columns.shape[1] <= most:
        accepted = f"{'(n,) or ' if least == 1 else ''}(n, {least if least == most else f'{least} to {most}'})"
        raise InputError(f"{where} has shape {samples.shape}; {accepted} is accepted")
    check_type(samples)
    return columns


def check_type(samples: NDArray[Any]) -> None:
    """Refuse a type that has no agreed full scale."""
    if samples.dtype.kind == "f" or _name(samples.dtype) in INTEGERS:
        return
    hint = ": integers of this type have no agreed full scale" if samples.dtype.kind in "iu" else ""
    raise InputError(
        f"array of type {samples.dtype.name}{hint}; accepted are floats in [-1, 1], and {', '.join(INTEGERS)}"
    )


@functools.lru_cache(maxsize=64)
def _name(dtype: np.dtype[Any]) -> str:
    """Return the name of a type, for which NumPy takes longer than for a copy of a window."""
    return dtype.name


def of_dict(source: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return array and rate of Hugging Face's record: "array" or "raw", (n,) or (channels, n), and "sampling_rate"."""
    key = next((key for key in ("array", "raw") if key in source), None)
    if key is None or "sampling_rate" not in source:
        keys = ", ".join(repr(key) for key in source) or "nothing"
        raise InputError(
            f'dict with {printable(keys)}; accepted are {{"array" or "raw": samples, "sampling_rate": Hz}}'
        )
    samples = as_array(source[key])
    return samples.T if samples.ndim == 2 and samples.shape[0] < samples.shape[1] else samples, source["sampling_rate"]


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
    """Return a new array: floats as they are, integers divided by their full scale, unsigned ones with 0 halfway."""
    if samples.dtype.kind == "f" and samples.dtype.itemsize > 4:
        with np.errstate(over="ignore"):  # becomes inf, which is refused with its time
            return samples.astype(np.float32)
    scaled: NDArray[np.float32] = samples.astype(np.float32)
    if samples.dtype.kind != "f":
        full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
        if samples.dtype.kind == "u":
            scaled -= np.float32(full_scale)
        scaled *= np.float32(1 / full_scale)
    return scaled
