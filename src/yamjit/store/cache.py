"""The cached model: read if it is what it should be, kept whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from yamjit.disk import cache_directory, describe, read_regular, replace_whole
from yamjit.spec import OFFICIAL_MODEL, KnownModel

__all__ = ["cache_path", "keep", "read_cached"]


def cache_path(known: KnownModel = OFFICIAL_MODEL) -> Path:
    """Return where `known` is, or would be, cached: in ``$YAMJIT_CACHE``, else the user's cache directory.

    Raises
    ------
    DependencyError
        If platformdirs is not installed.
    """
    return cache_directory() / known.file_name


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
        replace_whole(path, data, mode=0o644)
    except (OSError, ValueError) as error:
        return f"the model cannot be kept as {str(path)!r}: {describe(error)}"
    return None
