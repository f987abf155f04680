"""Peak hold, as in a level meter: what was high a moment ago stays in sight."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Peaks"]

#: Seconds for which a peak stays where it is, and how fast it falls then, in full scales per second.
_HOLD_S, _FALL = 3.0, 0.2


class Peaks:
    """Marks of shares in [0, 1], each of which rises at once and falls slowly."""

    def __init__(self) -> None:
        self._peaks: npt.NDArray[np.float64] = np.zeros(1)
        self._since: npt.NDArray[np.float64] = np.zeros(1)

    def update(self, time_s: float, shares: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Take the shares, (n,), of a later time, in seconds; return the mark of each, which is not below it."""
        marks = self._peaks - _FALL * np.maximum(0.0, time_s - self._since - _HOLD_S)
        is_peak = np.asarray(shares) >= marks
        self._peaks = np.where(is_peak, shares, self._peaks)
        self._since = np.where(is_peak, time_s, self._since)
        return np.where(is_peak, shares, marks)
