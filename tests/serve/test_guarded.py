"""Who is let in, and what those get who send too much, too slowly, or nonsense."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.service import Answer, Server, problem, running

SIREN = (Path(__file__).resolve().parents[2] / "examples" / "siren.flac").read_bytes()

TOKEN = "a-token-of-24-characters"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that other machines can reach, with a page of its own."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "secret").write_text("not for you")
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("<!DOCTYPE html><title>ours</title>")
    words = ["--host", "0.0.0.0", "--token-file", str(folder / "token"), "--page", str(folder / "page")]
    with running(
        "--workers", "1", *words, "--allow-host", "sounds.example", "--allow-origin", "https://a.example"
    ) as one:
        yield one


def raw(server: Server, *pieces: bytes, pause_s: float = 0.0, wait_s: float = 10.0) -> bytes:
    """Send bytes as they are, and return all that comes until the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait_s) as connection:
        received = b""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause_s)
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(65_536):
                received += data
        return received


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1.1 (\d+)", answer)
    return int(found[1]) if found else 0


def test_the_token(guarded: Server) -> None:
    assert guarded.ask("GET", "/healthz").status == guarded.ask("GET", "/readyz").status == 200
    good = {"Authorization": f"Bearer {TOKEN}"}
    for method, path in (("GET", "/"), ("GET", "/metrics"), ("GET", "/v1/model"), ("POST", "/v1/classify")):
        for headers in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}):
            answer = guarded.ask(method, f"{path}?token={TOKEN}&access_token={TOKEN}", SIREN, headers)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "token" in problem(answer)
    assert guarded.ask("GET", "/metrics", headers=good).status == 200
    assert guarded.ask("POST", "/v1/classify", SIREN, good).status == 200


def test_addresses_that_need_a_token_and_tokens_that_are_none(tmp_path: Path) -> None:
    pytest.importorskip("starlette", reason="the extra serve is not installed")
    (tmp_path / "short").write_text("short")
    for words, told in (
        (["--host", "0.0.0.0"], "need a token"),
        (["--token-file", str(tmp_path / "short")], "at least 16"),
        (["--token-file", str(tmp_path / "none")], "cannot be read"),
        (["--page", str(tmp_path)], "index.html"),
    ):
        command = [sys.executable, "-m", "yamjit", "serve", "starter", "--port", "0", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert told in done.stderr


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:8000"}, 421),
        ({"Host": "10.0.0.1"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "[::1"}, 421),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({"Host": "localhost", "Origin": "http://localhost:81"}, 403),
    ],
)
def test_names_and_pages(server: Server, headers: dict[str, str], code: int) -> None:
    for path in ("/v1/model", "/v1/classify", "/"):
        method = "POST" if path == "/v1/classify" else "GET"
        answer = server.ask(method, path, SIREN if method == "POST" else None, headers)
        assert answer.status == code, answer.body
        assert "access-control-allow-origin" not in answer.headers


def test_streams_are_guarded_in_the_same_way(server: Server, guarded: Server) -> None:
    for one, code, headers in (
        (server, 403, "Host: localhost\r\nOrigin: https://evil.example"),
        (server, 421, "Host: evil.example"),
        (guarded, 401, "Host: localhost"),
        (guarded, 101, f"Host: localhost\r\nAuthorization: Bearer {TOKEN}"),
    ):
        asked = "GET /v1/listen HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        end = b"\x88\x80\0\0\0\0" if code == 101 else b""  # which closes the stream
        assert status(raw(one, f"{asked}{key}{headers}\r\n\r\n".encode(), end, pause_s=0.2)) == code


def test_pages_that_are_let_in(guarded: Server) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization"
    answer = guarded.ask("OPTIONS", "/v1/classify", headers=asked)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://a.example")
    others = {**asked, "Origin": "https://b.example"}
    assert "access-control-allow-origin" not in guarded.ask("OPTIONS", "/v1/classify", headers=others).headers
    headers = {"Origin": "https://a.example", "Authorization": f"Bearer {TOKEN}", "Host": "sounds.example"}
    answer = guarded.ask("POST", "/v1/classify", SIREN, headers)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://a.example")


def test_files_outside_of_the_page(guarded: Server) -> None:
    good = {"Authorization": f"Bearer {TOKEN}"}
    assert b"ours" in guarded.ask("GET", "/", headers=good).body
    ups = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..\\", "%252e%252e/", "....//", "/..;/", "%00../")
    for up in ups:
        for path in (f"/{up}secret", f"/{up * 9}etc/passwd", f"/v1/{up * 2}secret", f"/index.html/{up * 2}secret"):
            answer = guarded.ask("GET", path, headers=good)
            assert answer.status in (400, 404), path
            assert b"not for you" not in answer.body
            assert b"root:" not in answer.body


def test_bodies_that_are_too_long(narrow_server: Server) -> None:
    assert (
        problem(narrow_server.post("/v1/classify", bytes(300_000)))
        == "the body has 300000 bytes; at most 200000 are accepted"
    )

    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield bytes(10_000)

    head = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (10_000, bytes(10_000))
    begun = time.monotonic()
    answer = raw(narrow_server, head, *(chunk for _ in range(100)))
    assert status(answer) == 413
    assert time.monotonic() - begun < 5
    assert b"connection: close" in answer


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"Content-Length: 100\r\nContent-Length: 50\r\n", 400),
        (b"Content-Length: -1\r\n", 400),
        (b"Content-Length: x\r\n", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", 400),
        (b"X: y\x00z\r\n", 400),
        (b"".join(b"X-%d: 1\r\n" % index for index in range(10_000)), 431),
        (b"X: " + b"y" * 1_000_000 + b"\r\n", 400),
    ],
    ids=["two-lengths", "negative", "no-number", "unknown-coding", "nul", "10000-headers", "long-header"],
)
def test_heads_that_are_nonsense(server: Server, head: bytes, code: int) -> None:
    answer = raw(server, b"GET /v1/model HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + head + b"\r\n")
    assert status(answer) in (code, 400, 0)  # 0: the connection was reset with bytes on their way
    assert server.ask("GET", "/healthz").status == 200


def test_bodies_and_heads_that_come_too_slowly(narrow_server: Server) -> None:
    head = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    for pieces, code in (
        ([head, b"x" * 500], 408),  # which says that more comes
        ([head, *[b"x"] * 8], 408),
        ([head[:20]], 0),
        ([b"", *(head[at : at + 1] for at in range(8))], 0),
    ):
        begun = time.monotonic()
        answer = raw(narrow_server, *pieces, pause_s=0.3 if len(pieces) > 2 else 0)
        assert status(answer) == code
        assert time.monotonic() - begun < 6


def test_recordings_that_are_too_long_or_take_too_long(narrow_server: Server) -> None:
    soundfile = pytest.importorskip("soundfile")
    import io

    import numpy as np

    def silence(seconds: int) -> bytes:
        file = io.BytesIO()
        soundfile.write(file, np.zeros(16_000 * seconds, np.int16), 16_000, format="FLAC")
        return file.getvalue()

    answer = narrow_server.post("/v1/classify", silence(60))
    assert (answer.status, "at most 20 s" in problem(answer)) == (413, True)
    answer = narrow_server.post("/v1/classify?windows&top=-1", silence(19))
    assert (answer.status, "longer than this service sends" in problem(answer)) == (413, True)
    answer = narrow_server.post("/v1/classify?hop=0.0001", silence(19))
    assert (answer.status, "longer than 2 s" in problem(answer)) == (504, True)
    assert narrow_server.post("/v1/classify", silence(2)).status == 200


def test_more_requests_than_may_wait(narrow_server: Server) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers: list[Answer] = list(
            threads.map(lambda _: narrow_server.post("/v1/classify?hop=0.01", SIREN), range(20))
        )
    codes = [answer.status for answer in answers]
    assert set(codes) == {200, 503}
    assert {answer.body for answer in answers if answer.status == 200} == {answers[codes.index(200)].body}
    refused = answers[codes.index(503)]
    assert int(refused.headers["Retry-After"]) >= 1
    assert "wait already" in problem(refused)
    assert narrow_server.metric("yamjit_requests_waiting") == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_a_worker_that_is_killed(server: Server) -> None:
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(server.post("/v1/classify?hop=0.0005", SIREN)))
    asking.start()
    time.sleep(0.3)
    (worker,) = server.workers()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(server.post, "/v1/classify", SIREN) for _ in range(3)]
        time.sleep(0.3)
        subprocess.run(["kill", "-9", str(worker)], check=True)
    asking.join(20)
    assert answers[0].status == 500
    assert "killed" in problem(answers[0])
    assert [one.result().status for one in waiting] == [200] * 3
    assert server.workers() != [worker]


def test_what_the_service_said(server: Server, narrow_server: Server, guarded: Server) -> None:
    """Nothing but the address: no trace of an error that was not foreseen."""
    for one in (server, narrow_server, guarded):
        assert len(one.said) == 1, "".join(one.said)
