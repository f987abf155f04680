"""What the writers of all formats do, and what many of them share."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

from yamjit.errors import InputError

if TYPE_CHECKING:
    from types import TracebackType

    from yamjit.results import Row, Summary

__all__ = ["Format", "LabelsWriter", "TableWriter", "Writer", "text_stream"]


def text_stream(file: BinaryIO) -> io.TextIOWrapper:
    """Return a stream of text for a writer; text that is not UTF-8 is written with escapes."""
    return io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")


class Writer:
    """Writes results to a stream as they come, and leaves out what its format does not hold.

    It is a context manager: the document is completed whatever happens, the stream stays open. For each recording call
    `begin`, then `rows` any number of times, then `end` or `failure`; or `failure` alone.

    Parameters
    ----------
    stream : stream
        Stream of text, or of bytes where `Format.binary` says so.
    several_heads : bool
        Whether each row says which head of the model it comes from.
    """

    def __init__(self, stream: Any, *, several_heads: bool = False) -> None:
        self._stream = stream
        self._several_heads = several_heads

    def __enter__(self) -> Writer:
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
        """Write rows of parts of the recording."""

    def end(self, summary: Summary) -> None:
        """Write the summary of the recording, which has been read to its end."""

    def failure(self, file: str, reason: str) -> None:
        """Write why the recording could not be read, or not to its end."""

    def _open(self) -> None:
        """Write what comes before all results."""

    def _close(self) -> None:
        """Write what comes after all results."""

    def _label(self, row: Row) -> str:
        """Return the name of a row's class, with that of its head where the model has several."""
        return f"{row.label} ({row.head})" if self._several_heads else row.label

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class TableWriter(Writer, ABC):
    """A writer of rows only: those of parts of a recording, or those of its summary where no others were given."""

    _given = False

    def begin(self, file: str) -> None:
        """Start a recording."""
        self._given = False

    def rows(self, rows: Iterable[Row]) -> None:
        """Write rows of parts of the recording."""
        self._given = True
        for row in rows:
            self._row(row)
        self._stream.flush()

    def end(self, summary: Summary) -> None:
        """Write the rows of the summary, unless others were given."""
        if not self._given:
            self.rows(summary.top)

    @abstractmethod
    def _row(self, row: Row) -> None:
        """Write a row."""


class LabelsWriter(TableWriter):
    """A writer of the rows of one recording."""

    #: Name of the format, for messages.
    name: str

    _file: str | None = None

    def begin(self, file: str) -> None:
        """Start the recording; refuse a second one."""
        if self._file is not None:
            raise InputError(f"{file}: a file of {self.name} holds one recording, and has {self._file} already")
        self._file = file
        super().begin(file)


class Format(NamedTuple):
    """A format of results.

    Parameters
    ----------
    name : str
        Name of the format.
    suffixes : tuple of str
        Suffixes of its files; the first is the one that yamjit gives.
    writer : str
        Module of `yamjit.output` and class of its writer, as in "raven.RavenWriter": imported when it is opened.
    kind : {"report", "table", "labels"}
        Reports hold summaries and failures as well as rows. Tables hold rows only: where none were asked for, those of
        `Summary.top`. Labels are tables of one recording.
    binary : bool
        Whether the stream takes bytes.
    several_heads : bool
        Whether each row says which head of the model it comes from, see `of_heads`.
    """

    name: str
    suffixes: tuple[str, ...]
    writer: str
    kind: Literal["report", "table", "labels"]
    binary: bool = False
    several_heads: bool = False

    def open(self, stream: Any) -> Writer:
        """Return a writer for a stream; nothing is written before it is entered."""
        module, _, name = self.writer.partition(".")
        writer: type[Writer] = getattr(import_module(f"yamjit.output.{module}"), name)
        return writer(stream, several_heads=self.several_heads)

    def of_heads(self, heads: Collection[object]) -> Format:
        """Return the format for results of a model with these heads.

        If there are several, its writers add the head to every row: in a column or field of its own, or after the name
        of the class where the format has none.
        """
        return self._replace(several_heads=True) if len(heads) > 1 else self
