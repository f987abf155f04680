"""Patterns such as ``"archive/**/*.flac"``, and names that merely look like one."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections import Counter
from pathlib import Path, PurePath

from yamjit.disk import hint_beside

__all__ = ["is_pattern", "matches", "unmatched"]

#: Most files that are counted.
_MOST_LISTED = 10_000

_SEPARATORS = re.compile(r"([/\\])" if os.name == "nt" else "(/)")


def is_pattern(text: str) -> bool:
    """Return whether a text has wildcards, apart from the part that exists under exactly this name."""
    return glob.has_magic(_split(text)[1])


def matches(text: str) -> list[str]:
    """Return the paths that match a pattern, in the order of their parts.

    Folders that exist under exactly this name, such as ``[2024] trip``, are taken literally. Brackets after them are
    read both as a set and as brackets.
    """
    literal, pattern = _split(text)
    found = {
        path
        for reading in {pattern, pattern.replace("[", "[[]")}
        for path in glob.glob(glob.escape(literal) + reading, recursive=True)  # noqa: PTH207 - Path.glob sorts out less
    }
    return sorted(found, key=lambda path: PurePath(path).parts)


def unmatched(text: str) -> str:
    """Return why a pattern that matches nothing may do so: a folder that is missing, or how its files are called."""
    literal, pattern = _split(text)
    first = _SEPARATORS.split(pattern)[0]
    if not glob.has_magic(first):
        return hint_beside(f"{literal}{first}/.")
    folder = Path(literal or os.curdir)
    paths = itertools.islice(folder.rglob("*") if "**" in pattern else folder.glob("*"), _MOST_LISTED)
    kinds = Counter(path.suffix for path in paths if path.suffix and not path.is_dir())
    if not kinds:
        deeper = "" if "**" in pattern else f"; {f'{literal}**/{pattern}'!r} looks into its folders as well"
        return f"{str(folder)!r} holds no files{deeper}"
    found = ", ".join(f"{suffix} ({count})" for suffix, count in kinds.most_common(3))
    wanted = PurePath(pattern).suffix
    case = any(suffix != wanted and suffix.lower() == wanted.lower() for suffix in kinds)
    return f"{str(folder)!r} holds files that end in {found}" + ("; upper and lower case differ" if case else "")


def _split(text: str) -> tuple[str, str]:
    """Return the part of a text that leads to something that exists, and the rest."""
    literal = ""
    pieces = _SEPARATORS.split(text)
    for at in range(0, len(pieces) - 1, 2):
        if pieces[at] and not os.path.lexists(literal + pieces[at]):
            return literal, "".join(pieces[at:])
        literal += pieces[at] + pieces[at + 1]
    return literal, pieces[-1]
