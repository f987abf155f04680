"""Who writes to a folder of results: one run, or different parts of one, side by side."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from yamjit.errors import InputError
from yamjit.runs.naming import Shard, journal_of

__all__ = ["FolderLock"]

#: Seconds for which a part of a run waits while another one concludes all of it.
_CONCLUDING_S = 10.0


class FolderLock:
    """A lock until it is released or the process ends, where the system has locks: two runs then write all twice.

    A whole run has the folder by itself. Parts of a run share it, each alone with its own journal.
    """

    def __init__(self, folder: Path, shard: Shard | None = None) -> None:
        self._descriptors: list[int] = []
        self._is_part = shard is not None
        try:
            if shard is None:
                self._take(folder, os.O_RDONLY, shared=False, told=f"{str(folder)!r}: another run is writing to it")
                return
            self._wait(folder)
            told = f"{str(folder)!r}: another run is writing part {shard} of it"
            self._take(folder / journal_of(shard), os.O_RDWR | os.O_CREAT, shared=False, told=told)
        except BaseException:
            self.release()
            raise

    def is_alone(self) -> bool:
        """Return whether no other part of the run is being written, and keep others from being begun.

        Where that cannot be known, it is taken to be so for a whole run, and for a part never.
        """
        if not self._is_part:
            return True
        try:
            import fcntl

            fcntl.flock(self._descriptors[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (ImportError, OSError):  # Windows, some file systems; or there is another part
            return False
        return True

    def release(self) -> None:
        """Let others write."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _wait(self, folder: Path) -> None:
        deadline = time.monotonic() + _CONCLUDING_S
        while True:
            try:
                self._take(folder, os.O_RDONLY, shared=True, told=f"{str(folder)!r}: a run is writing all of it")
                return
            except InputError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def _take(self, path: Path, flags: int, *, shared: bool, told: str) -> None:
        try:
            import fcntl
        except ImportError:
            return
        descriptor = os.open(path, flags, 0o666)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                os.close(descriptor)
                raise InputError(told) from error
            # On a file system without locks, two runs at once write every result twice, each time whole.
        self._descriptors.append(descriptor)
