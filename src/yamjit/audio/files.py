"""Audio files through libsndfile: decoded in blocks of fixed size, nothing in a header believed."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.containers import check_header
from yamjit.audio.limits import BLOCK_SAMPLES, AudioLimits, one_line
from yamjit.audio.opening import OpenedFile, describe_os_error
from yamjit.errors import AudioError, DependencyError
from yamjit.signatures import HEAD_BYTES, foreign_kind

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

__all__ = ["FileReader", "libsndfile_version"]

#: How MIDI sample dumps begin. What libsndfile finds wrong with one it prints to stdout, among our results.
SAMPLE_DUMP = re.compile(rb"\xf0\x7e.\x01", re.DOTALL)

#: ID3 of ten zeros. Without a tag, libsndfile takes MPEG audio for the other half of "._" or ".AppleDouble/" if the
#: current directory holds one.
EMPTY_TAG = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)

#: Where samples lie one after the other as they are: a seek is exact, and what fails to be read can be read again.
PLAIN_CONTAINERS = frozenset({"WAV", "WAVEX", "W64", "RF64", "AIFF", "AU", "CAF", "NIST"})
PLAIN_SUBTYPES = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")

#: From here on, a length in a header means that its writer, to a pipe, did not know it.
UNKNOWN_BYTES = 0x7FFF_F000
UNKNOWN_FRAMES = 2**62

#: libsndfile's log, where a chunk of samples is longer than the file.
_CUT_CHUNK = re.compile(r"^\s*(?:data|SSND|Data Size)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)

#: What soundfile raises; MemoryError comes from a header that made libsndfile ask for too much.
_FAILURES = (RuntimeError, OSError, TypeError, ValueError, MemoryError)


class FileReader:
    """A decoded audio file.

    The header is checked when the file is opened, the body as it is read. A file that is damaged or cut short
    yields what could be decoded before that place, and `damage` then says so; a file of which nothing could
    be decoded is refused.

    Parameters
    ----------
    opened : OpenedFile
        Closed with the reader.
    limits : AudioLimits
        What is accepted.

    Attributes
    ----------
    name, format : str
        For messages; such as ``"dog.wav"`` and ``"WAV PCM_16"``.
    sample_rate, channels : int
        As the header says, in Hz.
    claimed_frames : int or None
        Length as the header says, None if it says none.
    damage : str or None
        Once read: what is wrong with the file.

    Raises
    ------
    AudioError
        If this is no audio that libsndfile reads, or its rate or channels are absurd.
    DependencyError
        If soundfile is not installed.
    """

    live = False
    warnings: tuple[str, ...] = ()

    def __init__(self, opened: OpenedFile, limits: AudioLimits) -> None:
        self._opened = opened
        self.name = opened.name
        self.damage: str | None = None
        self._sound = self._open()
        self.sample_rate = int(self._sound.samplerate)
        self.channels = int(self._sound.channels)
        self.format = f"{self._sound.format} {self._sound.subtype}"
        frames = int(self._sound.frames)
        self.claimed_frames = frames if 0 < frames < UNKNOWN_FRAMES else None
        check_header(self.name, self.sample_rate, self.channels, limits)
        self._plain = self._sound.format in PLAIN_CONTAINERS and self._sound.subtype.startswith(PLAIN_SUBTYPES)
        self._narrow: NDArray[np.int16] | None = None
        self._skipped = 0

    def skip(self, frames: int) -> int:
        """Leave out the first `frames` if the decoder gets there exactly; return how many were left out, or 0."""
        if self.claimed_frames is None or not (self._plain or self._sound.format == "FLAC"):
            return 0
        frames = min(frames, self.claimed_frames)
        if self._seek(frames):
            self._skipped = frames
        else:  # such as a FLAC file that was cut: what comes before the cut is found by reading
            self._reopen()
        return self._skipped

    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (n, channels); a block is overwritten by the next one."""
        buffer = np.empty((BLOCK_SAMPLES // self.channels, self.channels), np.float32)
        done, count, fault = self._skipped, -1, None
        while count and not fault:
            count, fault = self._read(buffer, done)
            done += count
            if count:
                yield buffer[:count]
        if fault and not done:
            raise AudioError(f"{self.name}: cannot be decoded: {fault}")
        self.damage = self._describe_end(done, fault)

    def close(self) -> None:
        """Close the decoder, and the file if it was opened by path."""
        self._sound.close()
        self._opened.close()

    def _open(self) -> Any:
        if self._opened.callbacks.size == 0:
            raise AudioError(f"{self.name}: is empty")
        head = self._opened.head(HEAD_BYTES)
        if SAMPLE_DUMP.match(head):
            raise AudioError(f"{self.name}: a MIDI sample dump (SDS) is not supported; convert it first, as with sox")
        try:
            sound = _open_sound(self._opened.handle)
        except _FAILURES as error:
            sound = self._open_tagged(head, error)
        # Else soundfile seeks after every block: slow, and not needed to read from start to end.
        sound.seekable = _never
        return sound

    def _open_tagged(self, head: bytes, error: Exception) -> Any:
        """Open MPEG audio once more, behind a tag; refuse the others."""
        self._raise_read_error()
        if _is_mpeg(head):
            with contextlib.suppress(*_FAILURES):
                return _open_sound(self._opened.tagged(EMPTY_TAG))
            self._raise_read_error()
        kind = foreign_kind(head)
        refusal = f"is {kind}" if kind else f"is no audio that libsndfile can read: {_describe_failure(error)}"
        raise AudioError(f"{self.name}: {refusal}") from error

    def _seek(self, frame: int) -> bool:
        """Go to a frame; return whether that worked."""
        try:
            return int(self._sound.seek(frame)) == frame
        except _FAILURES:
            return False

    def _reopen(self) -> None:
        self._sound.close()
        self._opened.rewind()
        self._sound = self._open()

    def _read(self, buffer: NDArray[np.float32], done: int) -> tuple[int, str | None]:
        """Fill `buffer` from frame `done` on; return how many of its frames are valid, and what went wrong."""
        if self._plain:
            try:
                return self._read_plain(buffer), None
            except _FAILURES as error:  # once more, to find out how much is valid
                self._plain = False
                if not self._seek(done):
                    return 0, _describe_failure(error)
        return self._read_marked(buffer)

    def _read_plain(self, buffer: NDArray[np.float32]) -> int:
        if self._sound.subtype == "PCM_16":  # scaled here, which is faster and gives the same bits
            if self._narrow is None:
                self._narrow = np.empty(buffer.shape, np.int16)
            narrow = self._sound.read(out=self._narrow)
            np.multiply(narrow, np.float32(2.0**-15), out=buffer[: len(narrow)], dtype=np.float32)
            count = len(narrow)
        else:
            count = len(self._sound.read(out=buffer))
        self._raise_read_error()
        return count

    def _read_marked(self, buffer: NDArray[np.float32]) -> tuple[int, str | None]:
        buffer.fill(np.nan)
        fault = None
        try:
            count = len(self._sound.read(out=buffer))
        except _FAILURES as error:
            # What was decoded before the fault is in place, but libsndfile does not say how much it is.
            missing = np.isnan(buffer).any(axis=1)
            count = int(missing.argmax()) if missing.any() else len(buffer)
            fault = _describe_failure(error)
        self._raise_read_error()
        return count, fault

    def _raise_read_error(self) -> None:
        error = self._opened.callbacks.fault
        if error is not None:
            reason = f"{type(error).__name__}: {one_line(str(error))}"
            raise AudioError(f"{self.name}: reading the file object failed: {reason}") from error

    def _describe_end(self, done: int, fault: str | None) -> str | None:
        end = f"{self.name}: ends at {done / self.sample_rate:.6g} s"
        if fault:
            return f"{end} where it is damaged: {fault}"
        if self.claimed_frames and done < self.claimed_frames:
            return f"{end}, but its header claims {self.claimed_frames / self.sample_rate:.6g} s"
        cut = _CUT_CHUNK.search(self._sound.extra_info)
        if cut and int(cut[2]) < int(cut[1]) < UNKNOWN_BYTES:
            return f"{end}, after {cut[2]} of the {cut[1]} bytes that its header claims"
        return None


def _open_sound(handle: object) -> Any:
    return _import_soundfile().SoundFile(handle, closefd=False)


def _is_mpeg(head: bytes) -> bool:
    """Return whether it begins as a frame of MPEG layer I, II or III."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and bool(head[1] & 0x06)


def _never() -> bool:
    return False


def _import_soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the package is there, libsndfile is not
        raise DependencyError(f"reading audio files needs soundfile: pip install soundfile ({error})") from error
    return soundfile


def _describe_failure(error: Exception) -> str:
    """Return the reason alone, in one line."""
    reason = str(getattr(error, "error_string", None) or describe_os_error(error))
    if "SF_INFO struct incomplete" in reason:  # what libsndfile says of a sample rate of 0
        return "the header states no usable sample rate"
    return one_line(reason).strip().rstrip(".")


def libsndfile_version() -> str:
    """Return the version of the library that decodes files.

    Raises
    ------
    DependencyError
        If soundfile is not installed, or finds no libsndfile.
    """
    return str(_import_soundfile().__libsndfile_version__)
