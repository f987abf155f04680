"""What was lost of a recording, and where, in one line."""

from __future__ import annotations

import math

from yamjit.text import printable

__all__ = ["GAP_S", "Losses"]

#: A gap in the time stamps that is reported if it is also as long as most of a packet: containers round them to a
#: millisecond, and clocks jitter.
GAP_S = 0.015

#: Sound of earlier packets that may still be decoded from the one in which a file was cut.
_LAST_S = 0.1


class Losses:
    """Faults found while a file is decoded: the first of each kind is reported, and how many there are.

    `at_s` is the length of the sound decoded so far, `reached_s` the latest end of a packet by its time stamp, in
    seconds.
    """

    def __init__(self, name: str) -> None:
        self.at_s = 0.0
        self.reached_s = 0.0
        self._name = name
        self._expected = math.nan
        self._kinds: dict[str, tuple[float, str, int, float]] = {}
        self._end: str | None = None
        self._remarks: tuple[str, ...] = ()
        self._lost = False
        self._cut = False

    def follow(self, starts_s: float, lasts_s: float) -> None:
        """Note that a frame was decoded, and what is missing before it by its time stamp, NaN if it has none."""
        gap = starts_s - self._expected
        if gap > max(GAP_S, 0.75 * lasts_s):
            self.add("gap in the time stamps", "what follows is read, and timed, too early by that much", gap)
        self._expected = starts_s + lasts_s
        self.reached_s = max(self.reached_s, self._expected)  # stays where it is for NaN
        self.at_s += lasts_s

    def add(self, what: str, reason: str = "", lost_s: float = 0.0) -> None:
        """Note a fault of a kind, such as ``"packet that cannot be decoded"``, at `at_s`."""
        first_s, why, count, lost = self._kinds.get(what, (self.at_s, printable(reason), 0, 0.0))
        self._kinds[what] = (first_s, why, count + 1, lost + lost_s)
        self._expected = math.nan  # the gap after it is this fault's

    def end(self, what: str, *, cut: bool = False) -> None:
        """Note why the file ends too early, and whether that is only because it was cut there."""
        self._end = f"ends at {self.at_s:.6g} s{what}"
        self._cut, self._lost = cut, self._lost or not cut

    def note(self, remarks: tuple[str, ...], *, lost: bool) -> None:
        """Note what was found before the file was decoded, and whether something is lost by it."""
        self._remarks, self._lost = remarks, self._lost or lost

    @property
    def inside(self) -> bool:
        """Whether the file holds sound that was not read: more than the packet in which it was cut."""
        for first_s, _, count, _ in self._kinds.values():
            if self.at_s - first_s > _LAST_S or (count > 1 and not self._cut):
                return True
        return self._lost

    def describe(self) -> str | None:
        """Return all of it in one line, None if nothing was lost."""
        parts = [_describe(what, *facts) for what, facts in list(self._kinds.items())]
        parts += [*([self._end] if self._end else []), *self._remarks]
        return f"{self._name}: {'; '.join(parts)}" if parts else None


def _describe(what: str, first_s: float, reason: str, count: int, lost_s: float) -> str:
    facts = [f"the first of {count}"] if count > 1 else []
    facts += [f"{lost_s:.3g} s"] if lost_s else []
    more = f" ({', '.join(facts)})" if facts else ""
    return f"{what} at {first_s:.6g} s{more}" + (f": {reason}" if reason else "")
