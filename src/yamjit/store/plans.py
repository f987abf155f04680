"""Plan files of this user on this disk: each made from one model, by this version of yamjit, for one family.

A file is named by the digest of all that it depends on. So nothing is ever invalid, only absent: what is not as it
should be is made anew. Whether a file is whole, and what it holds may be run, is for its reader to prove.
"""

from __future__ import annotations

import functools
import hashlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from yamjit.announcing import logger
from yamjit.disk import cache_directory, describe, keep_newest, keep_private, open_private
from yamjit.errors import DependencyError
from yamjit.text import printable

__all__ = ["PlanFile", "plans_folder"]

#: Number of files that are kept, of 4 MB each for YAMNet.
_MOST_KEPT = 16


def plans_folder() -> Path:
    """Return the folder of plan files; `DependencyError` where a user's cache directory cannot be found out."""
    return cache_directory() / "plans"


class PlanFile:
    """The plan file of a model, by its SHA-256, for one family; `version` is all else that it depends on.

    Where none can be kept, it stays absent.
    """

    def __init__(self, sha256: str, family: str, version: str) -> None:
        key = hashlib.sha256(f"{sha256} {family} {version} {_STATE}".encode()).hexdigest()
        self._path: Path | None = None
        try:
            self._path = plans_folder() / f"{sha256[:16]}-{family}-{key[:32]}.plan"
        except DependencyError as error:
            self._problem = describe(error)

    def map(self) -> mmap.mmap | None:
        """Return the file in memory; None if it is not there, empty, or not from this user."""
        if self._path is None:
            return None
        try:
            with open_private(self._path) as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # ValueError: it is empty
            return None

    def keep(self, content: bytes) -> None:
        """Keep `content` if possible; if it is not, say so once."""
        try:
            if self._path is None:
                raise OSError(self._problem)
            if _state_of_sources(_PACKAGE) != _STATE:
                return  # they have been edited since
            keep_private(self._path, content)
            keep_newest(self._path.parent, "*.plan", _MOST_KEPT)
        except (OSError, ValueError) as error:
            place = "" if self._path is None else f" in {printable(repr(str(self._path.parent)))}"
            reason = f"plan files cannot be kept{place}, every process makes its own from the model"
            _warn_once(f"{reason}: {describe(error)}")


def _state_of_sources(package: Path) -> str:
    """Return what changes with every edit of a package; empty where it is installed, or in an archive."""
    if package.parent.name in ("site-packages", "dist-packages"):
        return ""
    try:
        return hashlib.sha256("".join(sorted(_stamps(os.fspath(package)))).encode()).hexdigest()
    except OSError:
        return ""


def _stamps(folder: str) -> Iterator[str]:
    """Yield path, size and time of each source below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _stamps(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield f"{entry.path} {status.st_size} {status.st_mtime_ns}\n"


_PACKAGE = Path(__file__).parents[1]

#: The state of the sources that this process has imported, or will.
_STATE = _state_of_sources(_PACKAGE)


@functools.cache
def _warn_once(message: str) -> None:
    logger(__name__).warning(message)
