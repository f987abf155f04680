"""Values as text, for formats that escape little or nothing."""

from __future__ import annotations

import re
from datetime import datetime

from yamjit.clock import iso
from yamjit.text import printable

__all__ = ["cell", "one_line", "plain", "seconds", "shown", "told_time"]

_SURROGATES = "[\ud800-\udfff]"

#: Characters that some reader takes for the end of a line or a cell, and NUL, at which some stop.
_BREAKS = "[\x00\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]+"


def plain(text: str) -> str:
    """Return `text` as UTF-8 can hold it: lone surrogates, as of undecodable file names, become U+FFFD."""
    return text if text.isprintable() else re.sub(_SURROGATES, "\ufffd", text)


def one_line(text: str) -> str:
    """Return `text` with a space in place of tabs and line ends."""
    return text if text.isprintable() else re.sub(_BREAKS, " ", plain(text))


def shown(text: str) -> str:
    """Return `text` in one line for people; characters that a terminal would act on are escaped."""
    return printable(one_line(text))


def cell(text: str) -> str:
    """Return `text` for a table with tabs, which has no escapes: a quotation mark at its start would open a quote."""
    line = one_line(text)
    return "'" + line[1:] if line.startswith('"') else line


def seconds(value: float) -> str:
    """Return a time to the microsecond."""
    return f"{value:.6f}"


def told_time(moment: datetime | None) -> str:
    """Return a date and time for people, with its offset if that is known; empty for None."""
    return iso(moment).replace("T", " ")
