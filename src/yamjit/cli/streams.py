"""Standard streams of the command: messages on standard error, and errors of the streams themselves."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any

from yamjit.text import printable
from yamjit.writing import NamedFile

__all__ = ["drop_output", "name_errors", "tell", "write_any_name"]


class _Told(io.FileIO):
    """Standard error, which ignores errors: results do not suffer if nobody can be told anything."""

    def write(self, data: Any, /) -> int:
        with contextlib.suppress(OSError):
            super().write(data)
        return len(data)


def tell(*messages: str) -> None:
    """Print messages on standard error, a line each."""
    for message in messages:
        print(f"yamjit: {printable(message)}", file=sys.stderr, flush=True)


def name_errors() -> None:
    """Make errors of standard output name it, and let standard error raise none."""
    if os.name != "posix":
        return
    sys.stdout = _around(NamedFile(1, "wb", "standard output", closefd=False), sys.stdout)
    sys.stderr = _around(_Told(2, "wb", closefd=False), sys.stderr)


def _around(raw: io.FileIO, before: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=before.line_buffering or before.write_through,
        write_through=before.write_through,
    )


def write_any_name() -> None:
    """Write names that are not valid text with escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Drop buffered output that standard output does not take, so that nothing is raised at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):  # not a stream of the process
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
