"""What prints the log of the package, while it is announced."""

from __future__ import annotations

import contextlib
import logging
import sys

from yamjit.announcing.terminal import wiped
from yamjit.text import printable

__all__ = ["install", "remove"]

_LOG = logging.getLogger("yamjit")

#: Handlers and level of the log before it was printed; None while it is not.
_before: tuple[list[logging.Handler], int] | None = None


def install(*, quiet: bool) -> None:
    """Print the log from now on, unless the program has a handler for it; if `quiet`, errors alone."""
    global _before
    if _before is not None:
        return
    _before = list(_LOG.handlers), _LOG.level
    if not _LOG.handlers:
        _LOG.addHandler(_Announcer())
    _LOG.setLevel(logging.ERROR if quiet else logging.INFO)


def remove() -> None:
    """Leave the log as it was."""
    global _before
    if _before is not None:
        _LOG.handlers[:], level = _before
        _LOG.setLevel(level)
        _before = None


class _Announcer(logging.Handler):
    """Writes to what standard error is at the time; a bar there is wiped, and comes back by itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line at once."""
        if sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"{wiped(sys.stderr)}yamjit: {printable(record.getMessage())}\n")
                sys.stderr.flush()
