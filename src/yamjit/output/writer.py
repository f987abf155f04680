"""What every format's writer does, and what many of them share."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

from yamjit.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

    from yamjit.results import Row, Summary

__all__ = ["Format", "LabelsWriter", "StreamWriter", "TableWriter", "Writer", "text_stream"]


def text_stream(file: BinaryIO) -> io.TextIOWrapper:
    """Return a stream of text as writers want it; text that is not UTF-8 is written with escapes."""
    return io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")


class Writer(Protocol):
    """Writes results as they come; a context manager, so that a document is closed whatever happens.

    For each recording: `begin`, then `rows` any number of times, then `end` or `failure`; or `failure` alone.
    """

    def __enter__(self) -> Writer: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def begin(self, file: str) -> None:
        """Start a recording."""
        ...

    def rows(self, rows: Iterable[Row]) -> None:
        """Write what was heard in stretches of it."""
        ...

    def end(self, summary: Summary) -> None:
        """Write what is known of it now that it was read to its end."""
        ...

    def failure(self, file: str, reason: str) -> None:
        """Write that it could not be read, or not to its end."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A format of results.

    Parameters
    ----------
    name : str
    suffixes : tuple of str
        Of its files, the first for those that are named here.
    open : callable
        Stream -> `Writer`; with ``several_heads=True`` it says which head a row is of, see `of_heads`. Nothing is
        written before the writer is entered.
    kind : {"report", "table", "labels"}
        Reports hold summaries and failures as well as rows. Tables hold rows alone, and where none were asked for,
        those of `Summary.top`. Labels are tables of one recording.
    binary : bool
        Whether the stream takes bytes.
    """

    name: str
    suffixes: tuple[str, ...]
    open: Callable[..., Writer]
    kind: Literal["report", "table", "labels"]
    binary: bool = False

    def of_heads(self, heads: Collection[object]) -> Format:
        """Return the format as it is for results of a model with these heads.

        Where there are several, its writers say of every row which head it is of: in a column or field of its own, or
        behind the name of the class where the format has none.
        """
        return replace(self, open=partial(self.open, several_heads=True)) if len(heads) > 1 else self


class StreamWriter:
    """A writer to a stream, which stays open; what a format does not hold is left out.

    Parameters
    ----------
    stream : stream
    several_heads : bool
        Whether it matters which head of the model a row is of.
    """

    def __init__(self, stream: Any, *, several_heads: bool = False) -> None:
        self._stream = stream
        self._several_heads = several_heads

    def __enter__(self) -> StreamWriter:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or not issubclass(kind, BrokenPipeError):
            self._close()
            self._stream.flush()

    def begin(self, file: str) -> None:
        """Start a recording."""

    def rows(self, rows: Iterable[Row]) -> None:
        """Write what was heard in stretches of it."""

    def end(self, summary: Summary) -> None:
        """Write what is known of it now that it was read to its end."""

    def failure(self, file: str, reason: str) -> None:
        """Leave failures to the caller, who reports them on stderr."""

    def _label(self, row: Row) -> str:
        """Return the name of a row's class, with that of its head where it matters."""
        return f"{row.label} ({row.head})" if self._several_heads else row.label

    def _open(self) -> None:
        """Write what stands before all results."""

    def _close(self) -> None:
        """Write what stands behind all results."""


class TableWriter(StreamWriter, ABC):
    """A writer of rows alone: those of the stretches, or those of the whole where no others were given."""

    def __init__(self, stream: Any, *, several_heads: bool = False) -> None:
        super().__init__(stream, several_heads=several_heads)
        self._given = False

    def begin(self, file: str) -> None:
        """Start a recording."""
        self._given = False

    def rows(self, rows: Iterable[Row]) -> None:
        """Write what was heard in stretches of it."""
        self._given = True
        for row in rows:
            self._row(row)
        self._stream.flush()

    def end(self, summary: Summary) -> None:
        """Write what was heard in the whole of it, unless there were stretches."""
        if not self._given:
            self.rows(summary.top)

    @abstractmethod
    def _row(self, row: Row) -> None:
        """Write a row."""


class LabelsWriter(TableWriter):
    """A writer of the rows of one recording."""

    #: Name of the format, for messages.
    name: str

    def __init__(self, stream: Any, *, several_heads: bool = False) -> None:
        super().__init__(stream, several_heads=several_heads)
        self._file: str | None = None

    def begin(self, file: str) -> None:
        """Start the recording.

        Raises
        ------
        InputError
            If there was one before.
        """
        if self._file is not None:
            raise InputError(f"{file}: a file of {self.name} holds one recording, and has {self._file} already")
        self._file = file
        super().begin(file)
