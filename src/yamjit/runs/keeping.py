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
    its name is removed. `roots` are the inputs and their numbers.
    """

    job: Callable[[Recording], Any]
    places: Places
    journal: Path
    roots: Mapping[str, int]

    def __call__(self, recording: Recording) -> Any:
        """Do the job; return what it returns.

        An `OutputError` means that it cannot be done for any other recording either; other errors concern this one
        only.
        """
        root = self.roots.get(recording.root)
        before = None if root is None else origin_of(recording.name, root)
        try:
            value = self.job(recording)
        except (YamjitError, OSError) as error:
            told = error if isinstance(error, YamjitError) else OutputError(f"{recording.name}: {describe(error)}")
            if is_of_the_disk(error):
                raise OutputError(str(told)) from error
            if isinstance(told, OutputError):
                raise PlaceError(str(told)) from error
            if before is not None and isinstance(told, AudioError | InputError | LimitError):
                with contextlib.suppress(OutputError):
                    remove_result(self.places.target(recording))
            raise
        if before is None:
            return value
        if origin_of(recording.name, before.root) == before:
            settle(self.places.target(recording), lambda: self._note(recording, before))
        elif isinstance(value, Summary):
            value = dataclasses.replace(value, warnings=(*value.warnings, _CHANGED))
        return value

    def unseen_folder(self) -> str | None:
        """Return the folder of results if this process does not see what the run has begun there, else None."""
        return None if (self.places.folder / MANIFEST).exists() else str(self.places.folder)

    def _note(self, recording: Recording, origin: Origin) -> None:
        with writing(self.journal):
            add_line(self.journal, recording.place, origin)
