"""A folder of results: a whole file for each recording, and what they were made with and made of."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any

from yamjit.errors import InputError, OutputError
from yamjit.runs.clashes import clashes
from yamjit.runs.inputs import Recording, is_named_like_audio
from yamjit.runs.journal import Journal, origin_of
from yamjit.runs.keeping import Keeping
from yamjit.runs.locking import FolderLock
from yamjit.runs.manifest import Manifest
from yamjit.runs.naming import JOURNAL, MANIFEST, Places, Shard, is_result, is_segments, journals_of_shards
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

    With a `shard`, the run is one of several parts, which may be written at the same time, and by different machines:
    it goes on with what the others have begun, and the last part makes of them what one run would have left.

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
        shard: Shard | None = None,
        called: str | None = None,
    ) -> None:
        if shard is not None and overwrite:
            raise InputError("one part of a run does not remove the results of the others: remove the folder first")
        self.path = Path(path)
        self.places = Places(self.path, suffix)
        #: The folder in messages.
        self._called = repr(str(self.path)) if called is None else called
        self._manifest = Manifest(self.path, settings, self._called)
        self._resume = resume
        self._overwrite = overwrite
        self._shard = shard
        self._lock: FolderLock | None = None

    def __enter__(self) -> ResultFolder:
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = FolderLock(self.path, self._shard)
        try:
            self._begin()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._lock is not None
        try:
            if kind is None:
                finish()
            if self._lock.is_alone():
                self._conclude(is_done=kind is None)
        finally:
            self._lock.release()

    def _conclude(self, *, is_done: bool) -> None:
        """Remove what processes that were ended have left, and make one journal of all."""
        with contextlib.ExitStack() as errors:
            errors.enter_context(writing(self._journal.path) if is_done else contextlib.suppress(OSError, OutputError))
            self._clear(results=False)
            if is_done:
                self._journal.tidy()

    def todo(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Return the recordings whose results are missing; remember the inputs.

        A recording whose result cannot be in its place is among them, and fails in its turn. An `InputError` is raised
        if the result of another recording is in the place of one of these, or that of one of these is elsewhere.
        """
        self._refuse_others(recordings)
        self._manifest.add_roots(one.root for one in recordings if one.problem is None and one.root)
        checked = map(_with_problem, recordings, clashes(recordings, self.places))
        mine = (one for one in checked if self._shard is None or self._shard.has(one.name))
        return [one for one in mine if one.problem is not None or not self.has(one)]

    def has(self, recording: Recording) -> bool:
        """Return whether the result of a recording exists, and was made of the recording as it is now."""
        now = origin_of(recording.source, self._manifest.roots.get(recording.root, -1))
        if now is None:
            return False  # it fails in its turn; its former result stays
        if self._journal.origin(recording.place) == now and self._is_there(recording.place):
            return True
        with writing(self._journal.path):
            self._journal.strike(recording.place)
        return False

    def keeping(self, job_for: Callable[..., Callable[[Recording], Any]]) -> Keeping:
        """Return a job that also notes in the journal which recording each result was made of.

        `job_for` returns the job, given as `place` what says where a result goes.
        """
        return Keeping(job_for, self.places, self._journal.path, self._manifest.roots)

    def gathered(
        self, recordings: Sequence[Recording], found: Generator[Outcome[Any], None, None]
    ) -> Generator[Outcome[Any], None, None]:
        """Return the outcomes of recordings as they are; other kinds of folders do their part meanwhile."""
        return found

    def _begin(self) -> None:
        is_there = self._manifest.is_there()
        if is_there and not self._overwrite:
            self._manifest.go_on()
            if not (self._resume or self._shard):
                raise InputError(
                    f"{self._called} has results of an earlier run: --resume continues it, --overwrite replaces them"
                )
        with writing(self.path):
            if self._shard is None:
                self._clear(results=is_there and self._overwrite)
                if not is_there or self._overwrite:
                    for path in (self.path / JOURNAL, *journals_of_shards(self.path)):
                        path.unlink(missing_ok=True)
            self._journal = Journal(self.path, self._manifest.roots, self._shard)
            if self._shard is None:
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
            if root != recording.root and self._is_there(recording.place):
                raise InputError(self._told_other(recording, root))
            other = places.get(os.path.join(recording.root, place), place)  # noqa: PTH118
            if other != place and self._is_there(PurePath(other)):
                raise InputError(
                    f"{self._called} has the result of {recording.name!r} in another place, {other!r}: "
                    "give the same folder as before, or choose another folder of results"
                )

    def _is_there(self, place: PurePath) -> bool:
        return self.places.target(Recording("", place)).exists()

    def _told_other(self, recording: Recording, root: str) -> str:
        former, now = (self._manifest.name_of(one) for one in (root, recording.root))
        return (
            f"{self._called} has results of recordings in {root!r}, and that of {recording.name!r} would have the "
            "same name as one of them: choose another folder, or use --overwrite; if the recordings were moved, "
            f"replace {former!r} by {now!r} in {str(self._manifest.path)!r}"
        )


def _with_problem(recording: Recording, clash: str | None) -> Recording:
    if clash is None:
        return recording
    return recording._replace(problem=f"{recording.name}: its result {clash}")


def _is_to_go(path: Path) -> bool:
    """Return whether a file or folder in a folder of results is a result."""
    return is_segments(path.name) if path.is_dir() else is_result(path.name) and not is_named_like_audio(path.name)
