"""16-bit samples of a WAV file whose header is right, read as they are: for them, libsndfile need not be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yamjit.disk import describe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from yamjit.audio.layout import Pcm
    from yamjit.audio.opening import OpenedFile

__all__ = ["PcmDecoder"]

_WIDTH = 2

#: Where reading fails, it is tried again in parts of half the size, down to this number of bytes.
_LEAST = 4096


class PcmDecoder:
    """What `yamjit.audio.decoder.Decoder` is, for samples in one place of a file; the same numbers come out."""

    container, subtype = "WAV", "PCM_16"
    plain = True
    log = ""

    def __init__(self, file: OpenedFile, samples: Pcm) -> None:
        self._file = file
        self._start = samples.start
        self._block = _WIDTH * samples.channels
        self._frame = 0
        self.sample_rate = samples.sample_rate
        self.channels = samples.channels
        self.claimed_frames = (samples.end - samples.start) // self._block

    def close(self) -> None:
        """Do nothing: the file stays open."""

    def seek(self, frame: int) -> bool:
        """Go to a frame; return whether that worked."""
        self._frame = frame
        return True

    def read(self, buffer: NDArray[np.float32], _done: int) -> tuple[int, str | None]:
        """Fill `buffer` from where it is; return how many of its frames are valid, and what went wrong."""
        count = min(len(buffer), self.claimed_frames - self._frame)
        data, fault = self._read_bytes(self._start + self._frame * self._block, count * self._block)
        count = len(data) // self._block
        self._frame += count
        samples = np.frombuffer(data, "<i2", count * self.channels).reshape(count, self.channels)
        np.multiply(samples, np.float32(2.0**-15), out=buffer[:count], dtype=np.float32)
        return count, fault

    def _read_bytes(self, start: int, count: int) -> tuple[bytes, str | None]:
        """Return the bytes from `start` on, up to `count` or a place that cannot be read, and what went wrong there."""
        data, part, fault = b"", count, None
        while len(data) < count and part >= (_LEAST if fault else 1):
            try:
                more = self._file.read_at(start + len(data), min(part, count - len(data)))
            except OSError as error:
                fault = describe(error)
                part //= 2
                continue
            if not more:
                break
            data += more
        return data, fault if len(data) < count else None
