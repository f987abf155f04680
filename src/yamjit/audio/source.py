"""Any source of audio as float32 mono blocks at one sample rate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from yamjit.audio.arrays import ArrayReader
from yamjit.audio.files import FileReader
from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits, check_rate
from yamjit.audio.mono import check_samples, mix
from yamjit.audio.opening import open_object, open_path
from yamjit.audio.resample import Resampler
from yamjit.errors import AudioError, InputError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from yamjit.audio.opening import OpenedFile

__all__ = ["AudioSource", "open_audio"]


class Reader(Protocol):
    """What decodes a source: samples as float32 (n, channels), in blocks."""

    name: str
    sample_rate: int
    channels: int
    format: str
    claimed_frames: int | None
    damage: str | None

    def frames(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples, float32 (n, channels); a block may be overwritten by the next one."""
        ...

    def close(self) -> None:
        """Release what the reader opened."""
        ...


class AudioSource:
    """Audio that is open for reading, once, from start to end; a context manager.

    Made by `open_audio`.

    Attributes
    ----------
    name : str
        For messages: the path as given, ``"<stdin>"``, ``"array"``, ...; in one line.
    sample_rate : int
        Of the source, in Hz.
    target_rate : int
        Of the blocks, in Hz.
    channels : int
        Of the source.
    format : str
        Such as ``"WAV PCM_16"`` or ``"array int16"``.
    """

    def __init__(self, reader: Reader, target_rate: int, limits: AudioLimits) -> None:
        self.name = reader.name
        self.sample_rate = reader.sample_rate
        self.target_rate = target_rate
        self.channels = reader.channels
        self.format = reader.format
        self._reader = reader
        self._limits = limits
        self._started = False
        if self.claimed_seconds is not None and self.claimed_seconds > limits.seconds:
            raise LimitError(
                f"{self.name}: claims to last {self.claimed_seconds:.6g} s; at most {limits.seconds:g} s are "
                "accepted (limit seconds)"
            )

    @property
    def claimed_seconds(self) -> float | None:
        """Duration as the header says, for a progress bar: it may be wrong, or None."""
        frames = self._reader.claimed_frames
        return None if frames is None else frames / self.sample_rate

    @property
    def damage(self) -> str | None:
        """After the last block: why the source ended too early, in one line, if it is known to; else None."""
        return self._reader.damage

    @property
    def truncated(self) -> bool:
        """After the last block: whether the source ended too early (see `damage`)."""
        return self.damage is not None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the samples, float32 (n,) with n > 0, mono, at `target_rate`.

        The samples are the mean of the channels, resampled by soxr ("HQ") if the rates differ; of n samples,
        ``floor(n * target_rate / sample_rate + 1/2)`` are made, but at least one. How the blocks are cut has
        no influence on them. Equal rates are not resampled: int16 samples come out as x / 32768 exactly.

        A file that is damaged or cut short yields what could be decoded before that place; `damage` says so.

        Raises
        ------
        AudioError
            At a sample that is NaN, infinite or beyond the limit `peak`; if the source holds no samples; if a
            file cannot be decoded from the start.
        LimitError
            If the source lasts longer than the limit `seconds`.
        InputError
            If the blocks were asked for before, or the source is closed.
        DependencyError
            If the rates differ and soxr is not installed.
        """
        if self._started:
            raise InputError(f"{self.name}: can be read once, and was read or closed; open it again")
        self._started = True
        return self._resampled(Resampler(self.sample_rate, self.target_rate))

    def close(self) -> None:
        """Release what was opened; a file object that was given stays open."""
        self._started = True
        self._reader.close()

    def __enter__(self) -> AudioSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _resampled(self, resampler: Resampler) -> Iterator[NDArray[np.float32]]:
        for block in self._mono():
            ready = resampler.push(block)
            if len(ready):
                yield ready
        rest = resampler.flush()
        if len(rest):
            yield rest

    def _mono(self) -> Iterator[NDArray[np.float32]]:
        done = 0
        most = self._limits.seconds * self.sample_rate
        for frames in self._reader.frames():
            check_samples(frames, self._limits.peak, name=self.name, first_frame=done, sample_rate=self.sample_rate)
            done += len(frames)
            if done > most:
                raise LimitError(f"{self.name}: lasts longer than {self._limits.seconds:g} s (limit seconds)")
            yield mix(frames)
        if done == 0:
            raise AudioError(f"{self.name}: holds no samples")


def open_audio(
    source: Any,
    sample_rate: int | None = None,
    *,
    target_rate: int = 16_000,
    limits: AudioLimits = DEFAULT_AUDIO_LIMITS,
) -> AudioSource:
    """Open any source of audio.

    Parameters
    ----------
    source : str, PathLike, binary file object or array_like
        A path to a regular file; an open file, read from where it stands (one that cannot seek is read into
        memory first); or samples, (n,) or (n, channels): floats in [-1, 1], or int8, uint8, int16 or int32,
        divided by their full scale.
    sample_rate : int, optional
        In Hz. Needed with an array. A file states its own: another one given here is refused.
    target_rate : int, optional
        Rate of the blocks, in Hz.
    limits : AudioLimits, optional
        What is accepted.

    Returns
    -------
    AudioSource
        To be closed, best by ``with``.

    Raises
    ------
    AudioError
        If the file is missing, no audio, of an unknown encoding, empty, or absurd; the message names it.
    InputError
        If an argument is wrong.
    LimitError
        If more is claimed than `limits` accepts.
    DependencyError
        If soundfile is not installed.
    """
    rate = check_rate(target_rate, "target_rate", limits)
    if isinstance(source, (bytes, bytearray, memoryview)):
        raise InputError("bytes are no audio source: pass a path, or the content of a file as io.BytesIO(...)")
    if isinstance(source, (str, os.PathLike)):
        return _open_file(open_path(source), sample_rate, rate, limits)
    if hasattr(source, "read"):
        return _open_file(open_object(source, limits), sample_rate, rate, limits)
    return AudioSource(ArrayReader(source, sample_rate, limits), rate, limits)


def _open_file(opened: OpenedFile, sample_rate: int | None, target_rate: int, limits: AudioLimits) -> AudioSource:
    try:
        reader = FileReader(opened, limits)
        source = AudioSource(reader, target_rate, limits)
        if sample_rate is not None and check_rate(sample_rate, "sample_rate", limits) != reader.sample_rate:
            raise InputError(
                f"{source.name}: has a sample rate of {reader.sample_rate} Hz, "
                f"but {sample_rate} Hz was given; leave it out for files"
            )
    except BaseException:
        opened.close()
        raise
    return source
