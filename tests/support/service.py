"""A service in a process of its own, and the requests that tests send to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

__all__ = ["Answer", "Server", "form", "problem", "running"]


class Answer(NamedTuple):
    """An answer of a service."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def kind(self) -> str:
        return (self.headers["content-type"] or "").partition(";")[0]


class Server(NamedTuple):
    """A service that listens at a port of this machine."""

    process: subprocess.Popen[str]
    port: int
    said: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def post(self, path: str, body: Any, kind: str = "application/octet-stream", **headers: str) -> Answer:
        return self.ask("POST", path, body, {"Content-Type": kind, **headers})

    def metric(self, name: str) -> float:
        found = re.search(rf"^{name} (\S+)$", self.ask("GET", "/metrics").body.decode(), re.MULTILINE)
        assert found is not None
        return float(found[1])

    def workers(self) -> list[int]:
        """Return the ids of the worker processes."""
        children: dict[int, list[int]] = {}
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = int((place / "stat").read_text().rpartition(") ")[2].split()[1])
                children.setdefault(parent, []).append(int(place.name))
        helpers = children.get(self.process.pid, [])
        return [one for helper in helpers for one in children.get(helper, [])]


@contextlib.contextmanager
def running(*words: str, model: str = "starter") -> Iterator[Server]:
    """Run ``yamjit serve`` until the end of the block."""
    for module in ("starlette", "uvicorn", "websockets", "python_multipart", "prometheus_client"):
        pytest.importorskip(module, reason="the extra serve is not installed")
    command = [sys.executable, "-m", "yamjit", "serve", model, "--port", "0", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    reading: threading.Thread | None = None
    assert process.stderr is not None
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"serving at http://\S+:(\d+)", line):
                break
        else:
            raise AssertionError("".join(said))
        reading = threading.Thread(target=said.extend, args=(process.stderr,))
        reading.start()
        yield Server(process, int(found[1]), said)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            if reading is not None:
                reading.join()
            process.stderr.close()


def form(name: str, content: bytes, field: str = "file") -> tuple[bytes, str]:
    """Return a form with one file, and its type."""
    head = f'--limit\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--limit--\r\n", "multipart/form-data; boundary=limit"


def problem(answer: Answer) -> str:
    """Return what a problem tells."""
    assert answer.kind == "application/problem+json", answer
    told = json.loads(answer.body)
    assert told["status"] == answer.status
    return str(told["detail"])
