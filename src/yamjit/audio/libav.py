"""What is common to reading through FFmpeg's libraries (PyAV) and through its program."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from yamjit.audio.limits import AudioLimits, check_header
from yamjit.audio.losses import Losses
from yamjit.audio.reader import Reader

if TYPE_CHECKING:
    from yamjit.audio.containers import Container
    from yamjit.audio.opening import OpenedFile

__all__ = ["LibavReader"]


class LibavReader(Reader):
    """A file that FFmpeg decodes, from its start to its end: after a jump, a lossy codec gives other samples.

    The samples are those of ``ffmpeg -i FILE -c:a pcm_f32le``: integers divided by their full scale, the encoder's
    delay left out where the file states it. Of several audio streams, the one that ffmpeg chooses is read. `opened` is
    closed with the reader.
    """

    warnings: tuple[str, ...] = ()

    def __init__(self, opened: OpenedFile, container: Container, limits: AudioLimits) -> None:
        self._opened = opened
        self._kind = container
        self._limits = limits
        self.name = opened.name
        self.losses = Losses(self.name)

    @property
    def damage(self) -> str | None:
        """Once read: what was lost, and why the file ended too early."""
        return self.losses.describe()

    @property
    def lost(self) -> bool:
        """Once read: whether the file holds sound that could not be read."""
        return self.losses.inside

    def _introduce(self, sample_rate: int, channels: int, encoding: str) -> None:
        """Take in what the file says of itself, if it is accepted."""
        check_header(self.name, sample_rate, channels, self._limits)
        self.sample_rate, self.channels, self.encoding = sample_rate, channels, encoding
        self.format = f"{self._kind.name} {encoding}"

    @abstractmethod
    def release(self) -> None:
        """End the decoder; the file stays open."""

    def close(self) -> None:
        """End the decoder, and close the file if it was opened by path."""
        self.release()
        self._opened.close()
