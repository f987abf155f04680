"""Standard streams of the command: errors of theirs bear their names, and standard error has none."""

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
    """Standard error: where nobody can be told anything, the results are none the worse for it."""

    def write(self, data: Any, /) -> int:
        with contextlib.suppress(OSError):
            super().write(data)
        return len(data)


def tell(*messages: str) -> None:
    """Print messages on standard error, a line each."""
    for message in messages:
        print(f"yamjit: {printable(message)}", file=sys.stderr, flush=True)


def name_errors() -> None:
    """Have an error of standard output say that it is one, and standard error raise none."""
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
    """Have names that are no text written with escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Have what standard output does not take, and is still buffered, raise nothing at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):  # no stream of the process
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
