"""Arrays of many recordings: to a file for each, or to one that is open."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from yamjit.output.arrays import ARRAY_FORMATS, ArrayWriter, Slab
from yamjit.runs.inputs import Recording
from yamjit.runs.naming import Places
from yamjit.runs.whole import whole_file

__all__ = ["ArrayJob"]

#: Slabs that are written together: a row group of Parquet wants to be large.
_SLABS_AT_ONCE = 64


class Slabs(Protocol):
    """What gives the slabs of a recording; then, what is wrong with it."""

    def slabs(self, recording: Recording) -> Generator[Slab, None, Any]:
        """Yield slabs as they come."""
        ...


@dataclass(frozen=True)
class ArrayJob:
    """Writes the slabs of a recording to its place, or to a writer that is open.

    Parameters
    ----------
    listener : Slabs
    form : str
        Of `ARRAY_FORMATS`.
    places : Places, optional
    writer : ArrayWriter, optional
        In place of `places`; stays in this process.
    """

    listener: Slabs
    form: str
    places: Places | None = None
    writer: ArrayWriter | None = None

    def __call__(self, recording: Recording) -> Any:
        """Write; return what is known in the end."""
        if self.writer is not None:
            return _drain(self.writer, self.listener.slabs(recording))
        assert self.places is not None
        with whole_file(self.places.target(recording)) as file, ARRAY_FORMATS[self.form](file) as writer:
            return _drain(writer, self.listener.slabs(recording))


def _drain(writer: ArrayWriter, slabs: Generator[Slab, None, Any]) -> Any:
    held: list[Slab] = []
    while True:
        try:
            held.append(next(slabs))
        except StopIteration as stop:
            _write(writer, held)
            return stop.value
        if len(held) == _SLABS_AT_ONCE:
            _write(writer, held)
            held.clear()


def _write(writer: ArrayWriter, slabs: Sequence[Slab]) -> None:
    for slab in _joined(slabs):
        writer.add(slab)


def _joined(slabs: Sequence[Slab]) -> Iterable[Slab]:
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
