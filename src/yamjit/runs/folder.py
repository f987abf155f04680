"""A folder of results: a file for each recording, whole or not there, the settings that made them, and of what."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any

from yamjit.errors import InputError
from yamjit.runs.clashes import clashes
from yamjit.runs.inputs import Recording, is_named_like_audio
from yamjit.runs.journal import Journal, origin_of
from yamjit.runs.keeping import Keeping
from yamjit.runs.manifest import Manifest
from yamjit.runs.naming import JOURNAL, MANIFEST, Places, is_result, is_segments
from yamjit.runs.whole import remove_result, writing
from yamjit.writing import PARTIAL_PREFIX

__all__ = ["ResultFolder"]


class ResultFolder:
    """A folder that a run writes a file per recording to, alone; a context manager.

    Parameters
    ----------
    path : path
        Made if it is not there. Recordings may lie in it.
    suffix : str
        Of the results, such as ".csv".
    settings : mapping of str to JSON values
        All that the results depend on, apart from the recordings.
    resume : bool
        Go on with what an earlier run with the same settings has left: a result that is there is whole, and stays,
        unless its recording is not what it was then, in size or time of modification.
    overwrite : bool
        Remove what an earlier run has left.

    Raises
    ------
    InputError
        On entry, if the folder has results of other settings, or of the same and neither is asked for, or if another
        run is writing to it.
    OutputError
        If it cannot be written to.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        suffix: str,
        settings: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.places = Places(self.path, suffix)
        self._manifest = Manifest(self.path, settings)
        self._resume = resume
        self._overwrite = overwrite
        self._lock: int | None = None

    def __enter__(self) -> ResultFolder:
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
        try:
            self._begin()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with writing(self._journal.path):
                    self._journal.tidy()
        finally:
            self._unlock()

    def todo(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Return the recordings whose results are not there; remember which inputs this folder is of.

        A recording whose result cannot be in its place is among them, and fails in its turn.

        Raises
        ------
        InputError
            If the folder has the result of another recording in the place of one of these, or that of one of these in
            another place.
        OutputError
        """
        self._refuse_others(recordings)
        self._manifest.add_roots(one.root for one in recordings if one.problem is None and one.root)
        checked = map(_with_problem, recordings, clashes(recordings, self.places))
        return [one for one in checked if one.problem is not None or not self.has(one)]

    def has(self, recording: Recording) -> bool:
        """Return whether the result of a recording is there, and was made of what the recording is now."""
        now = origin_of(recording.name, self._manifest.roots.get(recording.root, -1))
        if now is None:
            return False  # it fails in its turn; what is there stays
        if self._journal.origin(recording.place) == now and self.places.target(recording).exists():
            return True
        with writing(self._journal.path):
            self._journal.strike(recording.place)
        return False

    def keeping(self, job: Callable[[Recording], Any]) -> Keeping:
        """Return a job for these places that also remembers what it has made of which recording."""
        return Keeping(job, self.places, self._journal.path, self._manifest.roots)

    def _begin(self) -> None:
        is_there = self._manifest.is_there()
        if is_there and not self._overwrite:
            self._manifest.go_on()
            if not self._resume:
                raise InputError(
                    f"{str(self.path)!r} has results of an earlier run: "
                    "--resume goes on with it, --overwrite makes them anew"
                )
        with writing(self.path):
            self._clear(results=is_there and self._overwrite)
            if not is_there or self._overwrite:
                (self.path / JOURNAL).unlink(missing_ok=True)
            self._journal = Journal(self.path / JOURNAL, self._manifest.roots)
            self._journal.tidy()
        if not is_there or self._overwrite:
            self._manifest.write()

    def _clear(self, *, results: bool) -> None:
        """Remove what killed runs were writing, and results if asked; nothing else, and nothing of other runs."""
        for parent, folders, names in os.walk(self.path):
            if MANIFEST in names and Path(parent) != self.path:
                folders.clear()
                continue
            for name in [*names, *folders]:
                if name.startswith(PARTIAL_PREFIX) or (results and _is_to_go(Path(parent, name))):
                    remove_result(Path(parent, name))
            folders[:] = [name for name in folders if not (name.startswith(PARTIAL_PREFIX) or is_segments(name))]

    def _refuse_others(self, recordings: Sequence[Recording]) -> None:
        roots = list(self._manifest.roots)
        if not roots:
            return
        places = {os.path.join(roots[origin.root], place): place for place, origin in self._journal.items()}  # noqa: PTH118
        for recording in recordings:
            if recording.problem is not None or not recording.root:
                continue
            then, place = self._journal.origin(recording.place), recording.place.as_posix()
            # What the journal does not know, since it was damaged, is of an input that is known.
            root = recording.root if recording.root in self._manifest.roots else roots[0]
            root = roots[then.root] if then is not None else root
            if root != recording.root and self._is_there(place):
                raise InputError(self._told_other(recording, root))
            other = places.get(os.path.join(recording.root, place), place)  # noqa: PTH118
            if other != place and self._is_there(other):
                raise InputError(
                    f"{str(self.path)!r} has the result of {recording.name!r} in another place, {other!r}: "
                    "give the same folder as before, or choose another folder of results"
                )

    def _is_there(self, place: str) -> bool:
        return self.places.target(Recording("", PurePath(place))).exists()

    def _told_other(self, recording: Recording, root: str) -> str:
        former, now = (self._manifest.name_of(one) for one in (root, recording.root))
        return (
            f"{str(self.path)!r} has results of recordings in {root!r}; that of {recording.name!r} would have the name "
            "of one of them: choose another folder, or --overwrite; if the recordings were moved, put "
            f"{now!r} in the place of {former!r} in {str(self._manifest.path)!r}"
        )

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _with_problem(recording: Recording, clash: str | None) -> Recording:
    if clash is None:
        return recording
    return dataclasses.replace(recording, problem=f"{recording.name}: its result {clash}")


def _is_to_go(path: Path) -> bool:
    """Return whether something in a folder of results is one."""
    return is_segments(path.name) if path.is_dir() else is_result(path.name) and not is_named_like_audio(path.name)


def _locked(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed or the process ends, on systems that can."""
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
            os.close(descriptor)
            raise InputError(f"{str(folder)!r}: another run is writing to it") from error
        # A file system without locks: whoever starts two runs there gets each result twice, whole.
    return descriptor
