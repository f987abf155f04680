"""Rows of many recordings: to one writer in the order of the recordings, or to a file for each."""

from __future__ import annotations

import io
import itertools
import json
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from yamjit.output import Writer
from yamjit.output.writer import text_stream
from yamjit.results import Row, Summary
from yamjit.runs.inputs import Recording
from yamjit.runs.naming import Places
from yamjit.runs.pool import Outcome, outcomes
from yamjit.runs.whole import whole_file
from yamjit.writing import NamedFile, naming

__all__ = ["Listener", "RowJob", "rows_to_writer"]


class Listener(Protocol):
    """What hears rows in a recording."""

    def hear(self, recording: Recording) -> Generator[list[Row], None, Summary]:
        """Yield rows as they come; return what is known in the end."""
        ...


def rows_to_writer(
    recordings: Sequence[Recording], listener: Listener, writer: Writer, processes: int = 1
) -> Generator[Outcome[Summary], None, None]:
    """Write what is heard in recordings, in their order; yield what became of each once it is written.

    With one process, rows are written as they come; with several, they wait in temporary files for their turn.

    Parameters
    ----------
    recordings : sequence of Recording
    listener : Listener
        To be pickled, with more than one process.
    writer : Writer
        Entered.
    processes : int > 0
    """
    if processes == 1:
        for outcome in outcomes(recordings, lambda one: _write(writer, one.name, listener.hear(one))):
            yield _told(outcome, writer)
        return
    with tempfile.TemporaryDirectory(prefix="yamjit-", ignore_cleanup_errors=True) as spool:
        for waiting in outcomes(recordings, _Spooling(listener, Path(spool)), processes):
            if waiting.value is None:
                yield _told(Outcome(waiting.recording, failure=waiting.failure), writer)
                continue
            for outcome in outcomes([waiting.recording], _Writing(writer, waiting.value)):
                yield _told(outcome, writer)


def _write(writer: Writer, name: str, heard: Generator[list[Row], None, Summary]) -> Summary:
    writer.begin(name)
    while True:
        try:
            rows = next(heard)
        except StopIteration as stop:
            summary: Summary = stop.value
            writer.end(summary)
            return summary
        writer.rows(rows)


def _told(outcome: Outcome[Summary], writer: Writer) -> Outcome[Summary]:
    if outcome.failure is not None:
        writer.failure(outcome.recording.name, outcome.failure)
    return outcome


@dataclass(frozen=True)
class RowJob:
    """Writes the rows of a recording to its place.

    Parameters
    ----------
    listener : Listener
    places : Places
    open_writer : callable
        Of a `Format`.
    binary : bool
        Whether it writes bytes.
    """

    listener: Listener
    places: Places
    open_writer: Callable[[Any], Writer]
    binary: bool

    def __call__(self, recording: Recording) -> Summary:
        """Write; return what is known in the end."""
        with whole_file(self.places.target(recording)) as file:
            stream = file if self.binary else text_stream(file)
            with self.open_writer(stream) as writer:
                summary = _write(writer, recording.name, self.listener.hear(recording))
            if isinstance(stream, io.TextIOWrapper):
                stream.detach()
        return replace(summary, top=())


@dataclass(frozen=True)
class _Spooling:
    """Keeps the rows of a recording in a temporary file."""

    listener: Listener
    folder: Path

    def __call__(self, recording: Recording) -> _Spooled:
        heard = self.listener.hear(recording)
        with naming(str(self.folder)):
            descriptor, name = tempfile.mkstemp(dir=self.folder)
        with text_stream(io.BufferedWriter(NamedFile(descriptor, "wb", str(self.folder)))) as file:
            while True:
                try:
                    rows = next(heard)
                except StopIteration as stop:
                    return _Spooled(Path(name), stop.value)
                file.writelines(json.dumps(row) + "\n" for row in rows)
                file.write("\n")


@dataclass(frozen=True)
class _Writing:
    """Writes the rows of a recording that wait in a file."""

    writer: Writer
    spooled: _Spooled

    def __call__(self, recording: Recording) -> Summary:
        return _write(self.writer, recording.name, self.spooled.rows())


@dataclass(frozen=True)
class _Spooled:
    """The rows of a recording in a file that is read once."""

    path: Path
    summary: Summary

    def rows(self) -> Generator[list[Row], None, Summary]:
        """Yield the rows as they came, in the same portions."""
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                portion = itertools.takewhile(str.strip, itertools.chain([line], file))
                yield list(_parsed(portion))
        self.path.unlink()
        return self.summary


def _parsed(lines: Iterator[str]) -> Iterator[Row]:
    return (Row(*json.loads(line)) for line in lines)
