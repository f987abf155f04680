"""Recordings and results that have addresses, in fsspec's memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EXAMPLES
from yamjit import remote
from yamjit.cli import main
from yamjit.errors import DependencyError
from yamjit.loading import load
from yamjit.runs import inputs
from yamjit.runs.inputs import find_recordings

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (the extra remote)")

NAMES = ("b/siren.flac", "speech.flac", "telephone.flac")


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return fsspec's memory, which holds three recordings and a text; and be in a folder that holds them too."""
    files = fsspec.filesystem("memory")
    for name in NAMES:
        data = (EXAMPLES / Path(name).name).read_bytes()
        files.pipe(f"/archive/{name}", data)
        (tmp_path / "archive" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "archive" / name).write_bytes(data)
    files.pipe("/archive/notes.txt", b"words")
    files.pipe("/archive/.hidden/x.wav", b"words")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    yield files
    files.rm("/", recursive=True)


def contents(files: Any, folder: str) -> dict[str, bytes]:
    return {name[len(folder) :]: files.cat_file(name) for name in files.find(folder)}


def test_folders_and_patterns_are_listed_like_those_of_files(memory: Any) -> None:
    wanted = [f"memory://archive/{name}" for name in NAMES]
    assert [one.name for one in find_recordings(["memory://archive"])] == wanted
    assert [one.name for one in find_recordings(["memory://archive/", "memory://archive/speech.flac"])] == wanted
    assert [one.name for one in find_recordings(["memory://archive/*.flac"])] == wanted[1:]
    assert [str(one.place) for one in find_recordings(["memory://archive/**/*.flac"])] == list(NAMES)
    (none,) = find_recordings(["memory://archive/b/*.mp3"])
    assert none.problem == "memory://archive/b/*.mp3: nothing matches it as a pattern"


def test_results_are_those_of_files(memory: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["-q", "--format", "csv"]
    assert main(["events", "archive", *run, "-o", "results"]) == 0
    assert main(["events", "memory://archive", *run, "-o", "memory://results"]) == 0
    found = contents(memory, "/results")
    assert len(found) == len(NAMES) + 2
    for name in NAMES:
        here = Path("results", f"{name}.yamjit.csv").read_bytes()
        assert found[f"/{name}.yamjit.csv"] == here.replace(b"\narchive/", b"\nmemory://archive/")
    assert main(["events", "memory://archive", "-q", "-o", "memory://all.csv"]) == 0
    one = memory.cat_file("/all.csv").decode().splitlines()
    assert one[1:] == [line for name in NAMES for line in found[f"/{name}.yamjit.csv"].decode().splitlines()[1:]]

    assert main(["segments", "memory://archive", "-q", "--on", "0.3", "-o", "memory://cut"]) == 0
    assert main(["segments", "archive", "-q", "--on", "0.3", "-o", "cut"]) == 0
    flac = {f"/{path.relative_to('cut').as_posix()}": path.read_bytes() for path in Path("cut").rglob("*.flac")}
    assert {name: data for name, data in contents(memory, "/cut").items() if name.endswith(".flac")} == flac
    assert capsys.readouterr().err == ""


def test_resuming_goes_by_what_the_store_says(memory: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["classify", "memory://archive", "-o", "memory://results"]
    assert main(run) == 0
    assert main(run) == 1
    assert "'memory://results' has results of an earlier run: --resume continues it" in capsys.readouterr().err
    before = contents(memory, "/results")
    memory.pipe("/archive/speech.flac", (EXAMPLES / "siren.flac").read_bytes())
    memory.rm("/results/telephone.flac.yamjit.txt")
    assert main([*run, "--resume"]) == 0
    assert "1 of 3 files are done already" in capsys.readouterr().err
    after = contents(memory, "/results")
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"/speech.flac.yamjit.txt", "/yamjit-run.journal"}
    assert main([*run, "--resume", "--top", "3"]) == 1
    assert "'memory://results' has results of other settings" in capsys.readouterr().err
    assert main([*run, "--overwrite", "--top", "3"]) == 0
    assert contents(memory, "/results").keys() == before.keys()
    for number in (1, 2):
        assert main([*run[:-1], "memory://parts", "--shard", f"{number}/2"]) == 0
    parts = contents(memory, "/parts")
    assert {name: parts[name] for name in after if ".yamjit." in name} == {
        name: data for name, data in after.items() if ".yamjit." in name
    }


def test_python_takes_addresses(memory: Any) -> None:
    found = load("starter").classify("memory://archive/b/siren.flac")
    assert found.top(1)[0].label == "Siren"


SECRETS = [
    ("https://me:pw@a.org/x.wav?X-Amz-Signature=secret", "https://a.org/x.wav"),
    ("https://a.org/x.wav?token=secret#part", "https://a.org/x.wav"),
    ("s3://bucket/what?/[1].wav", "s3://bucket/what?/[1].wav"),
    ("ftp://me:p@w@a.org:21/x y.wav", "ftp://a.org:21/x y.wav"),
]


@pytest.mark.parametrize(("address", "told"), SECRETS)
def test_secrets_are_not_told(address: str, told: str) -> None:
    assert remote.shown(address) == told
    reason = remote.reason(OSError(f"403, message='Forbidden', url='{address}' and {address!r}"), address)
    assert "secret" not in reason
    assert "pw" not in reason


def test_what_is_missing_is_named() -> None:
    if "gcsfs" in sys.modules or not isinstance(_class_of("gs"), ImportError):
        pytest.skip("gcsfs is installed")
    with pytest.raises(DependencyError, match=r"gs:// needs a further package: .*gcsfs"):
        find_recordings(["gs://bucket/x.wav"])


def _class_of(scheme: str) -> Any:
    try:
        return fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        return error


def test_names_of_a_store_do_not_lead_out_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "find", lambda address: ("s3://bucket", ["../../x.wav", "a.wav"]))
    first, second = find_recordings(["s3://bucket/**"])
    assert first.problem == "s3://bucket/../../x.wav: its name leads out of the folder of results"
    assert second.problem is None


def test_only_results_go_to_addresses(memory: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "-o", "memory://model.tflite"])
    assert "'memory://model.tflite' is an address, and a file of this machine is accepted" in capsys.readouterr().err


def test_paths_do_not_import_fsspec() -> None:
    code = "import sys, yamjit; yamjit.load('starter').classify(sys.argv[1]); assert 'fsspec' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, EXAMPLES / "siren.flac"], check=True)
