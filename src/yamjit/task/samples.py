"""Samples as the tasks hold them, float32 (n, channels): from arrays and files, and the newest ones of a stream."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio import DEFAULT_AUDIO_LIMITS
from yamjit.audio.arrays import as_array, check_type, to_float32
from yamjit.audio.libraries import open_recording
from yamjit.audio.opening import open_path
from yamjit.errors import InputError
from yamjit.task.errors import as_theirs
from yamjit.text import plural

__all__ = ["SampleBuffer", "as_frames", "cut", "positive", "read_frames", "shift_in", "whole"]

Float32 = npt.NDArray[np.float32]


class SampleBuffer:
    """A buffer of the newest samples of each channel, at first `frames` [shape=(n, channels), float32]."""

    def __init__(self, frames: Float32) -> None:
        self._buffer = frames

    @property
    def buffer(self) -> Float32:
        """The samples [shape=(n, channels), float32], the oldest first."""
        return self._buffer

    def clear(self) -> None:
        """Make all samples zero."""
        self._buffer = np.zeros_like(self._buffer)

    def load_from_array(self, src: Any, offset: int = 0, size: int = -1) -> None:
        """Append samples of an array; the newest of them if they are more than the buffer holds.

        Parameters
        ----------
        src : array_like [shape=(n, channels), or (n,) for one channel]
            Floats in [-1, 1], or integers, which are divided by the range of their type (int16 by 32768).
        offset : int >= 0
            Number of samples to skip at the start of `src`.
        size : int
            Number of samples to load; negative for all that follow.

        Raises
        ------
        InputError
            If shape or type does not fit, or `src` is too short.
        """
        frames = as_frames(src, self._buffer.shape[1])
        self._buffer = shift_in(self._buffer, frames[cut(len(frames), offset, size)])


def as_frames(samples: Any, channels: int) -> Float32:
    """Return an array (n, channels), or (n,) for one channel, as a new float32 one; refuse what cannot be audio."""
    array = as_array(samples)
    check_type(array)
    found = array.shape[1] if array.ndim == 2 else 1
    if array.ndim not in (1, 2) or found != channels:
        raise InputError(
            f"Input audio contains an invalid number of channels. Expect {channels}. "
            f"Found an array of shape {array.shape}; accepted are {plural(channels, 'channel')}: (n, {channels})"
        )
    return to_float32(array.reshape(len(array), channels))


def cut(length: int, offset: Any, size: Any) -> slice:
    """Return which part of `length` samples `offset` and `size` stand for; a negative size for all.

    A part beyond the end is refused with an `InputError`.
    """
    start, count = whole(offset, "offset", least=0), whole(size, "size", least=None)
    if count < 0:
        count = max(0, length - start)
    if start + count > length:
        raise InputError(
            f"Index out of range. offset {start} + size {count} should be <= src's length: {length}; "
            f"their sum is {start + count}"
        )
    return slice(start, start + count)


def shift_in(held: Float32, block: Float32) -> Float32:
    """Return the newest ``len(held)`` frames of `held` followed by `block`, always a new array."""
    kept = len(held) - len(block)
    return block[-kept:].copy() if kept <= 0 else np.concatenate((held[len(block) :], block))


def read_frames(file_name: str | os.PathLike[str], offset: int, count: int) -> tuple[int, Float32]:
    """Read an audio file as it is: its sample rate, and frames float32 (n, channels).

    `offset` samples of each channel are skipped, at most `count` are read. An `AudioError` is raised if the file cannot
    be read, an `InputError` if it ends before `offset`.
    """
    if not isinstance(file_name, (str, os.PathLike)) or not os.fspath(file_name):
        raise InputError(
            f"Data too short when trying to read string: file_name is {file_name!r}; "
            "the path of an audio file is accepted"
        )
    with as_theirs(), contextlib.ExitStack() as open_files:
        opened = open_path(file_name)
        open_files.callback(opened.close)
        reader = open_recording(opened, DEFAULT_AUDIO_LIMITS)
        open_files.callback(reader.close)
        found, total = [np.empty((0, reader.channels), np.float32)], 0
        for block in reader.frames():
            found.append(block[max(0, offset - total) : max(0, offset + count - total)].copy())
            total += len(block)
            if total >= offset + count:
                break
    if offset > total:
        raise InputError(f"offset is {offset}, but {reader.name} has only {total} samples")
    return reader.sample_rate, np.concatenate(found)


def positive(value: Any, what: str) -> int:
    """Return `value` as a whole number above zero."""
    return checks.whole(value, what, 1)


def whole(value: Any, what: str, *, least: int | None) -> int:
    """Return `value` as a whole number from `least` on; refuse anything else under the name `what`."""
    if least is not None:
        return checks.whole(value, what, least)
    found = checks.index(value)
    if found is None:
        raise InputError(f"{what} is {checks.shown(value)}; whole numbers are accepted")
    return found
