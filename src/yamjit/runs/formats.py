"""Formats of results: how a file is opened, and what is found in a recording written to it."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO

from yamjit.output.writer import text_stream

if TYPE_CHECKING:
    from yamjit.output import Format, Writer
    from yamjit.output.arrays import ArrayWriter, Slab
    from yamjit.results import Summary
    from yamjit.runs.concluding import Concluding
    from yamjit.runs.hearing import Listener
    from yamjit.runs.inputs import Recording

__all__ = ["ArrayFormat", "PictureFormat", "ResultFormat", "RowFormat"]

#: Slabs that are written together: a row group of Parquet should be large.
_SLABS_AT_ONCE = 64


class ResultFormat(ABC):
    """A format of results; can be pickled. Its name, such as "jsonl", is by default also the suffix of its files."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def suffix(self) -> str:
        """Suffix of its files, such as ".jsonl"."""
        return f".{self.name}"

    @abstractmethod
    def open(self, file: BinaryIO) -> AbstractContextManager[Any]:
        """Begin a file: return what `hear` writes to."""

    @abstractmethod
    def hear(self, listener: Listener, recording: Recording, opened: Any) -> Summary:
        """Write what is found in a recording; return what is known in the end."""


class RowFormat(ResultFormat):
    """A format of rows, see `yamjit.output`."""

    def __init__(self, name: str, form: Format) -> None:
        super().__init__(name)
        self.form = form

    @property
    def suffix(self) -> str:
        """First suffix of its files."""
        return self.form.suffixes[0]

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

    def hear(self, listener: Listener, recording: Recording, opened: Writer | Concluding) -> Summary:
        """Write rows as they come, then the summary."""
        opened.begin(recording.name)
        summary = listener.hear(recording, opened.rows)
        opened.end(summary)
        return summary


class ArrayFormat(ResultFormat):
    """A format of numbers over time, see `yamjit.output.arrays`."""

    def open(self, file: BinaryIO) -> AbstractContextManager[ArrayWriter]:
        """Begin a file."""
        from yamjit.output.arrays import ARRAY_FORMATS

        return ARRAY_FORMATS[self.name](file)

    def hear(self, listener: Listener, recording: Recording, opened: ArrayWriter) -> Summary:
        """Write slabs, many at once."""
        held: list[Slab] = []

        def hold(slab: Slab) -> None:
            held.append(slab)
            if len(held) == _SLABS_AT_ONCE:
                write()

        def write() -> None:
            for slab in _joined(held):
                opened.add(slab)
            held.clear()

        try:
            summary = listener.hear(recording, hold)
        except BaseException as error:
            if not isinstance(error, Exception):  # an interruption: what was found by then is kept
                write()
            raise
        write()
        return summary


def _joined(slabs: list[Slab]) -> Iterator[Slab]:
    """Yield the same rows in fewer slabs, those of a channel together; the order of each channel stays."""
    import numpy as np

    by_channel: dict[int | None, list[Slab]] = {}
    for slab in slabs:
        if len(slab.values):
            by_channel.setdefault(slab.channel, []).append(slab)
    for mine in by_channel.values():
        yield mine[0]._replace(
            times_s=np.concatenate([slab.times_s for slab in mine]),
            values=np.concatenate([slab.values for slab in mine]),
        )


class PictureFormat(ResultFormat):
    """A format of pictures, see `yamjit.plots`."""

    def open(self, file: BinaryIO) -> AbstractContextManager[BinaryIO]:
        """Begin a file."""
        return contextlib.nullcontext(file)

    def hear(self, listener: Listener, recording: Recording, opened: BinaryIO) -> Summary:
        """Write the picture."""
        from yamjit.plots import save_figure

        return listener.hear(recording, lambda figure: save_figure(figure, opened, self.name))
