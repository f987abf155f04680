"""What a classifier lists: options, and groups of classes that a file defines."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from yamjit import checks, labels
from yamjit.disk import describe, read_regular
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.spec import DEFAULT_MAX_RESULTS
from yamjit.text import folded

__all__ = ["THE_REST", "ClassifierOptions", "Entry", "as_entry", "read_groups"]

#: What names a class: its name, its display name or AudioSet id, or its index.
Entry: TypeAlias = str | int

#: In a mapping of thresholds: all categories that it does not name.
THE_REST = "*"

_MOST_BYTES = 2**20


@explained
@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class ClassifierOptions:
    """What a classifier lists. Options that the Task Library has as well are called as there.

    A class is named by its name or display name, in any case, its AudioSet id or its index; a group by its name.

    Parameters
    ----------
    max_results : int > 0, or -1 for all
        Number of categories of each head that are listed, after all filters. Events are not limited by it.
    score_threshold : float in [0, 1], mapping, or None
        Lowest score at which a category is listed: of all, or by name, "*" for the rest. Where none is given, the
        model's metadata say. For an event, its highest score counts.
    category_allowlist, category_denylist : sequence of str or int
        The only classes and groups that are listed, or those that are not. At most one of the two may be given.
        Neither changes scores.
    display_names_locale : str
        Language of the names, such as "de" or "pt-BR", where the model has a label file for it.
    calibration : "metadata", path or None
        Score calibration: of the model's metadata, of a file that `Calibration.to_csv` wrote, or none.
    roll_up : bool
        Whether a class stands for its AudioSet descendants as well ("Dog" for "Bark"): its score is the highest of
        theirs, and groups and the denylist include them. AudioSet classes that the model lacks ("Human voice") can then
        be named, too.
    groups : mapping of str to sequence of str or int, path, or None
        Classes that are listed under one name, with the highest of their scores, and no longer on their own; or a file
        of them, see `read_groups`.
    head : str, int, or None
        The only output of the model that counts, by name in any case, or by index from 0 (negative from the last); by
        default all. A name in the other options stands for the classes of that name in every head that counts.

    Raises
    ------
    InputError
        If an option is wrong.

    Examples
    --------
    >>> options = yamjit.ClassifierOptions(category_allowlist=["Dog", "Cat"], score_threshold=0.2)
    >>> model = yamjit.load(options=options)
    """

    max_results: int = DEFAULT_MAX_RESULTS
    score_threshold: float | Mapping[Entry, float] | None = None
    category_allowlist: Sequence[Entry] = ()
    category_denylist: Sequence[Entry] = ()
    display_names_locale: str = "en"
    calibration: str | os.PathLike[str] | None = "metadata"
    roll_up: bool = False
    groups: Mapping[str, Sequence[Entry]] | str | os.PathLike[str] | None = None
    head: str | int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.calibration, str | os.PathLike | None):
            raise InputError(f"calibration is {checks.shown(self.calibration)}; 'metadata', a path or None is accepted")
        if self.calibration is not None:
            checks.path(self.calibration, "calibration")
        if self.head is not None and not isinstance(self.head, str) and checks.index(self.head) is None:
            raise InputError(f"head is {checks.shown(self.head)}; the name or index of an output is accepted")
        changes = {
            "max_results": labels.count(self.max_results, "max_results"),
            "display_names_locale": checks.text(self.display_names_locale, "display_names_locale", 100),
            "roll_up": checks.flag(self.roll_up, "roll_up"),
            "score_threshold": _checked_threshold(self.score_threshold),
            "category_allowlist": _as_entries(self.category_allowlist, "category_allowlist"),
            "category_denylist": _as_entries(self.category_denylist, "category_denylist"),
            "groups": None if self.groups is None else _read_or_check(self.groups),
        }
        if changes["category_allowlist"] and changes["category_denylist"]:
            raise InputError("category_allowlist and category_denylist are given; give only one of them")
        for name, value in changes.items():
            object.__setattr__(self, name, value)

    @property
    def members(self) -> Mapping[str, Sequence[Entry]]:
        """The classes of each group, by its name."""
        return self.groups if isinstance(self.groups, Mapping) else {}


def _checked_threshold(threshold: Any) -> float | dict[Entry, float] | None:
    if threshold is None:
        return None
    if isinstance(threshold, Mapping):
        entries = _as_entries(list(threshold), "score_threshold")
        return {entry: _checked_score(value) for entry, value in zip(entries, threshold.values(), strict=True)}
    return _checked_score(threshold)


def _checked_score(value: Any) -> float:
    if not (checks.is_number(value) and 0 <= value <= 1):
        raise InputError(f"a score threshold is a number from 0 to 1, found {checks.shown(value)}")
    return float(value)


# -- Groups -----------------------------------------------------------------------------------------------------


@explained
def read_groups(path: str | os.PathLike[str]) -> dict[str, tuple[Entry, ...]]:
    """Read groups of classes from a file, JSON or text.

    A file is JSON, ``{"Yelling": ["Shout", "Yell", 11], "Baby": ["/t/dd00002"]}``, or text::

        # A name in brackets begins a group; each line below it names a class.
        [Yelling]
        Shout
        Yell
        11

        [Baby]
        /t/dd00002

    In text, a name may hold commas, as many of AudioSet's do.

    Parameters
    ----------
    path : path
        UTF-8; JSON if it begins with a brace.

    Returns
    -------
    dict of str to tuple of str or int
        The classes of each group, in the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read, or is not what it should be.
    """
    path = checks.path(path, "a file of groups")
    try:
        data = read_regular(path, _MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{os.fspath(path)}: {describe(error)}") from error
    try:
        if len(data) > _MOST_BYTES:
            raise InputError(f"has more than {_MOST_BYTES} bytes")
        text = data.decode("utf-8-sig")
        return _as_groups(_parse_json(text) if text.lstrip().startswith("{") else _parse_text(text))
    except UnicodeDecodeError as error:
        raise InputError(f"{os.fspath(path)}: is not UTF-8 (byte {error.start})") from error
    except InputError as error:
        raise InputError(f"{os.fspath(path)}: {error}") from error


def _read_or_check(groups: Any) -> dict[str, tuple[Entry, ...]]:
    return read_groups(groups) if isinstance(groups, str | os.PathLike) else _as_groups(groups)


def _as_groups(groups: Any) -> dict[str, tuple[Entry, ...]]:
    """Return a mapping of names to lists of classes; refuse anything else, and groups without name or class."""
    if not isinstance(groups, Mapping):
        raise InputError(f"groups are a mapping of names to lists of classes, found {type(groups).__name__}")
    checked = {}
    for name, members in groups.items():
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"a group has a name, found {checks.shown(name)}")
        checked[name.strip()] = _as_entries(members, f"group {checks.shown(name)}")
        if not checked[name.strip()]:
            raise InputError(f"group {name!r} has no classes")
    if len({folded(name) for name in checked}) != len(groups):
        raise InputError("two groups have the same name")
    return checked


def _as_entries(entries: Any, what: str) -> tuple[Entry, ...]:
    """Return a list of words and whole numbers from 0; refuse anything else, and a single word."""
    return tuple(as_entry(entry, what) for entry in checks.elements(entries, what, "classes"))


def as_entry(entry: Any, what: str) -> Entry:
    """Return what names a class, without the spaces around it; refuse anything else."""
    if isinstance(entry, str) and entry.strip():
        return entry.strip()
    index = checks.index(entry)
    if index is None or index < 0:
        raise InputError(f"{what}: a name, an AudioSet id or an index names a class, found {checks.shown(entry)}")
    return index


def _parse_json(text: str) -> dict[str, Any]:
    import json

    try:
        content = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON: {error}") from error
    return dict(content)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise InputError("two groups have the same name")
    return dict(pairs)


def _parse_text(text: str) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    members: list[Entry] | None = None
    for number, line in enumerate(re.split(r"\r\n?|\n", text), 1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if word.startswith("[") and word.endswith("]"):
            name = word[1:-1].strip()
            if name in groups:
                raise InputError(f"line {number}: group {name!r} occurs twice")
            members = groups[name] = []
        elif members is None:
            raise InputError(f"line {number}: a group's name in brackets is wanted before {word!r}")
        else:
            members.append(word)
    if not groups:
        raise InputError("names no group")
    return groups
