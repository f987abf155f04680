"""Streams over WebSockets: however the samples are chopped, the lines are those of ``yamjit listen``."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.service import Server, running

soundfile = pytest.importorskip("soundfile")
client = pytest.importorskip("websockets.sync.client", reason="the extra serve is not installed")
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

SIREN = Path(__file__).resolve().parents[2] / "examples" / "siren.flac"
SAMPLES = soundfile.read(SIREN, dtype="int16")[0].tobytes()

#: A time that does not depend on when the samples come.
DATED = "recorded_at=2026-05-12T05:00:00"


def connected(server: Server, query: str = "", **more: Any) -> Any:
    address = f"ws://127.0.0.1:{server.port}/v1/listen?{query}"
    return client.connect(address, compression=None, max_size=None, **more)


def rest(stream: Any) -> list[str]:
    lines: list[str] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            lines.append(stream.recv(timeout=20))
    return lines


def heard(server: Server, query: str, blocks: Sequence[bytes], end: str | bytes = "end") -> str:
    with connected(server, query) as stream:
        for block in blocks:
            stream.send(block)
        stream.send(end)
        lines = rest(stream)
    assert (stream.protocol.close_code, stream.protocol.close_reason) == (1000, "")
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    return "".join(lines)


def listened(*words: str, samples: bytes = SAMPLES) -> str:
    """Return what the command line prints of samples in a pipe."""
    command = [sys.executable, "-m", "yamjit", "listen", "--model", "starter", "--raw", "s16le", "--quiet", *words, "-"]
    return subprocess.run(command, input=samples, capture_output=True, timeout=120, check=True).stdout.decode()


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("rate=16000&top=2", "--rate 16000 --top 2"),
        ("events&on=0.3&hop=0.24&format=csv", "--events --on 0.3 --hop 0.24 --format csv"),
        ("encoding=s16le&rate=44100&events=true&on=0.3", "--rate 44100 --events --on 0.3"),
    ],
    ids=["windows", "events-csv", "events-resampled"],
)
def test_lines_are_those_of_listen_however_samples_are_chopped(server: Server, query: str, options: str) -> None:
    expected = listened(*options.split(), "--recorded-at", "2026-05-12T05:00:00")
    rng = random.Random(3)
    chopped, at = [], 0
    while at < len(SAMPLES):
        chopped.append(SAMPLES[at : at + rng.choice((1, 2, 3, 777, 4096, 15_600, 30_001))])
        at += len(chopped[-1])
    assert heard(server, f"{query}&{DATED}", [SAMPLES]) == expected
    assert heard(server, f"{query}&{DATED}", chopped, end=b"") == expected


def test_channels_that_are_heard_apart(server: Server) -> None:
    options = "--channels 2 --channel each --rate 8000 --top 1 --format csv --recorded-at 2026-05-12T05:00:00"
    found = heard(server, f"channels=2&channel=each&rate=8000&top=1&format=csv&{DATED}", [SAMPLES])
    assert sorted(found.splitlines()) == sorted(listened(*options.split()).splitlines())  # they take turns


def test_lines_come_as_soon_as_there_are_windows(server: Server) -> None:
    with connected(server, "top=1") as stream:
        stream.send(SAMPLES[: 2 * 15_600])
        first = json.loads(stream.recv(timeout=20))
        assert (first["type"], first["start_s"], first["end_s"]) == ("row", 0.0, 0.975)
        assert first["time"] is not None


def test_a_stream_ends_after_the_time_that_was_asked_for(server: Server) -> None:
    with connected(server, "for=1&top=1") as stream:
        stream.send(SAMPLES[: 2 * 16_000])
        lines = rest(stream)
    assert json.loads(lines[-1])["duration_s"] == 1.0


def test_windows_that_are_longer_than_what_may_wait(server: Server) -> None:
    with connected(server, "encoding=f64le&rate=192000&channels=8&top=1") as stream:
        for _ in range(4):
            stream.send(bytes(3 * 2**20))
        assert json.loads(stream.recv(timeout=20))["end_s"] == 0.975


def test_streams_that_say_nothing_and_samples_that_are_none(server: Server) -> None:
    with connected(server) as stream:
        stream.send("end")
        lines = rest(stream)
    assert [json.loads(line)["type"] for line in lines] == ["error", "summary"]
    assert stream.protocol.close_code == 1011
    with connected(server, "encoding=f32le") as stream:
        stream.send(b"\x00\x00\x80\x7f" * 20_000)  # infinite, which becomes silence, as in listen
        stream.send("samples?")
        lines = rest(stream)
    assert stream.protocol.close_code == 1003
    assert json.loads(lines[-1])["windows"] > 0


@pytest.mark.parametrize(
    "query", ["top=0", "rate=1", "encoding=mp3", "format=bars", "on=0.5", "device=1", "channel=each&x=1"]
)
def test_streams_that_are_not_begun(server: Server, query: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connected(server, query)
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["detail"]


def test_more_streams_than_there_may_be_and_streams_without_samples(narrow_server: Server) -> None:
    with connected(narrow_server) as first, connected(narrow_server) as second:
        with pytest.raises(InvalidStatus) as refused:
            connected(narrow_server)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"]
        for stream in (first, second):
            assert [json.loads(line)["type"] for line in rest(stream)] == ["error", "summary"]
            assert "no samples have come" in stream.protocol.close_reason
    with connected(narrow_server) as third, contextlib.suppress(ConnectionClosed):
        third.send(bytes(8 * 2**20))
        rest(third)
    assert third.protocol.close_code in (1009, 1006)  # the latter where the rest of the message was on its way
    assert _soon(lambda: narrow_server.metric("yamjit_streams_open") == 0)


def test_clients_that_leave_leave_nothing(server: Server) -> None:
    for _ in range(20):
        with connected(server) as stream:
            stream.send(SAMPLES)
            stream.socket.close()
    assert _soon(lambda: server.metric("yamjit_streams_open") == 0)


def _soon(holds: Any, within_s: float = 10) -> bool:
    until = time.monotonic() + within_s
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return bool(holds())


@contextlib.contextmanager
def _sent_without_end(stream: Any) -> Iterator[list[int]]:
    """Send sound in a thread for as long as it is taken; the list has the number of bytes of each message."""
    sent: list[int] = []

    def send() -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                stream.send(SAMPLES[:32_000])
                sent.append(32_000)

    sending = threading.Thread(target=send)
    sending.start()
    yield sent
    sending.join()


def _rests(messages: list[int]) -> bool:
    """Return whether no message is added for three seconds."""
    count = len(messages)
    time.sleep(3)
    return bool(messages) and len(messages) == count


def test_a_stream_that_fails_and_a_client_that_does_not_read_hold_up_no_other(server: Server) -> None:
    with connected(server, "top=33&hop=0.02", max_queue=1) as lazy, _sent_without_end(lazy) as sent:
        assert _soon(lambda: _rests(sent), within_s=120)  # by then all buffers are full
        assert server.metric("yamjit_stream_lag_seconds") > 2
        with connected(server, "encoding=f32le") as loud:
            loud.send(bytes(80_000))
            told = [json.loads(loud.recv(timeout=20))]
            loud.send(np.full(20_000, 1e9, "<f4").tobytes())
            told += [json.loads(line) for line in rest(loud)]
        assert [one["type"] for one in told] == [*["row"] * 5, "error", "summary"]
        assert loud.protocol.close_code == 1011
        assert told[-2]["error"].startswith(loud.protocol.close_reason)
        assert heard(server, f"top=2&{DATED}", [SAMPLES]) == listened("--top", "2", "--recorded-at", DATED[12:])
        assert server.metric("yamjit_stream_lag_seconds") > 3
        assert _rests(sent)
        lazy.socket.shutdown(socket.SHUT_RDWR)
    assert _soon(lambda: server.metric("yamjit_streams_open") == 0)


def test_a_signal_in_mid_stream_delivers_all_windows() -> None:
    with running("--workers", "1") as server, connected(server, "top=1") as stream:
        stream.send(SAMPLES)
        lines = [stream.recv(timeout=20)]
        server.process.send_signal(signal.SIGTERM)
        lines += rest(stream)
        assert server.process.wait(20) == 143
    assert [json.loads(line)["type"] for line in lines] == [*["row"] * 6, "summary"]
    assert stream.protocol.close_code == 1012
