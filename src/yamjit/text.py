"""Text that strangers wrote (names of classes and files, metadata of models), in one line, safe for a terminal."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["escape_json", "folded", "json_text", "plural", "printable", "printable_lines", "unportable"]

#: Joiners that Persian, Indic scripts and emoji are written with; they move no cursor and turn no direction.
_JOINERS = "\u200c\u200d"

_LAID_OUT = re.compile(r"[^\n\t]+")

#: What Windows takes for a device, whatever follows a dot.
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", "conin$", "conout$", *(f"{d}{n}" for d in ("com", "lpt") for n in "123456789¹²³"))
)

_MOST_NAME_BYTES = 200


def printable(text: str) -> str:
    r"""Return `text` in one line: control characters, line ends, changes of direction and surrogates as ``\x1b``."""
    return text if text.isprintable() else "".join(map(_shown, text))


def plural(count: int, what: str) -> str:
    """Return a count and what it counts: ``1 channel``, ``2 channels``, ``2 classes``."""
    return f"{count} {what}{'' if count == 1 else 'es' if what.endswith('s') else 's'}"


def folded(name: str) -> str:
    """Return a name as it is compared: case, decomposed accents and runs of spaces make no difference."""
    import unicodedata  # a megabyte, and rarely needed

    composed = unicodedata.normalize("NFC", name).casefold()
    return " ".join(unicodedata.normalize("NFC", composed).split())


def printable_lines(text: str) -> str:
    """Return `text` as `printable` does, but with its line ends and tabs."""
    return _LAID_OUT.sub(lambda part: printable(part[0]), text)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON without anything that a terminal would act on."""
    import json

    return escape_json(json.dumps(value, ensure_ascii=False, indent=indent))


def escape_json(text: str) -> str:
    r"""Return JSON in which everything that a terminal would act on is escaped, such as ``\u009b``."""
    return _LAID_OUT.sub(lambda part: part[0] if part[0].isprintable() else "".join(map(_in_json, part[0])), text)


def _in_json(character: str) -> str:
    import json

    return character if _shown(character) == character else json.dumps(character)[1:-1]


def _shown(character: str) -> str:
    import unicodedata

    if character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")


def unportable(name: str) -> str | None:
    """Return why a file name that a stranger chose, without a folder, is not written; None if it suits every system."""
    if printable(name) != name:
        return "has characters that a terminal would not show"
    if set(name) & set('/\\:*?"<>|'):
        return "has a character that is part of a path or a pattern"
    if name.startswith((".", "-", "~", " ")):
        return f"begins with {name[0]!r}"
    if name.endswith((".", " ")):
        return f"ends with {name[-1]!r}"
    if name.partition(".")[0].rstrip().casefold() in _DEVICES:
        return "is that of a device on Windows"
    if not 0 < len(name.encode()) <= _MOST_NAME_BYTES:
        return f"has {len(name.encode())} bytes; at most {_MOST_NAME_BYTES} are written"
    return None
