"""Rows, events and files of results by the clock, from recordings that are made here."""

from __future__ import annotations

import copy
import csv
import io
import json
import os
import pickle
import re
import shutil
import sys
import threading
import time
import zoneinfo
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

import yamjit
from tests.support.sound_device import eventually, pretend
from yamjit.audio import RawPcm
from yamjit.cli import main
from yamjit.clock import iso
from yamjit.errors import InputError

if not zoneinfo.available_timezones():
    pytest.skip("wants time zones: pip install tzdata", allow_module_level=True)

RATE = 16_000

#: A beep at 0.5 to 1.5 s, which the starter model takes for a telephone or the like.
BEEP = np.where(
    (np.arange(2 * RATE) > RATE / 2) & (np.arange(2 * RATE) < 1.5 * RATE), np.sin(np.arange(2 * RATE) * 0.4) * 0.5, 0
)

AT_FIVE = datetime(2026, 5, 12, 5)


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter", backend="numpy")


@pytest.fixture
def dated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a recording that began on 2026-05-12 at five, by its name, in the current folder."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("20260512_050000.wav", BEEP, RATE)
    return "20260512_050000.wav"


def run(*arguments: object) -> int:
    return main([*map(str, arguments), "--model", "starter", "--backend", "numpy"])


def table(path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(path).read_text(encoding="utf-8"))))


class TestPython:
    """What results say."""

    def test_rows_events_and_summaries(self, model: yamjit.Classifier, dated: str) -> None:
        result = model.classify(dated, reading=yamjit.ReadOptions(start_s=0.5))
        assert result.recorded_at == AT_FIVE
        rows = list(result.rows(1, windows=True))
        assert [row.time for row in rows] == [AT_FIVE + timedelta(seconds=row.start_s) for row in rows]
        assert rows[0].time == AT_FIVE + timedelta(seconds=0.5)
        assert next(result.rows(1)).time == AT_FIVE + timedelta(seconds=0.5)
        with model.windows(dated) as stream:
            assert stream.recorded_at == AT_FIVE
            rows = [row for windows in stream for row in stream.rows(windows, 1)]
            assert [row.time for row in rows] == [AT_FIVE + timedelta(seconds=row.start_s) for row in rows]
            assert stream.summary(1).recorded_at == stream.summary(1).top[0].time == AT_FIVE
        with model.frames(dated) as frames:
            assert frames.recorded_at == frames.summary().recorded_at == AT_FIVE
        events = model.events(dated, yamjit.EventOptions(on=0.05))
        assert events
        for event in events:
            assert event.time == event.row(dated).time == AT_FIVE + timedelta(seconds=event.start_s)

    def test_nothing_is_known(self, model: yamjit.Classifier, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "a.wav", BEEP, RATE)
        for source in (tmp_path / "a.wav", BEEP, io.BytesIO((tmp_path / "a.wav").read_bytes())):
            result = model.classify(source, sample_rate=RATE)
            assert result.recorded_at is None
            assert [row.time for row in result.rows(1, windows=True)] == [None] * 4

    def test_it_is_given(self, model: yamjit.Classifier, dated: str) -> None:
        begin = datetime(2026, 10, 25, 2, 59, 59)
        reading = yamjit.ReadOptions(recorded_at=begin, time_zone="Europe/Berlin")
        for source in (dated, BEEP):
            result = model.classify(source, reading=reading, sample_rate=RATE)
            assert iso(result.recorded_at) == "2026-10-25T02:59:59.000+02:00"
            frame = result.to_pandas(1)
            assert [str(time) for time in frame.time[1:4]] == [
                "2026-10-25 02:59:59.480000",
                "2026-10-25 02:59:59.960000",
                "2026-10-25 02:00:00.440000",
            ]
            assert frame.utc_offset_s.tolist() == [7200, 7200, 7200, 3600]
            assert result.to_polars(1)["utc_offset_s"].to_list() == frame.utc_offset_s.tolist()

    def test_a_record_of_hugging_face_has_a_path(self, model: yamjit.Classifier) -> None:
        name = "data/20260512_050000.wav"
        for path, wanted in ((name, AT_FIVE), (Path(name), AT_FIVE), ("XC1.ogg", None), (None, None)):
            record = {"array": BEEP, "sampling_rate": RATE, "path": path}
            assert model.classify(record).recorded_at == wanted

    def test_zones_of_pytz(self) -> None:
        pytz = pytest.importorskip("pytz")
        reading = yamjit.ReadOptions(recorded_at=AT_FIVE, time_zone=pytz.timezone("Europe/Berlin"))
        assert iso(reading.begin(None)) == "2026-05-12T05:00:00.000+02:00"

    def test_no_clock_showed_it(self, model: yamjit.Classifier) -> None:
        for hour, said in ((1, ""), (2, "no clock in the time zone Europe/Berlin showed 2026-03-29 02:30:00"), (3, "")):
            reading = yamjit.ReadOptions(recorded_at=datetime(2026, 3, 29, hour, 30), time_zone="Europe/Berlin")
            result = model.classify(BEEP, sample_rate=RATE, reading=reading)
            assert "".join(result.warnings).startswith(said) == bool(said or not result.warnings)
            assert iso(result.recorded_at) == f"2026-03-29T0{hour + (hour == 2)}:30:00.000+0{1 + (hour > 1)}:00"

    @pytest.mark.parametrize(
        "options",
        [
            {"recorded_at": "2026-05-12"},
            {"recorded_at": 5},
            {"recorded_at": datetime.min},
            {"recorded_at": datetime.max.replace(tzinfo=timezone.utc)},
            {"time_zone": 2},
            {"time_zone": "Berlin Mitte"},
        ],
    )
    def test_what_is_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(InputError, match=r"recorded_at is|time_zone is|is not a time zone"):
            yamjit.ReadOptions(**options)

    def test_no_time_of_pandas_is_refused(self) -> None:
        pandas = pytest.importorskip("pandas")
        with pytest.raises(InputError, match="recorded_at is NaT"):
            yamjit.ReadOptions(recorded_at=pandas.NaT)

    def test_a_year_at_the_edge_has_a_time_in_every_zone(self, model: yamjit.Classifier) -> None:
        for year in (2, 9998):
            for zone in (None, "local", "Europe/Berlin", "+14:00", "-14:00"):
                reading = yamjit.ReadOptions(recorded_at=datetime(year, 12, 31, 23, 59, 59), time_zone=zone)
                result = model.classify(BEEP, sample_rate=RATE, reading=reading)
                assert iso(result.recorded_at).startswith(f"{year:04}-12-31T23:59:59.000")
                assert not result.warnings

    def test_copies_tell_the_same_times(self, model: yamjit.Classifier, dated: str) -> None:
        result = model.classify(dated, reading=yamjit.ReadOptions(time_zone="Europe/Berlin"))
        rows = list(result.rows(1, windows=True))
        for other in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
            assert list(other.rows(1, windows=True)) == rows
        assert pickle.loads(pickle.dumps(rows)) == rows
        reading = yamjit.ReadOptions(recorded_at=AT_FIVE, time_zone="local")
        assert pickle.loads(pickle.dumps(reading)) == copy.deepcopy(reading) == reading

    def test_channels_have_one_clock(self, model: yamjit.Classifier, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "20260512_050000.flac", np.stack([BEEP, -BEEP], axis=1), RATE)
        for result in model.classify_channels(tmp_path / "20260512_050000.flac"):
            assert [row.time for row in result.rows(1, windows=True)][1] == AT_FIVE + timedelta(seconds=0.48)


class TestLive:
    """What is heard as it sounds."""

    def test_a_pipe(self, model: yamjit.Classifier) -> None:
        read, write = os.pipe()
        samples = (BEEP * 32767).astype("<i2").tobytes()

        def play() -> None:
            with os.fdopen(write, "wb") as file:
                file.write(samples)

        before = datetime.now(timezone.utc)
        thread = threading.Thread(target=play)
        thread.start()
        with os.fdopen(read, "rb") as file:
            source = RawPcm(file, encoding="s16le", sample_rate=RATE)
            result = model.classify(source, reading=yamjit.ReadOptions(time_zone="UTC"))
        thread.join()
        after = datetime.now(timezone.utc)
        times = [row.time for row in result.rows(1, windows=True)]
        assert times == sorted(times)  # type: ignore[type-var]
        assert before - timedelta(seconds=2) <= times[0] <= times[-1] <= after  # type: ignore[operator]
        assert result.recorded_at == times[0]
        assert times[0].utcoffset() == timedelta(0)  # type: ignore[union-attr]

    def test_blocks(self, model: yamjit.Classifier) -> None:
        before = datetime.now(timezone.utc)
        blocks = iter(BEEP.reshape(4, -1))
        rows = list(model.classify(blocks, sample_rate=RATE).rows(1, windows=True))
        assert all(row.time is not None and row.time.tzinfo is not None for row in rows)
        for row in rows:
            assert before - timedelta(seconds=2) <= row.time <= datetime.now(timezone.utc)  # type: ignore[operator]

    def test_one_long_block_ended_when_it_came(self, model: yamjit.Classifier) -> None:
        now = datetime.now(timezone.utc)
        result = model.classify(iter([np.tile(BEEP, 20)]), sample_rate=RATE, windows=False)
        assert abs(result.recorded_at - now + timedelta(seconds=40)) < timedelta(seconds=2)  # type: ignore[operator]

    def test_a_microphone_tells_when_blocks_came_and_what_was_lost_before(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = pretend(monkeypatch, channels=1)

        def hear(count: int) -> float:
            eventually(lambda: any(stream.active for stream in device.streams))
            for _ in range(count):
                device.streams[-1].hear(np.zeros(1600))
            return time.monotonic()

        with yamjit.Microphone(block_s=0.1, queue_s=0.2) as microphone:
            blocks = microphone.frames()
            thread = threading.Thread(target=hear, args=(1,))
            thread.start()
            next(blocks)
            thread.join()
            assert microphone.arrival()[1] == 0.0  # type: ignore[index]
            came = hear(4)  # two of which find no room
            for _ in range(2):
                next(blocks)
                assert microphone.arrival() == (pytest.approx(came, abs=0.1), 0.0)
            came = hear(1)
            next(blocks)
            assert microphone.arrival() == (pytest.approx(came, abs=0.1), pytest.approx(0.2))

    def test_a_file_of_samples_was_recorded_at_some_other_time(self, model: yamjit.Classifier) -> None:
        samples = (BEEP * 32767).astype("<i2").tobytes()
        for reading, wanted in ((None, None), (yamjit.ReadOptions(recorded_at=AT_FIVE), AT_FIVE)):
            source = RawPcm(io.BytesIO(samples), encoding="s16le", sample_rate=RATE)
            assert model.classify(source, reading=reading).recorded_at == wanted


class TestCommand:
    """Files of results."""

    @pytest.mark.slow
    def test_processes_change_nothing(self, dated: str) -> None:
        shutil.copy(dated, "other.wav")
        command = ["classify", dated, "other.wav", "--windows", "--time-zone", "Europe/Berlin", "-q"]
        for jobs in (1, 2):
            assert run(*command, "--jobs", jobs, "-o", f"{jobs}.jsonl") == 0
        assert Path("2.jsonl").read_bytes() == Path("1.jsonl").read_bytes()

    def test_every_format(self, dated: str) -> None:
        shutil.copy(dated, "other.wav")
        arguments = ["--windows", "--top", "1", "--time-zone", "Europe/Berlin", "-q"]
        for name in ("a.csv", "a.jsonl", "a.json", "a.parquet", "a.raven.txt"):
            assert run("classify", dated, "other.wav", *arguments, "-o", name) == 0
        times = [f"2026-05-12T05:00:0{second}+02:00" for second in ("0.000", "0.480", "0.960", "1.440")]
        assert [row["time"] for row in table("a.csv")] == [*times, *[""] * 4]
        lines = [json.loads(line) for line in Path("a.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [line["time"] for line in lines if line["type"] == "row"] == [*times, *[None] * 4]
        assert [line["recorded_at"] for line in lines if line["type"] == "summary"] == [times[0], None]
        documents = json.loads(Path("a.json").read_text(encoding="utf-8"))
        assert [row["time"] for row in documents[0]["rows"]] == times
        frame = pytest.importorskip("pandas").read_parquet("a.parquet")
        assert str(frame.time[1]) == "2026-05-12 05:00:00.480000"
        assert frame.utc_offset_s.tolist()[:4] == [7200] * 4
        assert frame.time.isna().tolist() == frame.utc_offset_s.isna().tolist() == [False] * 4 + [True] * 4
        raven = Path("a.raven.txt").read_text(encoding="utf-8").splitlines()
        assert raven[2].endswith("\t2026/05/12 05:00:00.480")
        assert raven[6].endswith("\t")

    @pytest.mark.parametrize("suffix", ["npz", "csv", "parquet"])
    @pytest.mark.parametrize("verb", ["embed", "spectrogram"])
    def test_arrays(self, dated: str, verb: str, suffix: str) -> None:
        assert run(verb, dated, "-o", f"a.{suffix}", "--time-zone", "-03:30", "--start", "0.48", "-q") == 0
        wall = np.datetime64("2026-05-12T05:00:00.480")
        if suffix == "npz":
            arrays = np.load("a.npz")
            assert arrays["times"][0] == wall
            assert np.allclose((arrays["times"] - wall) / np.timedelta64(1, "s"), arrays["times_s"] - 0.48)
            assert set(arrays["utc_offsets_s"]) == {-12600}
        elif suffix == "csv":
            assert table("a.csv")[0]["time"] == "2026-05-12T05:00:00.480-03:30"
        else:
            frame = pytest.importorskip("pandas").read_parquet("a.parquet")
            assert frame.time[0] == wall
            assert frame.utc_offset_s[0] == -12600

    def test_arrays_of_nobody_knows_when(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        soundfile.write("a.wav", BEEP, RATE)
        assert run("embed", "a.wav", "-o", "a.npz", "-q") == 0
        arrays = np.load("a.npz")
        assert np.isnat(arrays["times"]).all()
        assert np.isnan(arrays["utc_offsets_s"]).all()
        assert run("embed", "a.wav", "-o", "a.csv", "-q") == 0
        assert table("a.csv")[0]["time"] == ""

    def test_the_beginning_is_given(self, dated: str, capsys: pytest.CaptureFixture[str]) -> None:
        given = ["--recorded-at", "2026-03-29T01:59:59", "--time-zone", "Europe/Berlin"]
        assert run("events", dated, *given, "--on", "0.05", "-o", "a.csv") == 0
        for row in table("a.csv"):
            early = float(row["start_s"]) < 1
            assert row["time"].startswith("2026-03-29T01:59:59" if early else "2026-03-29T03:00:00")
            assert row["time"].endswith("+01:00" if early else "+02:00")
        shutil.copy(dated, "b.wav")
        assert run("events", dated, "b.wav", *given) == 1
        err = capsys.readouterr().err
        assert "--recorded-at is the beginning of one recording, but there are 2" in err
        assert "20260512_050000.wav" in err

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--recorded-at", "yesterday"], "such as 2026-05-12T05:00:00"),
            (["--time-zone", "berlin"], "Europe/Berlin"),
        ],
    )
    def test_what_is_refused(
        self, dated: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            run("classify", dated, *arguments)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err

    def test_a_run_goes_on_with_the_same_times_only(self, dated: str, capsys: pytest.CaptureFixture[str]) -> None:
        command = ["events", ".", "-o", "out", "--format", "csv", "-q"]
        assert run(*command) == 0
        # As a run of a time without these options has written them.
        assert not {"recorded_at", "time_zone"} & set(json.loads(Path("out/yamjit-run.json").read_text())["reading"])
        assert run(*command, "--resume") == 0
        assert run(*command, "--resume", "--time-zone", "Europe/Berlin") == 1
        assert "reading.time_zone None there, 'Europe/Berlin' now" in capsys.readouterr().err
        zone = ["--time-zone", "Europe/Berlin", "--recorded-at", "2026-05-12T06:00"]
        assert run(*command, "--overwrite", *zone) == 0
        assert run(*command, "--resume", *zone) == 0
        assert (
            json.loads(Path("out/yamjit-run.json").read_text())["reading"]["recorded_at"] == "2026-05-12T06:00:00.000"
        )

    def test_segments_are_read_back(self, dated: str) -> None:
        assert run("segments", dated, "-o", "out", "--on", "0.05", "--padding", "0.1", "-q") == 0
        assert run("classify", "out/20260512_050000.wav.yamjit.segments", "-o", "a.csv", "-q") == 0
        rows = table("a.csv")
        assert rows
        for row in rows:
            start_s = float(re.findall(r"_(\d{6}\.\d{3})_", row["file"])[0])
            assert row["time"] == iso(AT_FIVE + timedelta(seconds=start_s))

    @pytest.mark.parametrize("container", ["flac", "wav"])
    def test_segments_say_when_they_begin(self, dated: str, container: str) -> None:
        Path(dated).rename("rec.wav")
        told = ("--recorded-at", "2026-10-25T02:59:59.250", "--time-zone", "Europe/Berlin")
        assert run("segments", "rec.wav", "-o", "out", "--on", "0.05", "--as", container, *told, "-q") == 0
        assert run("classify", "out/rec.wav.yamjit.segments", "--top", "1", "-o", "a.csv", "-q") == 0
        begin = datetime(2026, 10, 25, 0, 59, 59, 250_000, tzinfo=timezone.utc)
        times = {datetime.fromisoformat(row["time"]) for row in table("a.csv")}
        assert times == {
            begin + timedelta(seconds=float(path.name.split("_")[1])) for path in Path("out").rglob("rec_*")
        }
        assert {time.utcoffset() for time in times} == {timedelta(hours=1), timedelta(hours=2)}

    @pytest.mark.parametrize("form", ["jsonl", "csv", "text"])
    def test_rows_of_a_pipe(
        self, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file_of: Callable[[], Any]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file_of()))
        arguments = ["listen", "--raw", "s16le", "-q", "--format", form, "--events", "--on", "0.05"]
        assert run(*arguments, "--time-zone", "-03:30") == 0
        out = capsys.readouterr().out
        stamp = r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{3}-03:30"
        if form != "jsonl":
            assert len(re.findall(stamp, out)) >= 1
            return
        lines = [json.loads(line) for line in out.splitlines()]
        times = {kind: {line["time"] for line in lines if line["type"] == kind} for kind in ("begin", "end")}
        assert times["begin"] == times["end"]
        assert all(re.fullmatch(stamp, time) for time in times["end"])
        assert re.fullmatch(stamp, lines[-1]["recorded_at"])

    def test_a_file_through_a_pipe(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file_of: Callable[..., Any]
    ) -> None:
        arguments = ["listen", "--raw", "s16le", "--format", "jsonl", "--top", "1", "--hop", "5"]
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file_of(40)))
        assert run(*arguments) == 0
        out, err = capsys.readouterr()
        *rows, summary = map(json.loads, out.splitlines())
        assert rows[0]["time"] is not None
        assert rows[-1]["time"] is summary["recorded_at"] is None
        assert "samples came faster than they sound" in err
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file_of(40)))
        assert run(*arguments, "--recorded-at", "2026-05-12T05:00:00Z") == 0
        out, err = capsys.readouterr()
        assert json.loads(out.splitlines()[-1])["recorded_at"] == "2026-05-12T05:00:00.000+00:00"
        assert "faster" not in err


@pytest.fixture
def file_of() -> Callable[[int], Any]:
    """Return a pipe through which the beep comes at once, some times."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(min(size or 0, 3200))

    return lambda times=1: Pipe((np.tile(BEEP, times) * 32767).astype("<i2").tobytes())
