"""Standard streams of the command: messages on standard error, and errors of the streams themselves."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import sys
from typing import Any, TextIO

from yamjit.text import printable
from yamjit.writing import NamedFile

__all__ = ["check_reader", "drop_output", "name_errors", "takes", "tell", "write_any_name"]


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


def takes(stream: TextIO, text: str) -> bool:
    """Return whether a stream can write the characters of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or sys.getdefaultencoding())
    except (UnicodeError, LookupError):
        return False
    return True


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


def check_reader() -> None:
    """Raise `BrokenPipeError` if nobody reads standard output any more, before there is something to write."""
    import select

    try:
        descriptor = sys.stdout.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):  # not a stream of the process
        return
    if os.name != "posix" or not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return
    looking = select.poll()
    looking.register(descriptor, 0)
    if any(events & (select.POLLERR | select.POLLHUP) for _, events in looking.poll(0)):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE), "standard output")


def drop_output(*, at_once: bool = False) -> None:
    """Drop buffered output that standard output does not take, so that nothing is raised at exit.

    What it does take is written first, unless `at_once`: it may keep its writer waiting.
    """
    try:
        if not at_once:
            sys.stdout.flush()
            return
    except OSError:
        pass
    with contextlib.suppress(OSError):  # not a stream of the process
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
