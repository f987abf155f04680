"""A job whose results go to a folder: each is noted in the journal, and errors of writing are told apart."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yamjit.disk import describe
from yamjit.errors import AudioError, InputError, LimitError, OutputError, YamjitError
from yamjit.results import Summary
from yamjit.runs.inputs import Recording
from yamjit.runs.journal import Origin, add_line, origin_of
from yamjit.runs.naming import MANIFEST, Places
from yamjit.runs.outcome import PlaceError
from yamjit.runs.settling import settle
from yamjit.runs.whole import is_of_the_disk, remove_result, writing

__all__ = ["Keeping"]

_CHANGED = "was changed while it was read; --resume reads it again"


@dataclass(frozen=True)
class Keeping:
    """Does a job, and has its result settle and its recording noted in the journal; can be pickled if the job can.

    A recording that was changed meanwhile is not noted. If a recording exists and cannot be read, a former result of
    its name is removed. `roots` are the inputs and their numbers; `job_for` returns the job, given as `place` what says
    where a result goes.
    """

    job_for: Callable[..., Callable[[Recording], Any]]
    places: Places
    journal: Path
    roots: Mapping[str, int]

    def __call__(self, recording: Recording) -> Any:
        """Do the job; return what it returns.

        An `OutputError` means that it cannot be done for any other recording either; other errors concern this one
        only.
        """
        root = self.roots.get(recording.root)
        before = None if root is None else origin_of(recording.source, root)
        try:
            value = self._do(recording)
        except (YamjitError, OSError) as error:
            told = error if isinstance(error, YamjitError) else OutputError(f"{recording.name}: {describe(error)}")
            if is_of_the_disk(error):
                raise OutputError(str(told)) from error
            if isinstance(told, OutputError):
                raise PlaceError(str(told)) from error
            if before is not None and isinstance(told, AudioError | InputError | LimitError):
                with contextlib.suppress(OutputError):
                    self._remove(recording)
            raise
        if before is None:
            return self._keep(recording, None, value)
        if origin_of(recording.source, before.root) == before:
            return self._keep(recording, before, value)
        if isinstance(value, Summary):
            value = dataclasses.replace(value, warnings=(*value.warnings, _CHANGED))
        return self._keep(recording, None, value)

    def unseen_folder(self) -> str | None:
        """Return the folder of results if this process does not see what the run has begun there, else None."""
        return None if (self.places.folder / MANIFEST).exists() else str(self.places.folder)

    def _do(self, recording: Recording) -> Any:
        return self.job_for(place=self.places.target)(recording)

    def _keep(self, recording: Recording, origin: Origin | None, value: Any) -> Any:
        """Note what a result was made of, if that is known; return what the job does."""
        if origin is not None:
            settle(self.places.target(recording), lambda: self._note(recording, origin))
        return value

    def _remove(self, recording: Recording) -> None:
        remove_result(self.places.target(recording))

    def _note(self, recording: Recording, origin: Origin) -> None:
        with writing(self.journal):
            add_line(self.journal, recording.place, origin)
