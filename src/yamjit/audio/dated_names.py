"""When a recording began, by the name that its recorder gave it: where the name has one reading, and one only."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

__all__ = ["time_in_name", "zone_of"]

#: A date and a time of day as recorders write them: 20260512_050000, 20260512$050000, 20260512T050000.000+1000,
#: 2026-05-12 05.00.00, 2026-05-12-birdnet-05:00:00. The separators of a date are alike, and those of a time.
#: Hours and minutes alone are a time only where something says so: 20260512_0500 may be a file's number.
_MOMENT = r"""(?xa)
    (?<![0-9])
    (?P<year>199[0-9]|20[0-9]{2}) (?P<dash>[-._ ]?) (?P<month>[0-9]{2}) (?P=dash) (?P<day>[0-9]{2})
    (?P<between> T | [_ -]birdnet-(?:RTSP_[0-9]{1,3}-)? | [_ -]{1,3} | [$.@] | )
    (?P<hour>[0-9]{2})
    (?:
        (?P<colon>[-:._ ]?) (?P<minute>[0-9]{2}) (?P=colon) (?P<second>[0-9]{2})
        | h (?P<minute_h>[0-9]{2}) (?: m? (?P<second_h>[0-9]{2}) s? | m )?
        | (?: : | (?<=T[0-9]{2}) [-._]? ) (?P<minute_t>[0-9]{2})
    )
    (?: [.,] (?P<fraction>[0-9]{1,9}) (?= Z | [+-][0-9]{4} | [+-][0-9]{2}: ) )?
    (?P<zone> [ _]?(?:UTC|GMT)(?![A-Za-z0-9+-]) | Z(?![A-Za-z0-9])
        | [+-][0-9]{2}:?[0-9]{2}(?![0-9A-Za-z]) | \+[0-9]{2}(?![0-9A-Za-z]) )?
    (?![0-9])
    """

_HALF_OF_THE_DAY = r"(?a)[ \u202f]?[AaPp]\.?[Mm]\b"

#: Frontier Labs write the start and the end of a recording into its name.
_START_AND_END = r"(?a)S[0-9]{8}T[^_]{6,16}_E(?=[0-9]{8}T)"
#: AudioMoth's names until 2019: seconds since 1970. Digits alone, or small letters, may be any number.
_HEXADECIMAL = r"(?a)(?=[0-9]*[A-F])([0-9A-F]{8})\.WAV"
_HEXADECIMAL_YEARS = range(2017, 2031)
#: SoundTrap: the serial number, then year, month, day, hour, minute and second of two digits each.
_SOUND_TRAP = r"(?a)(?:^|(?<=_))[0-9]{3,12}\.([0-9]{12})(?=\.)"

#: A segment that `yamjit.segments` cut out: the name of the recording, and the second at which the segment begins.
_SEGMENT = r"(?a)(.+)_([0-9]{6,7}\.[0-9]{3})_.*\.(?:flac|wav|WAV)"

#: Names of files are no longer, and with fewer digits, or capitals that stand for some, none tells a time.
_MOST_CHARACTERS = 1_000
_DIGITS, _FEWEST_DIGITS = "0123456789ABCDEF", 8

#: Offsets from UTC that zones of the world have, in minutes.
_ZONES = range(-12 * 60, 14 * 60 + 1, 15)


def time_in_name(name: str) -> datetime | None:
    """Return when a recording began, by the name of its file; None if nothing is certain.

    Folders before the name do not count. The time is aware if the name states its offset from UTC, else naive: what
    a clock showed where it was recorded.
    """
    name = re.split(r"[/\\]", name)[-1]
    if len(name) > _MOST_CHARACTERS or sum(map(_DIGITS.count, name)) < _FEWEST_DIGITS:
        return None
    into = timedelta()
    while (match := re.fullmatch(_SEGMENT, name)) is not None:
        name, into = f"{match[1]}.WAV", into + timedelta(seconds=float(match[2]))
    begin = _time_in_whole(name)
    return None if begin is None else begin + into


def _time_in_whole(name: str) -> datetime | None:
    """Return when a recording began, by the name of one that was not cut out of another."""
    if (match := re.fullmatch(_HEXADECIMAL, name)) is not None:
        since_1970 = datetime.fromtimestamp(int(match[1], 16), timezone.utc)
        return since_1970 if since_1970.year in _HEXADECIMAL_YEARS else None
    if (match := re.search(_SOUND_TRAP, name)) is not None:
        return _sound_trap(match[1])
    moments = [moment for match in re.finditer(_MOMENT, name) if (moment := _moment(match)) is not None]
    if len(set(map(str, moments))) != 1 and not (moments and re.search(_START_AND_END, name)):
        return None
    return moments[0]


def zone_of(text: str) -> timezone | None:
    """Return the zone of an offset such as ``Z``, ``UTC``, ``+0200``, ``-03:30`` or ``+2``; None if there is none."""
    match = re.fullmatch(r"([+-])([0-9]{1,2})(?::?([0-9]{2}))?", text.strip(" _"), re.ASCII)
    if match is None:
        return timezone.utc if text.strip(" _") in ("Z", "UTC", "GMT") else None
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    if match[1] == "-":
        minutes = -minutes
    return timezone(timedelta(minutes=minutes)) if minutes in _ZONES else None


def _moment(match: re.Match[str]) -> datetime | None:
    """Return the moment that was found; None if no calendar or clock has it."""
    groups = match.groupdict()
    if not groups["between"] and (groups["dash"] or groups["colon"] or groups["second"] is None):
        return None
    if re.match(_HALF_OF_THE_DAY, match.string[match.end() :]):
        return None
    # After a hyphen, four digits may be a file's number; the time of day is the same either way.
    is_number = "-" in f"{groups['between']}{groups['colon']}" and (groups["zone"] or "").startswith("-")
    minute = groups["minute"] or groups["minute_h"] or groups["minute_t"] or "0"
    second = groups["second"] or groups["second_h"] or "0"
    try:
        return datetime(
            int(groups["year"]),
            int(groups["month"]),
            int(groups["day"]),
            int(groups["hour"]),
            int(minute),
            int(second),
            int((groups["fraction"] or "0").ljust(6, "0")[:6]),
            None if is_number else zone_of(groups["zone"] or ""),
        )
    except ValueError:
        return None


def _sound_trap(digits: str) -> datetime | None:
    try:
        return datetime.strptime(f"20{digits}", "%Y%m%d%H%M%S")
    except ValueError:
        return None
