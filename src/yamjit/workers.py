"""Work divided among threads: jobs in, results out in the same order, a bounded number of them in between."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, TypeVar

from yamjit.errors import LimitError

__all__ = ["in_order"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

#: Most jobs per thread that have begun or wait: one that runs and one that waits.
_JOBS_PER_THREAD = 2


def in_order(jobs: Iterable[_Job], work: Callable[[_Job], _Result], threads: int) -> Generator[_Result, None, None]:
    """Yield ``work(job)`` for each job, in the order of the jobs.

    The calling thread is one of the threads: it alone draws the jobs, and works whenever enough of them wait; several
    threads call `work` at a time. The others are started as they are needed, and end with the iterator; none is started
    with ``threads=1`` or for a single job. An error in `jobs` or `work` ends all of them and is raised as it is;
    `LimitError` means that the system does not start as many threads.
    """
    if threads == 1:
        yield from map(work, jobs)
        return
    crew = _Crew(work, threads - 1)
    try:
        for job in jobs:
            crew.add(job)
            yield from crew.finished()
            while crew.jobs >= _JOBS_PER_THREAD * threads:
                crew.work_or_wait()
                yield from crew.finished()
        while crew.jobs:
            crew.work_or_wait()
            yield from crew.finished()
    finally:
        crew.dismiss()


class _Task(Generic[_Job, _Result]):
    """A job on its way to its result."""

    def __init__(self, job: _Job) -> None:
        self.job = job
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.result: _Result

    def run(self, work: Callable[[_Job], _Result]) -> None:
        """Do the job; an error ends the thread that calls this."""
        self.result = work(self.job)
        self.done.set()

    def try_to_run(self, work: Callable[[_Job], _Result]) -> None:
        """Do the job; an error is kept and raised by `outcome`."""
        try:
            self.run(work)
        except BaseException as error:  # noqa: BLE001
            self.error = error
            self.done.set()

    def outcome(self) -> _Result:
        """Return the result, or raise the error that came instead."""
        if self.error is not None:
            raise self.error
        return self.result


class _Crew(Generic[_Job, _Result]):
    """Up to `helpers` threads besides the calling one."""

    def __init__(self, work: Callable[[_Job], _Result], helpers: int) -> None:
        import queue  # which one thread does without

        self._work = work
        self._most = helpers
        self._helpers: list[threading.Thread] = []
        self._tasks: deque[_Task[_Job, _Result]] = deque()
        self._empty = queue.Empty
        self._waiting: queue.SimpleQueue[_Task[_Job, _Result] | None] = queue.SimpleQueue()

    @property
    def jobs(self) -> int:
        """Number of jobs whose results have not been returned."""
        return len(self._tasks)

    def add(self, job: _Job) -> None:
        """Take a job; the next free thread does it."""
        task: _Task[_Job, _Result] = _Task(job)
        self._tasks.append(task)
        self._waiting.put(task)
        if len(self._tasks) > 1 and len(self._helpers) < self._most:
            self._start_helper()

    def finished(self) -> Iterator[_Result]:
        """Yield the results of the oldest jobs, up to the first that is not done."""
        while self._tasks and self._tasks[0].done.is_set():
            yield self._tasks.popleft().outcome()

    def work_or_wait(self) -> None:
        """Do a job that no thread has begun; if there is none, wait for the oldest."""
        try:
            task = self._waiting.get_nowait()
        except self._empty:
            self._tasks[0].done.wait()
        else:
            assert task is not None
            task.run(self._work)

    def dismiss(self) -> None:
        """Let the helpers finish what they have begun, and end."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        for _ in self._helpers:
            self._waiting.put(None)
        for helper in self._helpers:
            if helper.ident is not None:
                helper.join()

    def _start_helper(self) -> None:
        # Ctrl-C may come at any line: a helper is listed before it starts, and never keeps the process alive.
        helper = threading.Thread(target=self._help, name=f"yamjit-{len(self._helpers) + 1}", daemon=True)
        self._helpers.append(helper)
        try:
            helper.start()
        except RuntimeError as error:
            self._helpers.pop()
            count = len(self._helpers) + 1
            raise LimitError(f"{self._most + 1} threads were asked for, {count} can run: {error}") from error

    def _help(self) -> None:
        while (task := self._waiting.get()) is not None:
            task.try_to_run(self._work)
            del task
