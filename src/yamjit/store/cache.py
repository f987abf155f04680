"""The cached model: used if its digest is right, stored whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

from yamjit.disk import cache_directory, describe, read_regular
from yamjit.spec import OFFICIAL_MODEL, KnownModel
from yamjit.writing import replace_whole

__all__ = ["cache_path", "keep", "read_cached"]


def cache_path(known: KnownModel = OFFICIAL_MODEL) -> Path:
    """Return the path at which `known` is cached: in ``$YAMJIT_CACHE``, else in the user's cache directory."""
    return cache_directory() / known.file_name


def read_cached(path: Path, known: KnownModel) -> tuple[bytes | None, str | None]:
    """Return the content of the cached file; or None, and why a file that is there is not used."""
    try:
        data = read_regular(path, known.size + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except (OSError, ValueError) as error:
        return None, f"the cached file {str(path)!r} cannot be read: {describe(error)}"
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 == known.sha256:
        return data, None
    return None, f"the cached file {str(path)!r} is not used: it is damaged or a different file (SHA-256 {sha256})"


def keep(data: bytes, path: Path) -> str | None:
    """Write `data` to `path`, whole or not at all; return the reason if that failed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(path, data, mode=0o644)
    except (OSError, ValueError) as error:
        return f"the model cannot be stored as {str(path)!r}: {describe(error)}"
    return None
