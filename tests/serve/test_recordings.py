"""Recordings asked over HTTP: what is answered is what the command line prints."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support.service import Server, form, problem
from yamjit.cli import main
from yamjit.cli.embed import ARRAYS

SIREN = Path(__file__).resolve().parents[2] / "examples" / "siren.flac"

#: Verb, options, and the formats that are compared.
ASKED = (
    (
        "classify",
        {"top": "2", "windows": "", "threshold": "Siren=0.1", "hop": "0.3"},
        ("text", "json", "csv", "raven", "parquet"),
    ),
    (
        "events",
        {"on": "0.3", "max_gap": "0.5", "allow": "Siren", "recorded-at": "2026-05-12T05:00:00"},
        ("jsonl", "audacity", "vtt"),
    ),
    ("embed", {"start": "1", "channel": "0"}, ARRAYS),
)


def words(options: dict[str, str]) -> list[str]:
    return [f"--{key.replace('_', '-')}{'=' if value else ''}{value}" for key, value in options.items()]


@pytest.mark.parametrize(("verb", "options", "formats"), ASKED, ids=[verb for verb, _, _ in ASKED])
def test_every_format_has_the_bytes_of_the_command_line(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    options: dict[str, str],
    formats: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(SIREN, "siren.flac")
    query = "&".join(f"{key}={value}" for key, value in options.items())
    for name in formats:
        if name == "parquet":
            pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
        command = [verb, "siren.flac", "--model", "starter", "-o", f"out.{name}", "--format", name, *words(options)]
        assert main(command) == 0
        answer = server.post(f"/v1/{verb}?{query}&format={name}", *form("siren.flac", SIREN.read_bytes()))
        assert answer.status == 200, answer.body
        assert answer.body == Path(f"out.{name}").read_bytes(), name
        assert int(answer.headers["content-length"]) == len(answer.body)


def test_a_body_of_its_own_is_standard_input_unless_it_has_a_name(server: Server) -> None:
    (plain,) = json.loads(server.post("/v1/classify", SIREN.read_bytes()).body)
    disposition = {"Content-Disposition": 'attachment; filename="../a/20260512_050000.flac"'}
    answer = server.ask("POST", "/v1/classify", SIREN.read_bytes(), disposition)
    (named,) = json.loads(answer.body)
    assert answer.kind == "application/json"
    assert (plain["file"], plain["recorded_at"]) == ("<stdin>", None)
    assert (named["file"], named["recorded_at"]) == ("20260512_050000.flac", "2026-05-12T05:00:00.000")
    assert plain["top"] == [{**one, "time": None} if "time" in one else one for one in named["top"]]


@pytest.mark.parametrize("order", ["big", "little"])
def test_samples_without_a_header(server: Server, order: str) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(SIREN, dtype="int16")
    both = np.stack([samples, samples // 2], 1)
    sent = both.astype(">i2" if order == "big" else "<i2").tobytes()
    more = "" if order == "big" else "; endianness=little-endian"
    answer = server.post("/v1/classify?channel=0", sent, f"audio/L16; rate={rate}; channels=2{more}")
    (found,) = json.loads(answer.body)
    (whole,) = json.loads(server.post("/v1/classify", SIREN.read_bytes()).body)
    assert found["top"] == whole["top"]
    assert found["damage"] is None


def test_a_body_in_pieces_without_a_length(server: Server) -> None:
    content = SIREN.read_bytes()
    pieces = (content[start : start + 999] for start in range(0, len(content), 999))
    assert server.post("/v1/classify", pieces).body == server.post("/v1/classify", content).body


def test_curl(server: Server) -> None:
    if shutil.which("curl") is None:
        pytest.skip("wants curl")
    for how in (["--data-binary", f"@{SIREN}"], ["-T", str(SIREN), "-X", "POST"], ["-F", f"file=@{SIREN}"]):
        command = ["curl", "-sS", "--fail-with-body", *how, f"{server.url}/v1/classify?top=1"]
        done = subprocess.run(command, capture_output=True, timeout=30, check=True)
        assert json.loads(done.stdout)[0]["top"][0]["label"] == "Siren"


def test_damage_is_told_in_a_header_too(server: Server) -> None:
    content = SIREN.read_bytes()
    answer = server.post("/v1/classify?format=csv", content[: len(content) // 2])
    assert answer.status == 200
    assert "ends" in answer.headers["Yamjit-Warning"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("tops=3", "there is no 'tops' to ask for; did you mean 'top'?"),
        ("top=x", "top: 'x' is not a count"),
        ("top=3&top=4", "given twice"),
        ("format=xml", "xml"),
        ("windows=maybe", "true and false"),
        ("allow=Sirn", "did you mean 'Siren'?"),
        ("allow=Siren&deny=Dog", "not allowed"),
        ("start=3&end=1", "not after"),
        ("head=/etc/passwd.tflite", "file of the machine"),
        ("calibration=/etc/passwd", "file of the machine"),
        *(
            (f"{word}=/etc/passwd", f"no '{word}'")
            for word in ("groups", "model", "output", "jobs", "threads", "files")
        ),
        ("debug=1", "no 'debug'"),
    ],
)
def test_words_that_make_no_sense(server: Server, query: str, told: str) -> None:
    answer = server.post(f"/v1/classify?{query}", SIREN.read_bytes())
    assert answer.status == 400
    assert told in problem(answer)


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        (b"", "audio/wav", "empty"),
        (b"no sound" * 100, "audio/wav", "not audio"),
        (b"\0" * 100, "audio/L16", "needs rate"),
        (b"\0" * 100, "audio/L16; rate=1", "rate=1"),
        (*form("a.flac", b"x", "other"), "file"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x", "form"),
        (b"--x", "multipart/form-data", "boundary"),
    ],
)
def test_bodies_that_are_no_recordings(server: Server, body: bytes, kind: str, told: str) -> None:
    answer = server.post("/v1/classify", body, kind)
    assert answer.status == 400
    assert told in problem(answer)


def test_what_a_model_cannot_give_is_refused(server: Server) -> None:
    assert "layer" in problem(server.post("/v1/embed?features=layer99_mean", SIREN.read_bytes()))


def test_mutated_recordings_leave_the_worker_alive(server: Server) -> None:
    """A sample of the campaign of ``tools.checks.fuzz_audio``."""
    pytest.importorskip("soundfile")
    from tools.checks.fuzz_audio import encodings, mutant

    lost = server.metric("yamjit_workers_lost")
    mutants = [mutant(5, index) for index in range(0, len(encodings()), 3)]
    answers = [server.post("/v1/classify", one.data) for one in mutants]
    assert {answer.status for answer in answers} <= {200, 400, 413}
    assert len({answer.status for answer in answers}) > 1
    assert server.metric("yamjit_workers_lost") == lost
