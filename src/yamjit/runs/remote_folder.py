"""A folder of results in an object store: nothing is renamed or appended to there, and each file is written whole."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from yamjit.remote import names_below, read_remote, remove, shown, upload
from yamjit.runs.folder import ResultFolder
from yamjit.runs.inputs import Recording, is_named_like_audio
from yamjit.runs.journal import Origin, add_line
from yamjit.runs.keeping import Keeping
from yamjit.runs.naming import MANIFEST, SEGMENTS, Places, Shard, is_of_a_run, is_result, is_segments, journal_of
from yamjit.runs.outcome import Outcome
from yamjit.runs.whole import writing

__all__ = ["RemoteFolder"]

#: Seconds from one writing of the journal to the next: what was done since then is done again if the run is killed.
_NOTED_EVERY_S = 10.0

_MOST_BYTES = 2**30


class RemoteFolder(ResultFolder):
    """A `ResultFolder` at an address: its manifest and journal are worked on in a temporary folder.

    Results are uploaded by the process that makes them; their recordings are noted by the process of the run. Two runs
    at once write every result twice, each time whole, since there are no locks.
    """

    def __init__(
        self,
        address: str,
        suffix: str,
        settings: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
        shard: Shard | None = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._here = tempfile.TemporaryDirectory(prefix="yamjit-", ignore_cleanup_errors=True)
        self._there: set[str] = set()
        self._noted_at = time.monotonic()
        how = {"resume": resume, "overwrite": overwrite, "shard": shard}
        super().__init__(self._here.name, suffix, settings, called=repr(shown(self._address)), **how)  # type: ignore[arg-type]

    def __enter__(self) -> RemoteFolder:
        try:
            self._there = set(names_below(self._address))
            own = [name for name in self._there if is_of_a_run(name)]
            if self._overwrite:
                former = [name for name in self._there if _is_to_go(name)] if MANIFEST in own else []
                remove(f"{self._address}/{name}" for name in (*former, *own))
                self._there.difference_update(former, own)
            for name in own if not self._overwrite else ():
                data = read_remote(f"{self._address}/{name}", _MOST_BYTES)
                (self.path / name).write_bytes(data)
            super().__enter__()
        except BaseException:
            self._here.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
            self._upload(journal_of(self._shard))
            if kind is None and self._shard is None:
                remove(f"{self._address}/{name}" for name in self._there if _is_of_a_part(name))
        finally:
            self._here.cleanup()

    def todo(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Return what `ResultFolder.todo` does; by then, the settings are written."""
        found = super().todo(recordings)
        self._upload(MANIFEST)
        return found

    def keeping(self, job_for: Callable[..., Callable[[Recording], Any]]) -> Keeping:
        """Return a job that uploads the result of each recording, and returns what `gathered` writes down."""
        return _Uploading(job_for, self.places, self._journal.path, self._manifest.roots, self._address)

    def gathered(
        self, recordings: Sequence[Recording], found: Generator[Outcome[Any], None, None]
    ) -> Generator[Outcome[Any], None, None]:
        """Note in the journal which recordings the results were made of."""
        for outcome in found:
            if isinstance(outcome.value, _Uploaded):
                if outcome.value.origin is not None:
                    with writing(self._journal.path):
                        add_line(self._journal.path, outcome.recording.place, outcome.value.origin)
                if time.monotonic() - self._noted_at > _NOTED_EVERY_S:
                    self._upload(journal_of(self._shard))
                    self._noted_at = time.monotonic()
                yield Outcome(outcome.recording, outcome.value.value)
            else:
                yield outcome

    def _conclude(self, *, is_done: bool) -> None:
        if self._shard is None:  # the journals of other parts may not be whole
            super()._conclude(is_done=is_done)

    def _upload(self, name: str) -> None:
        if (self.path / name).exists():
            upload(self.path / name, f"{self._address}/{name}")

    def _is_there(self, place: Any) -> bool:
        target = _below(self.places, Recording("", place))
        # A recording without segments has no file.
        return self.places.suffix == SEGMENTS or target in self._there


@dataclass(frozen=True)
class _Uploaded:
    """What a job returned, and the recording that its result was made of."""

    value: Any
    origin: Origin | None


@dataclass(frozen=True)
class _Uploading(Keeping):
    """Makes the result of a recording in a temporary folder, and uploads it."""

    address: str

    def unseen_folder(self) -> str | None:
        """Return None: everybody sees a store."""
        return None

    def _do(self, recording: Recording) -> Any:
        with tempfile.TemporaryDirectory(prefix="yamjit-") as folder:
            places = self.places._replace(folder=Path(folder))
            value = self.job_for(place=places.target)(recording)
            target, name = places.target(recording), _below(places, recording)
            if target.is_dir():
                self._remove(recording)
                for path in sorted(target.iterdir()):
                    upload(path, f"{self.address}/{name}/{path.name}")
            else:
                upload(target, f"{self.address}/{name}")
        return value

    def _keep(self, recording: Recording, origin: Origin | None, value: Any) -> Any:
        return _Uploaded(value, origin)

    def _remove(self, recording: Recording) -> None:
        address = f"{self.address}/{_below(self.places, recording)}"
        if self.places.suffix == SEGMENTS:
            remove(f"{address}/{name}" for name in names_below(address))
        else:
            remove([address])


def _below(places: Places, recording: Recording) -> str:
    return places.target(recording).relative_to(places.folder).as_posix()


def _is_to_go(name: str) -> bool:
    """Return whether a file is a result, or part of one."""
    *folders, last = name.split("/")
    return any(map(is_segments, folders)) or (is_result(last) and not is_named_like_audio(last))


def _is_of_a_part(name: str) -> bool:
    return is_of_a_run(name) and name not in (MANIFEST, journal_of(None))
