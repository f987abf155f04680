"""Verbs that look at models and machines, and those that write arrays, pictures and clips."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from tests.support.backends import wants_library
from yamjit.cli import main
from yamjit.trained.heads import Dense, Head


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def siren(examples: dict[Path, str]) -> Path:
    return next(path for path in examples if path.name == "siren.flac")


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


# -- The machine and the model ----------------------------------------------------------------------------------


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["yamjit"]["version"] == yamjit.__version__
    assert found["packages"]["numpy"] == np.__version__
    assert found["model"]["name"] == "yamjit/starter"
    assert found["model"]["verified"] is True
    assert found["audio files"]["libsndfile"] == soundfile.__libsndfile_version__
    assert set(found["audio files"]) == {"libsndfile", "PyAV", "ffmpeg"}
    assert found["microphones"]
    assert run("doctor") == 0
    assert f"  numpy                 {np.__version__}" in capsys.readouterr().out.splitlines()


def test_doctor_says_what_runs_the_kernels(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("YAMJIT_LOWERING", raising=False)
    monkeypatch.setenv("YAMJIT_LIBRARY", "none")
    assert run("doctor", "--json") == 0
    kernels = json.loads(capsys.readouterr().out)["kernels"]
    assert kernels["backend"].startswith("numpy")
    assert kernels["library"] == "none ($YAMJIT_LIBRARY says so)"
    path = tmp_path / "libyamjit.so"
    path.write_bytes(b"no machine code")
    monkeypatch.setenv("YAMJIT_LIBRARY", str(path))
    assert run("doctor", "--json") == 1
    kernels = json.loads(capsys.readouterr().out)["kernels"]
    assert kernels["library"] == str(path)
    assert "cannot be loaded as a library of yamjit" in kernels["problem"]


@wants_library
def test_doctor_shows_the_library(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YAMJIT_LOWERING", raising=False)
    for asked in ("", " ($YAMJIT_LOWERING is 'LAST')"):
        assert run("doctor", "--json") == 0
        kernels = json.loads(capsys.readouterr().out)["kernels"]
        last = list(kernels["lowerings"])[-1]
        assert kernels["backend"].startswith("compiled")
        assert kernels["lowerings"][last] == "runs here"
        assert Path(kernels["library"]).is_file()
        assert kernels["library is"].startswith(("whole", "named by $YAMJIT_LIBRARY, and built from "))
        assert re.fullmatch("[0-9a-f]{64}", kernels["library's sources"])
        assert kernels["lowering"] == last + asked.replace("LAST", last) if asked else True
        monkeypatch.setenv("YAMJIT_LOWERING", last)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (False, "named by $YAMJIT_LIBRARY, and built from the kernels here"),
        (
            True,
            "named by $YAMJIT_LIBRARY, and built from other sources than the kernels here: scores are what those say",
        ),
    ],
)
def test_doctor_says_whose_kernels_run(monkeypatch: pytest.MonkeyPatch, other: bool, told: str) -> None:
    from yamjit.cli.doctor import _kernels
    from yamjit.kernels import diagnosis

    library = diagnosis.LibraryDiagnosis("lib.so", "34cd", other, "avx2", {"avx2": True}, {})
    found = diagnosis.KernelDiagnosis("compiled", None, library, None, None, None)
    monkeypatch.setattr(diagnosis, "diagnose_kernels", lambda: found)
    monkeypatch.delenv("YAMJIT_LOWERING", raising=False)
    monkeypatch.setenv("YAMJIT_LIBRARY", "lib.so")
    kernels = _kernels()
    assert kernels["backend"] == "compiled: the library that $YAMJIT_LIBRARY names; nothing is compiled here"
    assert kernels["library is"].startswith(told)


def test_doctor_without_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("YAMJIT_MODEL")
    (tmp_path / "file").touch()
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "file"))
    assert run("doctor", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert "there is no model" in found["model"]["problem"]
    if "cache" in found["kernels"]:
        assert "is not a folder" in found["kernels"]["cache can be written"]


def test_labels(capsys: pytest.CaptureFixture[str]) -> None:
    labels = yamjit.load("starter").labels
    assert run("labels") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [str(index) for index in range(len(labels))]
    assert run("labels", "siren", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found][:1] == ["Siren"]
    assert found[0]["audioset_id"] == "/m/03kmc9"
    assert found[0]["parents"] == ["Alarm"]
    assert run("labels", "Sirene") == 1
    assert "did you mean 'Siren'?" in capsys.readouterr().err


def test_info_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    model = yamjit.load("starter")
    assert found["sha256"] == model.source.sha256
    assert tuple(found["heads"][0]["labels"]) == model.labels
    assert len(found["operators"]) == len(model.graph.operators)
    assert found["card"]["description"]


def test_bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from yamjit.cli import bench

    monkeypatch.setattr(bench, "_LENGTH_S", dict.fromkeys(bench._LENGTH_S, 3.0))
    monkeypatch.setenv("YAMJIT_LIBRARY", "none")
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None if name == "numba" else find(name, *more))
    assert run("bench", "--time", "0.01", "--json") == 0
    found = json.loads(capsys.readouterr().out)["backends"]
    assert "yamjit[compile]" in found["numba"]["problem"]
    assert "there is no library" in found["compiled"]["problem"]
    one = found["numpy"]
    assert one["windows"] == 6
    assert one["windows_per_s"] == pytest.approx(one["windows"] / one["fastest_round_s"])
    assert one["times_real_time"] == pytest.approx(3.0 / one["fastest_round_s"])
    assert run("bench", "--time", "0.01") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "backend",
        "compiled",
        "numba",
        "numpy",
    ]


def test_every_verb_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    from yamjit.cli.command import VERBS

    for name in VERBS:
        with pytest.raises(SystemExit) as stop:
            run(name, "--help")
        assert stop.value.code == 0
        assert f"usage: yamjit {name}" in capsys.readouterr().out


# -- Completion -------------------------------------------------------------------------------------------------

_TRY = """
source <(python -m yamjit completion bash)
complete -p yamjit > /dev/null || exit 9
for line in "$@"; do
    COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9 COMP_WORDS=($line)
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
    _python_argcomplete yamjit
    ( IFS='|'; echo "${COMPREPLY[*]}" )
done
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="wants bash")
def test_bash_completes(tmp_path: Path) -> None:
    pytest.importorskip("argcomplete")
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "yamjit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m yamjit "$@"\n')
    command.chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    (tmp_path / "street.wav").touch()
    lines = [
        "yamjit cla",
        "yamjit classify --form",
        "yamjit classify --format j",
        "yamjit events --allow Sir",
        "yamjit plot st",
    ]
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    source = str(Path(yamjit.__file__).parents[1])
    done = subprocess.run(
        ["bash", "-c", _TRY, "bash", *lines],
        env=os.environ | {"PATH": path, "PYTHONPATH": os.pathsep.join([source, *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.strip() for line in done.stdout.splitlines()] == [
        "classify",
        "--format",
        "json|jsonl",
        "Siren",
        "street.wav",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("argcomplete")
    assert run("completion", shell) == 0
    assert "yamjit" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    assert run("completion", shell) == 1
    assert 'install "yamjit[completion]"' in capsys.readouterr().err


# -- Arrays -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_embeddings_in_every_format(siren: Path, examples: dict[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    wanted = yamjit.load("starter").embed(siren)
    for name in ("a.npy", "a.npz", "a.csv"):
        assert run("embed", siren, "-o", name) == 0
    np.testing.assert_array_equal(np.load("a.npy"), wanted)
    archive = np.load("a.npz")
    np.testing.assert_array_equal(archive["values"], wanted)
    np.testing.assert_allclose(archive["times_s"], np.arange(len(wanted)) * 0.48)
    assert (archive["channels"].tolist(), float(archive["length_s"])) == ([-1] * len(wanted), 0.975)
    assert run("embed", siren) == 0
    printed = capsys.readouterr().out
    assert printed == Path("a.csv").read_text()
    table = np.loadtxt(io.StringIO(printed), delimiter=",", skiprows=1, usecols=range(5, 5 + wanted.shape[1]))
    np.testing.assert_allclose(table, wanted, rtol=1e-7)
    assert run("embed", *examples, "-o", "folder", "--jobs", "2") == 0
    np.testing.assert_array_equal(np.load("folder/siren.flac.yamjit.npz")["values"], wanted)
    for arguments, said in ((["-o", "b.npy"], "holds one recording"), (["--jobs", "2", "-o", "b.csv"], "-o FOLDER")):
        assert run("embed", *examples, *arguments) == 1
        assert said in capsys.readouterr().err
    assert not Path("b.npy").exists()


def test_embeddings_as_parquet(siren: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    stereo = np.stack([soundfile.read(siren)[0], np.zeros(48_000)], axis=1)
    soundfile.write("stereo.wav", stereo, 16_000)
    assert run("embed", "stereo.wav", siren, "--channel", "0", "-o", "a.parquet", "--quiet") == 0
    table = parquet.read_table("a.parquet")
    assert str(table.schema.field("values").type).startswith("fixed_size_list")
    assert run("embed", "stereo.wav", "--channel", "each", "-o", "b.parquet", "--quiet") == 0
    table = parquet.read_table("b.parquet").to_pydict()
    wanted = yamjit.load("starter").embed("stereo.wav", reading=yamjit.ReadOptions(channel=0))
    first = [values for values, channel in zip(table["values"], table["channel"], strict=True) if channel == 0]
    np.testing.assert_array_equal(np.array(first, np.float32), wanted)
    assert table["channel"].count(1) == len(wanted)


def test_other_features_are_named_in_the_files(
    siren: Path, examples: dict[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = yamjit.load("starter").embed(siren, features="layer12_max")
    named = ["--features", "layer12_max"]
    for name in ("a.npy", "a.npz", "a.csv"):
        assert run("embed", siren, *named, "-o", name) == 0
    np.testing.assert_array_equal(np.load("a.npy"), wanted)
    archive = np.load("a.npz")
    np.testing.assert_array_equal(archive["values"], wanted)
    assert str(archive["features"]) == "layer12_max"
    columns = Path("a.csv").read_text().splitlines()[0].split(",")
    assert columns[5:] == [f"layer12_max_{k}" for k in range(wanted.shape[1])]
    assert run("embed", siren, *named, "-o", "folder", "--jobs", "2") == 0
    np.testing.assert_array_equal(np.load("folder/siren.flac.yamjit.npz")["values"], wanted)
    capsys.readouterr()
    assert run("embed", *examples, "-o", "folder", "--resume") == 1  # of embeddings
    assert "features" in capsys.readouterr().err
    assert run("embed", siren, "--features", "layer12", "-o", "b.npy") == 1
    assert "features is 'layer12'; accepted are embedding, layer1_mean" in capsys.readouterr().err
    assert run("embed", siren, "-o", "c.npz") == 0
    assert "features" not in np.load("c.npz")


def test_other_features_are_named_in_parquet(siren: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run("embed", siren, "--features", "layer6_mean", "-o", "a.parquet", "--quiet") == 0
    table = parquet.read_table("a.parquet")
    assert table.schema.metadata[b"features"] == b"layer6_mean"
    wanted = yamjit.load("starter").embed(siren, features="layer6_mean")
    np.testing.assert_array_equal(np.array(table["values"].to_pylist(), np.float32), wanted)


def test_a_head_on_a_layer_becomes_a_model() -> None:
    layers = (Dense(np.ones((2, 512), np.float32), np.zeros(2, np.float32)),)
    Head(("a", "b"), "sigmoid", layers, "layer6_mean").save("h.npz")
    assert run("export", "h.npz", "--model", "starter", "-o", "h.tflite") == 0
    found = yamjit.load("h.tflite")
    assert found.provenance is not None
    assert (found.labels, found.features["embedding"], found.provenance.base) == (("a", "b"), 512, "yamjit/starter")


def test_spectrogram_as_numbers(siren: Path) -> None:
    wanted = yamjit.load("starter").log_mel(siren)
    assert run("spectrogram", siren, "-o", "a.npy") == 0
    assert run("spectrogram", siren, "-o", "a.npz", "--start", "1") == 0
    np.testing.assert_array_equal(np.load("a.npy"), wanted)
    times = np.load("a.npz")["times_s"]
    assert times[0] == 1.0
    np.testing.assert_allclose(np.diff(times), 0.01)


# -- Clips and pictures -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_segments(siren: Path, examples: dict[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["segments", *examples, "-o", "clips", "--on", "0.5", "--padding", "0.1", "--as", "wav"]
    assert run(*arguments, "--jobs", "2") == 0
    clips = sorted(Path("clips").rglob("*.wav"))
    events = yamjit.load("starter").events(siren, yamjit.EventOptions(on=0.5))
    of_siren = [clip for clip in clips if clip.parent.name == "siren.flac.yamjit.segments"]
    assert len(of_siren) == len(events)
    begin = soundfile.read(of_siren[0], dtype="int16")[0]
    np.testing.assert_array_equal(begin, soundfile.read(siren, dtype="int16")[0][: len(begin)])
    before = [clip.stat().st_mtime_ns for clip in clips]
    assert run(*arguments, "--resume") == 0
    assert "3 of 3 files are done already" in capsys.readouterr().err
    assert [clip.stat().st_mtime_ns for clip in sorted(Path("clips").rglob("*.wav"))] == before
    assert run(*arguments, "--overwrite", "--most", "1") == 0
    assert len(list(Path("clips").rglob("*.wav"))) == 2 + len({event.label for event in events})
    assert run("classify", "clips", "--quiet") == 3  # a folder of results is not searched


@pytest.mark.slow
def test_pictures(siren: Path, examples: dict[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    heads = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF"}
    for suffix, head in heads.items():
        assert run("plot", siren, "-o", f"a.{suffix}") == 0
        assert Path(f"a.{suffix}").read_bytes().startswith(head)
    assert run("spectrogram", siren, "-o", "s.png") == 0
    assert Path("s.png").read_bytes() != Path("a.png").read_bytes()
    assert run("plot", *examples, "-o", "pictures", "--top", "3") == 0
    assert len(list(Path("pictures").glob("*.flac.yamjit.png"))) == 3
    for arguments, said in (
        (["plot", siren], "-o FILE"),
        (["plot", *examples, "-o", "b.png"], "shows one recording"),
        (["plot", siren, "-o", "b.gif"], "unknown file suffix"),
        (["spectrogram", siren, "--dark", "-o", "b.npy"], "for a picture"),
        (["evaluate", ".", "--dark"], "use --plot FILE"),
        (["plot", siren, "-o", "b.png", "--on", "0.4"], "--on needs --events"),
        (["plot", siren, "-o", "b.png", "--events", "--aggregate", "mean"], "cannot be used with --events"),
        (["plot", siren, "-o", "b.png", "--events", "--on", "Sirn=0.4"], "Siren"),
    ):
        assert run(*arguments) == 1
        assert said in capsys.readouterr().err
    assert run("plot", siren, "--channel", "each", "-o", "b.png") == 3
    assert run("plot", siren, "--events", "--on", 0.3, "--dark", "--width", 4, "-o", "c.png") == 0
    assert run("spectrogram", siren, "--dark", "--width", 4, "-o", "d.png") == 0
    for name in ("c.png", "d.png"):
        assert int.from_bytes(Path(name).read_bytes()[16:20], "big") == 600


def test_reading_ends_after_it_begins(siren: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("classify", siren, siren, "--start", "0:02", "--end", 1) == 1
    assert capsys.readouterr().err == "yamjit: error: --end is 1 s, which is not after --start, 2 s\n"


def test_a_spectrogram_needs_neither_the_network_nor_threads(
    siren: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("yamjit.network.Network.run", None)
    for name in ("s.npz", "s.png"):
        assert run("spectrogram", siren, "-o", name) == 0
    assert run("spectrogram", siren, "-o", "s.png", "--channel", "each") == 3
    with pytest.raises(SystemExit) as stop:
        run("spectrogram", siren, "--threads", 2)
    assert stop.value.code == 2
    assert "spectrogram: error: there is no option --threads\n" in capsys.readouterr().err


def test_pictures_without_matplotlib(
    siren: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert run("plot", siren, "-o", "a.png") == 1
    assert 'install "yamjit[plot]"' in capsys.readouterr().err
    assert list(Path().iterdir()) == []
