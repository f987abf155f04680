"""The log of the package on standard error, a line each, on a terminal that may show a progress bar.

Modules ask for their `logger` where they have something to tell: most commands have nothing, and `logging` takes longer
to load than much of what they do.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

__all__ = ["announce", "announced", "is_announced", "logger"]

#: Whether only errors are printed; None where the log is not printed.
_quiet: bool | None = None


@contextlib.contextmanager
def announced(*, quiet: bool = False) -> Iterator[None]:
    """Print the log, for example that kernels are being compiled, unless the program has a handler for it.

    If `quiet`, only errors are printed.
    """
    global _quiet
    before = _quiet
    announce(quiet=quiet)
    try:
        yield
    finally:
        _quiet = before
        if handler := sys.modules.get("yamjit.announcing.handler"):
            handler.remove()


def announce(*, quiet: bool = False) -> None:
    """Print the log as `announced` does, until the process ends."""
    global _quiet
    _quiet = quiet


def is_announced() -> bool:
    """Return whether the log is printed by this module, at its usual level."""
    return _quiet is False


def logger(module: str) -> logging.Logger:
    """Return the logger of a module of this package; what it is told is printed if that is announced."""
    import logging

    if _quiet is not None:
        from yamjit.announcing import handler

        handler.install(quiet=_quiet)
    return logging.getLogger(module)
