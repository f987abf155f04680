"""When a recording began: by its header, else by its name; and what speaks against it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from yamjit.audio.dated_headers import ReadAt, time_in_header
from yamjit.audio.dated_names import time_in_name

__all__ = ["begin_of", "time_in_header", "time_in_name"]

#: Names tell when a recording was to begin, headers when it did.
_TOLERANCE = timedelta(minutes=1)

#: AudioMoth's name of a recording without its quiet parts.
_TRIGGERED = re.compile(r"[0-9]{8}_[0-9]{6}T\.WAV$", re.IGNORECASE)


def begin_of(name: str, read_at: ReadAt, size: int) -> tuple[datetime | None, str | None]:
    """Return when a recording began, by its header, else by its name; and what speaks against it, in one line.

    Parameters
    ----------
    name : str
        Name of the file.
    read_at : callable
        Returns up to a number of bytes of the file from an offset on.
    size : int
        Length of the file in bytes.
    """
    named, found = time_in_name(name), time_in_header(read_at, size)
    begin = named if found is None else found[0]
    if begin is not None and named is not None and begin.tzinfo is None and _agree(named, begin):
        begin = begin.replace(tzinfo=named.tzinfo)
    return begin, "; ".join(_remarks(name, named, found)) or None


def _remarks(name: str, named: datetime | None, found: tuple[datetime, str] | None) -> Iterator[str]:
    if found is not None and named is not None and not _agree(named, found[0]):
        begin, source = found
        remark = f"its name says that it began at {named}, its header ({source}) at {begin}"
        if named.tzinfo is None and _agree(named.replace(tzinfo=timezone.utc), begin):
            remark += ", so the name is in UTC"
        yield f"{remark}; the header was believed: recorded_at overrules it"
    if (found is None or found[1] == "AudioMoth") and _TRIGGERED.search(name):
        yield (
            "it is a triggered recording of AudioMoth (T.WAV), which left out what was quiet: times after its first "
            "gap are too early; expand it first, with AudioMoth's configuration app"
        )


def _agree(named: datetime, begin: datetime) -> bool:
    """Return whether two times are the same; if one has no zone, whether clocks on the wall show the same."""
    if named.tzinfo is None or begin.tzinfo is None:
        named, begin = named.replace(tzinfo=None), begin.replace(tzinfo=None)
    return abs(named - begin) <= _TOLERANCE
