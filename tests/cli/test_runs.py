"""Runs of the command over folders: trees of results, resumption, processes, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path

import pytest

import yamjit
from tools.checks.kill_runs import compare, killed_run, make_recordings, whole_run
from yamjit.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 25 recordings, one of which is none."""
    folder = tmp_path_factory.mktemp("archive")
    make_recordings(folder, 25, seed=0)
    return folder


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.chdir(tmp_path)


RUN_FILES = ["yamjit-run.journal", "yamjit-run.json"]


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def files(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_processes_change_nothing(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (["classify", "--windows", "--format", "jsonl"], ["events", "--on", "0.1", "--format", "json"]):
        printed = []
        for jobs in (1, 3):
            assert run(*verb, archive, "--jobs", jobs) == 3
            printed.append(capsys.readouterr())
        assert printed[0].out == printed[1].out
        assert printed[0].err == printed[1].err
        assert "1 of 25 files failed" in printed[0].err
    places = [path.relative_to(archive) for path in sorted(archive.rglob("*.wav"))]
    documents = json.loads(printed[0].out)
    assert [document["file"] for document in documents] == [str(archive / place) for place in places]
    assert sum("error" in document for document in documents) == 1


def test_a_folder_of_results(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("classify", archive, "-o", "results", "--format", "csv", "--top", "1", "--jobs", "2") == 3
    assert "1 of 25 files failed" in capsys.readouterr().err
    names = sorted(path.relative_to(archive) for path in archive.rglob("*.wav") if path.stat().st_size > 100)
    assert files("results") == sorted([*RUN_FILES, *(f"{name}.yamjit.csv" for name in names)])
    for name in names:
        (row,) = csv.DictReader(io.StringIO(Path("results", f"{name}.yamjit.csv").read_text()))
        assert row["file"] == str(archive / name)


def test_resume(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(archive, "archive")
    command = ["classify", "archive", "-o", "results", "--format", "csv"]
    assert run(*command) == 3
    before = {name: Path("results", name).stat().st_mtime_ns for name in files("results")}
    assert run(*command) == 1
    assert "--resume continues it" in capsys.readouterr().err
    gone = next(name for name in before if name.endswith(".csv"))
    Path("results", gone).unlink()
    repaired = next(path for path in Path("archive").rglob("*.wav") if path.stat().st_size < 100)
    shutil.copy(next(path for path in Path("archive").rglob("*.wav") if path != repaired), repaired)
    assert run(*command, "--resume", "--jobs", "2") == 0
    assert "23 of 25 files are done already" in capsys.readouterr().err
    after = {name: Path("results", name).stat().st_mtime_ns for name in files("results")}
    assert len(after) == len(before) + 1
    assert {name for name in before if after[name] != before[name]} == {gone, "yamjit-run.journal"}
    for other in (["--hop", "0.1"], ["--top", "3"], ["--allow", "Siren"]):
        assert run(*command, "--resume", *other) == 1
        assert "results of other settings" in capsys.readouterr().err
    assert run("embed", *command[1:], "--resume") == 1
    assert "has results of yamjit classify, not of yamjit embed: choose" in capsys.readouterr().err
    assert run(*command, "--overwrite", "--top", "3") == 0
    assert set(files("results")) == set(after)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_runs_end_with_the_same_bytes(archive: Path, tmp_path: Path, jobs: str) -> None:
    arguments = ["--model", "starter", "--jobs", jobs]
    whole_run(archive, tmp_path / "whole", arguments)
    killed_run(archive, tmp_path / "killed", arguments, 3, random.Random(0))
    assert compare(tmp_path / "whole", tmp_path / "killed") == []
    assert len(files(str(tmp_path / "killed"))) == 24 + len(RUN_FILES)
    Path(tmp_path / "killed" / "yamjit-run.json").write_text("{}")
    assert compare(tmp_path / "whole", tmp_path / "killed") == ["yamjit-run.json"]


def test_one_file_of_results(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    for name in ("all.csv", "all.parquet", "all.jsonl", "all.raven.txt"):
        assert run("classify", archive, "-o", name, "--windows", "--top", "1", "--jobs", "2") == 3
    assert capsys.readouterr().out == ""
    table, typed = pandas.read_csv("all.csv"), pandas.read_parquet("all.parquet")
    assert (table["label"] == typed["label"]).all()
    assert (table["file"] == typed["file"]).all()
    rows = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert [row["label"] for row in rows if row["type"] == "row"] == list(typed["label"])
    assert sum(row["type"] == "error" for row in rows) == 1


def test_what_is_refused(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = next(archive.rglob("*.wav"))
    shutil.copy(one, "mine.csv")
    for arguments, said in (
        ([archive, "-o", "all.xml"], "unknown file suffix"),
        ([archive, "-o", "all.csv", "--resume"], "need a folder"),
        ([archive, "--overwrite"], "need a folder"),
        ([archive, "--format", "vtt"], "holds one recording"),
        ([archive, "-", "--top", "1"], "cannot be combined with other inputs"),
        (["mine.csv", "-o", "mine.csv"], "will not be overwritten"),
        ([one, "--allow", "Sirene"], "Siren"),
        ([one, "--groups", "nowhere.txt"], "nowhere.txt"),
        ([archive / "day-0", archive / "day-0" / "..", "-o", "out"], ""),
        ([one, "-o", "mine.csv/below/"], "cannot be written"),
    ):
        code = run("classify", *arguments)
        err = capsys.readouterr().err
        assert (code, err.count("Traceback")) == (1 if said else 3, 0), (arguments, err)
        assert said in err
    assert Path("mine.csv").read_bytes() == one.read_bytes()


def test_choices_reach_the_classifier(examples: dict[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    siren = next(path for path in examples if path.name == "siren.flac")

    def rows(*arguments: str) -> list[dict[str, str]]:
        assert run("classify", siren, "--format", "csv", *arguments) == 0
        return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    first, second, third, *_ = yamjit.load("starter").classify(siren).top(3)
    between = str((second.score + third.score) / 2)
    assert [row["label"] for row in rows("--threshold", between)] == [first.label, second.label]
    assert [row["label"] for row in rows("--threshold", between, "--threshold", "siren=1")] == [second.label]
    assert [row["label"] for row in rows("--deny", "Siren", "--max-results", "1")] == [second.label]
    assert [row["label"] for row in rows("--allow", "/m/03kmc9")] == ["Siren"]
    assert rows("--group", "Alarms=Siren;11", "--top", "1")[0]["label"] == "Alarms"
    assert float(rows("--aggregate", "max", "--top", "1")[0]["score"]) > 0.99
    stretch = rows("--start", "0:01", "--end", "2", "--windows", "--top", "1")
    assert (stretch[0]["start_s"], stretch[-1]["end_s"]) == ("1.000000", "2.000000")
    assert len(rows("--windows", "--top", "1", "--overlap", "0.9")) > 20
    assert run("classify", siren, "--channel", "1") == 3
    assert run("classify", siren, "--start", "9") == 3


def test_events_by_their_beginning(examples: dict[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    siren = next(path for path in examples if path.name == "siren.flac")
    assert run("events", siren, "--on", "0.1", "--format", "jsonl") == 0
    *events, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = yamjit.load("starter").events(siren, yamjit.EventOptions(on=0.1))
    assert [(e["label"], e["start_s"], e["end_s"]) for e in events] == [
        (e.label, pytest.approx(e.start_s), pytest.approx(e.end_s)) for e in found
    ]
    assert events[0]["label"] == "Siren"
    assert len(events) > 1
    assert run("events", siren, "--on", "0.1", "--on", "Siren=1", "--off", "0.05", "--format", "csv") == 0
    assert [row["label"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == [
        e.label
        for e in yamjit.load("starter").events(siren, yamjit.EventOptions(on=0.1, off=0.05))
        if e.label != "Siren"
    ]
    assert (summary["windows"], summary["top"]) == (6, [])
    assert run("events", siren, "--min-dbfs", "-1", "--format", "vtt") == 0
    assert capsys.readouterr().out == "WEBVTT\n"
    assert run("events", siren, "--off", "0.9") == 1
    assert run("events", siren, "--smoothing", "1", "--min-duration", "20", "--hold", "0.5", "--max-gap", "1") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk of Linux's")
def test_a_full_disk(examples: dict[Path, str]) -> None:
    import subprocess

    with Path("/dev/full").open("wb") as full:
        arguments = ["classify", *map(str, examples), "--top", "-1"]
        done = subprocess.run(
            [sys.executable, "-m", "yamjit", *arguments], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_sigterm_is_left_as_it_was(examples: dict[Path, str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert run("classify", *examples) == 0
    assert signal.getsignal(signal.SIGTERM) == before
