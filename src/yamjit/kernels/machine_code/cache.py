"""Compiled kernels of this user on this disk: used if whole, private and made from these very sources.

A file is named by its key, the digest of everything that the code in it depends on, and begins with a digest over
that key and its content. So nothing is ever invalid, only absent: whatever is not as it should be is compiled anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from yamjit.announcing import logger
from yamjit.disk import cache_directory, describe, keep_newest, keep_private, make_private, read_private
from yamjit.kernels.machine_code.sources import files_digest

__all__ = ["CachedCode"]


#: Folder of the modules that compiled code is made from.
_SOURCES = Path(__file__).parents[1]

#: Settings of Numba that do not change the code.
_HARMLESS = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER")

#: Number of files of one function that are kept: as many environments of one user take turns without compiling.
_MOST_KEPT = 8

#: Largest size of a file, in bytes.
_MOST_BYTES = 64 * 2**20

#: Time that a process waits for another one that compiles, in seconds.
_PATIENCE_S = 60.0

_DIGEST_BYTES = hashlib.sha256().digest_size


class CachedCode:
    """The file of one compiled function; where none can be kept, it stays absent.

    `target` says what the code depends on besides its sources: argument types, processor.
    """

    def __init__(self, name: str, target: str) -> None:
        self._name = name
        self._target = target
        self._path: Path | None = None
        try:
            self._key = self._current_key()
            self._path = cache_directory() / "kernels" / f"{name}-{self._key.hex()[:32]}.bin"
        except (OSError, ImportError) as error:  # ImportError: platformdirs or Numba is missing
            self._problem = describe(error)

    def read(self) -> bytes | None:
        """Return what was kept, or None if that is not there, not whole or not from this user."""
        try:
            if self._path is None:
                return None
            data = read_private(self._path, _MOST_BYTES)
        except (OSError, ValueError):
            return None
        content = data[_DIGEST_BYTES:]
        return content if data[:_DIGEST_BYTES] == self._digest(content) else None

    def keep(self, content: bytes) -> None:
        """Keep `content` if possible; if it is not, say so once."""
        try:
            if self._path is None:
                raise OSError(self._problem)
            if self._current_key() != self._key:
                return  # the sources have been edited since
            keep_private(self._path, self._digest(content) + content)
            keep_newest(self._path.parent, f"{self._name}-*.bin", _MOST_KEPT)
        except (OSError, ValueError) as error:
            _warn_once(f"compiled kernels cannot be kept, every process compiles its own: {describe(error)}")

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Let one process compile at a time; one that cannot wait, or has waited long, goes on all the same."""
        descriptor = self._lock_file()
        try:
            if descriptor is not None:
                _lock(descriptor)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)  # which unlocks it

    def _lock_file(self) -> int | None:
        try:
            if self._path is None:
                return None
            make_private(self._path.parent)
            return os.open(self._path.parent / f"{self._name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except (OSError, ValueError):
            return None

    def _current_key(self) -> bytes:
        made_from = (self._name, self._target, sys.version, _numba_version(), _numba_settings(), _sources())
        return hashlib.sha256(repr(made_from).encode()).digest()

    def _digest(self, content: bytes) -> bytes:
        return hashlib.sha256(self._key + content).digest()


# -- What the code depends on -----------------------------------------------------------------------------------


def _sources() -> str:
    """Return a digest of the kernels' sources, and of the file that holds the package's version."""
    package = _SOURCES.parent
    return files_digest([package / "__init__.py", *sorted(_SOURCES.rglob("*.py"))], package)


def _numba_version() -> str:
    """Return Numba's version without importing Numba."""
    found = importlib.util.find_spec("numba")
    if found is not None and found.origin is not None:
        with contextlib.suppress(OSError):
            return Path(found.origin).with_name("_version.py").read_text(encoding="utf-8")
    from importlib.metadata import version

    return version("numba")


def _numba_settings() -> list[tuple[str, str]]:
    """Return the variables that may change what Numba compiles, such as ``NUMBA_BOUNDSCHECK``."""
    settings = (item for item in os.environ.items() if item[0].startswith("NUMBA_"))
    return sorted((name, value) for name, value in settings if name not in _HARMLESS)


# -- Taking turns -----------------------------------------------------------------------------------------------


def _lock(descriptor: int) -> None:
    """Wait for a file that only one process at a time can lock, on systems that have such locks; but not for ever."""
    try:
        import fcntl
    except ImportError:
        return
    deadline = time.monotonic() + _PATIENCE_S
    with contextlib.suppress(OSError):  # a file system without locks
        while not _try_lock(fcntl, descriptor) and time.monotonic() < deadline:
            time.sleep(0.05)


def _try_lock(fcntl: ModuleType, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@functools.cache
def _warn_once(message: str) -> None:
    logger(__name__).warning(message)
