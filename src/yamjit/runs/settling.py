"""Results reach the disk while the next recordings are heard, and only then are they noted.

After a power cut, a result may be there and be empty; it is not in the journal then, and `--resume` makes it again.
Several results are synced at once: the disk writes down what they have in common once for all.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["finish", "settle"]

_THREADS = 4

#: Results that may be on their way to the disk at a time; further ones wait, so that the run goes no faster than it.
_MOST_PENDING = 64

_threads: ThreadPoolExecutor | None = None
_pending: deque[Future[None]] = deque()


def settle(path: Path, note: Callable[[], None]) -> None:
    """Sync the file at `path` in another thread, then call `note`; an error is raised by a later call, or `finish`.

    Only a file is synced, not a folder or device. One that somebody has removed meanwhile is not noted.
    """
    global _threads
    if _threads is None:
        from concurrent.futures import ThreadPoolExecutor

        _threads = ThreadPoolExecutor(_THREADS)
    while _pending and (_pending[0].done() or len(_pending) >= _MOST_PENDING):
        _pending.popleft().result()
    try:
        _pending.append(_threads.submit(_settle, path, note))
    except RuntimeError:  # no room for a thread
        _settle(path, note)


def finish() -> None:
    """Wait until all results are on the disk and noted."""
    while _pending:
        _pending.popleft().result()


def _settle(path: Path, note: Callable[[], None]) -> None:
    from yamjit.runs.whole import writing

    with writing(path):
        try:
            if path.is_file():
                _sync(path)
            elif not path.exists():
                return
        except FileNotFoundError:
            return
    note()


def _sync(path: Path) -> None:
    # Windows syncs only what may be written to.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
