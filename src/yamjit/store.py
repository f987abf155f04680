"""Where the model comes from: an argument, ``$YAMJIT_MODEL``, the user's cache, or a download into it."""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import stat
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from yamjit.errors import (
    DependencyError,
    DownloadError,
    InputError,
    LimitError,
    ModelError,
    ModelNotFoundError,
)
from yamjit.spec import DEFAULT_LIMITS, KNOWN_MODELS, OFFICIAL_MODEL, KnownModel, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Progress", "ResolvedModel", "cache_path", "fetch_official", "resolve_model"]

#: Called with the bytes received and the bytes expected.
Progress = Callable[[int, int], None]

CACHE_VARIABLE = "YAMJIT_CACHE"
MODEL_VARIABLE = "YAMJIT_MODEL"
OFFLINE_VARIABLE = "YAMJIT_OFFLINE"

#: A download is given up after so many seconds without a byte, or in all.
STALL_SECONDS = 30.0
DEADLINE_SECONDS = 1_800.0

_CHUNK_BYTES = 2**20
_NETWORK_CHUNK_BYTES = 2**10  # small: the deadline is looked at once a chunk

# One download at a time in a process: the second thread then finds what the first one fetched.
_fetching = threading.Lock()


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """The bytes of a model, and where they come from.

    Parameters
    ----------
    data : bytes
        The file.
    origin : str
        ``"argument"``, ``"$YAMJIT_MODEL"``, ``"cache"`` or ``"download"``.
    path : Path or None
        Where the file is; None if there is none.
    sha256 : str
        Of `data`, in hexadecimal.
    known : KnownModel or None
        The published file that this is.
    """

    data: bytes = field(repr=False)
    origin: str
    path: Path | None
    sha256: str
    known: KnownModel | None

    @property
    def verified(self) -> bool:
        """Whether this is a published file, bit for bit."""
        return self.known is not None


def resolve_model(
    model: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | None = None,
    *,
    download: bool = True,
    progress: Progress | bool | None = None,
    known: KnownModel = OFFICIAL_MODEL,
    limits: Limits = DEFAULT_LIMITS,
    timeout: float = STALL_SECONDS,
) -> ResolvedModel:
    """Return the model to use: `model`, else ``$YAMJIT_MODEL``, else the cached file, else a download.

    Parameters
    ----------
    model : path, bytes or binary file object, optional
        Taken as it is.
    download : bool, optional
        Whether the network may be used; ``YAMJIT_OFFLINE=1`` forbids it too.
    progress : callable or bool, optional
        Called with the bytes received and expected. By default a line on standard error if that is a
        terminal; False for none.
    known : KnownModel, optional
        What is looked for in the cache and on the network.
    limits : Limits, optional
        `file_bytes` bounds what is read.
    timeout : float, optional
        Seconds without a byte after which a download is given up.

    Raises
    ------
    ModelError
        If the given file, or that of ``$YAMJIT_MODEL``, cannot be read or is empty.
    ModelNotFoundError
        If there is no model; the message says how to go on.
    LimitError
        If the file is too large.
    InputError
        If `model` is something else.

    Warns
    -----
    RuntimeWarning
        If a download cannot be kept in the cache directory.
    """
    if model is not None:
        data, path = _read_argument(model, limits.file_bytes)
        return _describe(data, "argument", path, known)
    given = os.environ.get(MODEL_VARIABLE)
    if given:
        data = _read_path(Path(given), f"${MODEL_VARIABLE}: {given!r}", limits.file_bytes)
        return _describe(data, f"${MODEL_VARIABLE}", Path(given), known)
    return _find_known(known, download, progress, timeout)


def fetch_official(
    url: str | None = None,
    *,
    force: bool = False,
    progress: Progress | bool | None = None,
    known: KnownModel = OFFICIAL_MODEL,
    timeout: float = STALL_SECONDS,
) -> ResolvedModel:
    """Return the official model from the cache, downloaded into it unless it is there, intact.

    Parameters
    ----------
    url : str, optional
        A mirror; it has to serve the same file.
    force : bool, optional
        Download in any case.
    progress, known, timeout
        As for `resolve_model`.

    Raises
    ------
    DownloadError
        If it cannot be fetched, is not the expected file, or cannot be kept. The cache stays as it was.
    """
    path = cache_path(known)
    with _fetching:
        data = None if force else _read_cached(path, known)[0]
        if data is not None:
            return _describe(data, "cache", path, known)
        if _is_offline():
            raise DownloadError(f"nothing is downloaded: ${OFFLINE_VARIABLE} is set")
        data = _download(known, url or known.url, progress, timeout)
        problem = _keep(data, path)
    if problem:
        raise DownloadError(f"{problem}; ${CACHE_VARIABLE} chooses another directory")
    return _describe(data, "download", path, known)


def cache_path(known: KnownModel = OFFICIAL_MODEL) -> Path:
    """Return where `known` is, or would be, cached: in ``$YAMJIT_CACHE``, else the user's cache directory.

    Raises
    ------
    DependencyError
        If platformdirs, which comes with pooch, is not installed.
    """
    return _cache_directory() / known.file_name


# --- files


def _read_argument(model: Any, most: int) -> tuple[bytes, Path | None]:
    if isinstance(model, (bytes, bytearray, memoryview)):
        return _check_size(bytes(model), "the model given as bytes", most), None
    if isinstance(model, (str, os.PathLike)):
        path = Path(model)
        return _read_path(path, repr(os.fspath(path)), most), path
    if hasattr(model, "read"):
        return _read_object(model, most), None
    raise InputError(f"{type(model).__name__} is no model; accepted are a path, bytes, or a binary file object")


def _read_path(path: Path, name: str, most: int) -> bytes:
    try:
        return _check_size(_read_regular(path, most + 1), name, most)
    except (OSError, ValueError) as error:
        raise ModelError(f"{name}: cannot be read: {_reason(error)}") from error


def _read_regular(path: Path, most: int) -> bytes:
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


def _read_object(file: Any, most: int) -> bytes:
    name = f"the file object {getattr(file, 'name', type(file).__name__)!r}"
    if isinstance(file, io.TextIOBase):
        raise InputError(f"{name} is open as text; open it in binary mode")
    data = bytearray()
    try:
        while len(data) <= most and (chunk := file.read(_CHUNK_BYTES)):
            data += chunk
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{name}: cannot be read: {_reason(error)}") from error
    return _check_size(bytes(data), name, most)


def _check_size(data: bytes, name: str, most: int) -> bytes:
    if not data:
        raise ModelError(f"{name}: is empty")
    if len(data) > most:
        raise LimitError(f"{name}: is larger than {most} bytes (limit file_bytes)")
    return data


def _describe(data: bytes, origin: str, path: Path | None, known: KnownModel) -> ResolvedModel:
    sha256 = hashlib.sha256(data).hexdigest()
    match = known if sha256 == known.sha256 else KNOWN_MODELS.get(sha256)
    return ResolvedModel(data, origin, path, sha256, match)


def _reason(error: Exception) -> str:
    """Return what went wrong, in one line, without the file name."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


# --- the cache


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


def _read_cached(path: Path, known: KnownModel) -> tuple[bytes | None, str | None]:
    """Return the cached file, or None and, if there is one that is not used, why not."""
    try:
        data = _read_regular(path, known.size + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except (OSError, ValueError) as error:
        return None, f"the cached file {str(path)!r} cannot be read: {_reason(error)}"
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 == known.sha256:
        return data, None
    return None, f"the cached file {str(path)!r} is damaged or another one and not used (SHA-256 {sha256})"


def _keep(data: bytes, path: Path) -> str | None:
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
        return f"the model cannot be kept as {str(path)!r}: {_reason(error)}"
    return None


def _find_known(known: KnownModel, download: bool, progress: Progress | bool | None, timeout: float) -> ResolvedModel:
    path = cache_path(known)
    data, problem = _read_cached(path, known)
    if data is not None:
        return _describe(data, "cache", path, known)
    if not download or _is_offline():
        why = "downloads are switched off" if not download else f"${OFFLINE_VARIABLE} is set"
        raise _not_found(known, path, problem, why)
    with _fetching:
        data, problem = _read_cached(path, known)
        if data is not None:
            return _describe(data, "cache", path, known)
        try:
            data = _download(known, known.url, progress, timeout)
        except DownloadError as error:
            raise _not_found(known, path, problem, str(error)) from error
        unkept = _keep(data, path)
    if unkept:
        warnings.warn(f"{unkept}; it will be fetched again next time", RuntimeWarning, stacklevel=3)
    return _describe(data, "download", None if unkept else path, known)


def _not_found(known: KnownModel, path: Path, problem: str | None, why: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"no model is at hand ({'; '.join(filter(None, (problem, why)))}): "
        f"run `yamjit fetch` where there is a network, which puts it at {str(path)!r}; "
        f"or pass a path (--model PATH, load(PATH)); or set ${MODEL_VARIABLE} to one. "
        f"It is the file of {known.size} bytes with SHA-256 {known.sha256}, {known.url}"
    )


# --- the network


def _is_offline() -> bool:
    return os.environ.get(OFFLINE_VARIABLE, "").lower() not in ("", "0", "false", "no")


def _download(known: KnownModel, url: str | None, progress: Progress | bool | None, timeout: float) -> bytes:
    """Return the content of `known`, verified; pooch fetches it into a directory that is gone afterwards."""
    if not url:
        raise DownloadError(f"{known.name} has no address")
    try:
        import pooch
    except ImportError as error:
        raise DependencyError("downloading the model needs pooch: pip install pooch") from error
    try:
        with tempfile.TemporaryDirectory() as directory, _shown(progress) as report, _quiet(pooch.get_logger()):
            path = pooch.retrieve(
                url,
                known_hash=f"sha256:{known.sha256}",
                fname=known.file_name,
                path=directory,
                downloader=_Transfer(known.size, report, timeout),
            )
            return Path(path).read_bytes()
    except OSError as error:
        raise DownloadError(f"the download cannot be stored: {_reason(error)}") from error
    except ValueError as error:  # the hash differs
        raise DownloadError(f"{url}: sent {known.size} bytes that are not {known.name} (SHA-256 differs)") from error


class _Transfer:
    """Copies one URL of a known size to a file, as pooch asks for it."""

    def __init__(self, size: int, report: Progress, timeout: float) -> None:
        self.size = size
        self.report = report
        self.timeout = timeout

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        import requests

        try:
            with requests.get(url, stream=True, timeout=self.timeout) as response:
                response.raise_for_status()
                self._check_headers(url, response.headers)
                self._copy(url, response.iter_content(_NETWORK_CHUNK_BYTES), Path(output_file))
        except requests.HTTPError as error:
            answer = error.response
            raise DownloadError(f"{url}: the server answers {answer.status_code} {answer.reason}") from error
        except requests.TooManyRedirects as error:
            raise DownloadError(f"{url}: is redirected without end") from error
        except requests.Timeout as error:
            raise DownloadError(f"{url}: no answer within {self.timeout:g} s") from error
        except requests.RequestException as error:
            raise DownloadError(f"{url}: {_reason(error)}") from error

    def _check_headers(self, url: str, headers: Any) -> None:
        length = headers.get("Content-Length", "")
        if length.isdecimal() and "Content-Encoding" not in headers and int(length) != self.size:
            kind = headers.get("Content-Type", "unknown type")
            raise DownloadError(f"{url}: offers {length} bytes of {kind}, not the {self.size} bytes expected")

    def _copy(self, url: str, chunks: Iterable[bytes], path: Path) -> None:
        done = 0
        deadline = time.monotonic() + DEADLINE_SECONDS
        with path.open("wb") as file:
            for chunk in chunks:
                done += len(chunk)
                if done > self.size:
                    raise DownloadError(f"{url}: sends more than the {self.size} bytes expected")
                if time.monotonic() > deadline:
                    raise DownloadError(f"{url}: sent {done} bytes in {DEADLINE_SECONDS:g} s; given up")
                file.write(chunk)
                self.report(done, self.size)
        if done < self.size:
            raise DownloadError(f"{url}: ended after {done} of {self.size} bytes")


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch, which announces downloads on standard error, from doing so."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _shown(progress: Progress | bool | None) -> Iterator[Progress]:
    """Give what is called as bytes arrive: `progress`, a line on a terminal, or nothing."""
    if callable(progress):
        yield progress
    elif sys.stderr is None or not (sys.stderr.isatty() if progress is None else progress):
        yield lambda _done, _total: None
    else:
        yield _print_progress
        sys.stderr.write("\n")


def _print_progress(done: int, total: int) -> None:
    step = _NETWORK_CHUNK_BYTES
    if done * 100 // total > (done - step) * 100 // total:
        sys.stderr.write(f"\rfetching the model: {done * 100 // total} %")
        sys.stderr.flush()
