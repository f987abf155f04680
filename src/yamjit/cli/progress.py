"""How far a run is: a bar on a terminal and a line now and then elsewhere, and messages that do not break it."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from yamjit.announcing.terminal import columns_of, wiped
from yamjit.cli.exits import INTERRUPTIONS, Terminated
from yamjit.cli.progress_line import State, elapsed, line, sentence, share_of
from yamjit.cli.streams import takes
from yamjit.text import printable, printable_lines

if TYPE_CHECKING:
    from yamjit.runs.tally import Tally

__all__ = ["Progress"]

_REFRESH_S = 0.25

#: Speed is that of the last seconds.
_SPEED_OVER_S = 15.0

#: Time until the first line where standard error is not a terminal, and from one to the next at least; and the share of
#: the time that has passed: a day has some 60 lines.
_LINE_S, _LINE_SHARE = 60.0, 0.1


class Progress:
    """Progress of a run, in seconds of sound; a context manager. If `quiet`, neither it nor warnings are shown."""

    def __init__(self, tally: Tally[Any] | None = None, *, quiet: bool = False) -> None:
        self._tally = tally
        self._quiet = quiet
        self._is_drawn = False
        #: Held while standard error, or a terminal that shows results below the bar, is written to.
        self.lock = threading.RLock()
        self._over = threading.Event()
        self._samples: deque[tuple[float, float]] = deque()

    def __enter__(self) -> Progress:
        if self._tally is not None and not self._quiet and sys.stderr is not None:
            work = [self._draw_on, self._survey] if sys.stderr.isatty() else [self._write_lines]
            with contextlib.suppress(RuntimeError):  # no room for a thread: the run goes on without a word
                for one in work:
                    threading.Thread(target=one, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.clear()

    @contextlib.contextmanager
    def telling(self, results: Callable[[], str]) -> Iterator[None]:
        """Say after an interruption how far the run came, and what became of `results`."""
        try:
            yield
        except INTERRUPTIONS as error:
            self._over.set()
            said = "terminated" if isinstance(error, Terminated) else "interrupted"
            self.say(f"{said}: {self._how_far()}; {results()}")
            raise

    def warn(self, message: str) -> None:
        """Print a warning on standard error, unless `quiet`."""
        if not self._quiet:
            self.say(message)

    def say(self, message: str) -> None:
        """Print a message on standard error."""
        with self.lock:
            self.clear()
            print(f"yamjit: {printable_lines(message)}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Clear the bar to make room for another line; it comes back by itself."""
        with self.lock:
            if self._is_drawn:
                self._is_drawn = False
                sys.stderr.write(wiped(sys.stderr))
                sys.stderr.flush()

    def around(self, stream: TextIO) -> Any:
        """Return a stream for results; on a terminal, it clears the bar first and escapes control characters."""
        return _OnTerminal(stream, self) if stream.isatty() else stream

    def _survey(self) -> None:
        assert self._tally is not None
        if not self._over.wait(_REFRESH_S):  # nothing is shown before, and a short recording is done
            self._tally.survey(self._over.is_set)

    def _draw_on(self) -> None:
        full = "█" if takes(sys.stderr, "█") else "#"
        while not self._over.wait(_REFRESH_S):
            text = line(self._state(), columns_of(sys.stderr), full=full)
            with self.lock, contextlib.suppress(OSError, ValueError):
                if not self._over.is_set():
                    sys.stderr.write(f"\r{text}")
                    sys.stderr.flush()
                    self._is_drawn = True

    def _write_lines(self) -> None:
        begun, pause = time.monotonic(), _LINE_S
        self._samples.append((begun, 0.0))
        while not self._over.wait(pause):
            if len(self._samples) == 1:
                self._survey()
            text = sentence(self._state())
            with self.lock:
                if not self._over.is_set():
                    self.say(text)
            pause = max(_LINE_S, _LINE_SHARE * (time.monotonic() - begun))

    def _state(self) -> State:
        tally = self._tally
        assert tally is not None
        heard_s, total = tally.heard_s, tally.total_s
        name = next((_name_of(key) for key, _ in tally.under_way()), "")
        return State(
            heard_s + tally.earlier_s,
            None if total is None else total[0],
            total is None or total[1],
            self._speed(heard_s),
            name if tally.recordings > 1 else "",
        )

    def _speed(self, heard_s: float) -> float | None:
        now, samples = time.monotonic(), self._samples
        if not heard_s:
            samples.clear()
        samples.append((now, heard_s))
        while len(samples) > 2 and samples[1][0] < now - _SPEED_OVER_S:
            samples.popleft()
        passed = now - samples[0][0]
        return (heard_s - samples[0][1]) / passed if passed else None

    def _how_far(self) -> str:
        """Return how far the run came, in words."""
        tally = self._tally
        assert tally is not None
        found, parts = tally.under_way(), []
        if tally.recordings > 1 or tally.concluded:
            parts.append(f"{tally.concluded} of {tally.recordings} {tally.what} done")
        if len(found) > 1:
            parts.append(f"{elapsed(sum(heard_s for _, heard_s in found))} of {len(found)} others")
        for key, heard_s in found if len(found) == 1 else ():
            name = f" of {_name_of(key)!r}" if tally.recordings > 1 else " heard"
            parts.append(share_of(heard_s, tally.claimed_s(key)) + name)
        return ", ".join(parts) or "nothing was heard yet"


def _name_of(recording: Any) -> str:
    return printable(getattr(recording, "name", ""))


class _OnTerminal:
    """A terminal that shows results, perhaps below a bar."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress

    def write(self, text: str) -> int:
        with self._progress.lock:
            self._progress.clear()
            self._stream.write(printable_lines(text))
            self._stream.flush()
        return len(text)

    def writelines(self, lines: Any) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        self._stream.flush()
