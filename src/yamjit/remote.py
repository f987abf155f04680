"""Recordings and results that have addresses, such as ``s3://bucket/a.wav``, by the file systems of fsspec.

Secrets of an address, its user and what follows a question mark, are never shown, nor written to results.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from yamjit.disk import describe, is_remote
from yamjit.errors import DependencyError, InputError, OutputError
from yamjit.installing import how_to_install
from yamjit.text import printable

__all__ = [
    "find",
    "identity",
    "names_below",
    "open_remote",
    "read_remote",
    "reason",
    "remove",
    "shown",
    "upload",
    "uploaded",
]

#: Schemes whose files can be read, and neither listed below a name without a slash, nor written.
_WEB = ("http", "https")

#: What tells one content of an object from another, in the words of various file systems; the best comes first.
_MARKS = ("ETag", "etag", "md5Hash", "Content-MD5", "checksum", "mtime", "LastModified", "last_modified", "created")


def shown(address: str) -> str:
    """Return an address without its secrets."""
    scheme, rest = address.split("://", 1)
    rest = rest.split("#", 1)[0]
    rest = rest.split("?", 1)[0] if scheme.lower() in _WEB or "=" in rest.partition("?")[2] else rest
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def reason(error: BaseException, address: str) -> str:
    """Return why something failed, in one line, without secrets."""
    told = str(error).replace(address, shown(address))
    query = urlsplit(address).query
    told = told.replace(query, "...") if query else told
    told = re.sub(r"(://)[^/@\s]*@", r"\1", told)
    told = re.sub(r"(https?://[^\s?]*)\?[^\s'\")]*", r"\1", told)
    return printable(" ".join(told.split())) or type(error).__name__


def open_remote(address: str) -> Any:
    """Return a binary file object; what fails is an `OSError` without secrets in its message."""
    files, path = _files(address)
    with _as_os_error(address):
        return _File(files.open(path, "rb"), address)


def read_remote(address: str, most: int) -> bytes:
    """Return up to `most` bytes of a file."""
    with contextlib.closing(open_remote(address)) as file:
        data: bytes = file.read(most)
        return data


class _File:
    """A binary file object whose errors tell no secrets."""

    def __init__(self, file: Any, address: str) -> None:
        self._file = file
        self._address = address

    def read(self, count: int = -1) -> bytes:
        with _as_os_error(self._address):
            return bytes(self._file.read(count))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _as_os_error(self._address):
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def close(self) -> None:
        with _as_os_error(self._address):
            self._file.close()


def identity(address: str) -> tuple[int, int] | None:
    """Return the size of a file, and a number that changes with its content, from its ETag or the like; None without.

    Times of modification are taken where there is nothing better.
    """
    try:
        files, path = _files(address)
        with _as_os_error(address):
            known = files.info(path)
    except (OSError, DependencyError, InputError):
        return None
    if known.get("type") == "directory":
        return None
    mark = next((known[name] for name in _MARKS if known.get(name)), "")
    number = int.from_bytes(hashlib.sha256(str(mark).encode()).digest()[:7], "big")
    return int(known.get("size") or 0), number


def find(address: str) -> tuple[str, list[str]] | None:
    """Return a folder, and the names of files below it that it or a pattern stands for; None for a single file.

    What fails is an `OSError`; the order is that of the parts of names.
    """
    files, path = _files(address)
    scheme = address.split("://", 1)[0].lower()
    is_pattern = re.search(r"\*" if scheme in _WEB else r"[*?\[]", address.split("://", 1)[1]) is not None
    with _as_os_error(address):
        if is_pattern:
            literal = re.split(r"[*?\[]", address, maxsplit=1)[0]
            base = literal[: literal.rindex("/") + 1]
            top = _files(base)[1]
            found = [one for one in files.glob(path) if not files.isdir(one)]
        elif address.endswith("/") or (scheme not in _WEB and files.isdir(path)):
            base, top = address, path
            found = files.find(path)
        else:
            return None
    names = [one[len(top) :].lstrip("/") for one in found if one.startswith(top)]
    return base.rstrip("/"), sorted(filter(None, names), key=lambda name: name.split("/"))


def names_below(address: str) -> list[str]:
    """Return the names of all files below a folder, relative to it; none if there is no such folder."""
    files, path = _files(address)
    path = path.rstrip("/")
    try:
        with _as_os_error(address):
            files.invalidate_cache()
            return [one[len(path) :].lstrip("/") for one in files.find(path)]
    except FileNotFoundError:
        return []


def upload(source: Path, address: str) -> None:
    """Write a file, whole, to an address; `OutputError` says why it cannot be."""
    files, path = _files(address)
    try:
        with _as_os_error(address):
            with contextlib.suppress(Exception):  # a store without folders
                files.makedirs(files._parent(path), exist_ok=True)
            files.put_file(os.fspath(source), path)
    except (OSError, DependencyError) as error:
        raise OutputError(f"{shown(address)!r}: cannot be written: {describe(error)}") from error


@contextlib.contextmanager
def uploaded(output: str) -> Iterator[Path]:
    """Give the path to write a file to: `output`, or where that is an address, a temporary one, which is uploaded."""
    if not is_remote(output):
        yield Path(output)
        return
    with tempfile.TemporaryDirectory(prefix="yamjit-") as folder:
        path = Path(folder, Path(shown(output)).name)
        yield path
        if path.exists():
            upload(path, output)


def remove(addresses: Iterable[str]) -> None:
    """Remove files that are there; `OutputError` says which cannot be."""
    for address in addresses:
        files, path = _files(address)
        try:
            with _as_os_error(address):
                files.rm_file(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"{shown(address)!r}: cannot be removed: {describe(error)}") from error


def _files(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise DependencyError(
            f"{shown(address)}: an address needs fsspec: {how_to_install('yamjit[remote]')}"
        ) from error
    scheme = address.split("://", 1)[0]
    try:
        files, path = url_to_fs(address)
    except ImportError as error:
        raise DependencyError(f"{scheme}:// needs a further package: {reason(error, address)}") from error
    except ValueError as error:
        raise InputError(f"{shown(address)}: {scheme}:// is not known to fsspec: {reason(error, address)}") from error
    except Exception as error:
        raise InputError(f"{shown(address)}: cannot be opened: {reason(error, address)}") from error
    return files, str(path)


@contextlib.contextmanager
def _as_os_error(address: str) -> Iterator[None]:
    """Have whatever a file system raises be an `OSError` that tells no secret, nor hands one on as its cause."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(2, "there is no such file, or nobody may see it") from None
    except Exception as error:  # noqa: BLE001 - a stranger's file system raises what it likes
        raise OSError(5, reason(error, address)) from None
