"""The worker processes of a service: each does one request at a time, and is replaced if it is killed or too slow."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from yamjit.errors import YamjitError
from yamjit.runs.starting import signals_held, start_context
from yamjit.serve.problems import Problem
from yamjit.serve.worker import READY, Done, Failed, Task, work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from multiprocessing.connection import Connection

    from yamjit.classifier import Classifier
    from yamjit.serve.limits import Limits

__all__ = ["Crew"]

#: Seconds within which a worker has loaded the model.
_START_S = 120.0

_KILLED = "the process that read the recording was killed, perhaps by the system for lack of memory"


class Crew:
    """Worker processes, and the requests that wait for them.

    Parameters
    ----------
    classifier : Classifier
    count : int
        Number of processes.
    limits : Limits
    """

    def __init__(self, classifier: Classifier, count: int, limits: Limits) -> None:
        self._limits = limits
        context, data = start_context(), pickle.dumps(classifier)
        self._workers = [_Worker(context, data, limits.work_s) for _ in range(count)]
        self._idle = list(self._workers)
        # A thread for each process, which waits for its answer; a task waits for each, so that it has one at once.
        self._threads = ThreadPoolExecutor(count, "yamjit-worker")
        self._turn = asyncio.Semaphore(2 * count)
        self._mean_s = 0.1
        #: Requests that are worked on or wait.
        self.admitted = 0
        #: Processes that were killed, by anybody, or were too slow.
        self.lost = 0

    @property
    def is_full(self) -> bool:
        """Whether as many requests wait as may."""
        return self.admitted >= len(self._workers) + self._limits.queue

    def check_room(self) -> None:
        """Refuse a request if as many wait as may."""
        if self.is_full:
            wait_s = min(60, max(1, round(self._limits.queue * self._mean_s / len(self._workers))))
            raise Problem(503, f"{self.admitted} requests wait already", {"Retry-After": str(wait_s)})

    async def start(self) -> None:
        """Start all processes; return once they have loaded the model."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._threads, worker.start) for worker in self._workers))

    async def do(self, task: Task, is_gone: Callable[[], Awaitable[bool]]) -> Done | None:
        """Do a task in its turn; return what became of it, None if nobody waits for it any more."""
        self.check_room()
        self.admitted += 1
        try:
            async with self._turn:
                if await is_gone():
                    return None
                found = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, task)
        finally:
            self.admitted -= 1
        if isinstance(found, Failed):
            self.lost += found.status in (500, 504)
            raise Problem(found.status, found.reason)
        return found

    def _answer(self, task: Task) -> Done | Failed:
        worker, begun = self._idle.pop(), time.monotonic()
        try:
            return worker.do(task)
        finally:
            self._idle.append(worker)
            self._mean_s += 0.1 * (time.monotonic() - begun - self._mean_s)

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Worker:
    """A process; its methods are called by one thread at a time."""

    def __init__(self, context: Any, data: bytes, work_s: float) -> None:
        self._context, self._data, self._work_s = context, data, work_s
        self._process: Any = None
        self._pipe: Connection | None = None

    def start(self) -> None:
        """Start the process; return once it has loaded the model."""
        ours, theirs = self._context.Pipe()
        with signals_held():
            self._process = self._context.Process(target=work, args=(theirs,), daemon=True)
            self._process.start()
        theirs.close()
        self._pipe = ours
        try:
            ours.send_bytes(self._data)
            if ours.poll(_START_S) and ours.recv() == READY:
                return
        except (EOFError, OSError):
            pass
        self.close()
        raise YamjitError("a worker process has ended before it had loaded the model, perhaps for lack of memory")

    def do(self, task: Task) -> Done | Failed:
        """Have a task done; a process that does not answer in time is killed, and the next task starts another one."""
        try:
            if self._process is None or not self._process.is_alive():
                self.close()
                self.start()
            assert self._pipe is not None
            self._pipe.send(task)
            if self._pipe.poll(self._work_s):
                found: Done | Failed = self._pipe.recv()
                return found
        except YamjitError as error:
            return Failed(503, str(error))
        except (EOFError, OSError):
            self.close()
            return Failed(500, _KILLED)
        self.close()
        return Failed(504, f"reading the recording took longer than {self._work_s:g} s; send it in parts")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with contextlib.suppress(ValueError):
                self._process.kill()
                self._process.join()
                self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None
