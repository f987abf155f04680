"""The page in browsers, as a person uses it: a microphone that plays a recording, files, no network, and what fails."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import yamjit
from tests.support.browsers import find_browser, npm_packages
from tests.support.javascript import find_node
from tests.support.two_heads import two_heads
from tests.web.test_scores import RATE, noise
from yamjit.cli import main
from yamjit.deploy import export_page
from yamjit.tflite import write_graph

pytestmark = pytest.mark.slow

VISIT = Path(__file__).with_name("visit.mjs")

#: What the page says below the spectrogram.
ENGINE = re.compile(r"wasm(?:-relaxed)?: a window every (\S+) s, in \S+ ms, \d+ ms after the sound")


def visit(browser: str, folder: Path, **given: Any) -> Any:
    """Let a browser visit pages; return what it finds."""
    packages = npm_packages("puppeteer-core", "axe-core")
    given |= {"browser": "chrome" if browser == "chromium" else browser, "program": find_browser(browser)}
    done = subprocess.run(
        [find_node(), VISIT], input=json.dumps({**given, "folder": str(folder)}), capture_output=True, text=True,
        timeout=240, env={**os.environ, "NODE_PATH": packages},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def page(modules: Path, starter: yamjit.Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter's page."""
    folder = tmp_path_factory.mktemp("page") / "starter"
    export_page(starter, folder, name="Starter", libraries=modules)
    return folder


@pytest.fixture(scope="module")
def found(page: Path, modules: Path, examples: dict[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What Chromium finds in one visit."""
    folder = tmp_path_factory.mktemp("visit")
    (siren,) = [path for path, label in examples.items() if label == "Siren"]
    samples = soundfile.read(siren, dtype="int16")[0]
    silence = np.zeros(2 * RATE, np.int16)
    soundfile.write(folder / "microphone.wav", np.concatenate([silence, samples, silence, silence, silence]), RATE)
    soundfile.write(folder / "siren, 1.wav", samples, RATE)
    (folder / "text.wav").write_bytes(b"no sound at all")
    soundfile.write(folder / "coded.flac", samples, RATE)
    model = folder / "two.tflite"
    model.write_bytes(write_graph(two_heads(classes=20)))
    command = [sys.executable, "-m", "yamjit", "web", "--no-browser"]
    return visit(
        "chromium", folder, page=str(page), command=[*command, str(page)], axe=True, event="Siren",
        other=[*command, "--port", "PORT", "--libraries", str(modules), str(model)],
        microphone=str(folder / "microphone.wav"), saved=["siren, 1.csv", "siren, 1.audacity.txt"],
        files=[str(folder / name) for name in ("siren, 1.wav", "text.wav", "coded.flac")],
    ) | {"folder": folder}  # fmt: skip


def check_scores(found: Any, model: yamjit.Classifier) -> None:
    """Compare every score of the microphone with what Python makes of the same samples."""
    samples = np.frombuffer(base64.b64decode(found["samples"]), np.float32)
    scores = np.frombuffer(base64.b64decode(found["scores"]), np.float32)
    said = ENGINE.fullmatch(found["engine"])
    assert said is not None
    hop = float(said[1])  # more than 0.1 on a slow machine
    expected = model.classify(samples, sample_rate=RATE, reading=yamjit.ReadOptions(hop_s=hop))
    assert len(found["starts"]) > 5
    assert found["starts"] == expected.times_s[: len(found["starts"])].tolist()
    assert scores.tobytes() == expected.scores[: len(found["starts"])].tobytes()


def test_scores_of_a_microphone_are_those_of_python(found: Any, starter: yamjit.Classifier) -> None:
    check_scores(found, starter)


def test_classes_and_an_event_are_shown_and_said(found: Any) -> None:
    assert any(text.startswith("Siren") and kind == "reached" for text, kind in found["bars"])
    assert any("Siren" in said for said in found["said"])
    assert len(found["said"]) < 5  # not more than can be listened to
    assert found["painted"] > 50
    assert "Echo cancelling\noff" in found["facts"]
    assert "Hz" in found["facts"]
    assert "errors" not in found


def test_files_are_heard_and_saved_as_by_the_command_line(
    found: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    coded, wrong, wav = found["recordings"]
    assert re.match(r"siren, 1\.wav(?s:.*)\nSiren\n+0\.830", wav)
    assert re.match(r"text\.wav\s+It cannot be heard: this browser does not decode it", wrong)
    assert re.match(r"coded\.flac(?s:.*)Decoded and resampled by the browser(?s:.*)\nSiren\n", coded)
    monkeypatch.chdir(found["folder"])
    for form, name in (("csv", "siren, 1.csv"), ("audacity", "siren, 1.audacity.txt")):
        assert main(["events", "siren, 1.wav", "--model", "starter", "--format", form, "--quiet"]) == 0
        assert (found["folder"] / name).read_text(encoding="utf-8") == capsys.readouterr().out


def test_it_is_accessible_by_eye_ear_and_keyboard(found: Any) -> None:
    assert (found["idle"], found["full"]) == ([], [])
    assert found["rules"] > 20
    assert found["width"] == 400
    assert {"listen", "device", "threshold", "filter", "save-csv", "save-audacity", "file"} <= set(found["tabs"])


def test_it_works_without_a_network_and_gives_way_to_another(found: Any) -> None:
    assert found["exit"] == 130  # its host, by Ctrl-C
    assert found["offline"][0].startswith("wasm")
    assert found["offline"][1] == ""
    assert found["language"] == "de"
    assert "Deutsch" in found["other"][1]
    assert "Hintergrund · own_classification" in found["translated"]


def test_what_is_wrong_is_a_sentence(found: Any) -> None:
    assert found["refused"].startswith("The browser was not allowed to use the microphone")
    assert found["again"] == [False, "Start listening"]
    assert found["insecure"].startswith("Browsers give a microphone only to pages of https:// addresses")
    assert "The model cannot be loaded: http://127.0.0.1" in found["missing"]
    assert "the server answers 404" in found["missing"]


def test_nothing_is_asked_of_another_host(found: Any) -> None:
    assert found["askedFor"] > 30
    assert all(origin.startswith(("http://127.0.0.1:", "http://far.test:", "blob:")) for origin in found["asked"])


@pytest.fixture
def microphone(tmp_path: Path, examples: dict[Path, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """A loudspeaker that is silent and a microphone that hears a siren again and again; whether PulseAudio has them."""
    if shutil.which("pulseaudio") is None or shutil.which("paplay") is None:
        yield False
        return
    (siren,) = [path for path, label in examples.items() if label == "Siren"]
    samples = soundfile.read(siren, dtype="int16")[0]
    silence = np.zeros(4 * RATE, np.int16)
    soundfile.write(tmp_path / "played.wav", np.concatenate([silence, samples] * 20), RATE)
    socket = tmp_path / "socket"
    loaded = (
        f"module-native-protocol-unix auth-anonymous=1 socket={socket}",
        "module-null-sink sink_name=loudspeaker",
        "module-null-sink sink_name=room",
        "module-remap-source master=room.monitor source_name=microphone",
    )
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    command += [f"--load={module}" for module in loaded]
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{socket}")
    with contextlib.ExitStack() as ended:
        for started in (command, ["paplay", "--device=room", str(tmp_path / "played.wav")]):
            process = ended.enter_context(subprocess.Popen(started, stderr=subprocess.DEVNULL))
            ended.callback(process.kill)
            while not socket.exists():
                assert process.poll() is None
                time.sleep(0.05)
        yield True


def test_in_firefox(page: Path, starter: yamjit.Classifier, tmp_path: Path, microphone: bool) -> None:
    """Without PulseAudio its own fake microphone plays a tone, or nothing where no loudspeaker sets the pace."""
    soundfile.write(tmp_path / "noise.wav", noise(2), RATE)
    command = [sys.executable, "-m", "yamjit", "web", "--no-browser", str(page)]
    event = {"event": "Siren"} if microphone else {}
    seen = visit("firefox", tmp_path, command=command, files=[str(tmp_path / "noise.wav")], **event)
    if microphone or not seen["problem"]:
        assert seen["problem"] == ""
        check_scores(seen, starter)
    else:
        assert seen["problem"].startswith("Nothing has come from the microphone yet, not even silence")
    assert seen["recordings"][0].startswith("noise.wav")
    assert "errors" not in seen
