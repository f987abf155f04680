"""Meaning of the columns of a table, by their names; columns that could mean two things are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from yamjit.errors import InputError
from yamjit.suggestions import did_you_mean, with_hint
from yamjit.text import printable

__all__ = ["ROLES", "Column", "find_columns", "shown"]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: Names of columns, without spaces, marks and units; the first one that a table has is used.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "file": _names(
        "filename file path audio filepath audiofile audiopath audiofilepath audiofilename fname slicefilename "
        "wavfile wavfilename soundfile soundfiles beginpath beginfile recording"
    ),
    "label": _names(
        "category label labels class classname eventlabel event annotation species commonname scientificname "
        "speciescode primarylabel positivelabels soundclass tag tags"
    ),
    "fold": _names("fold folds foldid cvfold split"),
    "split": _names("split subset partition set dataset"),
    "group": _names("group srcfile fsid source recording speaker"),
    "start": _names(
        "start begin onset starttime begintime onsettime eventonset timestart timebegin tstart tbegin tmin xmin "
        "segmentstart eventstart eventstarttime starttimestamp from"
    ),
    "end": _names(
        "end stop endtime stoptime offsettime eventoffset timeend timestop tend tstop tmax xmax segmentend eventend "
        "eventendtime endtimestamp to"
    ),
    "duration": _names("duration dur length segmentduration segmentlength eventduration"),
    "file_offset": _names("fileoffset"),
}

#: Names of columns of labels in a table of Raven.
_RAVEN_LABELS = (*_names("annotation species label class commonname speciescode"), *_NAMES["label"])

ROLES = tuple(_NAMES)

#: Units at the end of a column's name, and how many make a second; None if that is unknown.
_UNITS: Mapping[str, float | None] = {
    **dict.fromkeys(_names("s sec secs second seconds"), 1.0),
    **dict.fromkeys(_names("ms msec msecs millis millisecond milliseconds"), 1e3),
    **dict.fromkeys(_names("us usec microsecond microseconds"), 1e6),
    **dict.fromkeys(_names("sample samples frame frames min mins minute minutes h hour hours"), None),
}

_TIMES = ("start", "end", "duration")

#: Columns with a list of classes, separated by commas, in FSD50K, similar data sets and AudioSet.
_LISTS = ("labels", "positivelabels", "tags")

#: Columns of files that are cut out of longer recordings, in which times count.
_SLICES, _VIDEOS = ("slicefilename",), ("ytid", "youtubeid")


class Column(NamedTuple):
    """A column that is used: its name and its place in the header.

    `key` is its name without spaces, marks and unit; `per_second` says how many of its unit make a second.
    """

    name: str
    place: int
    key: str
    per_second: float | None = 1.0

    @property
    def is_list(self) -> bool:
        """Whether its cells are classes, separated by commas."""
        return self.key in _LISTS


def _column(name: str, place: int) -> Column:
    """Read ``Begin Time (s)`` as "begintime" in seconds, ``startMs`` as "start" in milliseconds."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = re.findall(r"[^\W_]+", spaced.lower().replace("ss.msec", "s"))  # ELAN's seconds
    if len(words) > 1 and words[-1] in _UNITS:
        *words, unit = words
        return Column(name, place, "".join(word for word in words if word != "in"), _UNITS[unit])
    return Column(name, place, "".join(words))


def find_columns(
    path: Path, header: Sequence[str], given: Mapping[str, str], *, needed: Iterable[str] = ("file", "label")
) -> dict[str, Column]:
    """Return the columns that are used, by their roles; `path` is for messages.

    `given` are the names that some of `ROLES` have in this table, "" for a role without a column; those in `needed`
    must have one.
    """
    strange = [role for role in given if role not in _NAMES]
    missing = [name for name in given.values() if name and name not in header]
    if strange:
        raise InputError(f"{path}: there is no {shown(strange)} among the kinds of columns: {shown(ROLES)}")
    if missing:
        meant = did_you_mean(str(missing[0]), header)
        raise InputError(with_hint(f"{path}: there is no {shown(missing)} among the columns: {shown(header)}", meant))
    columns = [_column(name, place) for place, name in enumerate(header)]
    found = {role: column for role in ROLES if (column := _find(columns, role, given))}
    for role in needed:
        if role not in found:
            names = ", ".join(_NAMES[role][:8])
            raise InputError(f"{path}: no column for the {role} in {shown(header)}; {names} and others are known")
    if "group" in found and found["group"] == found.get("file"):
        del found["group"]
    _settle_times(path, columns, given, found)
    for column in found.values():
        if header.count(column.name) > 1:
            raise InputError(f"{path}: two columns are called {column.name!r}")
    return found


def shown(names: Sequence[str]) -> str:
    """Return names of columns for a message."""
    some = ", ".join(printable(str(name)[:60]) for name in names[:30])
    return some if len(names) <= 30 else f"{some} and {len(names) - 30} more"


def _find(columns: Sequence[Column], role: str, given: Mapping[str, str]) -> Column | None:
    if role in given:
        return next((column for column in columns if given[role] and column.name == given[role]), None)
    names = _RAVEN_LABELS if role == "label" and any(c.key == "selection" for c in columns) else _NAMES[role]
    taken = set(given.values())
    fitting = [column for column in columns if column.key in names and column.name not in taken]
    return min(fitting, key=lambda column: (column.per_second is None, names.index(column.key)), default=None)


def _settle_times(path: Path, columns: Sequence[Column], given: Mapping[str, str], found: dict[str, Column]) -> None:
    """Keep a start with an end or a duration, or no times at all."""
    told = [role for role in _TIMES if role in given]
    file = found.get("file")
    if file and file.key in _SLICES and not told:
        for role in _TIMES:
            found.pop(role, None)
        return
    offset = next((column for column in columns if column.key == "offset" and column.name not in given.values()), None)
    if offset is not None:
        _place_offset(path, offset, told, found)
    if file and file.key in _VIDEOS and "start" in found and not told:
        _refuse(path, f"{found['start'].name!r} may count from the start of the video or of the file")
    if "end" in found or ("start" not in found and found.get("duration", _NOTHING).key != "duration"):
        found.pop("duration", None)  # redundant; or the length of the file, which may not be in seconds
    if "start" in found and not {"end", "duration"} & found.keys() and not {"end", "duration"} & given.keys():
        _refuse(path, f"{found['start'].name!r} is a start, but there is no end or duration")
    if "end" in found and "start" not in found and "start" not in given:
        _refuse(path, f"{found['end'].name!r} is an end, but there is no start")
    for role in _TIMES:
        if role in found and found[role].per_second is None:
            _refuse(path, f"{found[role].name!r} is not in seconds")


_NOTHING = Column("", -1, "")


def _place_offset(path: Path, offset: Column, told: Sequence[str], found: dict[str, Column]) -> None:
    """Give a column called "offset" its role: the end if there is an onset, the start if there is a duration."""
    if "start" in told and len(told) > 1:
        return
    if found.get("start", _NOTHING).key.endswith("onset") and "end" not in found:
        found["end"] = offset
    elif "start" not in found and "start" not in told and "duration" in found and "end" not in found:
        found["start"] = offset
    else:
        _refuse(path, f"{offset.name!r} may be a start or an end")


def _refuse(path: Path, problem: str) -> None:
    raise InputError(
        f"{path}: {problem}; name the columns of the start, the end or the duration in seconds (--column "
        "start=NAME, columns={'start': NAME}), with an empty name for one that does not exist"
    )
