"""Kinds of files that results go to: rows of classes, numbers over time, pictures; each is opened and filled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Protocol

import numpy as np

from yamjit.output import Format, Writer
from yamjit.output.arrays import ARRAY_FORMATS, ArrayWriter, Slab
from yamjit.output.writer import text_stream
from yamjit.results import Summary
from yamjit.runs.hearing import Listener
from yamjit.runs.inputs import Recording

__all__ = ["ArrayFormat", "PictureFormat", "ResultFormat", "RowFormat"]

#: Slabs that are written together: a row group of Parquet should be large.
_SLABS_AT_ONCE = 64


class ResultFormat(Protocol):
    """A kind of files of results; can be pickled."""

    @property
    def name(self) -> str:
        """Name of the format, such as "jsonl"."""
        ...

    @property
    def suffix(self) -> str:
        """Suffix of its files, such as ".jsonl"."""
        ...

    @property
    def holds_one(self) -> bool:
        """Whether a file holds one recording, not several."""
        ...

    def open(self, file: BinaryIO) -> AbstractContextManager[Any]:
        """Begin a file."""
        ...

    def hear(self, listener: Listener, recording: Recording, opened: Any) -> Summary:
        """Write what is found in a recording to a file that was begun; return what is known in the end."""
        ...


@dataclass(frozen=True)
class RowFormat:
    """Rows of classes, see `yamjit.output`."""

    form: Format

    @property
    def name(self) -> str:
        """Name of the format."""
        return self.form.name

    @property
    def suffix(self) -> str:
        """First of its suffixes."""
        return self.form.suffixes[0]

    @property
    def holds_one(self) -> bool:
        """Whether it is of labels."""
        return self.form.kind == "labels"

    @contextlib.contextmanager
    def open(self, file: BinaryIO) -> Iterator[Writer]:
        """Begin a file."""
        stream: Any = file if self.form.binary else text_stream(file)
        try:
            with self.form.open(stream) as writer:
                yield writer
        finally:
            if stream is not file:
                stream.detach()

    def hear(self, listener: Listener, recording: Recording, opened: Writer) -> Summary:
        """Write the rows as they come, and the summary."""
        opened.begin(recording.name)
        summary = listener.hear(recording, opened.rows)
        opened.end(summary)
        return summary


@dataclass(frozen=True)
class ArrayFormat:
    """Numbers over time, see `yamjit.output.arrays`."""

    name: str

    @property
    def suffix(self) -> str:
        """Suffix of its files."""
        return f".{self.name}"

    @property
    def holds_one(self) -> bool:
        """Whether it is one of NumPy's formats."""
        return self.name in ("npy", "npz")

    def open(self, file: BinaryIO) -> AbstractContextManager[ArrayWriter]:
        """Begin a file."""
        return ARRAY_FORMATS[self.name](file)

    def hear(self, listener: Listener, recording: Recording, opened: ArrayWriter) -> Summary:
        """Write the slabs, many at once."""
        held: list[Slab] = []

        def hold(slab: Slab) -> None:
            held.append(slab)
            if len(held) == _SLABS_AT_ONCE:
                write()

        def write() -> None:
            for slab in _joined(held):
                opened.add(slab)
            held.clear()

        summary = listener.hear(recording, hold)
        write()
        return summary


def _joined(slabs: list[Slab]) -> Iterator[Slab]:
    """Yield the same rows in fewer slabs, those of a channel together; the order of each channel stays."""
    by_channel: dict[int | None, list[Slab]] = {}
    for slab in slabs:
        if len(slab.values):
            by_channel.setdefault(slab.channel, []).append(slab)
    for mine in by_channel.values():
        yield mine[0]._replace(
            times_s=np.concatenate([slab.times_s for slab in mine]),
            values=np.concatenate([slab.values for slab in mine]),
        )


@dataclass(frozen=True)
class PictureFormat:
    """A picture of one recording, see `yamjit.plots`."""

    name: str
    holds_one: ClassVar[bool] = True

    @property
    def suffix(self) -> str:
        """Suffix of its files."""
        return f".{self.name}"

    def open(self, file: BinaryIO) -> AbstractContextManager[BinaryIO]:
        """Begin a file."""
        return contextlib.nullcontext(file)

    def hear(self, listener: Listener, recording: Recording, opened: BinaryIO) -> Summary:
        """Write the picture."""
        from yamjit.plots import save_figure

        return listener.hear(recording, lambda figure: save_figure(figure, opened, self.name))
