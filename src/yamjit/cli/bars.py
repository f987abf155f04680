"""Bars in a terminal that follow the scores of a live source."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from yamjit.output.cells import shown
from yamjit.results import Row

__all__ = ["Bars", "bar", "clock", "fitted"]

_EIGHTHS = " ▏▎▍▌▋▊▉"
_GREEN, _DIM, _BOLD, _PLAIN = "\x1b[32m", "\x1b[2m", "\x1b[1m", "\x1b[0m"

#: Level in dBFS at which the meter is empty; it is full at 0.
_QUIET_DBFS = -60.0

_MOST_LABEL = 30
_METER = 20


class Bars:
    """A block of lines at the bottom of a terminal that is redrawn in place; other lines go above it.

    With `several_heads`, the name of each head is printed above its rows.
    """

    def __init__(self, stream: TextIO, *, several_heads: bool = False) -> None:
        self._stream = stream
        self._several_heads = several_heads
        self._drawn = 0
        self._colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._ascii = not _takes(stream, _EIGHTHS + "█·")

    def draw(self, time_s: float, level_dbfs: float, rows: Sequence[Row], lines: int, status: str) -> None:
        """Draw time, level and a bar for each row, on `lines` lines, in place of the last drawing."""
        width = max(20, shutil.get_terminal_size().columns - 1)
        share = (level_dbfs - _QUIET_DBFS) / -_QUIET_DBFS
        meter = f"{clock(time_s)}  {max(level_dbfs, -120):6.1f} dBFS  {self._bar(share, _METER)}"
        text = [self._styled(_BOLD, fitted(f"{meter}  {status}", width))]
        before = None
        for row in rows:
            if self._several_heads and row.head != before:
                text.append(self._styled(_DIM, fitted(f"  {row.head}", width)))
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

    def _line(self, row: Row, width: int) -> str:
        label = fitted(row.label if row.channel is None else f"{row.label} ({row.channel})", _MOST_LABEL)
        room = max(4, width - _MOST_LABEL - 10)
        return f"  {label:<{_MOST_LABEL}} {row.score:.2f} " + self._styled(_GREEN, self._bar(row.score, room))

    def _bar(self, share: float, width: int) -> str:
        return bar(share, width, ascii_only=self._ascii)

    def _styled(self, style: str, text: str) -> str:
        return f"{style}{text}{_PLAIN}" if self._colours else text

    def _replace(self, text: Sequence[str]) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        # One write, so that nobody sees half a drawing; the rest of a longer former line is cleared.
        self._stream.write(up + "".join(f"\r\x1b[K{line}\n" for line in text) + "\x1b[J")
        self._stream.flush()
        self._drawn = len(text)


def bar(share: float, width: int, *, ascii_only: bool = False) -> str:
    """Return a bar of `width` cells, filled from the left by a share in [0, 1]."""
    share = min(1.0, max(0.0, share))
    if ascii_only:
        return ("#" * round(share * width)).ljust(width, ".")
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width, "·")


def clock(time_s: float) -> str:
    """Return a time as hours, minutes, seconds and tenths."""
    tenths = round(time_s * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 10:02}.{rest % 10}"


def fitted(text: str, width: int) -> str:
    """Return a text of at most `width` characters, in one line."""
    plain = shown(text)
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def _takes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or sys.getdefaultencoding())
    except (UnicodeError, LookupError):
        return False
    return True
