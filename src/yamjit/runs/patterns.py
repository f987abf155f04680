"""Patterns such as ``"archive/**/*.flac"``, and names that merely look like one."""

from __future__ import annotations

import glob
import os
import re
from pathlib import PurePath

__all__ = ["is_pattern", "matches"]

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


def _split(text: str) -> tuple[str, str]:
    """Return the part of a text that leads to something that exists, and the rest."""
    literal = ""
    pieces = _SEPARATORS.split(text)
    for at in range(0, len(pieces) - 1, 2):
        if pieces[at] and not os.path.lexists(literal + pieces[at]):
            return literal, "".join(pieces[at:])
        literal += pieces[at] + pieces[at + 1]
    return literal, pieces[-1]
