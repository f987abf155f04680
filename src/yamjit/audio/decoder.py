"""One decoder of libsndfile: a file, or a part of one, in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.c_stderr import quiet_c_stderr
from yamjit.disk import describe
from yamjit.errors import DependencyError
from yamjit.installing import how_to_install
from yamjit.text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yamjit.audio.opening import FileCallbacks

__all__ = ["FAILURES", "Decoder", "describe_failure", "import_soundfile"]

#: What soundfile raises; MemoryError, when a header makes libsndfile ask for too much.
FAILURES = (RuntimeError, OSError, TypeError, ValueError, MemoryError)

#: Containers and encodings of plain samples: a seek is exact, and what could not be read can be read again.
PLAIN_CONTAINERS = frozenset({"WAV", "WAVEX", "W64", "RF64", "AIFF", "AU", "CAF", "NIST"})
PLAIN_SUBTYPES = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")

#: Numbers of frames from here on mean that the length is not known.
_UNKNOWN_FRAMES = 2**62


class Decoder:
    """A decoder, at first before its first frame; `sample_rate`, in Hz, and `channels` are what the header says.

    `container` and `subtype` are libsndfile's names, such as ``"WAV"`` and ``"PCM_16"``; `claimed_frames` is None if
    the header states no length; `plain` says whether samples are stored one after the other, without compression.
    """

    def __init__(self, handle: int | FileCallbacks) -> None:
        with quiet_c_stderr():
            self._sound = import_soundfile().SoundFile(handle, closefd=False)
        # Otherwise soundfile seeks after every block: slow, and not needed to read from start to end.
        self._sound.seekable = _never
        self.sample_rate = int(self._sound.samplerate)
        self.channels = int(self._sound.channels)
        self.container = str(self._sound.format)
        self.subtype = str(self._sound.subtype)
        frames = int(self._sound.frames)
        self.claimed_frames = frames if 0 < frames < _UNKNOWN_FRAMES else None
        self.plain = self.container in PLAIN_CONTAINERS and self.subtype.startswith(PLAIN_SUBTYPES)
        self._narrow: NDArray[np.int16] | None = None

    @property
    def log(self) -> str:
        """What libsndfile found in the header."""
        return str(self._sound.extra_info)

    def close(self) -> None:
        """Release the decoder; the file stays open."""
        self._sound.close()

    def seek(self, frame: int) -> bool:
        """Go to a frame; return whether that worked."""
        try:
            return int(self._sound.seek(frame)) == frame
        except FAILURES:
            return False

    def read(self, buffer: NDArray[np.float32], done: int) -> tuple[int, str | None]:
        """Fill `buffer` from frame `done` on; return how many of its frames are valid, and what went wrong."""
        if self.container == "MP3":
            with quiet_c_stderr():
                return self._read_marked(buffer)
        if self.plain:
            try:
                return self._read_plain(buffer), None
            except FAILURES as error:  # read again, to find out how much is valid
                self.plain = False
                if not self.seek(done):
                    return 0, describe_failure(error)
        return self._read_marked(buffer)

    def _read_plain(self, buffer: NDArray[np.float32]) -> int:
        if self.subtype != "PCM_16":
            return len(self._sound.read(out=buffer))
        if self._narrow is None:  # scaled here, which is faster and gives the same bits
            self._narrow = np.empty(buffer.shape, np.int16)
        narrow = self._sound.read(out=self._narrow[: len(buffer)])
        np.multiply(narrow, np.float32(2.0**-15), out=buffer[: len(narrow)], dtype=np.float32)
        return len(narrow)

    def _read_marked(self, buffer: NDArray[np.float32]) -> tuple[int, str | None]:
        buffer.fill(np.nan)
        try:
            return len(self._sound.read(out=buffer)), None
        except FAILURES as error:
            # What was decoded before the fault is in the buffer, but libsndfile does not say how much that is.
            missing = np.isnan(buffer).any(axis=1)
            return int(missing.argmax()) if missing.any() else len(buffer), describe_failure(error)


def _never() -> bool:
    return False


def import_soundfile() -> Any:
    """Return soundfile; a `DependencyError` says that it or libsndfile is not installed."""
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: soundfile is installed, libsndfile is not
        raise DependencyError(f"audio files need soundfile: {how_to_install('soundfile')} ({error})") from error
    return soundfile


def describe_failure(error: Exception) -> str:
    """Return the reason alone, in one line."""
    reason = printable(str(getattr(error, "error_string", None) or describe(error)))
    if "SF_INFO struct incomplete" in reason:  # so libsndfile calls a sample rate of 0
        return "the header states no usable sample rate"
    return reason.strip().rstrip(".")
