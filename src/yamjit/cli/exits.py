"""Exit codes of the command, and the signals that end it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = [
    "EXIT_ERROR",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_SOME_FAILED",
    "EXIT_TERMINATED",
    "INTERRUPTIONS",
    "Terminated",
    "heeding_sigterm",
]

EXIT_OK = 0
EXIT_ERROR = 1
# 2 is argparse's, for wrong usage.
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class Terminated(BaseException):
    """The process was told to end; as `KeyboardInterrupt` for Ctrl-C."""


INTERRUPTIONS = (KeyboardInterrupt, Terminated)


@contextlib.contextmanager
def heeding_sigterm() -> Iterator[None]:
    """Raise `Terminated` where SIGTERM comes, so that what is done is whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: object) -> None:
    raise Terminated
