"""Audio files through libsndfile: decoded in blocks of fixed size, without trusting the header."""

from __future__ import annotations

import contextlib
import itertools
import re
from typing import TYPE_CHECKING

import numpy as np

from yamjit.audio.decoder import FAILURES, Decoder, describe_failure, import_soundfile
from yamjit.audio.grammars import UNKNOWN_BYTES
from yamjit.audio.layout import Layout, Part
from yamjit.audio.limits import BLOCK_SAMPLES, AudioLimits, check_header
from yamjit.audio.pcm import PcmDecoder
from yamjit.audio.reader import Reader
from yamjit.audio.scanning import TAIL_BYTES, grammar_of
from yamjit.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from numpy.typing import NDArray

    from yamjit.audio.opening import OpenedFile

__all__ = ["SndfileReader", "libsndfile_version"]

#: What libsndfile logs where a chunk of samples claims to be longer than the file.
_CUT_CHUNK = re.compile(r"^\s*(?:data|SSND|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)

#: Containers whose layout a walk finds; for others, the bytes of a sample, and the most that a header takes.
_WALKED = frozenset({"WAV", "WAVEX", "W64", "RF64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"})
_WIDTHS = {
    "PCM_S8": 1,
    "PCM_U8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
    "ULAW": 1,
    "ALAW": 1,
}
_HEADER_BYTES = 4096


class SndfileReader(Reader):
    """A decoded audio file.

    The header is checked when the file is opened, the body as it is read. A file that is damaged or cut short yields
    what could be decoded before that place, and `damage` then says so; a file from which nothing can be decoded is
    refused. `head` is the first `HEAD_BYTES`; `opened` is closed with the reader.
    """

    damage: str | None = None
    lost = False
    lasting = True
    warnings: tuple[str, ...] = ()

    def __init__(self, opened: OpenedFile, head: bytes, layout: Layout, limits: AudioLimits) -> None:
        self._opened = opened
        self._head = head
        self._layout = layout
        self.name = opened.name
        try:
            self._decoder = self._open_first()
        except AudioError:
            opened.rewind()
            raise
        self.sample_rate = self._decoder.sample_rate
        self.channels = self._decoder.channels
        self.format = f"{self._decoder.container} {self._decoder.subtype}"
        self.claimed_frames = self._count_frames()
        check_header(self.name, self.sample_rate, self.channels, limits)
        self._skipped = 0

    def skip(self, frames: int) -> int:
        """Leave out the first `frames` if the decoder can seek exactly; return how many were left out, or 0."""
        if self._search():
            self._decoder.close()
            self._decoder = self._open(self._layout.parts[0])
        exact = self._decoder.plain or self._decoder.container == "FLAC"
        if self.claimed_frames is None or not exact or not self._layout.parts[0].steady:
            return 0
        frames = min(frames, self.claimed_frames)
        if self._decoder.seek(frames):
            self._skipped = frames
        else:  # such as a FLAC file that was cut: what precedes the cut is found by reading
            self._decoder.close()
            self._decoder = self._open(self._layout.parts[0])
        return self._skipped

    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (n, channels); a block is overwritten by the third one after it."""
        done = self._skipped
        problems: list[str] = []
        place = 0
        while place < len(self._layout.parts):
            if place == 0 or self._open_next(self._layout.parts[place], done, problems):
                end = _End(0 if place else done)
                source = (self._decoder.sample_rate, self._decoder.channels)
                target = (self.sample_rate, self.channels)
                blocks = self._decoded(end)
                if source != target:
                    from yamjit.audio.resample import converted

                    blocks = converted(blocks, source, target)
                for block in blocks:
                    done += len(block)
                    yield block
                if self._opened.unread > TAIL_BYTES:
                    self._search()
                self._judge(place, end, done, problems)
            place += 1
        problems.extend(self._layout.remarks)
        self.lost |= self._layout.lost
        self.damage = f"{self.name}: {'; '.join(problems)}" if problems else None

    def close(self) -> None:
        """Close the decoder, and the file if it was opened by path."""
        self._decoder.close()
        self._opened.close()

    def _search(self) -> bool:
        """Search a FLAC file for what was joined to it, if that has not been done; return whether there is more."""
        if self._layout.searched:
            return False
        from yamjit.audio.flac import lay_out_flac

        with contextlib.suppress(OSError):
            self._layout = lay_out_flac(self._opened, thorough=True)
        if len(self._layout.parts) == 1:
            return False
        self.claimed_frames = None
        return True

    def _open_first(self) -> Decoder | PcmDecoder:
        """Open the decoder of the first part that can be decoded; look for MPEG audio after an unknown beginning."""
        layout = self._layout
        try:
            return self._open(layout.parts[0])
        except AudioError:
            for place, part in enumerate(layout.parts[1:], 1):
                with contextlib.suppress(AudioError):
                    decoder = self._open(part)
                    remarks = ("its beginning cannot be decoded", *layout.remarks)
                    self._layout = Layout(layout.parts[place:], remarks, lost=True)
                    return decoder
            found = None
            if layout == Layout() and grammar_of(self._head) is None:
                from yamjit.audio.mpeg import lay_out_mpeg

                with contextlib.suppress(OSError):
                    found = lay_out_mpeg(self._opened)
            if found is None:
                raise
            self._layout = found
            return self._open(found.parts[0])

    def _open(self, part: Part) -> Decoder | PcmDecoder:
        if part.pcm is not None and self._opened.path is not None:
            return PcmDecoder(self._opened, part.pcm)
        try:
            return Decoder(self._opened.handle(part.pieces))
        except FAILURES as error:
            self._opened.raise_fault()
            from yamjit.audio.mpeg import EMPTY_TAG
            from yamjit.audio.mpeg_frames import begins_mpeg
            from yamjit.signatures import file_kind

            with contextlib.suppress(*FAILURES, OSError):
                if part.pieces is None and begins_mpeg(self._head):
                    return Decoder(self._opened.handle((EMPTY_TAG, (0, self._opened.size))))
            kind = file_kind(self._head)
            refusal = f"is {kind}" if kind else f"is not audio that libsndfile can read: {describe_failure(error)}"
            raise AudioError(f"{self.name}: {refusal}") from error

    def _open_next(self, part: Part, done: int, problems: list[str]) -> bool:
        """Open the decoder of another part; return whether it can be decoded."""
        self._decoder.close()
        try:
            self._decoder = self._open(part)
        except AudioError:
            problems.append(f"the recording joined to it at {self._time(done)} cannot be decoded")
            self.lost = True
            return False
        if (self._decoder.sample_rate, self._decoder.channels) != (self.sample_rate, self.channels):
            problems.append(
                f"from {self._time(done)} on, it holds {self._decoder.channels} channels at "
                f"{self._decoder.sample_rate} Hz, which were converted"
            )
        return True

    def _decoded(self, end: _End) -> Iterator[NDArray[np.float32]]:
        """Yield what the decoder gives, each block over the third one before it, and note in `end` how it ended."""
        channels = self._decoder.channels
        buffers = [np.empty((BLOCK_SAMPLES // channels, channels), np.float32) for _ in range(3)]
        count = -1
        for buffer in itertools.cycle(buffers):
            if not count or end.fault:
                break
            count, end.fault = self._decoder.read(buffer[: self._left(end)], end.frames)
            self._opened.raise_fault()
            end.frames += count
            if count:
                yield buffer[:count]

    def _left(self, end: _End) -> int | None:
        """Return how many frames a FLAC decoder may be asked for: beyond its end it meets what was joined to it."""
        claimed = self._decoder.claimed_frames
        return max(0, claimed - end.frames) if claimed and self._decoder.container == "FLAC" else None

    def _judge(self, place: int, end: _End, done: int, problems: list[str]) -> None:
        """Compare what was decoded of a part with what it should hold."""
        part = self._layout.parts[place]
        is_last = place == len(self._layout.parts) - 1
        if end.fault and not done and is_last:
            raise AudioError(f"{self.name}: cannot be decoded: {end.fault}")
        ends = f"{'ends' if is_last else 'a recording joined in it ends'} at {self._time(done)}"
        rate = self._decoder.sample_rate
        claimed = part.claimed or (None if part.estimated else self._decoder.claimed_frames)
        if end.fault:
            problems.append(f"{ends} where it is damaged: {end.fault}")
            self.lost |= self._opened.unread > 0
        elif claimed and end.frames < claimed:
            problems.append(f"{ends}, but its header claims {claimed / rate:.6g} s")
        elif cut := part.cut or _find_cut(self._decoder.log):
            problems.append(f"{ends}, after {cut[0]} of the {cut[1]} bytes that its header claims")
        elif part.claimed and end.frames > part.claimed:
            problems.append(
                f"its header claims {part.claimed / rate:.6g} s of {end.frames / rate:.6g} s; all were read"
            )
        elif part.counted and end.frames + 1 < part.counted[0] * rate // part.counted[1]:
            problems.append(f"{ends}, but holds {part.counted[0] / part.counted[1]:.6g} s by its own count")
            self.lost = True
        elif (rest := self._unread(end)) > 0:
            problems.append(f"{ends}, and {rest} bytes after that were not read")
            self.lost = True

    def _unread(self, end: _End) -> int:
        """Return how many bytes are left in a file, besides samples and a header, if its container is not walked."""
        decoder = self._decoder
        width = _WIDTHS.get(decoder.subtype)
        if width is None or decoder.container in _WALKED:
            return 0
        rest = self._opened.size - end.frames * decoder.channels * width
        return rest if rest > _HEADER_BYTES + self._opened.size // 8 else 0  # PAF stores 10 samples in 32 bytes

    def _count_frames(self) -> int | None:
        """Return the expected number of frames, if it is known."""
        part = self._layout.parts[0]
        if len(self._layout.parts) > 1:
            return None
        return part.counted[0] if part.estimated and part.counted else self._decoder.claimed_frames

    def _time(self, frames: int) -> str:
        return f"{frames / self.sample_rate:.6g} s"


class _End:
    """How far a decoder got, from the first frame of its part, and what went wrong there."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.fault: str | None = None


def _find_cut(log: str) -> tuple[int, int] | None:
    """Return how many bytes there are, and how many the header claims, from the log of libsndfile."""
    cut = _CUT_CHUNK.search(log)
    return (int(cut[2]), int(cut[1])) if cut and int(cut[2]) < int(cut[1]) < UNKNOWN_BYTES else None


def libsndfile_version() -> str:
    """Return the version of libsndfile; a `DependencyError` says that it or soundfile is not installed."""
    return str(import_soundfile().__libsndfile_version__)
