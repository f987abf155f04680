"""A stretch of time of a recording, and the frames that it holds."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yamjit import checks
from yamjit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Span"]

#: 30,000 years: frames are counted in 64 bits.
_MOST_SECONDS = 1e12


@dataclass(frozen=True, slots=True)
class Span:
    """Frames of a recording.

    Parameters
    ----------
    start : int
        The first one, counted from 0.
    end : int, optional
        The one after the last; None for the end of the recording.
    """

    start: int = 0
    end: int | None = None

    @classmethod
    def of_seconds(cls, start_s: Any, end_s: Any, sample_rate: int) -> Span:
        """Return the stretch from `start_s` to `end_s`, each rounded to a frame.

        Parameters
        ----------
        start_s : float >= 0
            In seconds.
        end_s : float > start_s, optional
            In seconds; None for the end of the recording.
        sample_rate : int
            In Hz.

        Raises
        ------
        InputError
            If these are no times, or no frame lies between them.
        """
        start = _frame(start_s, "start_s", sample_rate)
        if end_s is None:
            return cls(start)
        end = _frame(end_s, "end_s", sample_rate)
        if end <= start:
            given = f"start_s, which is {checks.shown(start_s)}"
            raise InputError(f"end_s is {checks.shown(end_s)}; accepted are seconds after {given}")
        return cls(start, end)

    def length(self, frames: int | None) -> int | None:
        """Return how many frames it has of a recording of `frames`; None if nobody knows."""
        if frames is None:
            return None if self.end is None else self.end - self.start
        return max(0, min(frames, frames if self.end is None else self.end) - self.start)

    def cut(self, blocks: Generator[NDArray[np.float32], None, None], skipped: int) -> Iterator[NDArray[np.float32]]:
        """Yield what lies in the span.

        Parameters
        ----------
        blocks : generator of np.ndarray [shape=(n, channels), float32]
            Closed at the end of the span.
        skipped : int
            Number of frames that were left out before the first block.
        """
        position = skipped
        with contextlib.closing(blocks):
            for block in blocks:
                first, position = position, position + len(block)
                low = max(0, self.start - first)
                high = len(block) if self.end is None else min(len(block), self.end - first)
                if low < high:
                    yield block[low:high]
                if self.end is not None and position >= self.end:
                    return


def _frame(seconds: Any, what: str, sample_rate: int) -> int:
    return math.floor(checks.number(seconds, what, 0, _MOST_SECONDS, kind="seconds") * sample_rate + 0.5)
