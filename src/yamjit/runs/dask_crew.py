"""Workers of Dask that do a job for recordings: what `yamjit.runs.pool` does with processes of this machine."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import distributed
from distributed import Client, KilledWorker, wait
from distributed.comm.core import CommClosedError

from yamjit.errors import ClusterError
from yamjit.runs.dask_worker import JobPlugin, hear, load
from yamjit.runs.outcome import Outcome
from yamjit.runs.schedule import MOST_WAITING, Schedule, sizes_of
from yamjit.spec import own_version

if TYPE_CHECKING:
    from yamjit.runs.inputs import Recording

__all__ = ["Crew"]

_Value = TypeVar("_Value")

#: Tasks for each worker: one that runs, and one that waits. When a worker dies, Dask suspects both.
_TASKS_PER_WORKER = 2

#: Seconds after which workers are counted again, and for which the first one is awaited.
_RECOUNT_S, _AWAITED_S = 5.0, 60.0

#: Seconds after which workers that are all gone are taken not to come back.
_DESERTED_S = 300.0

#: Times that the job is given to all workers: one may die meanwhile.
_TRIES, _PAUSE_S = 5, 0.5

_KILLED = "the worker that read it was killed twice, perhaps by the system for lack of memory"

_LOST = "the scheduler is gone"


class Crew(Generic[_Value]):
    """Workers of Dask that do a job; Dask replaces them, or not, and new ones take part."""

    def __init__(self, job: Callable[[Recording], _Value], client: Client) -> None:
        self._client = client
        self._counted_at = -math.inf
        self._seen_at = time.monotonic()
        self._workers = 0
        with _lost_as_error(client):
            _check_versions(client)
            self._plugin = JobPlugin(job, os.getcwd())  # noqa: PTH109
            self._give()

    def outcomes(self, recordings: Sequence[Recording]) -> Iterator[tuple[int, Outcome[_Value]]]:
        """Yield the index and outcome of each recording, as soon as it is done."""
        under_way: dict[Any, list[int]] = {}
        suspects: list[int] = []
        schedule: Schedule | None = None
        with _lost_as_error(self._client):
            schedule = Schedule(sizes_of(recordings), self._count())
            while True:
                while not suspects and len(under_way) < _TASKS_PER_WORKER * self._count():
                    oldest = min((bundle[0] for bundle in under_way.values()), default=schedule.following)
                    bundle = schedule.next(min(oldest, schedule.following) + MOST_WAITING)
                    if not bundle:
                        break
                    under_way[self._submit([recordings[index] for index in bundle])] = bundle
                if not (under_way or suspects):
                    return
                if not under_way:
                    for index in suspects:
                        yield index, self._alone(recordings[index])
                    suspects.clear()
                    continue
                for future in self._first_of(list(under_way)):
                    bundle = under_way.pop(future)
                    try:
                        found = future.result()
                    except KilledWorker:
                        suspects += bundle
                    else:
                        yield from zip(bundle, found, strict=True)

    def close(self) -> None:
        """Leave the workers to others."""
        with contextlib.suppress(Exception):  # they are gone
            self._client.unregister_worker_plugin(self._plugin.name)

    def _submit(self, bundle: Sequence[Recording], **where: Any) -> Any:
        return self._client.submit(hear, self._plugin.name, bundle, pure=False, **where)

    def _alone(self, recording: Recording) -> Outcome[_Value]:
        # Another recording may have been the cause: it is this one only if it happens twice when it runs by itself.
        deaths = 0
        while deaths < 2:
            loaded = self._client.submit(load, self._plugin.name, pure=False)
            self._first_of([loaded])
            if isinstance(loaded.exception(), KilledWorker):  # by something else: no recording was heard
                continue
            future = self._submit([recording], workers=[loaded.result()], allow_other_workers=True)
            self._first_of([future])
            error = future.exception()
            if not isinstance(error, KilledWorker):
                found: list[Outcome[_Value]] = future.result()
                return found[0]
            deaths += error.allowed_failures + 1
        return Outcome(recording, failure=f"{recording.name}: {_KILLED}")

    def _first_of(self, futures: list[Any]) -> Any:
        """Return what is done, once anything is; a `ClusterError` if there has been no worker for long."""
        while True:
            self._count()
            try:
                with self._client.as_current():
                    return wait(futures, timeout=_RECOUNT_S, return_when="FIRST_COMPLETED").done
            except (TimeoutError, distributed.TimeoutError):
                if time.monotonic() - self._seen_at > _DESERTED_S:
                    raise ClusterError(f"there are no workers any more: none has come in {_DESERTED_S:g} s") from None

    def _count(self) -> int:
        """Return the number of workers, at least 1."""
        now = time.monotonic()
        if now - self._counted_at > _RECOUNT_S:
            self._workers = len(self._client.scheduler_info(n_workers=-1)["workers"])
            self._counted_at = now
            self._seen_at = now if self._workers else self._seen_at
        return max(1, self._workers)

    def _give(self) -> None:
        """Give the job to the workers that are there; those that come later are given it by the scheduler."""
        for _ in range(_TRIES):
            with contextlib.suppress(CommClosedError):
                self._client.register_plugin(self._plugin)
                return
            time.sleep(_PAUSE_S)
        raise ClusterError("the model cannot be given to the workers: they do not stay")


def _check_versions(client: Client) -> None:
    """Refuse workers without yamjit, or with another version of it."""
    try:
        client.wait_for_workers(1, timeout=_AWAITED_S)
    except (TimeoutError, distributed.TimeoutError) as error:
        raise ClusterError(f"there are no workers: none has come in {_AWAITED_S:g} s") from error
    found = client.get_versions(packages=["yamjit"])["workers"]
    for address, known in sorted(found.items()):
        version = known["packages"].get("yamjit") if known else None
        if known and version != own_version():
            told = "no yamjit that it can import" if version is None else f"yamjit {version}"
            raise ClusterError(
                f"the worker {address} has {told}, and here is {own_version()}: the same is needed everywhere"
            )


@contextlib.contextmanager
def _lost_as_error(client: Client) -> Iterator[None]:
    """Turn what Dask raises without a scheduler into a `ClusterError`."""
    try:
        yield
    except (CancelledError, CommClosedError) as error:
        raise ClusterError(f"{_LOST}, or has lost the run: {type(error).__name__}") from error
    except (OSError, RuntimeError) as error:
        if client.status == "running" or isinstance(error, ClusterError):
            raise
        raise ClusterError(_LOST) from error
