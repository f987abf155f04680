"""Files of the user's cache: read if they are what they should be, written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from yamjit.errors import DependencyError
from yamjit.spec import OFFICIAL_MODEL, KnownModel

__all__ = ["CACHE_VARIABLE", "cache_path", "describe", "keep", "printable", "read_cached", "read_regular"]

CACHE_VARIABLE = "YAMJIT_CACHE"


def cache_path(known: KnownModel = OFFICIAL_MODEL) -> Path:
    """Return where `known` is, or would be, cached: in ``$YAMJIT_CACHE``, else the user's cache directory.

    Raises
    ------
    DependencyError
        If platformdirs, which comes with pooch, is not installed.
    """
    return _cache_directory() / known.file_name


def read_regular(path: Path, most: int) -> bytes:
    """Return up to `most` bytes of a regular file; never blocks on a pipe or device."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise OSError(errno.EINVAL, f"it is no regular file but {kind}")
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most)


def _cache_directory() -> Path:
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


def read_cached(path: Path, known: KnownModel) -> tuple[bytes | None, str | None]:
    """Return the cached file, or None and, if there is one that is not used, why not."""
    try:
        data = read_regular(path, known.size + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except (OSError, ValueError) as error:
        return None, f"the cached file {str(path)!r} cannot be read: {describe(error)}"
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 == known.sha256:
        return data, None
    return None, f"the cached file {str(path)!r} is damaged or another one and not used (SHA-256 {sha256})"


def keep(data: bytes, path: Path) -> str | None:
    """Write `data` to `path`, all of it or nothing; return why it could not be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.chmod(0o644)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        return f"the model cannot be kept as {str(path)!r}: {describe(error)}"
    return None


def describe(error: Exception) -> str:
    """Return what went wrong, in one line, without the file name."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return printable(str(text))


def printable(text: str) -> str:
    """Return `text` in one line, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
