"""What became of a recording that a job was done for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from yamjit.errors import AudioError, InputError, LimitError, OutputError

if TYPE_CHECKING:
    from yamjit.runs.inputs import Recording

__all__ = ["Outcome", "PlaceError", "attempt"]

_Value = TypeVar("_Value")


class PlaceError(OutputError):
    """The result of one recording cannot be written to its place; others may be written."""


class Outcome(Generic[_Value]):
    """What a job returned for a recording, or why it failed, in one line."""

    __slots__ = ("failure", "recording", "value")

    def __init__(self, recording: Recording, value: _Value | None = None, failure: str | None = None) -> None:
        self.recording = recording
        self.value = value
        self.failure = failure


def attempt(job: Callable[[Recording], _Value], recording: Recording) -> Outcome[_Value]:
    """Return what a job makes of a recording, or why it fails."""
    if recording.problem is not None:
        return Outcome(recording, failure=recording.problem)
    try:
        return Outcome(recording, job(recording))
    except (AudioError, InputError, LimitError, PlaceError) as error:
        return Outcome(recording, failure=str(error))
    except MemoryError:
        return Outcome(recording, failure=f"{recording.name}: there is not enough memory for it")
