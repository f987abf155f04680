"""``yamjit listen``: pipes, microphones, bars, events, the end."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

import yamjit
from yamjit.audio import RawPcm
from yamjit.cli import following, main
from yamjit.cli.bars import Bars, ScoreBar, bar, elapsed, fitted
from yamjit.cli.peaks import Peaks
from yamjit.cli.progress_line import width_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")


@pytest.fixture
def siren(examples: dict[Path, str]) -> bytes:
    path = next(path for path in examples if path.name == "siren.flac")
    data: bytes = soundfile.read(path, dtype="int16")[0].astype("<i2").tobytes()
    return data


@pytest.fixture
def pipe(siren: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def fill() -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(siren)))

    return fill


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_rows_of_a_pipe(siren: bytes, pipe: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    pipe()
    assert main(["listen", "--raw", "s16le", "-", "--top", "2"]) == 0
    out, err = capsys.readouterr()
    *rows, summary = lines(out)
    source = RawPcm(io.BytesIO(siren), encoding="s16le", sample_rate=16_000)
    wanted = yamjit.load("starter").classify(source)
    assert [row["label"] for row in rows] == [row.label for row in wanted.rows(2, windows=True)]
    assert summary["windows"] == len(wanted)
    assert [one["label"] for one in summary["top"]] == [label for label, _, _ in wanted.top(2)]
    assert "listened for 3.0 s, 6 windows" in err
    assert "nothing lost" in err


def test_events_of_a_pipe(siren: bytes, pipe: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    pipe()
    assert main(["listen", "--raw", "s16le", "--events", "--on", "0.3", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    *events, _ = lines(out)
    begun = [(event["label"], event["start_s"]) for event in events if event["type"] == "begin"]
    over = [(event["label"], event["start_s"]) for event in events if event["type"] == "end"]
    assert sorted(begun) == sorted(over)
    source = RawPcm(io.BytesIO(siren), encoding="s16le", sample_rate=16_000)
    found = yamjit.load("starter").events(source, yamjit.EventOptions(on=0.3))
    assert sorted(over) == sorted((event.label, event.start_s) for event in found)
    assert len(over) > 1


def test_other_formats_and_an_end(pipe: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    pipe()
    assert (
        main(["listen", "--raw", "s16le", "--format", "csv", "--top", "1", "--for", "1.5", "--threshold", "0.1"]) == 0
    )
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("file,start_s")
    assert rows[-1].split(",")[2] == "1.500000"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-"], "need --raw"),
        (["--raw", "s17le"], "accepted are u8"),
        (["--raw", "s16le", "--device", "1"], "give one of them"),
        (["--raw", "s16le", "--events", "--on", "Nothing=0.5"], "Nothing"),
    ],
)
def test_what_is_refused(
    arguments: list[str], said: str, pipe: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    pipe()
    assert main(["listen", *arguments]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("name", "code", "more"),
    [("INT", 130, []), ("TERM", 143, ["--events", "--on", "0.3"]), ("HUP", 143, ["--events", "--on", "0.3"])],
)
def test_ctrl_c_ends_with_a_summary(siren: bytes, name: str, code: int, more: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "yamjit", "listen", "--raw", "s16le", "-", *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(siren[:64_000])
        process.stdin.flush()
        first = process.stdout.readline()  # it does not wait for the end
        process.send_signal(signal.Signals[f"SIG{name}"])
        start = time.monotonic()
        rest = process.stdout.read()
        assert process.wait(20) == code
        assert time.monotonic() - start < 5
        err = process.stderr.read().decode()
    assert "Traceback" not in err
    assert "listened for" in err
    found = lines((first + rest).decode())
    assert found[-1]["type"] == "summary"
    if more:
        assert [event["type"] for event in found[:-1]].count("end") == [e["type"] for e in found].count("begin") > 0


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_silence_is_told_and_its_end(
    siren: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following, "_SILENCE_S", 0.2)
    monkeypatch.setattr("yamjit.clock._LONGEST_WAIT_S", 0.2)
    reading, writing = os.pipe()

    def play() -> None:
        with os.fdopen(writing, "wb", 0) as sound:
            for _ in range(2):
                sound.write(siren[:6_400])
                time.sleep(1)
            for _ in range(10):
                sound.write(siren[:3_200])
                time.sleep(0.1)

    with os.fdopen(reading, "rb") as source:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=source))
        player = threading.Thread(target=play)
        report = following._Follower._report
        # Not before it is listened to: on a busy machine a model takes longer to load than the sound to play.
        monkeypatch.setattr(following._Follower, "_report", lambda self: player.start() or report(self))
        assert main(["listen", "--raw", "s16le"]) == 0
        player.join()
    said = capsys.readouterr().err
    assert "no sound has come for" in said
    assert "there is sound again, after" in said
    missing = re.search(r"nothing lost; (\d\.\d) s of sound did not come", said)
    assert missing is not None
    assert 1 <= float(missing[1]) < 3


# -- Microphones ------------------------------------------------------------------------------------------------


class FakeInput:
    """Gives two seconds of a tone as fast as it can."""

    def __init__(self, callback: Callable[..., None], samplerate: float, blocksize: int, **_: Any) -> None:
        self._give = callback
        self._rate = int(samplerate)
        self._block = blocksize or 1600
        self.active = True

    def start(self) -> None:
        time_s = np.arange(2 * self._rate) / self._rate
        tone = (0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)[:, None]
        for first in range(0, len(tone), self._block):
            self._give(tone[first : first + self._block], self._block, None, SimpleNamespace(input_overflow=False))

    def stop(self, **_: Any) -> None:
        self.active = False

    abort = close = stop


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    device = {
        "name": "Fake mic",
        "hostapi": 0,
        "max_input_channels": 2,
        "max_output_channels": 0,
        "default_samplerate": 48_000.0,
        "index": 0,
    }

    def query_devices(which: Any = None, kind: str | None = None) -> Any:
        return [device] if which is None and kind is None else device

    fake = SimpleNamespace(
        PortAudioError=type("PortAudioError", (Exception,), {}),
        InputStream=FakeInput,
        query_devices=query_devices,
        query_hostapis=lambda index=None: [{"name": "Fake API", "default_input_device": 0}],
        check_input_settings=lambda **_: None,
        default=SimpleNamespace(device=(0, -1)),
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)


@pytest.mark.usefixtures("microphone")
def test_a_microphone_that_is_unplugged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(FakeInput, "active", property(lambda _: False, lambda *_: None), raising=False)
    assert main(["listen", "--events", "--patience", "0.1"]) == 1
    out, err = capsys.readouterr()
    kinds = [line["type"] for line in lines(out)]
    assert kinds[0] == "begin"
    assert kinds[kinds.index("error") :] == ["error", *["end"] * kinds.count("begin"), "summary"]
    assert "it may have been unplugged" in err


@pytest.mark.usefixtures("microphone")
def test_a_microphone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--list-devices"]) == 0
    assert capsys.readouterr().out == "*  0  Fake mic  (Fake API, 2 channels, 48000 Hz)\n"
    assert main(["listen", "--for", "1.5", "--top", "1", "--device", "0"]) == 0
    out, err = capsys.readouterr()
    rows = lines(out)
    assert {row["file"] for row in rows} == {"microphone Fake mic"}
    assert rows[0]["label"] == "Sine wave"
    assert "microphone Fake mic: listened for 1.5 s" in err
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["microphones"]["0"]["name"] == "Fake mic"


def test_without_sounddevice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for arguments in ([], ["--list-devices"]):
        assert main(["listen", *arguments]) == 1
        assert "sounddevice" in capsys.readouterr().err


# -- Bars -------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        """Return what a terminal would show."""
        screen: list[str] = [""]
        line = 0
        for part in re.findall(r"\x1b\[\d*[A-Za-z]|\n|\r|[^\x1b\n\r]+", self.getvalue()):
            if up := re.fullmatch(r"\x1b\[(\d+)A", part):
                line -= int(up[1])
            elif part == "\n":
                line += 1
                screen += [""] * (line + 1 - len(screen))
            elif part == "\x1b[K":
                screen[line] = ""
            elif part == "\x1b[J":
                del screen[line + 1 :]
            elif not part.startswith("\x1b") and part != "\r":
                screen[line] += part
        return screen


def test_bars_are_drawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    bars = Bars(terminal)
    three = [ScoreBar("Dog", 0.5), ScoreBar("Cat", 0.25), ScoreBar("Cow", 0.1)]
    bars.draw((1.0, "0:00:01.0"), -30.0, three, 2, ["0.1 s late"])
    bars.above("0:00:01  Dog")
    long = ScoreBar("A very long name of a class that does not fit", 1.0)
    bars.draw((3661.0, "1:01:01.0"), -200.0, [long], 2, ["x" * 80])
    shown = terminal.shown()
    assert shown[0] == "0:00:01  Dog"
    assert shown[1].startswith("1:01:01.0  xxxx")
    assert all(len(line) < 60 for line in shown)
    assert shown[2].strip().startswith("A very long name of a class … 1.00 ████")
    assert len(shown) == 5
    assert "\x1b[32m" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    Bars(plain).draw((0.0, "0:00:00.0"), 0.0, [ScoreBar("Dog", 0.5)], 1, [])
    assert not re.search(r"\x1b\[\d*m", plain.getvalue())


def test_bars_in_a_terminal(
    pipe: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe()
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["listen", "--raw", "s16le", "--events", "--on", "0.3", "--top", "3"]) == 0
    shown = terminal.shown()
    assert any(re.fullmatch(r"0:00:00\.0 - 0:00:0\d\.\d  [01]\.\d\d  Siren", line) for line in shown)
    assert shown[-2].strip().split(maxsplit=1)[0].startswith("0.")


@pytest.mark.parametrize("columns", [84, 40, 25, 12, 3])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_bars_fit_any_terminal(columns: int, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    terminal.encoding = encoding
    bars = Bars(terminal)
    rows = [ScoreBar("Smoke detector, smoke alarm", 0.1, 0.9), ScoreBar("Dog", 1.0, 1.0)]
    bars.draw((3661.0, "14:03:05"), -20.0, rows, 2, ["12.3 s late", "lost 4.5 s"])
    title, *lines = terminal.shown()[:3]
    assert all(len(line) < columns for line in [title, *lines])
    if columns >= 40:
        assert all(part in title for part in ("14:03:05", "12.3 s late", "lost 4.5 s"))
    if columns >= 25:
        assert lines[0].count("|" if encoding == "ascii" else "│") == 1
    terminal.getvalue().encode(encoding)


@pytest.mark.parametrize("label", ["サイレンと犬の鳴き声と" * 3, "犬", "e\u0301" * 40])
def test_labels_of_any_script_fit_a_terminal(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    terminal = Terminal()
    Bars(terminal).draw((0.0, "0:00:00.0"), 0.0, [ScoreBar(label, 0.5), ScoreBar("Dog", 1.0)], 2, [])
    lines = terminal.shown()[1:3]
    assert [width_of(line) for line in lines] == [59, 59]
    assert width_of(lines[0].split(" 0.50 ")[0]) == width_of(lines[1].split(" 1.00 ")[0])


def test_a_dumb_terminal_gets_rows(
    pipe: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe()
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "dumb")
    assert main(["listen", "--raw", "s16le", "--top", "3"]) == 0
    assert "\x1b" not in terminal.getvalue()
    assert "Siren" in terminal.getvalue()


def test_a_peak_is_held_and_falls() -> None:
    peaks = Peaks()
    shares = [(0.0, 0.2), (0.5, 0.9), (1.0, 0.0), (3.5, 0.1), (4.5, 0.1), (9.0, 0.1), (9.5, 0.5)]
    marks = [float(peaks.update(time_s, [share])[0]) for time_s, share in shares]
    assert marks == pytest.approx([0.2, 0.9, 0.9, 0.9, 0.7, 0.1, 0.5])


def test_a_short_sound_stays_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of a siren, and silence: its bar is gone, its mark is not."""
    siren = soundfile.read(EXAMPLES / "siren.flac", dtype="int16")[0][:16_000]
    sound = np.concatenate([siren, np.zeros(32_000, np.int16)])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(sound.tobytes())))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["listen", "--raw", "s16le", "--top", "3", "--quiet"]) == 0
    (line,) = [line for line in terminal.shown() if "Siren" in line and "│" in line]
    label, score, cells = line.rsplit(maxsplit=2)
    assert (label.strip(), score) == ("Siren", "0.00")
    assert 10 < cells.index("│") < len(cells)


def test_pieces() -> None:
    assert [bar(share, 4) for share in (-1, 0, 0.5, 0.53125, 2)] == ["····", "····", "██··", "██▏·", "████"]
    assert bar(0.5, 4, ascii_only=True) == "##.."
    assert [bar(0.25, 4, mark) for mark in (0, 0.2, 0.5, 1)] == ["█···", "█···", "█│··", "█··│"]
    assert [elapsed(time_s) for time_s in (0, 59.96, 3599.99)] == ["0:00:00.0", "0:01:00.0", "1:00:00.0"]
    assert [fitted(text, 5) for text in ("abc", "abcdef", "a\nb")] == ["abc", "abcd…", "a b"]
