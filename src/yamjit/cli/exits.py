"""Exit codes of the command, and the signals that end it."""

from __future__ import annotations

# The C part of `signal`, as in `yamjit.startup`.
import _signal as signal  # type: ignore[import-not-found]
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "EXIT_ERROR",
    "EXIT_INTERRUPTED",
    "EXIT_NO_READER",
    "EXIT_OK",
    "EXIT_SOME_FAILED",
    "EXIT_TERMINATED",
    "INTERRUPTIONS",
    "Stop",
    "Terminated",
    "heeding_signals",
]

EXIT_OK = 0
EXIT_ERROR = 1
# 2 is argparse's, for wrong usage.
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130
#: What a shell reports of a program that SIGPIPE ended.
EXIT_NO_READER = 141
EXIT_TERMINATED = 143

#: Signals that end what is done: Ctrl-C, the end of a service, and a terminal that closes, which Windows does not have.
_ENDING = tuple(filter(None, (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None))))

#: Signals within this time of the first one, in seconds, are the same wish.
_SAME_S = 0.5


class Terminated(BaseException):
    """The process was told to end: what `KeyboardInterrupt` is for Ctrl-C."""


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C. After the built-in exception within an `exec`, caught or not, Python ends by SIGINT, not with 130."""


INTERRUPTIONS = (KeyboardInterrupt, Terminated)


@contextlib.contextmanager
def heeding_signals() -> Iterator[None]:
    """Raise `KeyboardInterrupt` for Ctrl-C and `Terminated` for SIGTERM and SIGHUP, so that files are completed."""
    before, sys.unraisablehook = sys.unraisablehook, _raise_again
    try:
        with _handling(_interrupt):
            yield
    finally:
        sys.unraisablehook = before


class Stop:
    """Heeds an interruption by a call that ends a source, so that all is completed; a context manager.

    A second one raises. Those that follow within half a second are the same wish: ``timeout`` and systemd may send a
    signal to a process, and again to its group.

    Parameters
    ----------
    end, hurry : callable
        Called by the handler of the first signal, and by that of the second before it raises.

    Attributes
    ----------
    number : int or None
        The signal that came first.
    """

    number: int | None = None

    def __init__(self, end: Callable[[], None], hurry: Callable[[], None]) -> None:
        self._end, self._hurry = end, hurry
        self._since = 0.0
        self._handling = _handling(self._handle)

    def __enter__(self) -> Stop:
        self._handling.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._handling.__exit__(None, None, None)

    def repeat(self) -> None:
        """Raise the interruption that came, if one did."""
        if self.number is not None:
            _interrupt(self.number, None)

    def _handle(self, number: int, frame: object) -> None:
        if self.number is None:
            self.number, self._since = number, time.monotonic()
            self._end()
        elif time.monotonic() - self._since > _SAME_S:
            self._hurry()
            _interrupt(number, frame)


@contextlib.contextmanager
def _handling(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Handle the signals that end what is done, if they are not ignored, and this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in _ENDING if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _raise_again(unraisable: Any) -> None:
    """Repeat an interruption that came where it could not be raised, for example in a callback."""
    if issubclass(unraisable.exc_type, INTERRUPTIONS):
        number = signal.SIGINT if issubclass(unraisable.exc_type, KeyboardInterrupt) else signal.SIGTERM
        threading.Timer(0.01, os.kill, (os.getpid(), number)).start()
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt(number: int, _frame: object) -> None:
    raise _Interrupted if number == signal.SIGINT else Terminated
