"""The list of a dataset's parts: a line for the settings, then one for parts and the recordings that they hold."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from yamjit.disk import read_limited
from yamjit.errors import InputError
from yamjit.output.parts import Part
from yamjit.runs.journal import Origin
from yamjit.runs.whole import remove_result, writing
from yamjit.writing import write_whole

__all__ = ["PART", "Commit", "Packed", "PartsList"]

_MOST_BYTES = 2**32

#: Names of parts: none leads elsewhere.
PART = re.compile(r"part-(\d{5,18})\.parquet")


class Packed(NamedTuple):
    """A recording whose results are in a part: its place and name, the part where its rows begin, and their number.

    `origin` is the recording as it was; None if it changed while it was read.
    """

    place: str
    file: str
    part: str
    rows: int
    origin: Origin | None


class Commit(NamedTuple):
    """Parts that count from one moment on, the recordings that they hold, and the names of the parts that are gone."""

    parts: tuple[Part, ...]
    recordings: tuple[Packed, ...]
    instead_of: tuple[str, ...] = ()

    def holds(self, places: Container[str]) -> bool:
        """Return whether recordings of some of these places are among those of the parts."""
        return any(one.place in places for one in self.recordings)


class PartsList:
    """The list at a path; `settings` are values of JSON.

    A line that cannot be read, because a run was killed or the file was damaged, is ignored: its parts are made again.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self._settings = settings
        self.commits: list[Commit] = []
        #: Recordings by their places.
        self.packed: dict[str, Packed] = {}
        self._next = 0

    @property
    def names(self) -> set[str]:
        """Names of all parts."""
        return {part.name for commit in self.commits for part in commit.parts}

    def following(self) -> int:
        """Return a number that no part has had, and will not return again."""
        self._next += 1
        return self._next - 1

    def read(self, roots: int) -> None:
        """Read the file, if there is one, and write it without what no longer counts; `roots` counts the inputs."""
        data = b""
        if self._path.is_file():
            data = read_limited(self._path, _MOST_BYTES, what="a list of parts")
        elif os.path.lexists(self._path):
            raise InputError(f"{str(self._path)!r}: is not a file, but has the name of a list of parts: remove it")
        folder = self._path.parent.parent
        for line in data.split(b"\n"):
            commit = _read(line, roots)
            if commit is not None:
                self._take(commit)
        for commit in self.commits[:]:
            if not all((folder / part.name).is_file() for part in commit.parts):
                self._forget(commit)
        text = b"".join(_line(value) for value in ({"settings": self._settings}, *map(_told, self.commits)))
        if text != data:
            with writing(self._path):
                write_whole(self._path, text)

    def add(self, commit: Commit) -> None:
        """Write a line, which is on the disk afterwards, as the parts are."""
        with writing(self._path), self._path.open("ab") as file:
            file.write(_line(_told(commit)))
            file.flush()
            os.fsync(file.fileno())
        self._take(commit)

    def clear(self) -> None:
        """Remove the file: no part counts."""
        remove_result(self._path)

    def _take(self, commit: Commit) -> None:
        gone = set(commit.instead_of)
        for former in [one for one in self.commits if not gone.isdisjoint(part.name for part in one.parts)]:
            self._forget(former)
        self.commits.append(commit)
        self.packed.update((one.place, one) for one in commit.recordings)
        for name in (*commit.instead_of, *(part.name for part in commit.parts)):
            self._next = max(self._next, int(PART.fullmatch(name)[1]) + 1)  # type: ignore[index]

    def _forget(self, commit: Commit) -> None:
        self.commits.remove(commit)
        for one in commit.recordings:
            self.packed.pop(one.place, None)


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode() + b"\n"


def _told(commit: Commit) -> dict[str, Any]:
    told = {
        "parts": [part._asdict() for part in commit.parts],
        "recordings": [
            {**one._asdict(), "origin": None if one.origin is None else one.origin._asdict()}
            for one in commit.recordings
        ],
    }
    return {**told, "instead_of": list(commit.instead_of)} if commit.instead_of else told


def _read(line: bytes, roots: int) -> Commit | None:
    try:
        said = json.loads(line)
        parts = tuple(Part(one["name"], one["rows"]) for one in said["parts"])
        recordings = tuple(_packed(one, roots) for one in said["recordings"])
        gone = tuple(said.get("instead_of", ()))
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return None
    are_named = all(isinstance(name, str) and PART.fullmatch(name) for name in (*gone, *(part.name for part in parts)))
    return Commit(parts, recordings, gone) if are_named else None


def _packed(said: dict[str, Any], roots: int) -> Packed:
    origin = said["origin"]
    if origin is not None:
        origin = Origin(**origin)
        if not (all(type(number) is int for number in origin) and 0 <= origin.root < roots):
            raise ValueError
    return Packed(str(said["place"]), str(said["file"]), str(said["part"]), int(said["rows"]), origin)
