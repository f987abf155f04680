"""Rows that wait in temporary files for their turn, while several processes hear recordings."""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import itertools
import json
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from yamjit.output.writer import text_stream
from yamjit.results import Row, Summary
from yamjit.runs.hearing import Listener
from yamjit.runs.inputs import Recording
from yamjit.runs.outcome import Outcome
from yamjit.runs.outcomes import outcomes
from yamjit.runs.tally import Tally
from yamjit.writing import NamedFile, naming

__all__ = ["spooled"]


def spooled(
    recordings: Sequence[Recording],
    listener: Listener,
    write: Callable[..., Summary],
    processes: int,
    tally: Tally[Recording],
    client: Any = None,
) -> Generator[Outcome[Summary], None, None]:
    """Yield what became of each recording, once `write` has had what several processes found in it.

    Workers of Dask, which may be elsewhere, return the rows themselves, compressed.
    """
    with tempfile.TemporaryDirectory(prefix="yamjit-", ignore_cleanup_errors=True) as spool:
        job = _Spooling(listener, Path(spool)) if client is None else _Sending(listener)
        with contextlib.closing(outcomes(recordings, job, processes, tally, client)) as found:
            for waiting in found:
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
            summary = self.listener.hear(recording, functools.partial(_spool, file))
        return _Spooled(Path(name), summary)


@dataclass(frozen=True)
class _Sending:
    """Keeps the rows of a recording in memory, compressed."""

    listener: Listener

    def __call__(self, recording: Recording) -> _Sent:
        held = io.BytesIO()
        with gzip.open(held, "wt", compresslevel=1, encoding="utf-8") as file:
            summary = self.listener.hear(recording, functools.partial(_spool, file))
        return _Sent(held.getvalue(), summary)


@dataclass(frozen=True)
class _Spooled:
    """A listener that finds the rows of a recording in a temporary file, once."""

    path: Path
    summary: Summary

    def hear(self, recording: Recording, sink: Callable[[list[Row]], None]) -> Summary:
        """Give the rows as they came, in the same portions."""
        with self.path.open(encoding="utf-8") as file:
            _give(file, sink)
        self.path.unlink()
        return self.summary


@dataclass(frozen=True)
class _Sent:
    """A listener that has the rows of a recording."""

    data: bytes
    summary: Summary

    def hear(self, recording: Recording, sink: Callable[[list[Row]], None]) -> Summary:
        """Give the rows as they came, in the same portions."""
        with gzip.open(io.BytesIO(self.data), "rt", encoding="utf-8") as file:
            _give(file, sink)
        return self.summary


def _spool(file: Any, rows: list[Row]) -> None:
    file.writelines(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows)
    file.write("\n")


def _give(file: Any, sink: Callable[[list[Row]], None]) -> None:
    for line in file:
        portion = itertools.takewhile(str.strip, itertools.chain([line], file))
        sink([_row(json.loads(each)) for each in portion])


def _row(values: list[Any]) -> Row:
    row = Row(*values)
    return row if row.time is None else row._replace(time=datetime.fromisoformat(values[-1]))
