"""A dataset: a folder of parts, Parquet files that hold the results of many recordings each.

Results of single recordings wait in a folder inside, as in any folder of results, until a part is whole. A line of the
list of parts then says which recordings it holds: from there on it counts, whenever a run is killed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from yamjit.errors import InputError
from yamjit.output.parts import Part, Parts, check_reader, part_without
from yamjit.runs.folder import ResultFolder
from yamjit.runs.inputs import Recording
from yamjit.runs.journal import Origin, origin_of
from yamjit.runs.naming import MANIFEST, Shard
from yamjit.runs.outcome import Outcome
from yamjit.runs.parts_list import PART, Commit, Packed, PartsList
from yamjit.runs.settling import finish
from yamjit.runs.whole import remove_result, whole_file, writing
from yamjit.writing import PARTIAL_PREFIX

__all__ = ["Dataset"]

#: Folder inside, which readers of datasets pass over by its first letter.
_INSIDE = "_yamjit"

#: Settings that each part repeats in its metadata.
_COMMON = ("yamjit", "model", "verb")


class Dataset(ResultFolder):
    """A dataset that one run at a time writes; arguments and errors as those of `ResultFolder`.

    Rows of a recording lie together, in the order of time; recordings are in the order of the inputs, whatever the
    number of processes, and those that a later run adds come after the others.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        suffix: str,
        settings: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
        shard: Shard | None = None,
    ) -> None:
        if shard is not None:
            raise InputError("a dataset is written by one run: --shard is for a result of each recording")
        how: dict[str, Any] = {"resume": resume, "overwrite": overwrite, "called": repr(os.fspath(path))}
        super().__init__(Path(path) / _INSIDE, suffix, settings, **how)
        self.folder = Path(path)
        self._settings = settings
        self._list = PartsList(self.path / "manifest.jsonl", settings)
        self._stale: list[Packed] = []

    def todo(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Return what `ResultFolder.todo` does; results of recordings that have changed since leave their parts."""
        todo = super().todo(recordings)
        self._drop(self._stale)
        return todo

    def has(self, recording: Recording) -> bool:
        """Return whether the result of a recording is in a part, or waits for it, and was made of it as it is now."""
        packed = self._list.packed.get(recording.place.as_posix())
        now = origin_of(recording.source, self._manifest.roots.get(recording.root, -1))
        if packed is not None and now is not None and packed.origin == now:
            return True
        if packed is not None and (now is not None or Path(recording.name).exists()):
            self._stale.append(packed)
        return super().has(recording)

    def gathered(
        self, recordings: Sequence[Recording], found: Generator[Outcome[Any], None, None]
    ) -> Generator[Outcome[Any], None, None]:
        """Put results into parts, in the order of recordings, and yield outcomes, which are in the same order."""
        following = iter(recordings)
        with contextlib.closing(found), self._parts() as parts:
            packing = _Packing(self, parts)
            for outcome in found:
                for one in following:
                    packing.pack(one)
                    if one.name == outcome.recording.name:
                        break
                yield outcome
            for one in following:
                packing.pack(one)
            packing.commit()
        self._remove_empty()

    def add(self, commit: Commit) -> None:
        """Note that parts are whole; remove what waited for them, and the parts that they replace."""
        self._list.add(commit)
        for one in commit.recordings:
            remove_result(self.places.target(Recording("", PurePath(one.place))))
        now = {part.name for part in commit.parts}
        for name in commit.instead_of:
            if name not in now:
                remove_result(self.folder / name)

    def origins(self, places: Iterable[str]) -> list[Origin | None]:
        """Return what results were made of, all of which wait; None for a recording that changed meanwhile."""
        finish()
        self._journal.refresh()
        return [self._journal.origin(PurePath(place)) for place in places]

    def _begin(self) -> None:
        check_reader()
        if (self.folder / MANIFEST).exists():
            raise InputError(
                f"{str(self.folder)!r} has a result for each recording, from another run: choose another folder"
            )
        with writing(self.folder):
            parts = {path.name for path in self.folder.iterdir() if PART.fullmatch(path.name)}
        if parts and not self._manifest.is_there():
            raise InputError(f"{str(self.folder)!r} has parts that no run of yamjit has listed: choose another folder")
        if self._overwrite:  # before the settings of the new run are written down, which are not those of the parts
            self._list.clear()
        super()._begin()
        self._list.read(len(self._manifest.roots))
        self._journal.assume({place: one.origin for place, one in self._list.packed.items() if one.origin is not None})
        with writing(self.folder):
            for path in list(self.folder.iterdir()):
                if path.name.startswith(PARTIAL_PREFIX) or path.name in parts - self._list.names:
                    remove_result(path)
        if self._list.commits:  # a run may have been killed before it removed them
            for one in self._list.commits[-1].recordings:
                if self._journal.origin(PurePath(one.place)) == one.origin:
                    remove_result(self.places.target(Recording("", PurePath(one.place))))

    def _is_there(self, place: PurePath) -> bool:
        return place.as_posix() in self._list.packed or super()._is_there(place)

    def _drop(self, stale: Sequence[Packed]) -> None:
        places = {one.place for one in stale}
        for commit in [one for one in self._list.commits if one.holds(places)]:
            gone = {one.file for one in commit.recordings if one.place in places and one.rows}
            kept = [one for one in commit.recordings if one.place not in places]
            parts = [self._part_without(part, gone) for part in commit.parts] if gone else commit.parts
            names = {old.name: new.name for old, new in zip(commit.parts, parts, strict=True)}
            moved = (one._replace(part=names.get(one.part, "")) for one in kept)
            left = (part for part in parts if part.rows)
            self.add(Commit(tuple(left), tuple(moved), tuple(part.name for part in commit.parts)))

    def _part_without(self, part: Part, files: set[str]) -> Part:
        place = self._place()
        with whole_file(place) as file:
            rows = part_without(self.folder / part.name, files, file)
        if not rows:
            remove_result(place)
        return Part(place.name, rows)

    def _parts(self) -> Parts:
        said = {name: str(self._settings[name]) for name in _COMMON if name in self._settings}
        return Parts(self._place, whole_file, said)

    def _place(self) -> Path:
        return self.folder / f"part-{self._list.following():05d}.parquet"

    def _remove_empty(self) -> None:
        """Remove the folders in which results have waited."""
        for parent, _, _ in os.walk(self.path, topdown=False):
            if Path(parent) != self.path:
                with contextlib.suppress(OSError):
                    Path(parent).rmdir()


class _Packing:
    """Recordings that go into the parts which are open."""

    def __init__(self, dataset: Dataset, parts: Parts) -> None:
        self._dataset, self._parts = dataset, parts
        self._held: list[Packed] = []

    def pack(self, recording: Recording) -> None:
        """Add the result of a recording, if one waits; note the parts if they are full."""
        waiting = self._dataset.places.target(recording)
        if recording.problem is None and waiting.exists():
            part, rows = self._parts.add(waiting)
            self._held.append(Packed(recording.place.as_posix(), recording.name, part, rows, None))
            if self._parts.is_full:
                self.commit()

    def commit(self) -> None:
        """Close the parts, and note what they hold."""
        parts = tuple(self._parts.take())
        if self._held:
            origins = self._dataset.origins(one.place for one in self._held)
            held = (one._replace(origin=origin) for one, origin in zip(self._held, origins, strict=True))
            self._dataset.add(Commit(parts, tuple(held)))
        self._held = []
