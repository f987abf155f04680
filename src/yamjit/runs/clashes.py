"""Results whose place is taken: by the results of another run, by a recording, or by one another."""

from __future__ import annotations

import functools
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from yamjit.runs.inputs import Recording
from yamjit.runs.naming import MANIFEST, Places
from yamjit.runs.whole import writing
from yamjit.writing import partial_beside

__all__ = ["clashes"]


def clashes(recordings: Sequence[Recording], places: Places) -> Iterator[str | None]:
    """Yield for each recording why its result cannot be in its place, or None if it can; the folder exists."""
    folder = _Folder(places.folder)
    is_new = not any(os.path.lexists(places.target(recording)) for recording in recordings)
    read = _ReadPaths([] if is_new else [recording.name for recording in recordings])
    taken: dict[str, Recording] = {}
    for recording in recordings:
        if recording.problem is not None:
            yield None
            continue
        target = places.target(recording)
        nested = folder.other_results(recording.place.parts[:-1])
        other = taken.setdefault(_folded(os.fspath(target)), recording)
        if nested is not None:
            yield f"would lie in {str(nested)!r}, among the results of another run"
        elif target in read:
            yield f"would overwrite {str(target)!r}, which is read"
        elif other is not recording and (places.target(other) == target or folder.folds_names):
            yield f"would overwrite that of {other.name!r}: {str(places.folder)!r} does not tell their names apart"
        else:
            yield None


class _Folder:
    """What is known of a folder of results."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._nests: dict[tuple[str, ...], Path | None] = {(): None}

    def other_results(self, parts: tuple[str, ...]) -> Path | None:
        """Return the folder of another run's results that contains a folder below this one, or is that folder."""
        if parts not in self._nests:
            folder = self._path.joinpath(*parts)
            here = folder if (folder / MANIFEST).is_file() else None
            self._nests[parts] = self.other_results(parts[:-1]) or here
        return self._nests[parts]

    @functools.cached_property
    def folds_names(self) -> bool:
        """Whether the file system ignores the case of names, or how an accent is encoded."""
        stem = f"{partial_beside(self._path / 'probe').name}-"
        probe = self._path / f"{stem}a\xe9"
        with writing(probe):
            probe.touch()
            try:
                return any((self._path / f"{stem}{other}").exists() for other in ("A\xe9", "ae\u0301"))
            finally:
                probe.unlink()


class _ReadPaths:
    """Paths of everything that is read, and of the folders above."""

    def __init__(self, names: Sequence[str]) -> None:
        files = {Path(os.path.realpath(name)) for name in names}
        self._paths = files.union(parent for folder in {file.parent for file in files} for parent in _up(folder))
        self._folders: dict[Path, Path] = {}

    def __contains__(self, target: Path) -> bool:
        if target.is_symlink():
            return Path(os.path.realpath(target)) in self._paths
        if target.parent not in self._folders:
            self._folders[target.parent] = Path(os.path.realpath(target.parent))
        return self._folders[target.parent] / target.name in self._paths


def _up(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
