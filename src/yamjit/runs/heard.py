"""How much of its recording each process of a run has heard: written to memory that all share, and read by the run.

There is no lock that a killed process could keep: each number is written by one process.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from yamjit.writing import naming

if TYPE_CHECKING:
    from yamjit.recording import RecordingStream
    from yamjit.runs.inputs import Recording
    from yamjit.runs.tally import Tally

__all__ = ["Heard", "about", "begin", "watch"]

_REFRESH_S = 0.25


class Heard:
    """Places in shared memory, one for each recording that is under way, and the tally that is told of them."""

    memory: Any = None

    def __init__(self, places: int, tally: Tally[Recording] | None) -> None:
        self._tally = tally
        self._places: dict[Recording, int] = {}
        self._free = list(range(places))
        if tally is not None:
            from multiprocessing.sharedctypes import RawArray

            with naming(tempfile.gettempdir()):
                self.memory = RawArray("d", places)

    def place(self, recording: Recording) -> int:
        """Return the place of a recording, at 0; the one that it has, if it is tried again."""
        if recording not in self._places:
            self._places[recording] = self._free.pop()
        place = self._places[recording]
        if self._tally is not None:
            self.memory[place] = 0.0
            self._tally.begin(recording, lambda: float(self.memory[place]))
        return place

    def freeze(self, recording: Recording) -> None:
        """Keep what was heard of a recording that is done, and free its place."""
        place = self._places.pop(recording)
        self._free.append(place)
        if self._tally is not None:
            heard_s = float(self.memory[place])
            self._tally.begin(recording, lambda: heard_s)


# -- In the processes -------------------------------------------------------------------------------------------

_memory: Any = None
_place = 0
#: The stream of the recording that is heard, and its place.
_heard: tuple[RecordingStream, int] | None = None


def begin(memory: Any) -> None:
    """Begin to write to memory what is heard, if there is any."""
    global _memory
    _memory = memory
    if memory is not None:
        with contextlib.suppress(RuntimeError):  # no room for a thread: what is heard is told when it is all
            threading.Thread(target=_follow, daemon=True).start()


@contextlib.contextmanager
def about(place: int) -> Iterator[None]:
    """Write what is heard to a place in memory; at the end, all of it."""
    global _place, _heard
    _place = place
    try:
        yield
    finally:
        _write()
        _heard = None


def watch(stream: RecordingStream) -> None:
    """Take the stream of the recording that this process hears."""
    global _heard
    _heard = stream, _place


def _follow() -> None:
    waiting = threading.Event()
    while not waiting.wait(_REFRESH_S):
        _write()


def _write() -> None:
    if _memory is not None and _heard is not None:
        stream, place = _heard
        _memory[place] = stream.duration_s
