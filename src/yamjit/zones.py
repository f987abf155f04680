"""Time zones by their names, and dates and times as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo

from yamjit.errors import DependencyError, InputError
from yamjit.installing import how_to_install
from yamjit.suggestions import suggest
from yamjit.text import printable

__all__ = ["LOCAL", "left_out", "parse_time", "parse_zone"]

#: Compiled where they are needed, which is rare.
_OFFSET = r"(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?"
_TIME = r"(\d{4})-?(\d\d)-?(\d\d)[T _]?(\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,6})\d*)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?"


class _Local(tzinfo):
    """The zone of this machine, whose offset is that of each moment."""

    def utcoffset(self, when: datetime | None, /) -> timedelta | None:
        return None if when is None else when.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, when: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, when: datetime | None, /) -> str:
        return "local"

    def fromutc(self, when: datetime, /) -> datetime:
        return when.replace(tzinfo=timezone.utc).astimezone()

    def __str__(self) -> str:
        return "local"

    def __reduce__(self) -> str:
        return "LOCAL"


#: The zone of this machine.
LOCAL = _Local()


def parse_zone(name: str) -> tzinfo:
    """Return a zone: ``UTC``, an offset such as ``+02:00``, ``local``, or an IANA name such as ``Europe/Berlin``.

    Raises
    ------
    InputError
        If there is no such zone.
    DependencyError
        If this system has no table of time zones, as Windows has none, and the package tzdata is not installed.
    """
    if name.lower() == "local":
        return LOCAL
    if name.upper() in ("UTC", "Z"):
        return timezone.utc
    offset = re.fullmatch(_OFFSET, name, re.IGNORECASE)
    if offset is not None:
        return _fixed(name, *offset.groups())
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = sorted(zoneinfo.available_timezones())
        if not known:
            raise DependencyError(
                f"the time zone {printable(name[:60])!r} is not known, since this system has no table of time zones: "
                f"{how_to_install('tzdata')}, or give its offset, such as +02:00"
            ) from error
        raise InputError(
            f"{printable(name[:60])!r} is not a time zone; accepted are UTC, an offset such as +02:00, local, and a "
            f"name such as {(*suggest(name, known), 'Europe/Berlin')[0]}"
        ) from error


def parse_time(text: str) -> datetime:
    """Return a date and time of ISO 8601, such as ``2026-05-12T05:00:00+02:00``; without a zone, it has none.

    Raises
    ------
    InputError
        If it is none, or there is no such day or time.
    """
    found = re.fullmatch(_TIME, text.strip(), re.ASCII | re.IGNORECASE)
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        microsecond = int((fraction or "").ljust(6, "0"))
        begin = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microsecond)
        return begin if zone is None else begin.replace(tzinfo=parse_zone(zone))
    except ValueError as error:
        raise InputError(
            f"{printable(text[:60])!r} is not a date and time, such as 2026-05-12T05:00:00 or 2026-05-12T05:00:00+02:00"
        ) from error


def left_out(begin: datetime) -> str | None:
    """Return the line that says that no clock showed a time: it is in the hour that its zone leaves out in spring."""
    if begin.tzinfo is None:
        return None
    try:
        there = begin.astimezone(timezone.utc).astimezone(begin.tzinfo)
    except (OverflowError, OSError):  # within a day of year 1 or 9999; on Windows, before 1970
        return None
    if there.replace(tzinfo=None) == begin.replace(tzinfo=None):
        return None
    return (
        f"no clock in the time zone {begin.tzinfo} showed {begin:%Y-%m-%d %H:%M:%S}, which daylight saving time leaves "
        f"out: taken for {there:%H:%M:%S}; a recorder that keeps to winter time needs an offset, such as +01:00"
    )


def _fixed(name: str, sign: str, hours: str, minutes: str | None) -> tzinfo:
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if offset > timedelta(hours=14) or int(minutes or 0) > 59:
        raise InputError(f"{printable(name)!r} is not an offset from -14:00 to +14:00")
    return timezone(-offset if sign == "-" else offset)
