"""Work divided among threads: jobs in, results out in the same order, a bounded number of them in between."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from yamjit.errors import LimitError

__all__ = ["AHEAD", "Closable", "Crew", "in_order"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Out = TypeVar("_Out", covariant=True)

#: Most jobs per thread that have begun or wait: one that runs and one that waits.
_JOBS_PER_THREAD = 2

#: Most items of a stage that are drawn before they are asked for.
AHEAD = 2


def in_order(jobs: Iterable[_Item], work: Callable[[_Item], _Result], threads: int) -> Generator[_Result, None, None]:
    """Yield ``work(job)`` for each job, in the order of the jobs; only the calling thread draws them. See `Crew`."""
    yield from map(work, jobs) if threads == 1 else Crew(threads).in_order(jobs, work)


class Crew:
    """Up to `threads` threads, at least 2, the calling one included, that share out what is to be done.

    Items that `ahead` is given are drawn by any thread, but by one at a time and in their order, before they are asked
    for; jobs of `in_order` may be such items. A thread draws what comes first on the way, as long as little of it
    waits, and does a job otherwise. The other threads are started as they are needed, and end with the iterator of
    `in_order`; none is started for a single job. An error is raised as it is, after the results before it; an
    interruption, such as Ctrl-C, at once. `LimitError` means that the system starts fewer threads.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._work_to_do = threading.Condition(self._lock)  # told to a helper
        self._news = threading.Condition(self._lock)  # told to the calling thread
        self._stages: list[_Stage[Any]] = []
        self._tasks: deque[_Task[Any]] = deque()
        self._helpers: list[threading.Thread] = []
        self._idle = 0
        self._over = False
        self._fault: BaseException | None = None

    def ahead(self, items: Generator[_Item, None, None]) -> Closable[_Item]:
        """Return the items, drawn by whichever thread is free; `items` may take some of another `ahead`.

        An item has to stay as it is until `AHEAD` more have been drawn.
        """
        return self._stage(items, shared=True)

    def in_order(self, jobs: Iterable[_Item], work: Callable[[_Item], _Result]) -> Generator[_Result, None, None]:
        """Yield ``work(job)`` for each job, in the order of the jobs."""
        last = jobs if isinstance(jobs, _Stage) else self._stage(jobs, shared=False)
        last.work = work
        try:
            while True:
                task = self._go_on(last)
                if task is None:
                    break
                yield task.outcome()
        except _Over:  # a helper was interrupted
            raise self._fault or AssertionError from None
        finally:
            self._dismiss()

    def _stage(self, items: Iterable[_Item], *, shared: bool) -> _Stage[_Item]:
        stage = _Stage(self, items, self._lock, shared=shared)
        self._stages.append(stage)
        return stage

    def _go_on(self, last: _Stage[Any]) -> _Task[Any] | None:
        """In the calling thread, draw and work until the oldest job is done, and return it; None after the last."""
        while True:
            with self._lock:
                while True:
                    if self._fault is not None:
                        raise self._fault
                    if self._tasks and self._tasks[0].done:
                        self._work_to_do.notify()
                        return self._tasks.popleft()
                    if (action := self._choose(is_caller=True)) is not None:
                        break
                    if last.ended and not self._tasks:
                        if last.error is not None:
                            raise last.error
                        return None
                    self._news.wait()
                starts = self._wants_helper()
            if starts:
                self._start_helper()
            action()

    def _choose(self, *, is_caller: bool) -> Callable[[], None] | None:
        """Return something to do, which no other thread will; with the lock."""
        waiting = self._stages[-1].ready
        for before, stage in zip((None, *self._stages), self._stages, strict=False):
            fed = before is None or before.ready or before.ended or not (waiting or before.busy)
            if fed and (is_caller or stage.shared) and stage.is_free() and self._has_room(stage):
                stage.busy = True
                return stage.draw
        return waiting.popleft().run if waiting else None

    def _has_room(self, stage: _Stage[Any]) -> bool:
        if stage is self._stages[-1]:
            return len(self._tasks) < _JOBS_PER_THREAD * self._threads
        return len(stage.ready) < AHEAD

    def tell(self) -> None:
        """Tell a helper and the calling thread that something has changed; with the lock."""
        self._work_to_do.notify()
        self._news.notify()

    def add(self, stage: _Stage[Any], item: Any) -> None:
        """Take what a stage has drawn; with the lock."""
        if stage is self._stages[-1]:
            item = _Task(self, stage, item)
            self._tasks.append(item)
        stage.ready.append(item)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be done."""
        return self._over

    def _wants_helper(self) -> bool:
        """Return whether there is more to do than threads; with the lock."""
        if self._idle or len(self._helpers) == self._threads - 1:
            return False
        last = self._stages[-1]
        return (last.drawn > 1 and bool(last.ready)) or any(
            stage.shared and stage.drawn > 1 and stage.is_free() and self._has_room(stage) for stage in self._stages
        )

    def _start_helper(self) -> None:
        # Ctrl-C may come at any line: a helper is listed before it starts, and never keeps the process alive.
        helper = threading.Thread(target=self._help, name=f"yamjit-{len(self._helpers) + 1}", daemon=True)
        self._helpers.append(helper)
        try:
            helper.start()
        except RuntimeError as error:
            self._helpers.pop()
            count = len(self._helpers) + 1
            raise LimitError(f"{self._threads} threads were asked for, {count} can run: {error}") from error

    def _help(self) -> None:
        try:
            while True:
                with self._lock:
                    action = None if self._over else self._choose(is_caller=False)
                    if action is None:
                        if self._over:
                            return
                        self._idle += 1
                        self._work_to_do.wait()
                        self._idle -= 1
                if action is not None:
                    action()
        except BaseException as error:  # noqa: BLE001 - for the calling thread
            with self._lock:
                self._fault = self._fault or error
                self._end()

    def _end(self) -> None:
        """Let nothing more begin; with the lock."""
        self._over = True
        self._news.notify()
        self._work_to_do.notify_all()
        for stage in self._stages:
            stage.filled.notify_all()

    def _dismiss(self) -> None:
        """Let the helpers finish what they have begun, and end; close what was drawn from."""
        with self._lock:
            self._end()
        for helper in self._helpers:
            if helper.ident is not None:
                helper.join()
        for stage in reversed(self._stages):
            if stage.shared:
                stage.busy = False
                stage.close()
        # What refers to each other in a circle, errors with the frames that they passed among it, is released at once.
        for stage in self._stages:
            stage.error = None
            stage.ready.clear()
        self._stages.clear()
        self._tasks.clear()
        self._fault = None


class Closable(Protocol[_Out]):
    """An iterator that can be ended early, such as a generator."""

    def __iter__(self) -> Iterator[_Out]: ...

    def __next__(self) -> _Out: ...

    def close(self) -> None:
        """End it."""


class _Over(BaseException):
    """Ends a thread that waits for an item when nothing more is to be done."""


class _Stage(Generic[_Item]):
    """Items that are drawn ahead; the iterator that asks for them draws one itself if no thread does."""

    def __init__(self, crew: Crew, items: Iterable[_Item], lock: threading.Lock, *, shared: bool) -> None:
        self.items = iter(items)
        self.shared = shared
        self.work: Callable[[_Item], Any]
        self.filled = threading.Condition(lock)
        self.ready: deque[Any] = deque()
        self.busy = self.ended = False
        self.error: Exception | None = None
        self.drawn = 0
        self._crew = crew
        self._lock = lock

    def is_free(self) -> bool:
        """Return whether there may be more, and no thread draws it."""
        return not (self.busy or self.ended)

    def draw(self) -> None:
        """Draw an item; the stage is marked as busy already."""
        try:
            item = next(self.items)
        except StopIteration:
            self._end(None)
        except Exception as error:  # noqa: BLE001 - raised where the item would have come
            self._end(error)
        else:
            with self._lock:
                self.drawn += 1
                self.busy = False
                self._crew.add(self, item)
                self._tell()

    def _end(self, error: Exception | None) -> None:
        with self._lock:
            self.busy, self.ended, self.error = False, True, error
            self._tell()

    def _tell(self) -> None:
        self.filled.notify()
        self._crew.tell()

    def close(self) -> None:
        """Draw no more, once what is being drawn is there."""
        with self._lock:
            self.ended = True
            while self.busy and not self._crew.over:
                self.filled.wait()
        if isinstance(self.items, Generator) and not self.busy:
            self.items.close()

    def __iter__(self) -> Iterator[_Item]:
        return self

    def __next__(self) -> _Item:
        while True:
            with self._lock:
                while self.busy and not self.ready and not self._crew.over:
                    self.filled.wait()
                if self.ready:
                    self._crew.tell()
                    item: _Item = self.ready.popleft()
                    return item
                if self._crew.over:
                    raise _Over
                if self.ended:
                    raise self.error or StopIteration
                self.busy = True
            self.draw()


class _Task(Generic[_Result]):
    """A job on its way to its result."""

    def __init__(self, crew: Crew, stage: _Stage[Any], job: Any) -> None:
        self.done = False
        self._crew, self._stage, self._job = crew, stage, job
        self._error: Exception | None = None
        self._result: _Result

    def run(self) -> None:
        """Do the job; an error is kept."""
        try:
            self._result = self._stage.work(self._job)
        except Exception as error:  # noqa: BLE001 - raised by `outcome`
            self._error = error
        del self._job
        with self._stage.filled:
            self.done = True
            self._crew.tell()

    def outcome(self) -> _Result:
        """Return the result, or raise the error that came instead."""
        if self._error is not None:
            raise self._error
        return self._result
