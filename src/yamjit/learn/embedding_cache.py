"""Embeddings on this user's disk: right or absent.

A file is named by its key, which stands for everything that the embeddings depend on, and ends with a digest of that
key and its content. Embeddings are computed again if their file is damaged, changed, cut short or somebody else's.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import io
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.announcing import logger
from yamjit.disk import cache_directory, describe, is_private, keep_private, make_private, read_private
from yamjit.kernels.machine_code.sources import files_digest
from yamjit.keywords import explained

__all__ = ["EmbeddingCache", "code_version"]


#: Largest file, in bytes.
_MOST_BYTES = 2**31

_DIGEST_BYTES = hashlib.sha256().digest_size

#: Packages that decode and resample; libsndfile comes with the first.
_DECODERS = ("soundfile", "soxr", "av", "numpy")


@explained
class EmbeddingCache:
    """Embeddings and other features on disk, by the audio's bytes, the part of it, the hop, the model and the code.

    Files are never removed; the folder may be removed at any time.

    Parameters
    ----------
    directory : path, optional
        Folder of the cache, by default ``embeddings`` in the user's cache directory. It belongs to one user: files that
        others may have written are not used.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        given = None if directory is None else checks.path(directory, "directory")
        self.directory = given or cache_directory() / "embeddings"

    def load(self, key: str, size: int) -> npt.NDArray[np.int8] | None:
        """Return quantized embeddings [shape=(n, size), int8]; None unless they are there, whole and this user's."""
        path = self._path(key)
        try:
            if not is_private(self.directory.stat()):
                return None
            data = read_private(path, _MOST_BYTES)
        except (OSError, ValueError):
            return None
        content = data[:-_DIGEST_BYTES]
        if data[-_DIGEST_BYTES:] != _digest(key, content):
            return None
        found: npt.NDArray[np.int8] = np.load(io.BytesIO(content), allow_pickle=False)
        return found if found.shape[1:] == (size,) else None

    def store(self, key: str, quantized: npt.NDArray[np.int8]) -> None:
        """Store quantized embeddings if possible; if not, warn once."""
        stream = io.BytesIO()
        np.save(stream, quantized, allow_pickle=False)
        content = stream.getvalue()
        path = self._path(key)
        try:
            make_private(self.directory)
            keep_private(path, content + _digest(key, content))
        except (OSError, ValueError) as error:
            _warn_once(f"embeddings cannot be stored, and are computed again next time: {describe(error)}")

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / f"{key}.npy"

    def __repr__(self) -> str:
        return f"<EmbeddingCache: {str(self.directory)!r}>"


@functools.cache
def code_version() -> str:
    """Return a digest of all code of this package, with the versions of the packages that decode audio."""
    code = files_digest(sorted(Path(__file__).resolve().parents[1].rglob("*.py")))
    return " ".join((code, *map(_version, ("yamjit", *_DECODERS))))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


@functools.cache
def _warn_once(message: str) -> None:
    logger(__name__).warning(message)
