"""A live source followed to its end: what is heard is shown, and completed however it ends."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from yamjit.cli.bars import Bars
from yamjit.cli.event_options import event_options_of
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED, INTERRUPTIONS, Stop
from yamjit.cli.live import BarSink, Delay
from yamjit.cli.progress import Progress
from yamjit.cli.streams import check_reader, drop_output, tell
from yamjit.errors import AudioError
from yamjit.events import Watcher
from yamjit.output import FORMATS
from yamjit.results import Summary
from yamjit.runs.live_rows import RowSink

if TYPE_CHECKING:
    import argparse

    from yamjit.output import Writer
    from yamjit.recording import WindowStream

__all__ = ["follow"]

#: Seconds without sound after which that is told.
_SILENCE_S = 10.0

#: Share by which the clock of a sound card may be wrong.
_DRIFT = 0.001


def follow(args: argparse.Namespace, stream: WindowStream, source: Any) -> int:
    """Follow a stream until it ends, or an interruption ends it; return the exit code."""
    return _Follower(args, stream, source).follow()


class _Follower:
    def __init__(self, args: argparse.Namespace, stream: WindowStream, source: Any) -> None:
        self._stream, self._source = stream, source
        self._raw, self._quiet = args.raw is not None, args.quiet
        self._form = args.format or _default_form()
        self._watcher = Watcher.of(stream, event_options_of(args)) if args.events else None
        self._delay = Delay(source)
        self._stop = Stop(source.stop, functools.partial(drop_output, at_once=True))
        self._told: set[str] = set()
        self._show: Callable[[str], None] = tell
        self._heard = time.monotonic()

    def follow(self) -> int:
        """Follow the stream to its end, tell how it was, and return the exit code."""
        stream, over = self._stream, threading.Event()
        silence = threading.Thread(target=self._tell_silence, args=(over,), daemon=True)
        silence.start()
        with self._stop:
            try:
                failure = self._report()
            except INTERRUPTIONS:
                tell("ended at once: what was not heard or not written yet is lost, and there is no summary")
                raise
            finally:
                over.set()
                silence.join()  # nothing holds the source at exit
        self._show = tell
        self._warn((*stream.warnings, *filter(None, [stream.damage]), *_doubts(stream)))
        if failure is None or stream.count:
            heard = f"listened for {stream.duration_s:.1f} s, {stream.count} windows"
            self._say(f"{stream.name}: {heard}, {self._delay.summary()}{self._missing()}")
        if failure is not None:
            raise AudioError(failure)
        self._stop.repeat()
        return EXIT_SOME_FAILED if stream.lost else EXIT_OK

    def _report(self) -> str | None:
        """Report what is heard; return why the source failed, if it did."""
        stream, failure = self._stream, None
        form = FORMATS["text" if self._form == "bars" else self._form].of_heads(stream.heads)
        with form.open(Progress(quiet=True).around(sys.stdout)) as writer:
            sink = self._sink(writer)
            try:
                for windows in stream:
                    self._heard = time.monotonic()
                    self._warn((*(self._source.warnings if self._raw else ()), *_doubts(stream)))
                    check_reader()
                    if len(windows):
                        self._delay.update()
                        sink.take(windows)
            except AudioError as error:
                if self._stop.number is None:  # else the end came before the first sound
                    failure = str(error)
                    writer.failure(stream.name, failure)
            sink.finish()
            writer.end(self._summary())
        return failure

    def _summary(self) -> Summary:
        stream = self._stream
        return stream.summary() if stream.count else Summary(stream.name, stream.duration_s, 0, stream.window_s)

    def _missing(self) -> str:
        """Return how much less sound than time there was, as after a stall, or where a program before us lost some."""
        begin, end = (self._stream.clock.at(time_s) for time_s in (0.0, self._stream.duration_s))
        if begin is None or end is None:
            return ""
        heard_s = self._stream.duration_s + getattr(self._source, "lost_s", 0.0)
        missing_s = (end - begin).total_seconds() - heard_s
        is_drift = missing_s < max(1.0, _DRIFT * heard_s)
        return "" if is_drift else f"; {missing_s:.1f} s of sound did not come"

    def _sink(self, writer: Writer) -> BarSink | RowSink:
        if self._form == "bars":
            bars = Bars(sys.stdout, several_heads=len(self._stream.heads) > 1)
            self._show = lambda line: bars.above(f"yamjit: {line}")
            return BarSink(self._stream, bars, self._watcher, self._delay)
        writer.begin(self._stream.name)
        return RowSink(self._stream, writer, self._watcher, sys.stdout if self._form == "jsonl" else None)

    def _tell_silence(self, over: threading.Event) -> None:
        """Tell when no sound comes, as from a camera that hangs, and when it comes again."""
        silent_since = None
        while not over.wait(_SILENCE_S / 10):
            waited = time.monotonic() - self._heard
            if silent_since is None and waited > _SILENCE_S:
                silent_since = self._heard
                self._say(f"warning: {self._stream.name}: no sound has come for {waited:.0f} s")
            elif silent_since is not None and waited < _SILENCE_S:
                self._say(f"{self._stream.name}: there is sound again, after {self._heard - silent_since:.0f} s")
                silent_since = None

    def _warn(self, problems: Iterable[str]) -> None:
        """Tell of the problems that were not told before."""
        new = [problem for problem in problems if problem not in self._told]
        self._told.update(new)
        for problem in new:
            self._say(f"warning: {problem}")

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._show(line)


def _default_form() -> str:
    if not sys.stdout.isatty():
        return "jsonl"
    return "text" if os.environ.get("TERM") == "dumb" else "bars"  # which move the cursor


def _doubts(stream: WindowStream) -> tuple[str, ...]:
    if not stream.clock.is_ahead:
        return ()
    return ("samples came faster than they sound, so that rows have no time: --recorded-at says when they began",)
