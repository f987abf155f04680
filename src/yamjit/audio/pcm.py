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
        try:
            data = self._file.read_at(self._start + self._frame * self._block, count * self._block)
        except OSError as error:
            return 0, describe(error)
        count = len(data) // self._block
        self._frame += count
        samples = np.frombuffer(data, "<i2", count * self.channels).reshape(count, self.channels)
        np.multiply(samples, np.float32(2.0**-15), out=buffer[:count], dtype=np.float32)
        return count, None
