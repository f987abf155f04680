"""A page as this machine alone can open it: files in memory, served over HTTP on the loopback address."""

from __future__ import annotations

import hashlib
import os
import socketserver
from collections.abc import Collection, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from yamjit.disk import describe
from yamjit.errors import InputError

__all__ = ["PAGE_HEADERS", "LocalHost", "content_type", "read_page"]

_ADDRESS = "127.0.0.1"

#: Names that a browser may call this machine by: any other is that of a stranger's page.
_NAMES = ("127.0.0.1", "localhost")

_HOME = "index.html"

#: Types of files, by their suffixes, whatever this machine takes them for.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}

#: What goes with every file of a page.
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

#: Most bytes of a folder that is served.
_MOST_BYTES = 256 * 2**20


def read_page(folder: Path, needed: Collection[str] = (_HOME, "model.plan")) -> dict[str, bytes]:
    """Return the files of a page, by their names; the files that it needs are those of one that was exported.

    Raises
    ------
    InputError
        If the folder lacks one of them, cannot be read, or holds more than a page has.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        if missing := [name for name in needed if folder / name not in paths]:
            raise InputError(f"{str(folder)!r}: not a page, without {missing[0]}: yamjit export --web writes one")
        if sum(path.stat().st_size for path in paths) > _MOST_BYTES:
            raise InputError(f"{str(folder)!r}: more than {_MOST_BYTES} bytes, which a page and its model are not")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    except OSError as error:
        raise InputError(f"{str(folder)!r}: cannot be read: {describe(error)}") from error


def content_type(name: str) -> str:
    """Return the type of a file's content, by its name."""
    return _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")


class LocalHost(ThreadingHTTPServer):
    """Serves files to this machine; a context manager, ended by `shutdown`.

    Parameters
    ----------
    files : mapping of str to bytes
        Files by their names, below the address.
    port : int
        Port of the loopback address; 0 for one that is free.

    Raises
    ------
    InputError
        If the port cannot be had.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name != "nt"  # where a second server could take the port

    def __init__(self, files: Mapping[str, bytes], port: int = 0) -> None:
        self.files = files
        self.tags = {name: f'"{hashlib.sha256(content).hexdigest()[:32]}"' for name, content in files.items()}
        try:
            super().__init__((_ADDRESS, port), _Handler)
        except OSError as error:
            raise InputError(f"port {port} of {_ADDRESS}: {describe(error)}; --port names another one") from error

    def server_bind(self) -> None:
        """Bind, without asking anyone for the name of this machine."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{_ADDRESS}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone."""


class _Handler(BaseHTTPRequestHandler):
    """Answers for files by their exact names."""

    server: LocalHost
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        if self.headers.get("Host") not in {f"{name}:{self.server.server_port}" for name in _NAMES}:
            self._send(
                HTTPStatus.MISDIRECTED_REQUEST, b"this page is for this machine alone", with_content=with_content
            )
            return
        name = unquote(urlsplit(self.path).path)[1:] or _HOME
        content = self.server.files.get(name)
        if content is None:
            self._send(HTTPStatus.NOT_FOUND, b"no such file", with_content=with_content)
            return
        tag = self.server.tags[name]
        if self.headers.get("If-None-Match") == tag:
            self._send(HTTPStatus.NOT_MODIFIED, b"", {"ETag": tag}, with_content=False)
            return
        self._send(HTTPStatus.OK, content, {"ETag": tag}, content_type(name), with_content=with_content)

    def _send(
        self,
        status: HTTPStatus,
        content: bytes,
        headers: Mapping[str, str] | None = None,
        kind: str = "text/plain; charset=utf-8",
        *,
        with_content: bool,
    ) -> None:
        self.send_response(status)
        for key, value in {**PAGE_HEADERS, **(headers or {})}.items():
            self.send_header(key, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def version_string(self) -> str:
        return "yamjit"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
