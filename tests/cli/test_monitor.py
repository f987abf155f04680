"""The monitor of ``docs/guide_live_monitor.md``: its scripts, run as it says, and told to end as systemd does it."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="scripts of bash, signals of POSIX"),
]

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guide_live_monitor.md").read_text(encoding="utf-8")

#: A detector for half a second each second, as 16 bits at 16 kHz.
TIME_S = np.arange(4 * 16_000) / 16_000
BEEPS = (3000 * (TIME_S % 1 < 0.5) * np.sin(2 * np.pi * 3100 * TIME_S)).astype("<i2").tobytes()

#: A source that never ends: at the pace of sound, or as fast as it can.
SOURCE = """
import sys, time
sound, wait = open("beeps.raw", "rb").read(), float(sys.argv[1])
while True:
    for start in range(0, len(sound), 3200):
        sys.stdout.buffer.write(sound[start : start + 3200])
        sys.stdout.buffer.flush()
        time.sleep(wait)
"""

#: What mosquitto_pub does: lines of standard input, or a message, go to a broker, here a file.
BROKER = """#!/bin/sh
case " $* " in
*" -l "*) exec cat >>lines ;;
*) echo "$*" >>status ;;
esac
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with the files of the page, and a broker."""
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"^cat > (\S+) <<'END'\n(.*?)^END$", GUIDE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "source.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "beeps.raw").write_bytes(BEEPS)
    (tmp_path / "groups.txt").write_text("[Barking]\nTick\n[Alarms]\nSiren\nBeep, bleep\nSmoke detector, smoke alarm\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mosquitto_pub").write_text(BROKER, encoding="utf-8")
    (programs / "yamjit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m yamjit "$@"\n', encoding="utf-8")
    (programs / "python3").symlink_to(sys.executable)
    for script in (*programs.glob("[my]*"), *tmp_path.glob("*.sh")):
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(yamjit.__file__).parents[1]))
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.delenv("NTFY", raising=False)
    return tmp_path


@contextlib.contextmanager
def running(command: str, **given: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a command as systemd does, in a group of its own, with no signal ignored; end what is left of it."""
    with (
        Path("stderr").open("w") as stderr,
        subprocess.Popen(
            ["bash", "-c", command],
            stderr=stderr,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **given,
        ) as process,
    ):
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def said() -> str:
    """Return what was said on standard error."""
    return Path("stderr").read_text()


def eventually(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def in_pipe(file: Any) -> int:
    """Return the number of bytes that wait to be read."""
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(file, termios.FIONREAD, bytes(4)), sys.byteorder)


def published() -> list[dict[str, Any]]:
    with contextlib.suppress(FileNotFoundError):
        return [json.loads(line) for line in Path("lines").read_text().splitlines()]
    return []


@pytest.mark.parametrize(
    ("to", "wait_s", "number"),
    [
        ("the group", 0.1, signal.SIGTERM),
        ("the group", 0, signal.SIGINT),
        ("yamjit", 0.1, signal.SIGINT),
        ("yamjit", 0, signal.SIGTERM),
        ("the source", 0.1, signal.SIGTERM),
        ("yamjit and the group", 0, signal.SIGTERM),
    ],
)
def test_every_line_arrives(to: str, wait_s: float, number: signal.Signals) -> None:
    source = f"(echo $BASHPID >pid; exec python3 source.py {wait_s} 2>&-)"
    with running(f"exec ./house.sh --raw s16le - < <{source}") as process:
        eventually(published)
        if "yamjit" in to:
            process.send_signal(number)
        if "group" in to:
            os.killpg(process.pid, number)
        if to == "the source":
            os.kill(int(Path("pid").read_text()), number)
        assert process.wait(20) == (0 if to == "the source" else 128 + number)
        eventually(lambda: "offline" in Path("status").read_text())
        assert "nothing lost" in said()
    *lines, last = published()
    assert last["type"] == "summary"
    begun = [(line["label"], line["start_s"]) for line in lines if line["type"] == "begin"]
    over = [(line["label"], line["start_s"]) for line in lines if line["type"] == "end"]
    assert sorted(begun) == sorted(over)
    assert len(lines) == 2 * len(over)
    assert "-m online" in Path("status").read_text()


def test_what_is_in_the_pipe_is_heard() -> None:
    """Sound that came while the process was held up, and a signal after it."""
    with running("exec yamjit listen --raw s16le -", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pipe = process.stdin.buffer  # type: ignore[attr-defined]
        pipe.write(BEEPS[:32_000])
        pipe.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        pipe.write(BEEPS[32_000:64_001])
        pipe.flush()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        *_, last = process.stdout.read().splitlines()
        assert process.wait(20) == 143
        assert "ends at" not in said()  # half a sample is nothing to be told of
    assert json.loads(last)["duration_s"] == 2.0


def test_a_second_signal_ends_at_once() -> None:
    """Even where the pipe is full that nobody reads."""
    command = "exec yamjit listen --raw s16le - < <(exec python3 source.py 0 2>&-)"
    with running(command, stdout=subprocess.PIPE) as process:
        filled = [0]
        while filled[-1] < 8_192 or filled[-1] != filled[-2]:
            time.sleep(0.5)
            filled.append(in_pipe(process.stdout))
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)  # the same wish
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
        assert "ended at once" in said()


def test_a_reader_that_is_gone_is_noticed_before_there_is_a_line_to_write() -> None:
    command = "yamjit listen --raw s16le --events --on 1 - | true; exit ${PIPESTATUS[0]}"
    with running(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            while process.poll() is None:
                process.stdin.buffer.write(bytes(3200))  # type: ignore[attr-defined]
                process.stdin.flush()
                time.sleep(0.05)
        assert process.wait(20) == 141
        assert "nobody reads the results any more" in said()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def test_a_source_that_stalls() -> None:
    with running("exec ./house.sh --raw s16le --patience 0.5 - < <(cat beeps.raw; exec sleep 60 2>&-)") as process:
        assert process.wait(30) == 1
        eventually(lambda: "offline" in Path("status").read_text())
        assert "<stdin>: nothing has arrived for 0.5 s" in said()
    kinds = [line["type"] for line in published()]
    assert kinds[kinds.index("error") :] == ["error", *["end"] * kinds.count("begin"), "summary"]


# -- A message on a phone -------------------------------------------------------------------------------------------


@pytest.fixture
def ntfy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Take the place of ntfy; return the messages that it gets. The first time it is not there."""
    messages: list[str] = []

    class Phone(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            refused = not messages
            messages.append(text)
            self.send_response(503 if refused else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Phone) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("NTFY", f"http://127.0.0.1:{server.server_port}/house")
        yield messages
        server.shutdown()


def test_an_alarm_comes_to_the_phone(ntfy: list[str]) -> None:
    with running("exec ./phone.sh --raw s16le - < <(exec python3 source.py 0.1 2>&-)") as process:
        eventually(lambda: len(ntfy) == 2)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(20) == 143
        refused, got = ntfy
        assert f"not sent: {got}: HTTP Error 503" in said()
    assert refused == got
    assert re.fullmatch(r"Smoke alarm, score 0\.\d\d, at \d\d:\d\d:\d\d", got)


def test_one_message_in_ten_minutes_and_one_of_a_failure(ntfy: list[str]) -> None:
    ntfy.append("")
    stalled = "exec ./phone.sh --raw s16le --patience 0.5 - < <(cat beeps.raw; exec sleep 60 2>&-)"
    for _ in range(2):
        with running(stalled) as process:
            assert process.wait(30) == 1
            time.sleep(0.5)
    assert len(ntfy) == 3
    assert ntfy[1].startswith("Smoke alarm, score 0.")
    assert ntfy[2] == "The monitor is deaf: <stdin>: nothing has arrived for 0.5 s"


# -- systemd, jq, Home Assistant ------------------------------------------------------------------------------------


def test_the_unit_is_one(home: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit = re.search(r"^```ini\n(\[Unit\].*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert unit is not None
    path = home / "yamjit.service"
    text = unit[1].replace("/home/pi/phone.sh", str(home / "phone.sh")).replace("/home/pi", str(home))
    path.write_text(text.replace("User=pi", "User=root"))
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "yamjit" in line] == []
    assert "SuccessExitStatus=143" in unit[1]


def test_jq_chooses_lines() -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    chosen = re.search(r"\| (jq .*)$", GUIDE, re.MULTILINE)
    assert chosen is not None
    command = f"yamjit listen --raw s16le --events --quiet - <beeps.raw | {chosen[1]}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()
    assert all(re.fullmatch(r"null [A-Z].*", line) for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ({"type": "begin", "label": "Alarms"}, "ON"),
        ({"type": "end", "label": "Alarms"}, "OFF"),
        ({"type": "begin", "label": "Barking"}, ""),
        ({"type": "row", "label": "Alarms"}, ""),
        ({"type": "summary", "top": [{"label": "Alarms"}]}, "OFF"),
        ({"type": "start"}, "OFF"),
        ({"type": "error", "error": "gone"}, ""),
    ],
)
def test_home_assistant_takes_no_line_for_another(line: dict[str, Any], state: str) -> None:
    """An empty state leaves a sensor of Home Assistant as it is."""
    jinja2 = pytest.importorskip("jinja2")
    written = re.search(r"value_template: >-\n(.*?)\n      availability", GUIDE, re.DOTALL)
    assert written is not None
    for template in (written[1], json.loads(Path("alarms.json").read_text())["value_template"]):
        assert jinja2.Template(template).render(value_json=line).strip() == state
