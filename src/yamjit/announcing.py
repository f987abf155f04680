"""The log of the package on standard error, a line each, on a terminal that may show a progress bar."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from yamjit.text import printable

__all__ = ["announce", "announced", "columns_of", "is_announced", "wiped"]

_LOG = logging.getLogger("yamjit")

#: Columns of a terminal that does not say how many it has.
_USUAL_COLUMNS = 80


@contextlib.contextmanager
def announced(*, quiet: bool = False) -> Iterator[None]:
    """Print the log, for example that kernels are being compiled, unless the program has a handler for it.

    If `quiet`, only errors are printed.
    """
    handlers, level = list(_LOG.handlers), _LOG.level
    announce(quiet=quiet)
    try:
        yield
    finally:
        _LOG.handlers[:] = handlers
        _LOG.setLevel(level)


def announce(*, quiet: bool = False) -> None:
    """Print the log as `announced` does, until the process ends."""
    if not _LOG.handlers:
        _LOG.addHandler(_Announcer())
    _LOG.setLevel(logging.ERROR if quiet else logging.INFO)


def is_announced() -> bool:
    """Return whether the log is printed by this module, at its usual level."""
    return any(isinstance(handler, _Announcer) for handler in _LOG.handlers) and _LOG.level == logging.INFO


def columns_of(stream: TextIO) -> int:
    """Return the width of a terminal, 0 if the stream is none."""
    if not stream.isatty():
        return 0
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    return _USUAL_COLUMNS


def wiped(stream: TextIO) -> str:
    """Return what wipes the line of a terminal that the cursor is in: nothing if the stream is none."""
    columns = columns_of(stream)
    return f"\r{' ' * (columns - 1)}\r" if columns else ""


class _Announcer(logging.Handler):
    """Writes to what standard error is at the time; a bar there is wiped, and comes back by itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line at once."""
        if sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{wiped(sys.stderr)}yamjit: {printable(record.getMessage())}\n")
                sys.stderr.flush()
