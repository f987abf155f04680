"""Rows that wait in temporary files for their turn, while several processes hear recordings."""

from __future__ import annotations

import functools
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
) -> Generator[Outcome[Summary], None, None]:
    """Yield what became of each recording, once `write` has had what several processes found in it."""
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
