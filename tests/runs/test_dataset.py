"""Datasets: many recordings in parts of bounded size, whatever a run was interrupted by, read by what others wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from yamjit.cli import main
from yamjit.output import parts

pytest.importorskip("pyarrow", reason="datasets want pyarrow: pip install 'yamjit[parquet]'")


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.chdir(tmp_path)
    for name, rows in {"_ARRAY_ROWS": 8, "_ARRAY_GROUP": 4, "_ROWS": 8, "_GROUP": 4}.items():
        monkeypatch.setattr(parts, name, rows)


def tone(path: str | Path, seconds: float, pitch_hz: float = 440.0) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(int(16_000 * seconds)) / 16_000
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * pitch_hz * time_s), 16_000, subtype="PCM_16")
    return path


def archive(folder: str = "rec", count: int = 6) -> None:
    for number in range(count):
        tone(f"{folder}/{number % 2}/{number}.wav", 0.5 + number % 3, 300 + 100 * number)
    Path(folder, "0/broken.wav").write_bytes(b"no audio")


def run(*arguments: object, verb: str = "embed", into: str = "ds/", jobs: int = 1) -> int:
    more = ["--format", "parquet", "-o", into, "--backend", "numpy", "--jobs", str(jobs), "-q"]
    return main([verb, *(str(argument) for argument in arguments), *more])


def content(folder: str) -> dict[str, bytes]:
    """Return the files of a dataset, without what a run keeps for itself."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix in (".parquet", ".jsonl")
    }


def listed(folder: str = "ds") -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(folder, "_yamjit/manifest.jsonl").read_text().splitlines()]


def test_embeddings_come_back_as_they_were() -> None:
    archive()
    assert run("rec") == 3
    assert run("rec", into="jobs", jobs=2) == 3
    assert content("ds") == content("jobs")
    assert main(["embed", "rec", "-o", "npz", "-q"]) == 3
    table, model = yamjit.read_embeddings("ds"), yamjit.load()
    assert table.numbers.dtype == np.uint8
    assert table.model == model.source.sha256
    recordings = sorted(path for path in Path("rec").rglob("*.wav") if path.name != "broken.wav")
    assert table.files == tuple(map(os.fspath, recordings))
    for other in (table, yamjit.read_embeddings("npz")):
        for number, path in enumerate(recordings):
            assert np.array_equal(other.values[other.file_index == number], model.embed(path))
    settings, *commits = listed()
    assert settings["settings"]["model"] == model.source.sha256
    assert [sum(part["rows"] for part in commit["parts"]) for commit in commits] == [9, 9]
    assert {one["file"]: one["part"] for commit in commits for one in commit["recordings"]} == {
        os.fspath(path): f"part-{number:05d}.parquet"
        for path, number in zip(recordings, [0, 0, 0, 1, 1, 1], strict=True)
    }
    assert run("rec", "--as", "float32", into="floats") == 3
    floats = yamjit.read_embeddings("floats")
    assert floats.quantization is None
    assert np.array_equal(floats.values, table.values)
    assert main(["embed", "rec", "--as", "codes", "-o", "a.csv"]) == 1


@pytest.mark.parametrize("verb", ["classify", "events"])
def test_readers_of_others(verb: str) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    archive()
    more = ["--windows"] if verb == "classify" else ["--on", "0.02"]
    assert run("rec", *more, verb=verb) == 3
    assert main([verb, "rec", *more, "-o", "all.csv", "-q", "--backend", "numpy"]) == 3
    wanted = pandas.read_csv("all.csv")
    assert len(wanted) > 16
    read = pandas.read_parquet("ds/")
    assert read.file.tolist() == polars.read_parquet("ds/*.parquet")["file"].to_list() == wanted.file.tolist()
    assert read.label.tolist() == wanted.label.tolist()
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is in the extra readers")
    assert [row[0] for row in duckdb.sql("SELECT label FROM 'ds/*.parquet'").fetchall()] == wanted.label.tolist()


def test_a_long_recording_goes_through_several_parts() -> None:
    tone("rec/a.wav", 0.5)
    tone("rec/b.wav", 20)
    tone("rec/c.wav", 0.5)
    assert run("rec") == 0
    _, first, second = listed()
    assert [part["rows"] for part in first["parts"]] == [16, 16, 10]
    assert [part["rows"] for part in second["parts"]] == [1]
    assert np.array_equal(yamjit.read_embeddings("ds").start_s[1:-1], np.arange(41) * 0.48)


def test_what_has_changed_is_done_again(capsys: pytest.CaptureFixture[str]) -> None:
    archive()
    assert run("rec") == 3
    before = yamjit.read_embeddings("ds")
    assert run("rec") == 1
    assert "--resume continues it" in capsys.readouterr().err
    assert run("rec", "--hop", "0.24", "--resume") == 1
    assert "other settings" in capsys.readouterr().err
    tone("rec/0/2.wav", 1.5, 2000)
    tone("rec/0/broken.wav", 1)
    assert run("rec", "--resume") == 0
    table, model = yamjit.read_embeddings("ds"), yamjit.load()
    assert sorted(table.files) == sorted({*before.files, "rec/0/broken.wav"})
    for number, path in enumerate(table.files):
        assert np.array_equal(table.values[table.file_index == number], model.embed(path))
    done = {path.name: path.read_bytes() for path in Path("ds").glob("*.parquet")}
    assert run("rec", "--resume") == 0
    assert {path.name: path.read_bytes() for path in Path("ds").glob("*.parquet")} == done
    assert run("rec", "--overwrite") == 0
    assert run("rec", into="fresh") == 0
    assert content("ds") == content("fresh")


def test_damage_is_made_good() -> None:
    archive()
    assert run("rec") == 3
    whole = content("ds")
    manifest = Path("ds/_yamjit/manifest.jsonl")
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[:2]) + lines[2][:40])
    assert run("rec", "--resume") == 3
    assert content("ds") == whole
    Path("ds/part-00000.parquet").unlink()
    assert run("rec", "--resume") == 3
    assert sorted(yamjit.read_embeddings("ds").files) == sorted(yamjit.read_embeddings("ds").files)
    assert len(yamjit.read_embeddings("ds")) == 18


def test_folders_of_others_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    tone("rec/a.wav", 0.5)
    Path("ds").mkdir()
    Path("ds/part-00000.parquet").write_bytes(b"of somebody else")
    assert run("rec", "--overwrite") == 1
    assert "no run of yamjit has listed" in capsys.readouterr().err
    assert Path("ds/part-00000.parquet").read_bytes() == b"of somebody else"
    assert main(["classify", "rec", "--format", "csv", "-o", "out", "-q"]) == 0
    assert run("rec", into="out", verb="classify") == 1
    assert "a result for each recording" in capsys.readouterr().err


#: Runs a command, and ends the process at its N-th change of a file in the dataset, as a kill would.
_KILLED = """
import os, sys
sys.path[:0] = {path!r}
from yamjit.output import parts
parts._ARRAY_ROWS, parts._ARRAY_GROUP = 8, 4
from yamjit.cli import main
left = {left}
def hook(event, args):
    global left
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    if (writes or event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir")) and "ds" in str(args[0]):
        left -= 1
        if left == 0:
            os._exit(9)
sys.addaudithook(hook)
sys.exit(main({arguments!r}))
"""


@pytest.mark.slow
def test_killed_at_every_change_of_a_file() -> None:
    archive()
    assert run("rec", into="whole") == 3
    arguments = ["embed", "rec", "--format", "parquet", "-o", "ds", "--backend", "numpy", "-q", "--resume"]
    codes, left = [9], -4
    while codes[-1] == 9:
        left += 6
        shutil.rmtree("ds", ignore_errors=True)
        # A second kill: what the first one left is gone on with.
        for kill in (left, max(1, left // 2)):
            code = _KILLED.format(path=sys.path, left=kill, arguments=arguments)
            codes.append(subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode)
        assert run("rec", "--resume", into="ds") == 3
        assert content("ds") == content("whole"), left
        assert not list(Path("ds").rglob("*.waiting"))
        assert not list(Path("ds").glob(".yamjit-partial-*"))
    assert left > 30
    assert set(codes) == {9, 3}
