"""What the readers of FFmpeg's libraries and of its program have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from yamjit.audio.losses import Losses
from yamjit.audio.reader import Reader

if TYPE_CHECKING:
    from yamjit.audio.containers import Container
    from yamjit.audio.opening import OpenedFile

__all__ = ["LibavReader"]


class LibavReader(Reader):
    """A file that another library than libsndfile decodes, from its start to its end.

    Parameters
    ----------
    opened : OpenedFile
        Closed with the reader.
    container : Container
        What the file is.
    """

    warnings: tuple[str, ...] = ()

    def __init__(self, opened: OpenedFile, container: Container) -> None:
        self._opened = opened
        self._kind = container
        self.name = opened.name
        self.losses = Losses(self.name)

    # `skip` leaves nothing out: after a jump, a lossy codec gives other samples.

    @property
    def damage(self) -> str | None:
        """Once read: what was lost, and why the file ended too early."""
        return self.losses.describe()

    @property
    def lost(self) -> bool:
        """Once read: whether the file holds sound that could not be read."""
        return self.losses.inside

    @abstractmethod
    def release(self) -> None:
        """End the decoder; the file stays open."""

    def close(self) -> None:
        """End the decoder, and close the file if it was opened by path."""
        self.release()
        self._opened.close()
