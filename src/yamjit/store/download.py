"""A known file from the network, through pooch: verified, or an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.disk import describe
from yamjit.errors import DependencyError, DownloadError
from yamjit.installing import how_to_install
from yamjit.text import printable

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator

    from yamjit.spec import KnownModel
    from yamjit.store.deadline import Deadline

__all__ = ["OFFLINE_VARIABLE", "STALL_SECONDS", "Progress", "download_known", "is_offline"]

OFFLINE_VARIABLE = "YAMJIT_OFFLINE"

#: Callback with the number of bytes received and expected.
Progress = Callable[[int, int], None]

#: Seconds without a byte, and seconds in all, after which a download is given up.
STALL_SECONDS = 30.0
DEADLINE_SECONDS = 1_800.0

_CHUNK_BYTES = 2**10


def is_offline() -> bool:
    """Return whether ``$YAMJIT_OFFLINE`` forbids the network."""
    return os.environ.get(OFFLINE_VARIABLE, "").lower() not in ("", "0", "false", "no")


def download_known(known: KnownModel, url: str | None, progress: Progress | bool | None, timeout: float) -> bytes:
    """Return the content of `known`, verified; pooch fetches it into a temporary directory."""
    if not url:
        raise DownloadError(f"{known.name} has no address")
    try:
        import pooch
    except ImportError as error:
        raise DependencyError(f"downloading the model needs pooch: {how_to_install('pooch')}") from error
    with _shown(progress) as report, _quiet(pooch.get_logger()):
        transfer = _Transfer(known.size, report, timeout)
        try:
            import tempfile

            with tempfile.TemporaryDirectory() as directory:
                known_hash = f"sha256:{known.sha256}"
                path = pooch.retrieve(url, known_hash, known.file_name, directory, downloader=transfer)
                return Path(path).read_bytes()
        except OSError as error:
            raise DownloadError(f"the download cannot be stored: {describe(error)}") from error
        except ValueError as error:
            if not transfer.finished:
                raise
            raise DownloadError(f"{url}: sent {known.size} bytes of a different file (SHA-256 differs)") from error


class _Transfer:
    """Copies a URL of a known size to a file: a downloader for pooch."""

    def __init__(self, size: int, report: Progress, timeout: float) -> None:
        self.size = size
        self.report = report
        self.timeout = timeout
        self.finished = False
        self._done = 0

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        from yamjit.store.deadline import Deadline

        with Deadline(DEADLINE_SECONDS) as deadline:
            try:
                self._fetch(url, Path(output_file), deadline)
            except DownloadError:
                if deadline.expired:  # the reason why the connection ended
                    raise DownloadError(
                        f"{url}: did not send all {self.size} bytes within {DEADLINE_SECONDS:g} s"
                    ) from None
                raise
        self.finished = True

    def _fetch(self, url: str, path: Path, deadline: Deadline) -> None:
        if url.startswith("https:"):
            _check_ssl(url)
        with deadline.session() as session:
            with _network_errors(url, self.timeout, ValueError):  # a redirection may not lead to an address
                response = session.get(url, stream=True, timeout=self.timeout)
            with response, _network_errors(url, self.timeout):
                self._read(url, response, path)

    def _read(self, url: str, response: Any, path: Path) -> None:
        response.raise_for_status()
        self._check_headers(url, response.headers)
        self._copy(url, response.iter_content(_CHUNK_BYTES), path)

    def _check_headers(self, url: str, headers: Any) -> None:
        length = headers.get("Content-Length", "")
        if length.isdecimal() and "Content-Encoding" not in headers and length.lstrip("0") != str(self.size):
            kind = printable(headers.get("Content-Type", "unknown type"))[:80]
            raise DownloadError(f"{url}: offers {length[:20]} bytes of {kind}, not the {self.size} bytes expected")

    def _copy(self, url: str, chunks: Iterable[bytes], path: Path) -> None:
        with path.open("wb") as file:
            for chunk in chunks:
                self._done += len(chunk)
                if self._done > self.size:
                    raise DownloadError(f"{url}: sends more than the {self.size} bytes expected")
                file.write(chunk)
                self.report(self._done, self.size)
        if self._done < self.size:
            raise DownloadError(f"{url}: ended after {self._done} of {self.size} bytes")


def _check_ssl(url: str) -> None:
    """Refuse an address that a Python which was built without OpenSSL, or does not find it, cannot open."""
    try:
        import ssl  # noqa: F401
    except ImportError as error:
        raise DownloadError(f"{url}: this Python has no ssl, which https needs: {describe(error)}") from error


@contextmanager
def _network_errors(url: str, timeout: float, *also: type[Exception]) -> Iterator[None]:
    """Turn the errors of requests, and those in `also`, into a `DownloadError`."""
    from http.client import HTTPException

    import requests

    try:
        yield
    except requests.HTTPError as error:
        answer: Any = error.response
        reason = printable(str(answer.reason))[:80]
        raise DownloadError(f"{url}: the server answers {answer.status_code} {reason}") from error
    except requests.TooManyRedirects as error:
        raise DownloadError(f"{url}: redirects without end") from error
    except requests.Timeout as error:
        raise DownloadError(f"{url}: no answer within {timeout:g} s") from error
    except (requests.RequestException, UnicodeError, HTTPException, *also) as error:
        raise DownloadError(f"{url}: {describe(_cause(error))}") from error


def _cause(error: BaseException) -> Exception:
    """Return the plain cause inside the layers of requests and urllib3."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, Exception):
        return _cause(getattr(inner, "reason", None) or inner)
    return Exception(inner) if isinstance(inner, str) else Exception(error)


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep pooch from announcing downloads on standard error."""
    import logging

    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _shown(progress: Progress | bool | None) -> Iterator[Progress]:
    """Yield the callback for progress: `progress` itself, a line on a terminal, or nothing."""
    if callable(progress):
        yield progress
    elif sys.stderr is None or not (sys.stderr.isatty() if progress is None else progress):
        yield lambda _done, _total: None
    else:
        yield _print_progress
        sys.stderr.write("\n")


def _print_progress(done: int, total: int) -> None:
    step = _CHUNK_BYTES
    if done * 100 // total > (done - step) * 100 // total:
        sys.stderr.write(f"\rfetching the model: {done * 100 // total} %")
        sys.stderr.flush()
