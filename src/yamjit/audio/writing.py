"""Audio files that are written whole or not at all, with the resolution of the audio they come from."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.decoder import import_soundfile
from yamjit.clock import iso
from yamjit.disk import describe
from yamjit.errors import AudioError, LimitError
from yamjit.text import printable
from yamjit.writing import partial_beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["CONTAINERS", "AudioFileWriter", "encoding_for"]

#: Containers that can be written, named by their suffix.
CONTAINERS = ("flac", "wav")

#: Sizes in the header of a WAV file have 32 bits.
_MOST_WAV_BYTES = 2**32 - 2**16

#: What soundfile raises.
_FAILURES = (RuntimeError, OSError, TypeError, ValueError)

_BYTES = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}


class AudioFileWriter:
    """Writes samples to a file under a temporary name, until `publish` gives it the right one.

    The suffix of `path` is one of `CONTAINERS`; for `encoding` see `encoding_for`. A comment says when the recording
    began, if `recorded_at` is not None. Raises `AudioError` if the file
    cannot be written, or the container holds no such audio; `DependencyError` if soundfile is not installed.
    """

    def __init__(
        self, path: Path, sample_rate: int, channels: int, encoding: str, recorded_at: datetime | None = None
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._container = path.suffix[1:]
        self._frame_bytes = channels * _BYTES[encoding]
        self._frames = 0
        self._sound: Any = None
        soundfile = import_soundfile()
        self._partial = partial_beside(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            self._descriptor = os.open(self._partial, flags, 0o666)
        except OSError as error:
            raise self._refusal(error) from error
        try:
            self._sound = soundfile.SoundFile(
                self._descriptor, "w", sample_rate, channels, encoding, format=self._container.upper(), closefd=False
            )
            if recorded_at is not None:
                self._sound.comment = f"RecordingStart={iso(recorded_at)}"
        except BaseException as error:
            self.discard()
            if isinstance(error, _FAILURES):
                raise self._refusal(error) from error
            raise

    def write(self, frames: NDArray[np.float32]) -> None:
        """Append samples, float32 (n, channels) in [-1, 1]; others are clipped where integers are written.

        Raises `AudioError` if that fails, `LimitError` if a WAV file would be larger than its header can say.
        """
        self._frames += len(frames)
        if self._container == "wav" and self._frames * self._frame_bytes > _MOST_WAV_BYTES:
            raise LimitError(f"{self._path}: a WAV file holds at most 4 GiB; a FLAC file holds more")
        try:
            self._sound.write(_encoded(frames, self._encoding))
        except _FAILURES as error:
            raise self._refusal(error) from error

    def publish(self) -> Path:
        """Finish the file under its name, with a number if that is taken; return its path, or raise `AudioError`."""
        try:
            self._sound.close()
            self._check()
            os.fsync(self._descriptor)
            self._close()
            return next(path for path in _numbered(self._path) if self._name(path))
        except _FAILURES as error:
            raise self._refusal(error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove everything but what was published; may be called again."""
        with contextlib.suppress(*_FAILURES):
            self._close()
        with contextlib.suppress(OSError):
            self._partial.unlink(missing_ok=True)

    def _check(self) -> None:
        """Refuse a file that is not whole: libsndfile says nothing if the last of a FLAC file cannot be written."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        with import_soundfile().SoundFile(self._descriptor, closefd=False) as sound:
            if sound.frames != self._frames:
                raise OSError("its end is missing, perhaps for lack of space")

    def _close(self) -> None:
        sound, self._sound = self._sound, None
        descriptor, self._descriptor = self._descriptor, -1
        try:
            if sound is not None:
                sound.close()
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _name(self, path: Path) -> bool:
        """Give the file a name; return whether that was free."""
        try:
            os.link(self._partial, path)
        except FileExistsError:
            return False
        except OSError:
            return self._move(path)
        return True

    def _move(self, path: Path) -> bool:
        """Do the same where there are no links: reserve the name, then replace what reserves it."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            return False
        try:
            self._partial.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return True

    def _refusal(self, error: Exception) -> AudioError:
        return AudioError(f"{printable(str(self._path))}: cannot be written: {describe(error)}")


def encoding_for(source: str, container: str) -> str:
    """Return how samples of a `source` such as ``"WAV PCM_16"`` are written: nothing is lost if the container can."""
    subtype = source.split()[-1]
    if subtype in ("PCM_32", "FLOAT", "DOUBLE"):
        return "FLOAT" if container == "wav" else "PCM_24"
    return "PCM_24" if subtype == "PCM_24" or subtype.startswith("ALAC_2") else "PCM_16"


def _encoded(frames: NDArray[np.float32], encoding: str) -> NDArray[Any]:
    """Return samples as integers, scaled as they are when read, unlike in soundfile's own conversion."""
    if encoding == "FLOAT":
        return frames
    bits = 16 if encoding == "PCM_16" else 24
    scaled = np.rint(np.nan_to_num(frames.astype(np.float64), posinf=1.0, neginf=-1.0) * 2.0 ** (bits - 1))
    integers = np.clip(scaled, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(np.int32)
    return integers.astype(np.int16) if bits == 16 else integers << 8


def _numbered(path: Path) -> Iterator[Path]:
    """Yield the name, and then the name with numbers from 2 on."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
