"""Peak hold, as in a level meter: what was high a moment ago stays in sight."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

__all__ = ["Peaks"]

#: Seconds for which a peak stays where it is, and how fast it falls then, in full scales per second.
_HOLD_S, _FALL = 3.0, 0.2


class Peaks:
    """Marks of shares in [0, 1] that rise at once and fall slowly, each by its name."""

    def __init__(self) -> None:
        self._peaks: dict[Hashable, tuple[float, float]] = {}

    def update(self, time_s: float, shares: Mapping[Hashable, float]) -> dict[Hashable, float]:
        """Take the shares of a later time, in seconds; return the mark of each, at or above its share."""
        marks = {}
        for name, share in shares.items():
            peak, since = self._peaks.get(name, (share, time_s))
            mark = peak - max(0.0, time_s - since - _HOLD_S) * _FALL
            if share >= mark:
                mark = share
                self._peaks[name] = share, time_s
            marks[name] = mark
        return marks
