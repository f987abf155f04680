"""What the columns of a table mean, by the names that people give them; what could mean two things is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from yamjit.errors import InputError
from yamjit.text import printable

__all__ = ["ROLES", "Column", "find_columns", "shown"]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


#: How columns may be called, without spaces, marks and units; the first that is there counts.
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

#: The same for labels in a table of Raven.
_RAVEN_LABELS = (*_names("annotation species label class commonname speciescode"), *_NAMES["label"])

ROLES = tuple(_NAMES)

#: Units by which a column's name may end, and how many make a second; None where nobody can know.
_UNITS: Mapping[str, float | None] = {
    **dict.fromkeys(_names("s sec secs second seconds"), 1.0),
    **dict.fromkeys(_names("ms msec msecs millis millisecond milliseconds"), 1e3),
    **dict.fromkeys(_names("us usec microsecond microseconds"), 1e6),
    **dict.fromkeys(_names("sample samples frame frames min mins minute minutes h hour hours"), None),
}

_TIMES = ("start", "end", "duration")

#: Columns that hold a list of classes with commas between them, in FSD50K and its kin and in AudioSet.
_LISTS = ("labels", "positivelabels", "tags")

#: Columns of files that are cut out of longer recordings: times beside them are of those.
_SLICES, _VIDEOS = ("slicefilename",), ("ytid", "youtubeid")


class Column(NamedTuple):
    """A column that counts.

    Parameters
    ----------
    name : str
        As the header has it.
    place : int
        In the header, from 0.
    key : str
        Its name without spaces, marks and unit.
    per_second : float or None
        How many of its unit make a second.
    """

    name: str
    place: int
    key: str
    per_second: float | None = 1.0

    @property
    def is_list(self) -> bool:
        """Whether commas divide its cells into classes."""
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
    """Return the columns that count, by what they mean.

    Parameters
    ----------
    path : Path
        For messages.
    header : sequence of str
    given : mapping of str to str
        What some of `ROLES` are called in this table; "" where it has none.
    needed : iterable of str
        Which of `ROLES` have to be there.

    Raises
    ------
    InputError
        If one is missing, or could mean two things: the message says how to tell.
    """
    strange = [role for role in given if role not in _NAMES]
    missing = [name for name in given.values() if name and name not in header]
    if strange or missing:
        raise InputError(
            f"{path}: columns {shown(header)}; there is no {shown(strange or missing)} (columns mean {shown(ROLES)})"
        )
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
    """Leave of the times a start with an end or a duration, or none."""
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
        _refuse(path, f"{found['start'].name!r} may be a time of the video or of the file")
    if "end" in found or ("start" not in found and found.get("duration", _NOTHING).key != "duration"):
        found.pop("duration", None)  # said twice; or that of the file, and not always in seconds
    if "start" in found and not {"end", "duration"} & found.keys() and not {"end", "duration"} & given.keys():
        _refuse(path, f"{found['start'].name!r} is a start, and there is no end or duration")
    if "end" in found and "start" not in found and "start" not in given:
        _refuse(path, f"{found['end'].name!r} is an end, and there is no start")
    for role in _TIMES:
        if role in found and found[role].per_second is None:
            _refuse(path, f"{found[role].name!r} does not count seconds")


_NOTHING = Column("", -1, "")


def _place_offset(path: Path, offset: Column, told: Sequence[str], found: dict[str, Column]) -> None:
    """Find out what is called just "offset": an end beside an onset, a start beside a duration."""
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
        f"{path}: {problem}; say which columns hold the start, the end or the duration in seconds (--column "
        "start=NAME, columns={'start': NAME}), with an empty name for one that is not there"
    )
