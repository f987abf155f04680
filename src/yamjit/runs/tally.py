"""How far a run is: seconds of sound that were heard, of those that there are by the headers of recordings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from yamjit.disk import is_remote
from yamjit.runs.inputs import STDIN, Recording

if TYPE_CHECKING:
    from pathlib import Path

    from yamjit.reading import ReadOptions
    from yamjit.recording import RecordingStream

__all__ = ["Tally", "header_length", "length_of"]

_Key = TypeVar("_Key", bound=Hashable)


class Tally(Generic[_Key]):
    """Seconds of sound that a run has heard, and that it will; threads may share it.

    Parameters
    ----------
    todo : sequence
        Recordings, or clips, that are to be heard.
    length_of : callable
        Returns the length of one by its header, in seconds; None if that says nothing.
    done : sequence, optional
        Those that an earlier run has heard.
    what : str
        What they are called.
    """

    def __init__(
        self,
        todo: Sequence[_Key],
        length_of: Callable[[_Key], float | None],
        done: Sequence[_Key] = (),
        *,
        what: str = "recordings",
    ) -> None:
        self.what = what
        self.recordings = len(todo) + len(done)
        self.concluded = len(done)
        self.earlier_s = 0.0
        #: Whether anything was written of what was found in a recording.
        self.has_results = False
        self._todo, self._done = todo, done
        self._length_of = length_of
        self._lock = threading.Lock()
        self._surveyed = False
        #: Lengths by the headers of those that have not been concluded, as far as they are known; and their sum.
        self._claimed: dict[_Key, float] = {}
        self._claimed_s = 0.0
        self._unknown: set[_Key] = set()
        self._concluded_s = 0.0
        #: Those that were concluded before their length was known.
        self._unmeasured: set[_Key] = set()
        self._under_way: dict[_Key, Callable[[], float]] = {}

    def survey(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Read the headers of all recordings, until `is_over`."""
        for key in self._done:
            if is_over():
                return
            self.earlier_s += self._length_of(key) or 0.0
        for place, key in enumerate(self._todo):
            if is_over():
                return
            claimed = self._length_of(key)
            with self._lock:
                if place < self.concluded - len(self._done):
                    self._concluded_s += (claimed or 0.0) if key in self._unmeasured else 0.0
                elif claimed is None:
                    self._unknown.add(key)
                else:
                    self._claimed[key] = claimed
                    self._claimed_s += claimed
        self._surveyed = True

    def begin(self, key: _Key, heard_s: Callable[[], float] = lambda: 0.0) -> None:
        """Count what `heard_s` returns, until the recording is concluded; it replaces what was counted of it."""
        with self._lock:
            self._under_way[key] = heard_s

    def watch(self, stream: RecordingStream) -> None:
        """Follow a stream of the recording that was begun last."""
        with self._lock:
            last = next(reversed(self._under_way), None)
            if last is not None:
                self._under_way[last] = lambda: stream.duration_s

    def conclude(self, key: _Key) -> None:
        """Count a recording as done, in the order of all: what was heard of it, or its length if that was not counted.

        What its header has claimed no longer counts.
        """
        with self._lock:
            under_way, claimed = self._under_way.pop(key, None), self._claimed.pop(key, 0.0)
            self._claimed_s -= claimed
            self._unknown.discard(key)
            if under_way is None and not self._surveyed and not claimed:
                self._unmeasured.add(key)
            self._concluded_s += claimed if under_way is None else under_way()
            self.concluded += 1

    @property
    def heard_s(self) -> float:
        """Seconds heard in this run."""
        with self._lock:
            return self._concluded_s + sum(heard() for heard in self._under_way.values())

    @property
    def total_s(self) -> tuple[float, bool] | None:
        """Seconds of all recordings, those of earlier runs among them, and whether that is the whole; or None.

        It is None until all headers are read. It is not the whole if some of them say nothing.
        """
        with self._lock:
            if not self._surveyed:
                return None
            beyond = (max(0.0, heard() - self._claimed.get(key, 0.0)) for key, heard in self._under_way.items())
            return self.earlier_s + self._concluded_s + self._claimed_s + sum(beyond), not self._unknown

    def under_way(self) -> list[tuple[_Key, float]]:
        """Return the recordings of which something was heard, and how much, in seconds."""
        with self._lock:
            found = [(key, heard()) for key, heard in self._under_way.items()]
        return [one for one in found if one[1]]

    def claimed_s(self, key: _Key) -> float | None:
        """Return the length of a recording by its header, in seconds, if that says one."""
        return self._claimed.get(key) or self._length_of(key) or None


def length_of(recording: Recording, reading: ReadOptions) -> float | None:
    """Return the seconds that will be read of a recording by its header: None if it says nothing, 0 if it will fail."""
    if recording.name == STDIN or is_remote(recording.name):
        return None
    return 0.0 if recording.problem is not None else header_length(recording.name, reading)


def header_length(path: str | Path, reading: ReadOptions) -> float | None:
    """Return the same of a file."""
    from yamjit.audio.claims import claimed_seconds

    try:
        return claimed_seconds(path, reading)
    except Exception:  # noqa: BLE001 - it fails in its turn, and says why
        return 0.0
