"""A recording that is begun has one result, or one failure: an interruption comes before that is written, or after."""

from __future__ import annotations

# The C part of `signal`, which a command has loaded already.
import _signal as signal  # type: ignore[import-not-found]
import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yamjit.output import Writer
    from yamjit.results import Row, Summary

__all__ = ["Concluding"]

#: Seconds for which an interruption waits at most: a pipe that nobody empties can be left.
_MOST_S = 0.5

_ENDING = tuple(filter(None, (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None))))


class Concluding:
    """A writer of rows that knows which recording it has begun and not concluded."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        #: The recording that has neither a result nor a failure yet.
        self.begun: str | None = None

    def begin(self, file: str) -> None:
        """Start a recording."""
        self.begun = file
        self._writer.begin(file)

    def rows(self, rows: Iterable[Row]) -> None:
        """Write rows of parts of the recording."""
        self._writer.rows(rows)

    def end(self, summary: Summary) -> None:
        """Write the summary of the recording."""
        with _undisturbed():
            self._writer.end(summary)
            self.begun = None

    def failure(self, file: str, reason: str) -> None:
        """Write why the recording could not be read, or not to its end."""
        with _undisturbed():
            self._writer.failure(file, reason)
            self.begun = None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold interruptions back until the end, but no longer than `_MOST_S`, nor for a second one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Callable[[int, Any], Any]] = {}
    came: list[int] = []
    timers: list[threading.Timer] = []

    def note(number: int, frame: Any) -> None:
        came.append(number)
        if len(came) > 1:
            before[number](number, frame)
        elif os.name != "nt":  # where a process cannot send itself a signal, and none ends what waits
            timers.append(threading.Timer(_MOST_S, os.kill, (os.getpid(), number)))
            with contextlib.suppress(RuntimeError):  # no room for a thread
                timers[0].start()

    try:
        for number in _ENDING:
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, note)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for timer in timers:
            timer.cancel()
    if len(came) == 1:
        before[came[0]](came[0], None)
