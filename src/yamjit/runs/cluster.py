"""A client of Dask: of a scheduler that is there, or of workers that are started on this machine."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

from yamjit.disk import describe
from yamjit.errors import ClusterError, DependencyError
from yamjit.installing import how_to_install
from yamjit.runs.starting import prepare, signals_held, start_method

__all__ = ["DASK_MODULES", "dask_client"]

#: What workers of this machine load, see `yamjit.runs.starting.prepare`.
DASK_MODULES = ("distributed", "distributed.nanny", "yamjit.runs.dask_worker")

#: Seconds in which a scheduler has to answer.
_ANSWER_S = "20s"

#: Seconds from one look for workers that are lost to the next.
_KEPT_UP_S = 5.0


@contextlib.contextmanager
def dask_client(address: str | None, workers: int) -> Iterator[Any]:
    """Give a client of the scheduler at `address`, or of as many workers of this machine, which end with it.

    Raises `DependencyError` without Dask, `ClusterError` if nobody answers at the address.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise DependencyError(f"the engine dask needs Dask: {how_to_install('yamjit[dask]')}") from error
    settings = {
        "distributed.scheduler.allowed-failures": 0,  # `Crew` tries again by itself
        "distributed.worker.multiprocessing-method": start_method(),
        # Each of these looks, of which there are hundreds a second, waits for the work, and the work for it.
        "distributed.worker.profile.enabled": False,
        "distributed.admin.tick.interval": "1s",
    }
    with contextlib.ExitStack() as opened:
        opened.enter_context(_silent())
        is_ours = address is None
        with signals_held():  # also from the threads and processes that are started
            if address is None:
                prepare(*DASK_MODULES)
                opened.enter_context(dask.config.set(settings))
                address = opened.enter_context(_local_cluster(distributed, workers))
            try:
                client = distributed.Client(address, timeout=_ANSWER_S, set_as_default=False)
            except (OSError, ValueError, TypeError) as error:
                raise ClusterError(f"no scheduler of Dask answers at {address!r}: {describe(error)}") from error
            opened.callback(_ended, client)
            if is_ours:
                from yamjit.runs.dask_worker import QuietPlugin

                client.register_plugin(QuietPlugin())
        yield client


@contextlib.contextmanager
def _local_cluster(distributed: Any, workers: int) -> Iterator[str]:
    """Give the address of a scheduler with workers on this machine; one that does not come back is replaced."""
    how = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None}
    try:
        cluster = distributed.LocalCluster(n_workers=workers, **how)
    except (RuntimeError, OSError) as error:
        raise ClusterError(f"{workers} workers of Dask cannot be started: {describe(error)}") from error
    over = threading.Event()

    def keep_up() -> None:
        while not over.wait(_KEPT_UP_S):
            with contextlib.suppress(Exception):  # it is being closed
                cluster.scale(workers)

    threading.Thread(target=keep_up, daemon=True).start()
    try:
        yield cluster.scheduler_address
    finally:
        over.set()
        _ended(cluster)


def _ended(one: Any) -> None:
    with signals_held(), contextlib.suppress(Exception):  # what is gone cannot be closed in order
        one.close(timeout=5)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what Dask logs about workers that die from the terminal: it is told of recordings."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado.application", "asyncio")]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)
