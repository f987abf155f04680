"""Windows of a live source shown as they come: classes or events, as bars in a terminal or as rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TextIO

from yamjit.cli.bars import Bars, clock
from yamjit.output.cells import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yamjit.events import Event, Watcher
    from yamjit.output import Writer
    from yamjit.recording import WindowStream
    from yamjit.results import Row
    from yamjit.scoring import Windows

__all__ = ["BarSink", "Delay", "RowSink"]


class Delay:
    """Time from a sound to its results, for a source that comes at its own pace.

    A source without `lost_s` and `overruns`, which `Microphone` has, loses nothing.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._start = time.monotonic()
        self.now_s = self.most_s = 0.0

    def update(self, heard_s: float) -> None:
        """Note that there are results for the sound up to `heard_s`."""
        self.now_s = max(0.0, time.monotonic() - self._start - heard_s - self._lost_s)
        self.most_s = max(self.most_s, self.now_s)

    @property
    def _lost_s(self) -> float:
        return float(getattr(self._source, "lost_s", 0.0))

    def status(self) -> str:
        """Return delay and losses, for the line of status."""
        lost = f"  lost {self._lost_s:.1f} s" if self._lost_s else ""
        return f"{self.now_s:.1f} s late{lost}"

    def summary(self) -> str:
        """Return delay and losses, for the summary."""
        overruns = int(getattr(self._source, "overruns", 0))
        losses = f"{overruns} overruns, {self._lost_s:.1f} s lost" if overruns else "nothing lost"
        return f"at most {self.most_s:.1f} s late, {losses}"


class RowSink:
    """Writes rows as they come: classes of each window, or events when they are over.

    With JSON lines, which go to `lines`, an event has two of them: ``{"type": "begin", ...}`` as soon as it is heard,
    and ``{"type": "end", ...}`` when it is over.
    """

    def __init__(self, stream: WindowStream, writer: Writer, watcher: Watcher | None, lines: TextIO | None) -> None:
        self._stream = stream
        self._writer = writer
        self._watcher = watcher
        self._lines = lines
        self._begun: set[tuple[str, str, float, int | None]] = set()

    def take(self, windows: Windows) -> None:
        """Write the classes of windows, or the events that end with them."""
        if self._watcher is None:
            self._writer.rows(self._stream.rows(windows))
            return
        over = self._watcher.push(windows)
        self._tell_begins([*over, *self._watcher.open])
        self._end(over)

    def finish(self) -> None:
        """Write the events that end with the recording."""
        if self._watcher is not None:
            self._end(self._watcher.flush(self._stream.source.start_s + self._stream.duration_s))

    def _end(self, over: list[Event]) -> None:
        self._begun -= {_identity(event) for event in over}
        rows = [_row(self._stream, event) for event in over]
        if self._lines is None:
            self._writer.rows(rows)
        else:
            self._tell("end", rows)

    def _tell_begins(self, events: Iterable[Event]) -> None:
        new = [event for event in events if _identity(event) not in self._begun]
        self._begun |= {_identity(event) for event in new}
        self._tell("begin", [_row(self._stream, event) for event in new], "end_s")

    def _tell(self, kind: str, rows: list[Row], *unknown: str) -> None:
        """Write a line for each row, without what is not known yet."""
        from yamjit.output.objects import row_object, to_json

        if self._lines is None:
            return
        for row in rows:
            known = {name: value for name, value in row_object(row).items() if name not in unknown}
            self._lines.write(to_json({"type": kind, "file": row.file, **known}) + "\n")
        self._lines.flush()


class BarSink:
    """Draws the highest classes, or the events that are going on; events that have ended stay above."""

    def __init__(self, stream: WindowStream, bars: Bars, watcher: Watcher | None, delay: Delay) -> None:
        self._stream = stream
        self._bars = bars
        self._most = stream.categories[0].options.max_results
        self._lines = sum(min(self._most, len(one)) + bool(one.head) for one in stream.categories)
        self._watcher = watcher
        self._delay = delay

    def take(self, windows: Windows) -> None:
        """Draw the last of these windows."""
        rows = list(self._stream.rows(windows))
        latest = [row for row in rows if row.start_s >= windows.times_s[-1]]
        if self._watcher is not None:
            self._print(self._watcher.push(windows))
            latest = self._going_on(self._watcher)
        level = float(windows.level_dbfs[-1]) if windows.level_dbfs is not None else 0.0
        end = float(windows.times_s[-1]) + windows.window_s
        self._bars.draw(end, level, latest, self._lines, self._delay.status())

    def finish(self) -> None:
        """Leave the last picture, and print the events that end with the recording."""
        if self._watcher is not None:
            self._print(self._watcher.flush(self._stream.source.start_s + self._stream.duration_s))
        self._bars.leave()

    def _going_on(self, watcher: Watcher) -> list[Row]:
        """Return the events that are going on, head by head, as many of each head as there is room for."""
        rows = [_row(self._stream, event) for event in watcher.open]
        by_head = ([row for row in rows if row.head == head.name] for head in self._stream.heads)
        return [row for mine in by_head for row in mine[: self._most]]

    def _print(self, over: list[Event]) -> None:
        for event in over:
            head = f"  ({shown(event.head)})" if event.head else ""
            times = f"{clock(event.start_s)} - {clock(event.end_s)}"
            self._bars.above(f"{times}  {event.score:.2f}  {shown(event.label)}{head}")


def _row(stream: WindowStream, event: Event) -> Row:
    return event.row(stream.name, stream.heads[0].name)


def _identity(event: Event) -> tuple[str, str, float, int | None]:
    return event.head, event.label, event.start_s, event.channel
