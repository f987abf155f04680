"""Files that libsndfile does not read, through PyAV: FFmpeg's libraries in this process."""

from __future__ import annotations

import contextlib
import functools
import math
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.arrays import to_float32
from yamjit.audio.containers import cut_short, more_streams, refusal, tells_end, unused_bytes
from yamjit.audio.libav import LibavReader
from yamjit.audio.limits import BLOCK_SAMPLES, AudioLimits
from yamjit.audio.losses import GAP_S
from yamjit.disk import describe
from yamjit.errors import AudioError, DependencyError
from yamjit.installing import how_to_install

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from yamjit.audio.containers import Container
    from yamjit.audio.opening import OpenedFile

__all__ = ["PyAvReader", "import_av", "pyav_versions"]

#: Types of samples by the names of libav, planar or not.
_SAMPLES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}

#: What PyAV raises besides errors of its own.
_FAILURES = (OSError, ValueError, TypeError, LookupError, RuntimeError, MemoryError)
#: More than any packet of the formats that are nothing but packets (AAC has 13 bits for the length, DTS 14).
_MOST_PACKET_BYTES = 16_384
#: Bytes read at a time.
_BUFFER_BYTES = 65_536
#: Packets that are tried before a stream counts as one of an unknown encoding.
_MOST_UNDECODED = 10_000


class PyAvReader(LibavReader):
    """A file decoded by FFmpeg's libraries in one thread; a `DependencyError` says that PyAV is not installed."""

    def __init__(self, opened: OpenedFile, container: Container, limits: AudioLimits) -> None:
        self._av = import_av()
        self._failures = (self._av.error.FFmpegError, *_FAILURES)
        super().__init__(opened, container, limits)
        self._fault: str | None = None
        self._used_bytes = 0
        self._ready: deque[Any] = deque()
        self._container = self._open()
        # PyAV's objects refer to each other: without this they would live until Python collects garbage.
        self._dropped = weakref.finalize(self, _close, self._container, opened)
        try:
            self._stream = self._choose_stream()
            self._stream.thread_type = "NONE"
            self._stream.codec_context.thread_count = 1
            # Packets of all streams: where these end tells whether something is missing.
            self._packets = self._container.demux()
            self._read_first()
        except BaseException:
            self.release()
            raise

    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (n, channels); a block is overwritten by the next one."""
        buffer = np.empty((max(1, BLOCK_SAMPLES // self.channels), self.channels), np.float32)
        filled, changed = 0, None
        while frame := self._next_frame():
            if (frame.sample_rate, frame.layout.nb_channels) != (self.sample_rate, self.channels):
                changed = frame
                break
            self._note(frame)
            samples, first = self._samples(frame), 0
            while first < len(samples):
                part = samples[first : first + len(buffer) - filled]
                buffer[filled : filled + len(part)] = part
                first, filled = first + len(part), filled + len(part)
                if filled == len(buffer):
                    yield buffer
                    filled = 0
        if filled:
            yield buffer[:filled]
        if changed:
            now = f"{changed.sample_rate} Hz and {changed.layout.nb_channels} channels"
            self.losses.end(f", where it changes from {self.sample_rate} Hz and {self.channels} channels to {now}")
        else:
            with contextlib.suppress(OSError):
                self._note_end()

    def release(self) -> None:
        """Close the decoder; the file stays open."""
        self._dropped.detach()
        self._container.close()

    # -- Opening

    def _open(self) -> Any:
        self._opened.rewind()
        demuxers = self._kind.demuxers
        options = {"format_whitelist": demuxers, "protocol_whitelist": "none", "codec_whitelist": _decoders()}
        try:
            return self._av.open(
                self._opened.callbacks,
                mode="r",
                format=None if "," in demuxers else demuxers,
                container_options=options,
                metadata_errors="replace",
                buffer_size=_BUFFER_BYTES,
            )
        except self._failures as error:
            self._opened.raise_fault()
            raise refusal(self._opened, self._kind, _reason(error)) from error

    def _choose_stream(self) -> Any:
        """Return the stream that ffmpeg chooses: among those marked as default, or all, the one with most channels."""
        streams = self._container.streams
        sounds = [stream for stream in streams.audio if stream.codec_context is not None]
        if not sounds:
            found = "video but no sound" if streams.video else "no sound"
            found = "sound in an encoding that FFmpeg does not know" if streams.audio else found
            raise AudioError(f"{self.name}: {self._kind.name} that holds {found}")
        best = max(sounds, key=_preference)
        if len(sounds) > 1:
            self.warnings = (more_streams(self.name, len(sounds), sounds.index(best)),)
        return best

    def _read_first(self) -> None:
        undecoded = 0
        while not self._ready and undecoded < _MOST_UNDECODED and (packet := self._next_packet()) is not None:
            undecoded += packet.stream_index == self._stream.index
            self._decode(packet)
        if not self._ready:
            reason = self._fault or self.losses.describe() or "it holds no samples"
            raise AudioError(f"{self.name}: cannot be decoded: {reason.removeprefix(f'{self.name}: ')}")
        frame = self._ready[0]
        encoding = str(self._stream.codec_context.codec.canonical_name)
        self._introduce(int(frame.sample_rate), int(frame.layout.nb_channels), encoding)
        self.claimed_frames = self._claim()

    def _claim(self) -> int | None:
        if not self._kind.tells_length:
            return None
        if self._stream.duration:
            seconds = float(self._stream.duration * self._stream.time_base)
        else:
            seconds = (self._container.duration or 0) / self._av.time_base
        return round(seconds * self.sample_rate) or None if seconds >= 0 else None

    # -- Decoding

    def _next_frame(self) -> Any:
        """Return the next frame that holds samples, None at the end."""
        while not self._ready:
            packet = self._next_packet()
            if packet is None:
                return None
            self._decode(packet)
        return self._ready.popleft()

    def _next_packet(self) -> Any:
        while True:
            try:
                return next(self._packets, None)
            except IndexError:  # noqa: PERF203 - a stream that was not there at the start; the others go on
                self._packets = self._container.demux()
            except self._failures as error:
                self._fault = _reason(error)
                self._packets = iter(())
                self._flush()
                return None
            finally:
                self._opened.raise_fault()

    def _decode(self, packet: Any) -> None:
        starts = packet.dts if packet.pts is None else packet.pts
        if starts is not None:
            ends = float((starts + (packet.duration or 0)) * packet.time_base)
            self.losses.reached_s = max(self.losses.reached_s, ends)
        if packet.stream_index != self._stream.index:
            return
        self._used_bytes += packet.size
        if packet.is_corrupt:
            self.losses.add("damaged packet")
        try:
            self._ready.extend(frame for frame in packet.decode() if frame.samples)
        except self._failures as error:
            seconds = float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.0
            self.losses.add("packet that cannot be decoded", _reason(error), seconds)

    def _flush(self) -> None:
        try:
            self._ready.extend(frame for frame in self._stream.codec_context.decode(None) if frame.samples)
        except self._failures:
            return

    def _samples(self, frame: Any) -> NDArray[np.float32]:
        """Return the samples of a frame, float32 (n, channels)."""
        try:
            kind = _SAMPLES[frame.format.name.removesuffix("p")]
            # Not by PyAV's own method: of 8 channels, it takes what follows them in memory for a ninth.
            planes = frame.planes[: self.channels if frame.format.is_planar else 1]
            count = frame.samples * self.channels // len(planes)
            columns = np.stack([np.frombuffer(plane, kind, count) for plane in planes], axis=1)
        except (*self._failures, KeyError) as error:
            raise AudioError(f"{self.name}: has samples of an unknown type, {frame.format.name}") from error
        return to_float32(columns.reshape(-1, self.channels))

    # -- What is lost

    def _note(self, frame: Any) -> None:
        if frame.is_corrupt:
            self.losses.add("damaged packet")
        starts = math.nan if frame.pts is None else float(frame.pts * frame.time_base)
        self.losses.follow(starts, frame.samples / self.sample_rate)

    def _note_end(self) -> None:
        missing = cut_short(self._opened, self._kind)
        unused = unused_bytes(self._opened, self._kind, self._used_bytes)
        if missing:
            self.losses.end(missing, cut=True)
        elif self._fault:
            self.losses.end(f" where it is damaged: {self._fault}")
        elif unused:
            self.losses.end(f", and {unused} bytes of the file are not whole packets", cut=unused < _MOST_PACKET_BYTES)
        elif self._kind.is_packets and self.losses.at_s < self.losses.reached_s - 2 * GAP_S:
            self.losses.end(f", but its packets go on to {self.losses.reached_s:.6g} s")
        elif tells_end(self._opened, self._kind) and self._container.duration:
            start_s = (self._container.start_time or 0) / self._av.time_base
            claimed_s = self._container.duration / self._av.time_base
            if self.losses.reached_s - start_s < claimed_s - 2 * GAP_S:
                self.losses.end(f", but its header claims {claimed_s:.6g} s")


def _close(container: Any, opened: OpenedFile) -> None:
    container.close()
    opened.close()


def _preference(stream: Any) -> tuple[bool, int]:
    disposition = stream.disposition
    return bool(disposition & type(disposition).default), stream.codec_context.channels


def import_av() -> Any:
    """Return PyAV; a `DependencyError` says that it is not installed, or its libraries cannot be loaded."""
    try:
        import av
        import av.error
    except (ImportError, OSError) as error:
        raise DependencyError(f"this file needs PyAV: {how_to_install('yamjit[av]')} ({error})") from error
    return av


def pyav_versions() -> str:
    """Return the versions of PyAV and of FFmpeg's decoders; a `DependencyError` says that it is not installed."""
    av = import_av()
    numbers = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"{av.__version__} (libavcodec {numbers})"


@functools.cache
def _decoders() -> str:
    """Return the names of all audio decoders: pictures and subtitles are not decoded."""
    return ",".join(sorted(filter(_is_audio_decoder, import_av().codecs_available)))


def _is_audio_decoder(name: str) -> bool:
    try:
        return bool(import_av().codec.Codec(name, "r").type == "audio")
    except ValueError:  # it only encodes
        return False


def _reason(error: Exception) -> str:
    return describe(error).rstrip(".")
