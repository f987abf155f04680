"""The time of day of events, from what recorders write to the programs that read the results."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support.field import audio_moth, bext, guano, song, wamd, wav
from yamjit.cli import main

FIVE = datetime(2026, 5, 12, 5)
#: The first event of a `song` begins with the window in which it is heard.
BEGINS = timedelta(seconds=0.48)

RECORDINGS = {
    "rec-guano.wav": (guano("2026-05-12T05:00:00+02:00"), 2.0),
    "rec-guano-local.wav": (guano("2026-05-12T05:00:00"), None),
    "rec-bext.wav": (bext("2026-05-12", "05:00:00"), None),
    "rec-moth.wav": (audio_moth("05:00:00 12/05/2026 (UTC-3:30) by AudioMoth 24F31901603DC5A4"), -3.5),
    "rec-wamd.wav": (wamd("2026-05-12 05:00:00-05:00"), -5.0),
    "SITE_20260512_050000.wav": (b"", None),
    "SITE_20260512$050000.wav": (b"", None),
    "24F31901603DC5A4_20260512_050000.WAV": (b"", None),
    "SITE_20260512_050000+0200.wav": (b"", 2.0),
}


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.chdir(tmp_path)


def record(name: str, *chunks: bytes) -> None:
    Path(name).parent.mkdir(exist_ok=True, parents=True)
    Path(name).write_bytes(wav(*chunks, samples=song().tobytes()))


def events(*arguments: str) -> int:
    return main(["events", *arguments, "--allow", "Bird", "--backend", "numpy"])


def aware(hours: float | None) -> datetime:
    begin = FIVE + BEGINS
    return begin if hours is None else begin.replace(tzinfo=timezone(timedelta(hours=hours)))


def test_headers_and_names(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (extra, _) in RECORDINGS.items():
        record(name, extra)
    assert events(*RECORDINGS, "--format", "json") == 0
    printed = capsys.readouterr()
    assert "name" not in printed.err
    for document in json.loads(printed.out):
        hours = RECORDINGS[document["file"]][1]
        begin = aware(hours)
        assert document["recorded_at"] == (begin - BEGINS).isoformat(timespec="milliseconds")
        assert document["rows"][0]["time"] == begin.isoformat(timespec="milliseconds")
