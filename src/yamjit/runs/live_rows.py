"""Windows of a live source written as they come: rows of classes, or of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from yamjit.output.objects import row_object, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yamjit.events import Event, Watcher
    from yamjit.output import Writer
    from yamjit.recording import WindowStream
    from yamjit.results import Row
    from yamjit.scoring import Windows

__all__ = ["RowSink", "row_of"]


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
        for over in self._watcher.push_each(windows):  # what a line says does not depend on what came at once
            self._tell_begins([*over, *self._watcher.open])
            self._end(over)

    def finish(self) -> None:
        """Write the events that end with the recording."""
        if self._watcher is not None:
            over = self._watcher.flush(self._stream.source.start_s + self._stream.duration_s)
            self._tell_begins(over)
            self._end(over)

    def _end(self, over: list[Event]) -> None:
        self._begun -= {_identity(event) for event in over}
        rows = [row_of(self._stream, event) for event in over]
        if self._lines is None:
            self._writer.rows(rows)
        else:
            self._tell("end", rows)

    def _tell_begins(self, events: Iterable[Event]) -> None:
        new = [event for event in events if _identity(event) not in self._begun]
        self._begun |= {_identity(event) for event in new}
        self._tell("begin", [row_of(self._stream, event) for event in new], "end_s")

    def _tell(self, kind: str, rows: list[Row], *unknown: str) -> None:
        """Write a line for each row, without what is not known yet."""
        if self._lines is None:
            return
        for row in rows:
            known = {name: value for name, value in row_object(row).items() if name not in unknown}
            self._lines.write(to_json({"type": kind, "file": row.file, **known}) + "\n")
        self._lines.flush()


def row_of(stream: WindowStream, event: Event) -> Row:
    """Return an event of a stream as a row."""
    return event.row(stream.name, stream.heads[0].name)


def _identity(event: Event) -> tuple[str, str, float, int | None]:
    return event.head, event.label, event.start_s, event.channel
