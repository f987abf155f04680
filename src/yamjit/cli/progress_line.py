"""How far a run is, in a line that fits a terminal."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["State", "elapsed", "line", "sentence", "share_of", "width_of"]

#: Columns of a bar, at least and at most, and those of a name from which on it is worth showing.
_BAR, _LONGEST_BAR, _NAME = 10, 40, 12

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class State(NamedTuple):
    """How far a run is.

    `total_s` is None while it is not known; it is the least that is known unless `is_whole`. `speed` counts seconds of
    sound heard in one, `name` is that of a recording under way.
    """

    heard_s: float
    total_s: float | None
    is_whole: bool = True
    speed: float | None = None
    name: str = ""

    @property
    def share(self) -> float | None:
        """What is done of all, from 0 to 1, if it is known."""
        return min(1.0, self.heard_s / self.total_s) if self.total_s and self.is_whole else None

    @property
    def how_far(self) -> str:
        """Seconds heard, of those that there are: ``1:02:10 of 48:00:00``."""
        if self.total_s is None or (not self.is_whole and self.total_s <= self.heard_s):
            return f"{elapsed(self.heard_s)} heard"
        return f"{share_of(self.heard_s, self.total_s)}{'' if self.is_whole else ' or more'}"

    @property
    def pace(self) -> str:
        """Speed as a multiple of real time: ``1,900x``; empty if nothing moves."""
        if not self.speed:
            return ""
        return f"{self.speed:,.0f}x" if self.speed >= 10 else f"{self.speed:.1f}x"

    @property
    def left(self) -> str:
        """Time that is left: ``2 h 10 min left``; empty if it is not known."""
        if not self.speed or self.share is None or self.total_s is None:
            return ""
        return f"{_in_words(max(0.0, self.total_s - self.heard_s) / self.speed)} left"


def sentence(state: State) -> str:
    """Return a line of a log."""
    name = f" ({state.name})" if state.name else ""
    return ", ".join(filter(None, (state.how_far, state.pace, state.left))) + name


def line(state: State, columns: int, *, full: str = "█") -> str:
    """Return a line that fills a terminal but for one of its `columns`: as much as fits, then spaces.

    `full` is what a bar is made of.
    """
    most = columns - 1
    texts = [(state.how_far, state.pace, state.left), (state.how_far, state.left), (state.how_far,)]
    fitting = [text for text in (", ".join(filter(None, parts)) for parts in texts) if len(text) <= most]
    text = fitting[0] if fitting else state.how_far[: max(0, most)]
    share = state.share
    if share is not None and most - len(text) > len("100% "):
        percent = f"{int(share * 100):3}% "
        room = most - len(text) - len(percent) - len("|| ")
        if room < _BAR:
            return (percent + text).ljust(most)
        bar = min(_LONGEST_BAR, room if room < _BAR + _NAME else max(_BAR, room - len(state.name) - 2))
        text = f"{percent}|{(full * int(share * bar)).ljust(bar)}| {text}"
    text += _name(state.name, most - len(text) - 2)
    return text + " " * (most - width_of(text))


def elapsed(seconds: float, *, hours: bool = False) -> str:
    """Return a length of time as ``0:07``, ``12:34`` or ``1:02:10``; with `hours`, always as the last."""
    minutes, second = divmod(int(seconds), _MINUTE)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour or hours else f"{minute}:{second:02}"


def share_of(seconds: float, whole_s: float | None) -> str:
    """Return a part of a length of time, if that is known: ``0:02:10 of 48:00:00``."""
    if whole_s is None:
        return elapsed(seconds)
    return f"{elapsed(seconds, hours=whole_s >= _HOUR)} of {elapsed(whole_s)}"


def _in_words(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    large, small, names = (_HOUR, _MINUTE, ("h", "min")) if seconds < _DAY else (_DAY, _HOUR, ("d", "h"))
    whole, rest = divmod(round(seconds / small), large // small)
    return f"{whole} {names[0]} {rest} {names[1]}"


def _name(name: str, room: int) -> str:
    """Return two spaces and a name, or its end, where there is room."""
    if width_of(name) > room:
        while name and width_of(name) > room - 3:
            name = name[1:]
        name = f"...{name}"
    return f"  {name}" if name and room >= _NAME else ""


def width_of(text: str) -> int:
    """Return how many columns a text takes: characters of East Asia and emoji take two, accents none."""
    if text.isascii():
        return len(text)
    import unicodedata  # a megabyte, and rarely needed

    widths = {"W": 2, "F": 2}
    return sum(0 if unicodedata.combining(one) else widths.get(unicodedata.east_asian_width(one), 1) for one in text)
