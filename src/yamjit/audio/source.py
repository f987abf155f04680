"""Any source of audio as float32 blocks at one sample rate."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit import deprecation
from yamjit.audio.arrays import ArrayReader, of_dict
from yamjit.audio.conditioning import Conditioner
from yamjit.audio.libraries import open_recording
from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits, check_rate
from yamjit.audio.opening import open_object, open_path
from yamjit.audio.reader import Reader
from yamjit.clock import Clock, LiveClock
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.keywords import explained
from yamjit.read_once import ReadOnce
from yamjit.reading import ReadOptions, as_reading
from yamjit.text import plural
from yamjit.zones import left_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yamjit.audio.opening import OpenedFile

__all__ = ["AudioSource", "open_audio"]


class AudioSource(ReadOnce):
    """Audio that is open for reading, once, from start to end; a context manager.

    Made by `open_audio`.

    Attributes
    ----------
    name : str
        Name for messages, in one line: the path as given, ``"<stdin>"``, ``"array"``, ...
    sample_rate : int
        Sample rate of the source, in Hz.
    target_rate : int
        Sample rate of the blocks, in Hz.
    channels : int
        Number of channels of the source.
    tracks : int
        Number of tracks of the blocks: that of the channels for ``channel="each"``, else 1.
    start_s : float
        Time of the first sample in the source, in seconds.
    live : bool
        Whether samples come as they are made, at a pace of their own: the length is not known, and results are
        wanted as soon as possible.
    format : str
        Format of the source, such as ``"WAV PCM_16"`` or ``"array int16"``.
    clock : Clock
        Date and time of each second of the source.
    """

    def __init__(self, reader: Reader, reading: ReadOptions, target_rate: int, limits: AudioLimits) -> None:
        self.name = reader.name
        self.sample_rate = reader.sample_rate
        self.target_rate = target_rate
        self.channels = reader.channels
        self.live = reader.live
        self.pad_end = reading.pad_end
        self.format = reader.format
        self._reader = reader
        self._limits = limits
        self._first, self._last = reading.span(self.sample_rate)
        self.start_s = self._first / self.sample_rate
        self._conditioner = Conditioner(
            self.name,
            (self.sample_rate, target_rate),
            self.channels,
            reading.channel,
            peak=limits.peak,
            zero=reading.non_finite == "zero",
            start=self._first,
        )
        self.tracks = self._conditioner.tracks
        begin = reading.begin(reader.recorded_at)
        self.clock = LiveClock(reading.zone) if begin is None and self.live else Clock(begin)
        contradiction = reader.contradiction if reading.recorded_at is None else None
        self._doubts = tuple(filter(None, (contradiction, left_out(begin) if begin else None)))
        self._started = False
        self._end: int | None = None
        # Before the claims are checked: on the way there it may be found that there is more than they say.
        self._skipped = reader.skip(self._first) if self._first else 0
        self._check_claims()
        if reader.opens:  # a source that is dropped without being closed leaves nothing open
            weakref.finalize(self, reader.close).atexit = False

    @property
    def recorded_at(self) -> datetime | None:
        """Date and time of second 0 of the source, even if it is read from a later one on; None if not known.

        The time of a live source is known from its first block on.
        """
        return self.clock.recorded_at

    @property
    def claimed_seconds(self) -> float | None:
        """Length of what will be read according to the header, for a progress bar: it may be wrong, or None."""
        claimed, last = self._reader.claimed_frames, self._last
        end = last if claimed is None else claimed if last is None else min(claimed, last)
        return None if end is None else max(0, end - self._first) / self.sample_rate

    @property
    def length_s(self) -> float:
        """After the last block: length of the whole source, in seconds, even if only a part of it was read.

        What was found, if it was read to its end; else what its header says, infinite if it says nothing.
        """
        if self._end is not None and (self._last is None or self._end < self._last):
            return self._end / self.sample_rate
        claimed = self._reader.claimed_frames
        return np.inf if claimed is None else max(claimed, self._last or 0) / self.sample_rate

    @property
    def damage(self) -> str | None:
        """After the last block: what is wrong with the source, in one line, such as why it ended too early; or None."""
        return self._reader.damage

    @property
    def lost(self) -> bool:
        """After the last block: whether the source holds sound that could not be read; `damage` says what."""
        return self._reader.lost

    @property
    def truncated(self) -> bool:
        """Deprecated: whether `damage` is not None."""
        deprecation.warn("AudioSource.truncated", "AudioSource.damage")
        return self.damage is not None

    @property
    def warnings(self) -> tuple[str, ...]:
        """After the last block: what sounds wrong with the samples, a line each."""
        return self._conditioner.warnings + self._reader.warnings + self._doubts

    def blocks(self, ahead: Callable[[Any], Any] | None = None) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (tracks, n), each track contiguous, at `target_rate`; n > 0, but see `RawPcm`.

        A track is the mean of the channels, or one of them, resampled by soxr ("HQ") if the rates differ; n samples
        become ``floor(n * target_rate / sample_rate + 1/2)``, but at least one. Neither how the blocks are cut nor
        the other tracks affect them. Equal rates are not resampled: int16 samples come out as x / 32768 exactly.

        A file that is damaged or cut short yields what could be decoded before that place; `damage` says so.

        Parameters
        ----------
        ahead : callable, optional
            What takes a generator of decoded blocks and returns the same blocks, with a method `close`, such as
            ``Crew.ahead``, whose threads decode while others resample. It is used where a file is read to its end.

        Raises
        ------
        AudioError
            At a sample that is beyond the limit `peak`, or NaN or infinite unless these become 0; if the source
            holds no samples; if a file cannot be decoded from the start, or is damaged before `start_s`.
        LimitError
            If more is read than the limit `seconds`; live sources may last for ever.
        InputError
            If the blocks were asked for before, or the source is closed, or it ends before `start_s`.
        """
        if self._started:
            raise InputError(f"{self.name}: can be read only once, and has been read or closed; open it again")
        self._started = True
        decoded = self._reader.frames()
        # What follows the end that was asked for is left alone, since it may be damaged.
        return self._conditioned(ahead(decoded) if ahead and self._reader.lasting and self._last is None else decoded)

    def close(self) -> None:
        """Release what was opened; a file object that was given stays open."""
        self._started = True
        self._reader.close()

    def __enter__(self) -> AudioSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _conditioned(self, blocks: Any) -> Generator[NDArray[np.float32], None, None]:
        conditioner = self._conditioner
        most = np.inf if self.live else self._limits.seconds * self.sample_rate
        position, last = self._skipped, np.inf if self._last is None else self._last
        try:
            for block in blocks:
                first, position = position, position + len(block)
                self._tell_clock(first, position)
                wanted = block if self._first <= first and position <= last else self._wanted(block, first)
                if len(wanted):
                    ready = conditioner.push(conditioner.choose(wanted), own=self._reader.anew)
                    if conditioner.taken > most:
                        raise LimitError(f"{self.name}: lasts longer than {self._limits.seconds:g} s (limit seconds)")
                    if ready.shape[1]:
                        yield ready
                elif self.live and not len(block):
                    yield np.empty((self.tracks, 0), np.float32)
                if position >= last:
                    break
        finally:
            blocks.close()
        if conditioner.taken == 0:
            self._refuse_nothing()
        self._end = self._first + conditioner.taken
        if (rest := conditioner.flush()).shape[1]:
            yield rest

    def _wanted(self, block: NDArray[np.float32], first: int) -> NDArray[np.float32]:
        """Return what is to be read of a block that begins with frame `first`."""
        return block[max(0, self._first - first) : len(block) if self._last is None else max(0, self._last - first)]

    def _tell_clock(self, first: int, last: int) -> None:
        """Tell a live clock when the frames from `first` to `last` came."""
        clock = self.clock
        if last > first and isinstance(clock, LiveClock) and (arrival := self._reader.arrival()) is not None:
            clock.hear(first / self.sample_rate, last / self.sample_rate, *arrival)

    def _refuse_nothing(self) -> None:
        if not self.start_s:
            raise AudioError(f"{self.name}: holds no samples")
        if self.damage is not None:
            raise AudioError(f"{self.damage}; nothing is left after start_s, {self.start_s:.6g} s")
        raise InputError(f"{self.name}: ends before start_s, which is {self.start_s:.6g} s")

    def _check_claims(self) -> None:
        claimed, seconds = self._reader.claimed_frames, self.claimed_seconds
        if claimed is not None and 0 < claimed <= self._first:
            raise InputError(
                f"{self.name}: lasts {claimed / self.sample_rate:.6g} s; start_s, {self.start_s:.6g} s, is not before "
                "its end"
            )
        if seconds is not None and seconds > self._limits.seconds and not self.live:
            raise LimitError(
                f"{self.name}: claims to last {seconds:.6g} s; at most {self._limits.seconds:g} s are "
                "accepted (limit seconds)"
            )

    def __repr__(self) -> str:
        claimed = self.claimed_seconds
        length = "" if claimed is None else f", {claimed:.2f} s"
        channels = plural(self.channels, "channel")
        return f"<AudioSource {self.name}: {self.format}, {self.sample_rate} Hz, {channels}{length}>"


@explained
def open_audio(
    source: Any,
    sample_rate: int | None = None,
    reading: ReadOptions | None = None,
    *,
    target_rate: int = 16_000,
    limits: AudioLimits = DEFAULT_AUDIO_LIMITS,
) -> AudioSource:
    """Open any source of audio, until it is closed, best by ``with``.

    Parameters
    ----------
    source : path, binary file object, array_like, iterator of array_like, dict, RawPcm, Microphone or AudioSource
        A path to a regular file; an open file, read from its current position (one that cannot seek is read into memory
        first); samples, (n,) or (n, channels): floats in [-1, 1], or int8, uint8, int16 or int32, divided by their full
        scale; an iterator of such arrays; an audio record of Hugging Face, {"array" or "raw": (n,) or (channels, n),
        "sampling_rate": Hz}, perhaps with its "path"; samples without a header; a microphone; a source that is open,
        which is returned. Iterators, `RawPcm` and `Microphone` are live.
    sample_rate : int, optional
        Sample rate of the source, in Hz. Needed with arrays. Other sources state their own: a different one given here
        is refused.
    reading : ReadOptions, optional
        Which channels are read, from where to where, and what becomes of samples that are not finite. A source that
        ends before `end_s` is read to its end. Windows (`hop_s`, `overlap`) do not matter here.
    target_rate : int, optional
        Sample rate of the blocks, in Hz.
    limits : AudioLimits, optional
        What is accepted.

    Returns
    -------
    AudioSource

    Raises
    ------
    AudioError
        If the file is missing, not audio, of an unknown encoding, empty, or absurd; the message names it.
    InputError
        If an argument is wrong, or the source is known to end before `start_s`.
    LimitError
        If more is claimed than `limits` accepts.
    DependencyError
        If soundfile is not installed, or soxr where the rates differ.
    """
    if isinstance(source, AudioSource):
        return source
    reading = as_reading(reading)
    rate = check_rate(target_rate, "target_rate", limits)
    reader = _open_reader(source, sample_rate, limits)
    try:
        if sample_rate is not None and check_rate(sample_rate, "sample_rate", limits) != reader.sample_rate:
            raise InputError(
                f"{reader.name}: has a sample rate of {reader.sample_rate} Hz, but {sample_rate} Hz was given; omit it "
                "for sources that state theirs"
            )
        return AudioSource(reader, reading, rate, limits)
    except BaseException:
        reader.close()
        raise


def _open_reader(source: Any, sample_rate: int | None, limits: AudioLimits) -> Reader:
    if isinstance(source, np.ndarray):
        return ArrayReader(source, sample_rate, limits)
    if isinstance(source, (bytes, bytearray, memoryview)):
        raise InputError("bytes are not an audio source: pass a path, or the content of a file as io.BytesIO(...)")
    if isinstance(source, Reader):  # RawPcm, or a Microphone
        return source
    if isinstance(source, (str, os.PathLike)):
        return _open_file(open_path(source, limits), limits)
    if hasattr(source, "read"):
        return _open_file(open_object(source, limits), limits)
    if isinstance(source, Mapping):
        from yamjit.audio.recorded_at import time_in_name

        reader = ArrayReader(*of_dict(source), limits)
        path = source.get("path")
        reader.recorded_at = time_in_name(os.fsdecode(path)) if isinstance(path, (str, os.PathLike)) else None
        return reader
    if isinstance(source, Iterator):
        from yamjit.audio.iterators import IteratorReader

        return IteratorReader(source, sample_rate, limits)
    return ArrayReader(source, sample_rate, limits)


def _open_file(opened: OpenedFile, limits: AudioLimits) -> Reader:
    from yamjit.audio.recorded_at import begin_of  # whose patterns take a while to compile

    begin = begin_of(opened.name, opened.read_at, opened.size)
    try:
        reader = open_recording(opened, limits)
        reader.recorded_at, reader.contradiction = begin
        return reader
    except BaseException:
        opened.close()
        raise
