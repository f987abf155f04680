"""What every source of audio gives: its name, rate and channels, and its samples in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Reader"]


class Reader(ABC):
    """A source that is read once, from start to end; `yamjit.audio.AudioSource` says what the attributes mean."""

    name: str
    sample_rate: int
    channels: int
    format: str
    #: Length, as far as it is known before it is read.
    claimed_frames: int | None = None
    live = False
    #: Whether it opens what the system or somebody else counts: memory alone need not be closed.
    opens = True
    #: Whether each block is a new array, which is not overwritten by the next one.
    anew = False
    #: When it began, as its header or its name says, and in what these contradict each other.
    recorded_at: datetime | None = None
    contradiction: str | None = None

    @property
    def damage(self) -> str | None:
        """Once read: what is wrong with the source, in one line, such as why it ended too early."""
        return None

    @property
    def lost(self) -> bool:
        """Once read: whether the source holds sound that could not be read."""
        return False

    @property
    def warnings(self) -> tuple[str, ...]:
        """Once read: what else went wrong, a line each."""
        return ()

    def arrival(self) -> tuple[float, float] | None:
        """Return when the block that was yielded last had come, by `time.monotonic`, and the sound lost before its end.

        The loss is in seconds. None where sound is not heard as it comes.
        """
        return None

    def skip(self, frames: int) -> int:
        """Before `frames`: leave out the first `frames` if that is cheap and exact; return how many were left out."""
        return 0

    @abstractmethod
    def frames(self) -> Generator[NDArray[np.float32], None, None]:
        """Yield the samples, float32 (n, channels); a block may be overwritten, by its user or by the next one."""

    @abstractmethod
    def close(self) -> None:
        """Release what the reader opened."""
