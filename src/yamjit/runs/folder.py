"""A folder of results: a whole file for each recording, and what they were made with and made of."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Generator, Mapping, Sequence
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
from yamjit.runs.outcome import Outcome
from yamjit.runs.settling import finish
from yamjit.runs.whole import remove_result, writing
from yamjit.writing import PARTIAL_PREFIX

__all__ = ["ResultFolder"]


class ResultFolder:
    """A folder to which one run at a time writes a file for each recording; a context manager.

    It is made if it does not exist, and may contain recordings. Results have a `suffix` such as ".csv"; `settings`,
    values of JSON, are everything that they depend on, apart from the recordings. `resume` continues an earlier run
    with the same settings: a result that exists is whole, and stays, unless the size or the time of modification of its
    recording has changed. `overwrite` removes the results of an earlier run.

    On entry, an `InputError` is raised if there are results of other settings, or of the same ones and neither `resume`
    nor `overwrite` is given, or if another run is writing to the folder.
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
                finish()
                with writing(self._journal.path):
                    self._journal.tidy()
            else:  # processes that were ended leave partial files
                with contextlib.suppress(OSError):
                    self._clear(results=False)
        finally:
            self._unlock()

    def todo(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Return the recordings whose results are missing; remember the inputs.

        A recording whose result cannot be in its place is among them, and fails in its turn. An `InputError` is raised
        if the result of another recording is in the place of one of these, or that of one of these is elsewhere.
        """
        self._refuse_others(recordings)
        self._manifest.add_roots(one.root for one in recordings if one.problem is None and one.root)
        checked = map(_with_problem, recordings, clashes(recordings, self.places))
        return [one for one in checked if one.problem is not None or not self.has(one)]

    def has(self, recording: Recording) -> bool:
        """Return whether the result of a recording exists, and was made of the recording as it is now."""
        now = origin_of(recording.name, self._manifest.roots.get(recording.root, -1))
        if now is None:
            return False  # it fails in its turn; its former result stays
        if self._journal.origin(recording.place) == now and self.places.target(recording).exists():
            return True
        with writing(self._journal.path):
            self._journal.strike(recording.place)
        return False

    def keeping(self, job: Callable[[Recording], Any]) -> Keeping:
        """Return a job that also notes in the journal which recording each result was made of."""
        return Keeping(job, self.places, self._journal.path, self._manifest.roots)

    def gathered(
        self, recordings: Sequence[Recording], found: Generator[Outcome[Any], None, None]
    ) -> Generator[Outcome[Any], None, None]:
        """Return the outcomes of recordings as they are; a dataset puts results together meanwhile."""
        return found

    def _begin(self) -> None:
        is_there = self._manifest.is_there()
        if is_there and not self._overwrite:
            self._manifest.go_on()
            if not self._resume:
                raise InputError(
                    f"{str(self.path)!r} has results of an earlier run: "
                    "--resume continues it, --overwrite replaces them"
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
        """Remove the partial files of killed runs and, if asked, results; nothing else, and nothing of other runs."""
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
            # A place that a damaged journal has lost is taken for one of a known input.
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
            f"{str(self.path)!r} has results of recordings in {root!r}, and that of {recording.name!r} would have the "
            "same name as one of them: choose another folder, or use --overwrite; if the recordings were moved, "
            f"replace {former!r} by {now!r} in {str(self._manifest.path)!r}"
        )

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _with_problem(recording: Recording, clash: str | None) -> Recording:
    if clash is None:
        return recording
    return recording._replace(problem=f"{recording.name}: its result {clash}")


def _is_to_go(path: Path) -> bool:
    """Return whether a file or folder in a folder of results is a result."""
    return is_segments(path.name) if path.is_dir() else is_result(path.name) and not is_named_like_audio(path.name)


def _locked(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed or the process ends, if the system can."""
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
        # On a file system without locks, two runs at once write every result twice, each time whole.
    return descriptor
