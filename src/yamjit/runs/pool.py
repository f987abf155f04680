"""Several processes that do a job for recordings."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import pickle
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from yamjit.announcing import announce, is_announced
from yamjit.runs import heard
from yamjit.runs.heard import Heard
from yamjit.runs.inputs import Recording
from yamjit.runs.outcome import Outcome, attempt
from yamjit.runs.schedule import MOST_AT_ONCE, MOST_WAITING, Schedule, sizes_of
from yamjit.runs.settling import finish
from yamjit.runs.starting import signals_held, start_context
from yamjit.writing import naming

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.connection import Connection

    from yamjit.runs.tally import Tally

__all__ = ["Crew"]

_Value = TypeVar("_Value")

#: The outcomes of the recordings that were handed over together.
_Submitted: TypeAlias = "Future[list[Outcome[_Value]]]"

_KILLED = "the process that read it was killed twice, perhaps by the system for lack of memory"


class Crew(Generic[_Value]):
    """Processes that do a job; if one is killed, new ones replace them."""

    def __init__(
        self, job: Callable[[Recording], _Value], processes: int, tally: Tally[Recording] | None = None
    ) -> None:
        self._job = job
        self._processes = processes
        self._pool: _Pool[_Value] | None = None
        # A place for each recording that was submitted, see `outcomes`.
        self._heard = Heard((processes + 1) * MOST_AT_ONCE, tally)

    def outcomes(self, recordings: Sequence[Recording]) -> Iterator[tuple[int, Outcome[_Value]]]:
        """Yield the index and outcome of each recording, as soon as it is done."""
        under_way: dict[_Submitted[_Value], list[int]] = {}
        schedule = Schedule(sizes_of(recordings), self._processes)
        while True:
            # One more than there are processes, so that none ever waits; not more, so that few are tried again.
            while len(under_way) <= self._processes:
                oldest = min((bundle[0] for bundle in under_way.values()), default=schedule.following)
                bundle = schedule.next(min(oldest, schedule.following) + MOST_WAITING)
                if not bundle:
                    break
                under_way[self._submit([recordings[index] for index in bundle])] = bundle
            if not under_way:
                return
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                self.close()
                for future, bundle in under_way.items():
                    again = self._again(future, [recordings[index] for index in bundle])
                    yield from self._concluded(bundle, again)
                under_way.clear()
                self.close()
            for future in done & under_way.keys():
                yield from self._concluded(under_way.pop(future), future.result())

    def _concluded(self, bundle: list[int], found: Iterable[Outcome[_Value]]) -> Iterator[tuple[int, Outcome[_Value]]]:
        for index, outcome in zip(bundle, found, strict=True):
            self._heard.freeze(outcome.recording)
            yield index, outcome

    def close(self) -> None:
        """End the processes at once."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _submit(self, bundle: Sequence[Recording], processes: int | None = None) -> _Submitted[_Value]:
        if self._pool is None:
            self._pool = _Pool(self._job, processes or self._processes, self._heard)
        return self._pool.submit([(recording, self._heard.place(recording)) for recording in bundle])

    def _again(self, future: _Submitted[_Value], bundle: Sequence[Recording]) -> Iterator[Outcome[_Value]]:
        """Yield the outcomes of recordings that were under way when a process was killed, perhaps one of its own."""
        with contextlib.suppress(BrokenProcessPool):
            yield from future.result()
            return
        for recording in bundle:
            yield self._alone(recording)

    def _alone(self, recording: Recording) -> Outcome[_Value]:
        # Another recording may have been the cause: it is this one only if it happens twice when it runs by itself.
        for _ in range(2):
            with contextlib.suppress(BrokenProcessPool):
                return self._submit([recording], 1).result()[0]
            self.close()
        return Outcome(recording, failure=f"{recording.name}: {_KILLED}")


class _Pool(Generic[_Value]):
    """Processes that end with this object.

    They hold one end of a pipe, the leash, and end when the other end is closed, which only this process holds. The job
    is in a file: what a process is started with goes through a pipe, which nobody empties if the process ends at once.
    """

    def __init__(self, job: Callable[[Recording], _Value], processes: int, places: Heard) -> None:
        from concurrent.futures import ProcessPoolExecutor

        context = start_context()
        self._job = _kept(job)
        held, self._leash = context.Pipe(duplex=False)
        self._held = held
        with signals_held():  # also from the process with which Python keeps track of what is shared
            self._executor: ProcessPoolExecutor = ProcessPoolExecutor(
                processes,
                mp_context=context,
                initializer=_begin,
                initargs=(self._job, held, places.memory, is_announced()),
            )

    def submit(self, bundle: Sequence[tuple[Recording, int]]) -> _Submitted[_Value]:
        with signals_held():
            try:
                return self._executor.submit(_do, bundle)
            except BrokenProcessPool as error:
                broken: _Submitted[_Value] = Future()
                broken.set_exception(error)
                return broken

    def close(self) -> None:
        # A process that is starting would not notice the leash for a second; Python 3.14 has a public method.
        with signals_held():
            for process in list((self._executor._processes or {}).values()):
                process.kill()
            self._leash.close()
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._held.close()
            self._job.unlink(missing_ok=True)


def _kept(job: object) -> Path:
    """Write a job to a temporary file, in a folder of this process that it removes at its end."""
    from multiprocessing.util import get_temp_dir

    data = pickle.dumps(job)
    with naming(tempfile.gettempdir()):
        descriptor, name = tempfile.mkstemp(dir=get_temp_dir())
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except OSError:
            Path(name).unlink()
            raise
    return Path(name)


# -- In the processes -------------------------------------------------------------------------------------------

_job: Path

#: Seconds for which the end of a process that has let go of the leash is awaited.
_DYING_S = 1.0


def _begin(job: Path, leash: Connection, memory: Any, announces: bool) -> None:
    """Take the file of the job, and watch the leash."""
    global _job
    _job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    announce(quiet=not announces)
    heard.begin(memory)
    threading.Thread(target=_follow, args=(leash, job), daemon=True).start()


def _follow(leash: Connection, job: Path) -> None:
    with contextlib.suppress(EOFError, OSError):
        leash.recv_bytes()
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join(_DYING_S)
        if not parent.is_alive():  # it was killed
            shutil.rmtree(job.parent, ignore_errors=True)
    os._exit(1)


def _do(bundle: Sequence[tuple[Recording, int]]) -> list[Outcome[Any]]:
    try:
        return [_done(*one) for one in bundle]
    finally:
        finish()


def _done(recording: Recording, place: int) -> Outcome[Any]:
    with heard.about(place):
        return attempt(lambda one: _loaded()(one), recording)


@functools.cache
def _loaded() -> Callable[[Recording], Any]:
    """Return the job, model and all; loading it may fail for lack of memory, as the job itself may."""
    job: Callable[[Recording], Any] = pickle.loads(_job.read_bytes())  # noqa: S301 - only this user can write it
    return job
