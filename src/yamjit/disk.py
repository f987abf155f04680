"""Files on this machine: reading that never blocks, and what is kept in the user's cache, where nobody else can write.

What fails is an `OSError`, where nothing else is said.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import stat
import time
from pathlib import Path
from typing import BinaryIO

from yamjit.errors import DependencyError, InputError, LimitError, YamjitError
from yamjit.installing import how_to_install
from yamjit.suggestions import question, suggest, with_hint
from yamjit.text import printable
from yamjit.writing import PARTIAL_PREFIX, replace_whole

__all__ = [
    "CACHE_VARIABLE",
    "cache_directory",
    "describe",
    "hint_beside",
    "is_address",
    "is_private",
    "is_remote",
    "keep_newest",
    "keep_private",
    "make_private",
    "open_private",
    "open_regular",
    "read_limited",
    "read_private",
    "read_regular",
    "why_not_kept",
]

CACHE_VARIABLE = "YAMJIT_CACHE"

#: Age from which a file that was not finished never will be, in seconds.
_ABANDONED_S = 3600.0

#: Quotes that a program for texts, or another shell, leaves around a name.
_QUOTES = ("'", '"', "\u2018", "\u2019", "\u201c", "\u201d", "`")

#: Most names in a folder that are compared with one that is missing.
_MOST_NAMES = 1_000


def cache_directory() -> Path:
    """Return the folder for what was fetched or compiled: ``$YAMJIT_CACHE``, else the user's cache directory."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(os.path.expanduser(given))  # noqa: PTH111 - Path.expanduser raises where there is no home
    try:
        from platformdirs import user_cache_dir
    except ImportError as error:
        raise DependencyError(f"the cache directory needs platformdirs: {how_to_install('platformdirs')}") from error
    try:
        directory = Path(user_cache_dir("yamjit"))
    except RuntimeError:  # a user without a home directory; older versions leave a literal "~"
        directory = Path("~")
    if directory.is_absolute():
        return directory
    import tempfile

    return Path(tempfile.gettempdir()) / "yamjit"


def open_regular(path: str | os.PathLike[str], *, otherwise: str = "") -> int:
    """Return the descriptor of a regular file that is opened for reading; never blocks on a pipe or device.

    The message about a pipe or device says, as `otherwise`, what can be done with it.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(mode) else f"a pipe, socket or device{otherwise}"
        raise OSError(errno.EINVAL, f"it is not a regular file but {kind}")
    return descriptor


def read_regular(path: Path, most: int) -> bytes:
    """Return up to `most` bytes of a regular file; never blocks."""
    with os.fdopen(open_regular(path), "rb") as file:
        return _read(file, most)


def _read(file: BinaryIO, most: int) -> bytes:
    """Return up to `most` bytes of a file; no more memory is taken than there is content."""
    parts, size = [], os.fstat(file.fileno()).st_size
    while most > 0 and (part := file.read(min(most, max(size + 1, 2**16)))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def is_private(status: os.stat_result) -> bool:
    """Return whether only this user (and root) can have written a file or directory; always true on Windows."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def make_private(folder: Path) -> None:
    """Make a folder that nobody else can write to, if there is none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not is_private(folder.stat()):
        raise PermissionError(errno.EPERM, f"others may write to {str(folder)!r}")


def open_private(path: Path) -> BinaryIO:
    """Open a file that only this user can have written, in a folder of which the same holds; never blocks."""
    file = os.fdopen(open_regular(path), "rb")
    if not (is_private(path.parent.stat()) and is_private(os.fstat(file.fileno()))):
        file.close()
        raise PermissionError(errno.EPERM, "others may write to it")
    return file


def read_private(path: Path, most: int) -> bytes:
    """Return up to `most` bytes of a file that `open_private` opens."""
    with open_private(path) as file:
        return _read(file, most)


def keep_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else can write to, whole or not at all, into a folder of which the same holds."""
    make_private(path.parent)
    if path.is_dir():
        path.rmdir()
    replace_whole(path, content, mode=0o600)


def keep_newest(folder: Path, pattern: str, most: int) -> None:
    """Remove what was never finished in a folder, and of the files that fit a pattern all but the newest `most`."""
    by_age = sorted((_modified(path), path) for path in folder.glob(pattern))
    abandoned = time.time() - _ABANDONED_S
    unfinished = [path for path in folder.glob(f"{PARTIAL_PREFIX}*") if _modified(path) < abandoned]
    for path in [path for _, path in by_age[:-most]] + unfinished:
        with contextlib.suppress(OSError):  # another process was faster, or Windows keeps what is mapped
            path.unlink()


def why_not_kept(folder: Path) -> str | None:
    """Return why nothing can be kept in a folder, which need not exist; None if something can."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return describe(NotADirectoryError(errno.ENOTDIR, f"{str(existing)!r} is not a folder"))
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{str(existing)!r} cannot be written to"
    return None if existing != folder or is_private(folder.stat()) else f"others may write to {str(folder)!r}"


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process was faster
        return 0.0


def read_limited(path: str | os.PathLike[str], most: int, *, what: str, error: type[YamjitError] = InputError) -> bytes:
    """Return the content of a regular file that a user named, at most `most` bytes; messages call it `what`.

    Raises `error` if the file is missing, cannot be read, or is a directory, pipe, socket or device, and `LimitError`
    if it is larger.
    """
    name = repr(os.fsdecode(path))
    try:
        status = os.stat(path)  # noqa: PTH116
        if stat.S_ISREG(status.st_mode) and status.st_size > most:
            raise LimitError(f"{name}: {what} of {status.st_size} bytes; at most {most} are accepted")
        data = read_regular(Path(path), most + 1)
    except (OSError, ValueError) as reason:  # ValueError: a name with a null character
        raise error(f"{name}: {what} cannot be read: {describe(reason)}") from reason
    if len(data) > most:
        raise LimitError(f"{name}: {what} of more than {most} bytes; at most {most} are accepted")
    return data


def describe(error: Exception) -> str:
    """Return the reason of an error, in one line, without the name of the file; for one that is missing, a hint."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    missing = getattr(error, "filename", None) if isinstance(error, FileNotFoundError) else None
    hint = hint_beside(missing) if isinstance(missing, (str, os.PathLike)) else ""
    return with_hint(printable(" ".join(str(text).split())), hint)


def is_address(name: str) -> bool:
    """Return whether a name is an address of the web rather than that of a file; a path has one slash for its two."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name) is not None


def is_remote(name: object) -> bool:
    """Return whether a name is an address with a scheme, and not a path."""
    return isinstance(name, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name) is not None


def hint_beside(path: str | os.PathLike[str]) -> str:
    """Return what to do about a path that leads nowhere: its first part that is missing, and names beside that part.

    Empty if nothing is to be said. The message may hold names that strangers chose, as a terminal shows them.
    """
    name = os.fsdecode(path)
    if is_address(name):
        return "an address is not opened: download the file first"
    if name[:1] in _QUOTES:
        return "the quotes are taken for a part of the name"
    if name.startswith("~"):
        return "~ is not replaced here by the home directory"
    folder, missing = os.path.split(name.rstrip("/" + os.sep))
    what = ""
    while folder and not os.path.isdir(folder):  # noqa: PTH112
        what = f"there is no folder {printable(folder)!r}"
        folder, missing = os.path.split(folder)
    try:
        with os.scandir(folder or os.curdir) as found:
            names = [entry.name for entry in itertools.islice(found, _MOST_NAMES) if not entry.name.startswith(".")]
    except OSError:
        return what
    if missing in names and not what:
        return "it is a link that leads nowhere"
    stem = Path(missing).stem
    like = [one for one in sorted(names) if Path(one).stem == stem] or suggest(missing, sorted(names))
    return "; ".join(filter(None, (what, question([printable(str(Path(folder, one))) for one in like[:3]]))))
