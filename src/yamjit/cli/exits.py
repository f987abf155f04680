"""Exit codes of the command, and the signals that end it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = [
    "EXIT_ERROR",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_SOME_FAILED",
    "EXIT_TERMINATED",
    "INTERRUPTIONS",
    "Patience",
    "Terminated",
    "heeding_signals",
]

EXIT_OK = 0
EXIT_ERROR = 1
# 2 is argparse's, for wrong usage.
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class Terminated(BaseException):
    """The process was told to end: what `KeyboardInterrupt` is for Ctrl-C."""


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C. After the built-in exception within an `exec`, caught or not, Python ends by SIGINT, not with 130."""


INTERRUPTIONS = (KeyboardInterrupt, Terminated)


@contextlib.contextmanager
def heeding_signals() -> Iterator[None]:
    """Raise `KeyboardInterrupt` for Ctrl-C and `Terminated` for SIGTERM, so that files are completed."""
    before, sys.unraisablehook = sys.unraisablehook, _raise_again
    try:
        with _handling({signal.SIGINT: _interrupt, signal.SIGTERM: _interrupt}):
            yield
    finally:
        sys.unraisablehook = before


class Patience:
    """Delays an interruption that comes in the middle of something until that is done; a context manager."""

    def __init__(self) -> None:
        self._busy = False
        self._kept: int | None = None
        self._handling = _handling({signal.SIGINT: self._handle, signal.SIGTERM: self._handle})

    def __enter__(self) -> Patience:
        self._handling.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._handling.__exit__(None, None, None)

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Delay interruptions until the end of the block."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._kept is not None:
            _interrupt(self._kept, None)

    def _handle(self, number: int, frame: object) -> None:
        if not self._busy:
            _interrupt(number, frame)
        self._kept = number


@contextlib.contextmanager
def _handling(handlers: Mapping[int, Callable[[int, Any], None]]) -> Iterator[None]:
    """Handle signals that are not ignored, if this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in handlers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handlers[number]) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise_again(unraisable: Any) -> None:
    """Repeat an interruption that came where it could not be raised, for example in a callback."""
    if issubclass(unraisable.exc_type, INTERRUPTIONS):
        number = signal.SIGINT if issubclass(unraisable.exc_type, KeyboardInterrupt) else signal.SIGTERM
        threading.Timer(0.01, os.kill, (os.getpid(), number)).start()
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt(number: int, _frame: object) -> None:
    raise _Interrupted if number == signal.SIGINT else Terminated
