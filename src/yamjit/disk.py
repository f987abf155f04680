"""Files on this machine: where the user's cache is, reads that never block, writes that are whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from yamjit.errors import DependencyError

__all__ = ["CACHE_VARIABLE", "cache_directory", "describe", "is_private", "printable", "read_regular", "write_whole"]

CACHE_VARIABLE = "YAMJIT_CACHE"


def cache_directory() -> Path:
    """Return where what was fetched or compiled is kept: ``$YAMJIT_CACHE``, else the user's cache directory.

    Raises
    ------
    DependencyError
        If platformdirs is not installed.
    """
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(os.path.expanduser(given))  # noqa: PTH111 - Path.expanduser raises where there is no home
    try:
        from platformdirs import user_cache_dir
    except ImportError as error:
        raise DependencyError("the cache directory needs platformdirs: pip install pooch") from error
    directory = Path(user_cache_dir("yamjit"))
    # A user without a home directory gets a literal "~".
    return directory if directory.is_absolute() else Path(tempfile.gettempdir()) / "yamjit"


def read_regular(path: Path, most: int, *, private: bool = False) -> bytes:
    """Return up to `most` bytes of a regular file; never blocks on a pipe or device.

    Parameters
    ----------
    path : Path
    most : int
    private : bool
        Whether a file that somebody else may have written is refused, see `is_private`.

    Raises
    ------
    OSError
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    status = os.fstat(descriptor)
    problem = None
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
        problem = f"it is no regular file but {kind}"
    elif private and not is_private(status):
        problem = "others may write to it"
    if problem:
        os.close(descriptor)
        raise OSError(errno.EINVAL, problem)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)


def is_private(status: os.stat_result) -> bool:
    """Return whether only this user (and root) can have written a file or directory; always true on Windows."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Write `data` to `path`, all of it or nothing, whoever else writes there.

    Raises
    ------
    OSError
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(mode)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def describe(error: Exception) -> str:
    """Return what went wrong, in one line, without the file name."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(str(text))


def printable(text: str) -> str:
    """Return `text` in one line, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
