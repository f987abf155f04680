"""When a recording began: by its header, else by its name; and whether the two agree."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from yamjit.audio.dated_headers import ReadAt, time_in_header
from yamjit.audio.dated_names import time_in_name

__all__ = ["begin_of", "time_in_header", "time_in_name"]

#: Names tell when a recording was to begin, headers when it did.
_TOLERANCE = timedelta(minutes=1)


def begin_of(name: str, read_at: ReadAt, size: int) -> tuple[datetime | None, str | None]:
    """Return when a recording began, by its header, else by its name; and in what the two contradict each other.

    A name in UTC beside a header that tells the local time is a contradiction as well: other software, which goes by
    names alone, is some hours off.
    """
    named, found = time_in_name(name), time_in_header(read_at, size)
    if found is None:
        return named, None
    begin, source = found
    if named is None:
        return begin, None
    if _agree(named, begin):
        return (begin if begin.tzinfo else begin.replace(tzinfo=named.tzinfo)), None
    remark = f"its name says that it began at {named}, its header ({source}) at {begin}"
    if named.tzinfo is None and begin.tzinfo is not None and _agree(named.replace(tzinfo=timezone.utc), begin):
        remark += ", so its name is in UTC"
    return begin, f"{remark}; the header was believed"


def _agree(named: datetime, begin: datetime) -> bool:
    if named.tzinfo is None or begin.tzinfo is None:
        named, begin = named.replace(tzinfo=None), begin.replace(tzinfo=None)
    return abs(named - begin) <= _TOLERANCE
