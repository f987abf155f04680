"""Results as files: a writer for each format, listed in one table; and as frames of other libraries.

A stream of text that is opened for a writer has ``newline=""`` and ``encoding="utf-8"``.
"""

from __future__ import annotations

import os

from yamjit.errors import InputError
from yamjit.output.json_document import JsonWriter
from yamjit.output.json_lines import JsonLinesWriter
from yamjit.output.plain_text import TextWriter
from yamjit.output.writer import Format, Writer

__all__ = ["FORMATS", "Format", "Writer", "format_of"]

_ALL = (
    Format("text", (".txt",), TextWriter, "report"),
    Format("json", (".json",), JsonWriter, "report"),
    Format("jsonl", (".jsonl", ".ndjson"), JsonLinesWriter, "report"),
)

#: All formats, by name.
FORMATS: dict[str, Format] = {known.name: known for known in _ALL}


def format_of(path: str | os.PathLike[str]) -> Format:
    """Return the format that the end of a file name stands for; of two that fit, the longer one counts.

    Raises
    ------
    InputError
        If it stands for none.
    """
    name = os.fspath(path).lower()
    fitting = [(suffix, known) for known in _ALL for suffix in known.suffixes if name.endswith(suffix)]
    if not fitting:
        suffixes = ", ".join(suffix for known in _ALL for suffix in known.suffixes)
        raise InputError(f"{os.fspath(path)!r} ends like no format; accepted are {suffixes}")
    return max(fitting, key=lambda pair: len(pair[0]))[1]
