"""The time of day of events, from what recorders write to the programs that read the results."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import subprocess
import zipfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

import yamjit
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


@pytest.mark.parametrize("name", ["SITE_20260512_050000.flac", "SITE_20260512_050000.mp3", "SITE_20260512_050000.ogg"])
def test_names_of_other_formats(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(name, song(), 16_000)
    assert events(name, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["recorded_at"] == "2026-05-12T05:00:00.000"


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="wants ffmpeg")
def test_what_telephones_record(capsys: pytest.CaptureFixture[str]) -> None:
    """Their files state a time of creation, which is the beginning for some and the end for others."""
    pytest.importorskip("av")
    record("song.wav")
    command = ["ffmpeg", "-v", "error", "-i", "song.wav", "-metadata", "creation_time=2026-05-12T05:00:03Z"]
    for name in ("20260512 050000-096B2196.m4a", "New recording 5.m4a"):
        subprocess.run([*command, name], check=True)
    assert events("20260512 050000-096B2196.m4a", "New recording 5.m4a", "--format", "json") == 0
    times = [document["recorded_at"] for document in json.loads(capsys.readouterr().out)]
    assert times == ["2026-05-12T05:00:00.000", None]


def test_what_speaks_against_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    record("20260512_030000.WAV", audio_moth("05:00:00 12/05/2026 (UTC+2) by AudioMoth 24F31901603DC5A4"))
    record("20260511_050000.wav", bext("2026-05-12", "05:00:00"))
    assert events("20260512_030000.WAV", "20260511_050000.wav", "--format", "csv") == 0
    printed = capsys.readouterr()
    first, second = csv.DictReader(io.StringIO(printed.out))
    assert (first["time"], second["time"]) == ("2026-05-12T05:00:00.480+02:00", "2026-05-12T05:00:00.480")
    said = " ".join(printed.err.split())
    assert "2026-05-12 03:00:00, its header (AudioMoth) at 2026-05-12 05:00:00+02:00, so the name is in UTC" in said
    assert "began at 2026-05-11 05:00:00, its header (bext) at 2026-05-12 05:00:00; the header was believed" in said


def test_hours_of_the_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a recorder whose clock is in UTC, and of one whose names state no zone."""
    record("20260512_050000.WAV", audio_moth("05:00:00 12/05/2026 (UTC) by AudioMoth 24F31901603DC5A4"))
    record("SITE_20260512_070000.wav")
    assert events("20260512_050000.WAV", "SITE_20260512_070000.wav", "--format", "csv", "--time-zone", "+02:00") == 0
    times = [row["time"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert times == ["2026-05-12T07:00:00.480+02:00"] * 2


def test_raven_lays_whole_recordings_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Even if parts of them were read: the second begins where the first ends, and not what was read of it."""
    for name in ("SITE_20260512_050000.wav", "SITE_20260512_060000.wav"):
        record(name)
    assert events(".", "--format", "raven", "--start", "1", "--end", "2.5") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out), delimiter="\t"))
    assert [(row["Begin Time (s)"], row["File Offset (s)"], row["Begin Date Time"]) for row in rows] == [
        ("1.000000", "1.000000", "2026/05/12 05:00:01.000"),
        ("4.000000", "1.000000", "2026/05/12 06:00:01.000"),
    ]


def test_an_open_file_has_a_name(small_model_path: Path) -> None:
    record("SITE_20260512_050000.wav")
    record("rec.wav", guano("2026-05-12T05:00:00Z"))
    model = yamjit.load(small_model_path, backend="numpy")
    for name in ("SITE_20260512_050000.wav", b"SITE_20260512_050000.wav"):
        with open(name, "rb") as file:  # noqa: PTH123 - a name in bytes is no Path
            assert model.classify(file).recorded_at == FIVE
    with zipfile.ZipFile("season.zip", "w") as archive:
        archive.write("SITE_20260512_050000.wav", "creek/SITE_20260512_060000.wav")
    with zipfile.ZipFile("season.zip") as archive, archive.open("creek/SITE_20260512_060000.wav") as member:
        assert model.classify(member).recorded_at == FIVE + timedelta(hours=1)
    assert model.classify(io.BytesIO(Path("SITE_20260512_050000.wav").read_bytes())).recorded_at is None
    assert model.classify(io.BytesIO(Path("rec.wav").read_bytes())).recorded_at == FIVE.replace(tzinfo=timezone.utc)


class TestReadBack:
    """Times on the wall, with zones and without, as other software reads them."""

    FILES = ("SITE_20260512_050000.wav", "SITE_20260512_060000+0200.wav", "SITE_20260512_070000-0330.wav", "rec.wav")
    WALL = (*(datetime(2026, 5, 12, hour, 0, 0, 480_000) for hour in (5, 6, 7)), None)
    OFFSETS = (None, 7200, -12600, None)

    def table(self, suffix: str, *files: str) -> str:
        for name in files or self.FILES:
            record(name)
        assert events(*(files or self.FILES), "-q", "-o", f"events.{suffix}") == 0
        return f"events.{suffix}"

    def test_csv_by_python(self) -> None:
        with Path(self.table("csv")).open(newline="") as file:
            texts = [row["time"] for row in csv.DictReader(file)]
        times = [datetime.fromisoformat(text) if text else None for text in texts]
        assert [time and time.replace(tzinfo=None) for time in times] == list(self.WALL)
        assert [time and time.utcoffset() for time in times] == [
            None if offset is None else timedelta(seconds=offset) for offset in self.OFFSETS
        ]

    def test_csv_by_sqlite(self) -> None:
        with Path(self.table("csv")).open(newline="") as file, sqlite3.connect(":memory:") as base:
            base.execute("CREATE TABLE events (time)")
            base.executemany("INSERT INTO events VALUES (?)", [(row["time"],) for row in csv.DictReader(file)])
            utc = base.execute("SELECT datetime(time), substr(time, 12, 2) FROM events").fetchall()
        assert utc == [
            ("2026-05-12 05:00:00", "05"),
            ("2026-05-12 04:00:00", "06"),
            ("2026-05-12 10:30:00", "07"),
            (None, ""),
        ]

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_csv_by_pandas(self, place: int) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.read_csv(self.table("csv", self.FILES[place]), parse_dates=["time"])
        assert frame.time[0].replace(tzinfo=None) == self.WALL[place]
        assert (frame.time[0].utcoffset() is None) == (place == 0)
        assert frame.time.dt.hour[0] == 5 + place

    def test_csv_of_several_zones_by_pandas(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.read_csv(self.table("csv"))
        wall = pandas.to_datetime(frame.time.str[:23])
        assert [None if pandas.isna(time) else time for time in wall] == list(self.WALL)

    def test_csv_by_polars(self) -> None:
        polars = pytest.importorskip("polars")
        naive = polars.read_csv(self.table("csv", self.FILES[0]), try_parse_dates=True)
        assert naive["time"].to_list() == [self.WALL[0]]
        frame = polars.read_csv(self.table("csv"))
        assert frame["time"].str.slice(0, 23).str.to_datetime().to_list() == list(self.WALL)

    def test_csv_by_pyarrow(self) -> None:
        read_csv = pytest.importorskip("pyarrow.csv").read_csv
        assert read_csv(self.table("csv", self.FILES[0]))["time"].to_pylist() == [self.WALL[0]]
        (aware,) = read_csv(self.table("csv", self.FILES[1]))["time"].to_pylist()
        assert aware == self.WALL[1].replace(tzinfo=timezone(timedelta(hours=2)))

    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_duckdb(self, suffix: str) -> None:
        duckdb = pytest.importorskip("duckdb", reason="wants duckdb")
        pytest.importorskip("pyarrow")
        times = "time::timestamp" if suffix == "parquet" else "left(time, 23)::timestamp"
        kinds = "" if suffix == "parquet" else ", types={'time': 'VARCHAR'}"
        reader = f"read_{suffix}('{self.table(suffix)}'{kinds})"
        assert duckdb.sql(f"SELECT {times} FROM {reader}").fetchall() == [(time,) for time in self.WALL]

    def test_parquet(self) -> None:
        parquet = pytest.importorskip("pyarrow.parquet")
        name = self.table("parquet")
        table = parquet.read_table(name)
        assert str(table.schema.field("time").type) == "timestamp[us]"
        assert table["time"].to_pylist() == list(self.WALL)
        assert table["utc_offset_s"].to_pylist() == list(self.OFFSETS)
        pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
        assert [None if pandas.isna(time) else time for time in pandas.read_parquet(name).time] == list(self.WALL)
        assert polars.read_parquet(name)["time"].to_list() == list(self.WALL)
        assert polars.read_parquet(name)["utc_offset_s"].to_list() == list(self.OFFSETS)

    @pytest.mark.parametrize("suffix", ["json", "jsonl"])
    def test_json(self, suffix: str) -> None:
        content = Path(self.table(suffix)).read_text()
        if suffix == "json":
            found = [document["rows"][0]["time"] for document in json.loads(content)]
        else:
            found = [line["time"] for line in map(json.loads, content.splitlines()) if line["type"] == "row"]
        assert found == [
            "2026-05-12T05:00:00.480",
            "2026-05-12T06:00:00.480+02:00",
            "2026-05-12T07:00:00.480-03:30",
            None,
        ]
