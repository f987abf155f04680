"""Several processes that do a job for recordings."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from yamjit.announcing import announce, is_announced
from yamjit.runs import heard
from yamjit.runs.heard import Heard
from yamjit.runs.inputs import Recording
from yamjit.runs.outcome import Outcome, attempt
from yamjit.writing import naming

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.connection import Connection

    from yamjit.runs.tally import Tally

__all__ = ["Crew"]

_Value = TypeVar("_Value")

#: Number of outcomes that may wait for an earlier one: a day of sound among clips does not stop the other processes.
_MOST_WAITING = 4096

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
        self._heard = Heard(processes + 1, tally)

    def outcomes(self, recordings: Sequence[Recording]) -> Iterator[tuple[int, Outcome[_Value]]]:
        """Yield the index and outcome of each recording, as soon as it is done."""
        under_way: dict[Future[Outcome[_Value]], int] = {}
        following = 0
        while following < len(recordings) or under_way:
            oldest = min(under_way.values(), default=following)
            # One more than there are processes, so that none ever waits; not more, so that few are tried again.
            while len(under_way) <= self._processes and following < min(len(recordings), oldest + _MOST_WAITING):
                under_way[self._submit(recordings[following])] = following
                following += 1
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                self.close()
                for future, index in under_way.items():
                    again = self._again(future, recordings[index])
                    self._heard.freeze(recordings[index])
                    yield index, again
                under_way.clear()
                self.close()
            for future in done & under_way.keys():
                index = under_way.pop(future)
                self._heard.freeze(recordings[index])
                yield index, future.result()

    def close(self) -> None:
        """End the processes at once."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _submit(self, recording: Recording, processes: int | None = None) -> Future[Outcome[_Value]]:
        if self._pool is None:
            self._pool = _Pool(self._job, processes or self._processes, self._heard)
        return self._pool.submit(recording, self._heard.place(recording))

    def _again(self, future: Future[Outcome[_Value]], recording: Recording) -> Outcome[_Value]:
        """Return the outcome of a recording that was under way when a process was killed, perhaps its own."""
        with contextlib.suppress(BrokenProcessPool):
            return future.result()
        # Another recording may have been the cause: it is this one only if it happens twice when it runs by itself.
        for _ in range(2):
            with contextlib.suppress(BrokenProcessPool):
                return self._submit(recording, 1).result()
            self.close()
        return Outcome(recording, failure=f"{recording.name}: {_KILLED}")


class _Pool(Generic[_Value]):
    """Processes that end with this object.

    They hold one end of a pipe, the leash, and end when the other end is closed, which only this process holds. The job
    is in a file: what a process is started with goes through a pipe, which nobody empties if the process ends at once.
    """

    def __init__(self, job: Callable[[Recording], _Value], processes: int, places: Heard) -> None:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context("spawn")
        self._job = _kept(job)
        held, self._leash = context.Pipe(duplex=False)
        self._held = held
        with _signals_held():  # also from the process with which Python keeps track of what is shared
            self._executor: ProcessPoolExecutor = ProcessPoolExecutor(
                processes,
                mp_context=context,
                initializer=_begin,
                initargs=(self._job, held, places.memory, is_announced()),
            )

    def submit(self, recording: Recording, place: int) -> Future[Outcome[_Value]]:
        with _signals_held():
            try:
                return self._executor.submit(_do, recording, place)
            except BrokenProcessPool as error:
                broken: Future[Outcome[_Value]] = Future()
                broken.set_exception(error)
                return broken

    def close(self) -> None:
        # A process that is starting would not notice the leash for a second; Python 3.14 has a public method.
        with _signals_held():
            for process in list((self._executor._processes or {}).values()):
                process.kill()
            self._leash.close()
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._held.close()
            self._job.unlink(missing_ok=True)


def _kept(job: object) -> Path:
    """Write a job to a temporary file."""
    data = pickle.dumps(job)
    with naming(tempfile.gettempdir()):
        descriptor, name = tempfile.mkstemp(prefix="yamjit-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except OSError:
            Path(name).unlink()
            raise
    return Path(name)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Hold interruptions back until the end, and keep them for good from processes that start: this process ends them.

    A signal that the main thread blocks comes to another one, and Python calls its handler in the main thread.
    """
    came: list[int] = []
    with contextlib.ExitStack() as restored:
        if threading.current_thread() is threading.main_thread():
            restored.callback(_raise_first, came)
            for number in (signal.SIGINT, signal.SIGTERM):
                if callable(signal.getsignal(number)):
                    restored.callback(signal.signal, number, signal.signal(number, lambda one, _: came.append(one)))
        if hasattr(signal, "pthread_sigmask"):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
            restored.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        yield


def _raise_first(came: list[int]) -> None:
    if came:
        signal.raise_signal(came[0])


# -- In the processes -------------------------------------------------------------------------------------------

_job: Path


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
    with contextlib.suppress(OSError):
        job.unlink(missing_ok=True)
    os._exit(1)


def _do(recording: Recording, place: int) -> Outcome[Any]:
    with heard.about(place):
        return attempt(lambda one: _loaded()(one), recording)


@functools.cache
def _loaded() -> Callable[[Recording], Any]:
    """Return the job, model and all; loading it may fail for lack of memory, as the job itself may."""
    job: Callable[[Recording], Any] = pickle.loads(_job.read_bytes())  # noqa: S301 - only this user can write it
    return job
