"""Bars in a terminal that follow the scores of a live source."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import NamedTuple, TextIO

from yamjit.cli.peaks import Peaks
from yamjit.cli.progress_line import width_of
from yamjit.cli.streams import takes
from yamjit.output.cells import shown

__all__ = ["Bars", "ScoreBar", "bar", "elapsed", "fitted"]

_EIGHTHS = " ▏▎▍▌▋▊▉"
_MARK = "│"
_GREEN, _DIM, _BOLD, _PLAIN = "\x1b[32m", "\x1b[2m", "\x1b[1m", "\x1b[0m"

#: Level in dBFS at which the meter is empty; it is full at 0.
_QUIET_DBFS = -60.0

_MOST_LABEL = 30
_LEAST_METER, _MOST_METER = 4, 20


class ScoreBar(NamedTuple):
    """A score, and the mark of what it was of late."""

    label: str
    score: float
    mark: float = 0.0
    channel: int | None = None
    head: str = ""


class Bars:
    """A block of lines at the bottom of a terminal that is redrawn in place; other lines go above it.

    With `several_heads`, the name of each head is printed above its rows. Bars have a mark at what was high of late.
    """

    def __init__(self, stream: TextIO, *, several_heads: bool = False) -> None:
        self._stream = stream
        self._several_heads = several_heads
        self._drawn = 0
        self._colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._ascii = not takes(stream, _EIGHTHS + _MARK + "█·")
        self._level = Peaks()

    def draw(
        self,
        time: tuple[float, str],
        level_dbfs: float,
        rows: Sequence[ScoreBar],
        lines: int,
        status: Sequence[str],
    ) -> None:
        """Draw time, level and a bar for each row, on `lines` lines, in place of the last drawing.

        The time is given in seconds and as it is shown. Of the `status`, the first texts are shown where there is room.
        """
        width = max(1, shutil.get_terminal_size().columns - 1)
        text = [self._styled(_BOLD, self._title(time, level_dbfs, status, width))]
        before = None
        for row in rows:
            if self._several_heads and row.head != before:
                text.append(self._styled(_DIM, self._fitted(f"  {row.head}", width)))
            before = row.head
            text.append(self._line(row, width))
        text += [""] * (1 + lines - len(text))
        self._replace(text[: 1 + lines])

    def above(self, line: str) -> None:
        """Print a line that stays above the drawing."""
        self._replace([line])
        self._drawn = 0

    def leave(self) -> None:
        """Let the drawing stay, and go on below it."""
        self._drawn = 0

    def _title(self, time: tuple[float, str], level_dbfs: float, status: Sequence[str], width: int) -> str:
        """Return the line of time, level and status; what matters least is left out first."""
        line, level = time[1], f"{max(level_dbfs, -120):.0f} dBFS".rjust(9)
        room = width - len(line) - sum(2 + len(part) for part in status)
        if room >= 2 + len(level):
            line += "  " + level
            room -= 2 + len(level)
        if room >= 2 + _LEAST_METER:
            share = min(1.0, max(0.0, 1 - level_dbfs / _QUIET_DBFS))
            mark = float(self._level.update(time[0], [share])[0])
            line += "  " + self._bar(share, min(_MOST_METER, room - 2), mark)
        return self._fitted("  ".join([line, *status]), width)

    def _line(self, row: ScoreBar, width: int) -> str:
        most = max(1, min(_MOST_LABEL, width // 2))
        label = self._fitted(row.label if row.channel is None else f"{row.label} ({row.channel})", most)
        line = f"  {label}{' ' * (most - width_of(label))} {row.score:.2f} "
        room = width - width_of(line)
        return (
            line + self._styled(_GREEN, self._bar(row.score, room, row.mark)) if room > 0 else self._fitted(line, width)
        )

    def _bar(self, share: float, width: int, mark: float) -> str:
        return bar(share, width, mark, ascii_only=self._ascii)

    def _fitted(self, text: str, width: int) -> str:
        return fitted(text, width, ascii_only=self._ascii)

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._colours else text

    def _replace(self, text: Sequence[str]) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        # One write, so that nobody sees half a drawing; the rest of a longer former line is cleared.
        self._stream.write(up + "".join(f"\r\x1b[K{line}\n" for line in text) + "\x1b[J")
        self._stream.flush()
        self._drawn = len(text)


def bar(share: float, width: int, mark: float = 0.0, *, ascii_only: bool = False) -> str:
    """Return a bar of `width` cells, filled from the left by a share in [0, 1], with a mark at another one above it."""
    share = min(1.0, max(0.0, share))
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    if ascii_only:
        cells = ("#" * round(share * width)).ljust(width, ".")
    else:
        cells = ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width, "·")
    place = min(width, round(mark * width)) - 1
    if place < 0 or cells[place] not in "·.":
        return cells
    return cells[:place] + ("|" if ascii_only else _MARK) + cells[place + 1 :]


def elapsed(time_s: float) -> str:
    """Return a time as hours, minutes, seconds and tenths."""
    tenths = round(time_s * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 10:02}.{rest % 10}"


def fitted(text: str, width: int, *, ascii_only: bool = False) -> str:
    """Return a text that takes at most `width` columns, in one line."""
    plain = shown(text)
    if width_of(plain) <= width:
        return plain
    while width_of(plain) >= width and plain:
        plain = plain[:-1]
    return plain + ("~" if ascii_only else "…")
