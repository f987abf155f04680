"""The journal of a folder of results: for each result, a line about its recording as it was when it was read."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping, Sized
from pathlib import Path, PurePath
from typing import NamedTuple

from yamjit.disk import is_remote, read_limited
from yamjit.errors import InputError, YamjitError
from yamjit.remote import identity
from yamjit.runs.naming import JOURNAL, Shard, journal_of, journals_of_shards
from yamjit.writing import write_whole

__all__ = ["Journal", "Origin", "add_line", "origin_of"]

_MOST_BYTES = 2**30


class Origin(NamedTuple):
    """The recording that a result was made of, as it was then: number of its input, size, time of modification.

    Where there is an address, times say little, and a number made of the ETag stands in the place of the last.
    """

    root: int
    size: int
    mtime_ns: int


def origin_of(name: str, root: int) -> Origin | None:
    """Return the origin of a result that would be made now; None if there is no file, but perhaps a pipe."""
    if is_remote(name):
        found = identity(name)
        return None if found is None else Origin(root, *found)
    try:
        status = os.stat(name)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return Origin(root, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def add_line(path: Path, place: PurePath, origin: Origin | None) -> None:
    """Append to a journal what a result was made of, or that this is unknown; from any process. May raise `OSError`."""
    line = _line(place.as_posix(), origin)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        # A line cut off by a full disk cannot be read, nor the next one: both results are made again.
        while line:
            line = line[os.write(descriptor, line) :]
    finally:
        os.close(descriptor)


class Journal:
    """The journal of a folder of results; `roots` are its inputs, which may become more.

    Parts of a run have files of their own, to which they append; `shard` is the part of this one. All are read, and
    made one by `tidy`.

    A line is ignored if it is about another input, or cannot be read, because a run was killed or the file was damaged:
    its result is made again. Something other than a file at `path` is refused with an `InputError`.
    """

    def __init__(self, folder: Path, roots: Sized, shard: Shard | None = None) -> None:
        self.path = folder / journal_of(shard)
        self._main = folder / JOURNAL
        self._roots = roots
        self._origins: dict[str, Origin] = {}
        for path in {self.path, self._main, *journals_of_shards(folder)}:
            if os.path.lexists(path) and not path.is_file():
                raise InputError(f"{str(path)!r}: is not a file, but has the name of the journal of results: remove it")
        self._written = b""
        self.refresh()

    def origin(self, place: PurePath) -> Origin | None:
        """Return what the result at a place was made of, if that is known."""
        return self._origins.get(place.as_posix())

    def items(self) -> Iterable[tuple[str, Origin]]:
        """Return places and origins."""
        return self._origins.items()

    def assume(self, origins: Mapping[str, Origin]) -> None:
        """Take origins that are written down elsewhere, of places that the journal does not know."""
        self._origins = {**origins, **self._origins}

    def strike(self, place: PurePath) -> None:
        """Forget what the result at a place was made of, before it is made again. May raise `OSError`."""
        if self._origins.pop(place.as_posix(), None) is not None:
            add_line(self.path, place, None)

    def refresh(self) -> None:
        """Read the files again, after lines were appended."""
        self._origins.clear()
        self._written = _content(self._main)
        for content in (self._written, *map(_content, journals_of_shards(self._main.parent))):
            for line in content.split(b"\n"):
                place, origin = _read(line, len(self._roots))
                if origin is not None:
                    self._origins[place] = origin
                else:
                    self._origins.pop(place, None)

    def tidy(self) -> None:
        """Sort the lines by place, in one file, without those that later ones have replaced. May raise `OSError`.

        No other run may be writing to the folder.
        """
        self.refresh()
        text = b"".join(_line(place, origin) for place, origin in sorted(self._origins.items()))
        if text != self._written:
            write_whole(self._main, text)
        for path in journals_of_shards(self._main.parent):
            path.unlink()


def _content(path: Path) -> bytes:
    try:
        return read_limited(path, _MOST_BYTES, what="a journal") if path.is_file() else b""
    except YamjitError:
        return b""


def _line(place: str, origin: Origin | None) -> bytes:
    known = {"place": place, **(origin._asdict() if origin is not None else {})}
    return json.dumps(known, ensure_ascii=True).encode() + b"\n"


def _read(line: bytes, roots: int) -> tuple[str, Origin | None]:
    """Return the place that a line is about, empty if it cannot be read, and the origin that it states."""
    try:
        known = json.loads(line)
        place, numbers = known.pop("place"), [known.get(name) for name in Origin._fields]
    except (ValueError, RecursionError, AttributeError, KeyError):
        return "", None
    if not isinstance(place, str):
        return "", None
    if all(type(number) is int for number in numbers) and 0 <= numbers[0] < roots:
        return place, Origin(*numbers)
    return place, None
