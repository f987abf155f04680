"""What a run does with each recording: a file or folder of its own, or its turn in one file for all."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from yamjit.output.writer import text_stream
from yamjit.results import Row, Summary
from yamjit.runs.formats import ArrayFormat, ResultFormat, RowFormat
from yamjit.runs.hearing import Events, Listener
from yamjit.runs.inputs import Recording
from yamjit.runs.pool import Outcome, outcomes
from yamjit.runs.tally import Tally
from yamjit.runs.whole import whole_file, whole_folder
from yamjit.segments import SegmentOptions, cut_segments
from yamjit.writing import NamedFile, naming

__all__ = ["FileJob", "SegmentJob", "into_one_file"]


@dataclass(frozen=True)
class FileJob:
    """Writes what is found in a recording to a file; `place` says where."""

    listener: Listener
    form: ResultFormat
    place: Callable[[Recording], Path]

    def __call__(self, recording: Recording) -> Summary:
        """Write; return what is known in the end."""
        with whole_file(self.place(recording)) as file, self.form.open(file) as opened:
            return replace(self.form.hear(self.listener, recording, opened), top=())


@dataclass(frozen=True)
class SegmentJob:
    """Cuts events out of a recording, as audio files in a folder; `place` says where."""

    listener: Events
    cutting: SegmentOptions
    place: Callable[[Recording], Path]

    def __call__(self, recording: Recording) -> Summary:
        """Write the segments; return what is known in the end."""
        events, summary = self.listener.find(recording)
        with whole_folder(self.place(recording)) as folder:
            cut_segments(recording.name, events, folder, self.cutting)
        return summary


def into_one_file(
    recordings: Sequence[Recording],
    listener: Listener,
    form: RowFormat | ArrayFormat,
    opened: Any,
    processes: int = 1,
    tally: Tally[Recording] | None = None,
) -> Generator[Outcome[Summary], None, None]:
    """Write what is found in recordings, in their order; yield what became of each once it is written.

    With one process, results are written as they come, to what `form` has opened. With several, which is for rows only,
    the listener is pickled, and rows wait in temporary files for their turn. `tally` is told how far
    this is, see `outcomes`, and whether anything was found.
    """
    tally = Tally(recordings, lambda _: None) if tally is None else tally
    write = functools.partial(_write, form, opened, tally)
    if processes == 1:
        found = outcomes(recordings, functools.partial(write, listener), tally=tally)
    else:
        found = _spooled(recordings, listener, write, processes, tally)
    with contextlib.closing(found):
        for outcome in found:
            if outcome.failure is not None and isinstance(form, RowFormat):
                opened.failure(outcome.recording.name, outcome.failure)
            yield outcome


def _write(
    form: RowFormat | ArrayFormat, opened: Any, tally: Tally[Recording], listener: Listener, recording: Recording
) -> Summary:
    """Write what is found in a recording; if that is interrupted, formats with room for it say so."""
    try:
        summary = form.hear(_Counted(listener, tally), recording, opened)
    except BaseException as error:
        if isinstance(form, RowFormat) and not isinstance(error, Exception):
            heard_s = sum(heard_s for one, heard_s in tally.under_way() if one == recording)
            opened.failure(recording.name, f"interrupted after {heard_s:.2f} s")
        raise
    tally.has_results = True
    return summary


@dataclass(frozen=True)
class _Counted:
    """A listener whose results are noted."""

    listener: Listener
    tally: Tally[Recording]

    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        def noted(found: Any) -> None:
            sink(found)
            self.tally.has_results |= bool(found)

        return self.listener.hear(recording, noted)


def _spooled(
    recordings: Sequence[Recording],
    listener: Listener,
    write: Callable[..., Summary],
    processes: int,
    tally: Tally[Recording],
) -> Generator[Outcome[Summary], None, None]:
    with tempfile.TemporaryDirectory(prefix="yamjit-", ignore_cleanup_errors=True) as spool:
        for waiting in outcomes(recordings, _Spooling(listener, Path(spool)), processes, tally):
            if waiting.value is None:
                yield Outcome(waiting.recording, failure=waiting.failure)
            else:
                yield from outcomes([waiting.recording], functools.partial(write, waiting.value))


@dataclass(frozen=True)
class _Spooling:
    """Keeps the rows of a recording in a temporary file."""

    listener: Listener
    folder: Path

    def __call__(self, recording: Recording) -> _Spooled:
        with naming(str(self.folder)):
            descriptor, name = tempfile.mkstemp(dir=self.folder)
        with text_stream(io.BufferedWriter(NamedFile(descriptor, "wb", str(self.folder)))) as file:

            def spool(rows: list[Row]) -> None:
                file.writelines(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows)
                file.write("\n")

            return _Spooled(Path(name), self.listener.hear(recording, spool))


@dataclass(frozen=True)
class _Spooled:
    """A listener that finds the rows of a recording in a temporary file, once."""

    path: Path
    summary: Summary

    def hear(self, recording: Recording, sink: Callable[[list[Row]], None]) -> Summary:
        """Give the rows as they came, in the same portions."""
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                portion = itertools.takewhile(str.strip, itertools.chain([line], file))
                sink([_row(json.loads(each)) for each in portion])
        self.path.unlink()
        return self.summary


def _row(values: list[Any]) -> Row:
    row = Row(*values)
    return row if row.time is None else row._replace(time=datetime.fromisoformat(values[-1]))
