"""Words about models: whose they are, what they were trained on, which forms are written, where calibration is."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from tests.support.family import family_models
from yamjit.cli import main
from yamjit.tflite import write_graph

RATE = 16_000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings: two classes."""
    folder = tmp_path_factory.mktemp("birds")
    for label, pitch in (("low", 300), ("high", 2500)):
        (folder / label).mkdir()
        for k in range(6):
            sound = 0.3 * np.sin(2 * np.pi * (pitch + 20 * k) * np.arange(RATE) / RATE)
            soundfile.write(folder / label / f"{k}.wav", sound, RATE)
    return folder


@pytest.fixture(autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path_factory.getbasetemp() / "models-cache"))


@pytest.fixture(scope="module")
def model(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "mine.tflite"
    arguments = ["train", str(sounds), "-o", str(path), "--head", str(path.with_suffix(".npz")), "--model", "starter"]
    assert main([*arguments, "--backend", "numpy", "--folds", "0", "--quiet", "--date", "2026-05-12"]) == 0
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


FOREIGN = "--weights writes its weights for other frameworks"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("x.onnx", FOREIGN),
        ("x.h5", FOREIGN),
        ("x.pb", FOREIGN),
        ("x.pt", FOREIGN),
        ("x.npz", FOREIGN),
        ("x.tflite.zip", "not as .zip"),
        ("mine", "such as 'mine.tflite'"),
        ("new/", "is a folder"),
        (".", "is a "),
        ("-", "not to standard output"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("train", "nowhere"),
        ("calibrate", "nowhere"),
        ("export", "h.npz"),
        ("export", "--bake"),
        ("metadata", "write", "m"),
    ],
    ids=lambda command: command[0],
)
def test_a_model_is_written_as_tflite_alone(
    command: tuple[str, ...],
    name: str,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Anything else is refused before any work: what is read does not even exist."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YAMJIT_MODEL", "missing.tflite")
    assert run(*command, "-o", name) == 1
    err = capsys.readouterr().err
    assert says in err.lower() or says in err
    assert err.count("\n") == 1
    assert ".tflite" in err or name == "."
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("embed", "a.wav", "-o", "x.onnx"), "use one of .npy, .npz, .csv, .parquet"),
        (("spectrogram", "a.wav", "-o", "x.onnx"), ".parquet, .png, .svg, .pdf"),
        (("plot", "a.wav", "-o", "x.tflite"), "use one of .png, .svg, .pdf"),
        (("classify", "a.wav", "-o", "x.npz"), "use one of .txt, .json"),
        (("events", "a.wav", "-o", "x.xlsx"), "use one of .txt, .json"),
        (("segments", "a.wav", "-o", "x.wav"), "segments are written to a folder"),
        (("metadata", "extract", "m.tflite", "-o", "x.zip"), "the files of a model are written to a folder"),
        (
            ("export", "--weights", "npz", "-o", "x.safetensors"),
            "--weights npz is written as .npz, not as .safetensors",
        ),
        (("train", "a", "-o", "m.tflite", "--head", "x.tflite"), "a head is written as .npz, not as .tflite"),
        (("train", "a", "-o", "m.tflite", "--plot", "x.gif"), "a picture is written as .png, .svg or .pdf"),
        (("calibrate", "a", "--csv", "x.tflite"), "a calibration is written as .csv or .txt"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_other_results_have_their_forms_too(
    command: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YAMJIT_MODEL", "missing.tflite")
    assert run(*command) == 1
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_devices_and_changed_models_keep_their_names(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "model.lite"
    other.write_bytes(model.read_bytes())
    assert run("metadata", "write", other, "--author", "me", "-o", tmp_path / "again.lite") == 0
    assert run("metadata", "write", other, "--author", "me", "-o", tmp_path / "again.TFLITE") == 0
    if Path("/dev/null").exists():
        assert run("metadata", "write", other, "--author", "me", "-o", "/dev/null") == 0


def test_who_made_a_model_is_told(model: Path, sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info", model) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"status      written by yamjit {yamjit.__version__}" in lines
    assert any(line.startswith("base        yamjit/starter, SHA-256 ") for line in lines)
    assert "made on     2026-05-12" in lines
    assert "trained on  12 clips, 12 digests kept" in lines
    assert run("info", model, "--json") == 0
    found = json.loads(capsys.readouterr().out)["provenance"]
    assert (found["clips"], found["digests"], found["unchanged"]) == (12, 12, True)
    assert run("classify", sounds / "low" / "0.wav", "--model", model, "--backend", "numpy") == 0
    assert capsys.readouterr().err == ""


def test_a_model_is_told_with_the_heads_that_are_given_beside_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    npz, tflite = model.with_suffix(".npz"), tmp_path / "head.tflite"
    tflite.write_bytes(yamjit.learn.export_head(yamjit.learn.Head.load(npz), yamjit.learn.ModelCard(head_name="birds")))
    assert run("info", "starter", "--head", npz, "--head", tflite) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert any(line.startswith("output      scores float32 (1, 33): scores, since") for line in lines)  # the starter's
    for path, name in ((npz, "custom"), (tflite, "birds")):
        place = lines.index(f"head        {path}: {path.stat().st_size:,} bytes, SHA-256 {sha256(path)}")
        says = f"embeddings of 256 values, which the model computes, to {name} (2 classes)"
        assert lines[place + 1] == f"{'':12}{says}"
        assert f"labels of {name} (2)" in lines
    assert run("info", "starter", "--head", npz, "--head", tflite, "--head", "birds", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [head["outputs"] for head in found["given_heads"]] == [["custom"], ["birds"]]
    assert [(head["name"], head["labels"], head["named_by"]) for head in found["heads"]] == [
        ("birds", ["high", "low"], "metadata")
    ]
    assert run("info", tflite, "--head", npz) == 1
    assert "a head takes embeddings, and the model has none" in capsys.readouterr().err
    assert run("info", "--json") == 0
    assert json.loads(capsys.readouterr().out)["given_heads"] == []


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_model_of_any_length_is_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "any.tflite"
    path.write_bytes(write_graph(family_models()["any length"]))
    assert run("info", path) == 0
    out = capsys.readouterr().out
    assert "float32 (any)" in out
    assert "mono audio at 16000 Hz of any length, heard in windows of 0.975 s" in out
    assert run("info", path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["any_length"], found["inputs"][0]["shape"]) == (True, [None])
    assert run("info", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["any_length"], found["inputs"][0]["shape"]) == (False, [15_600])


def test_strangers_are_told_of_once_and_changes_always(
    model: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))
    stranger, changed = tmp_path / "stranger.tflite", tmp_path / "changed.tflite"
    read = yamjit.tflite.read_graph(model)
    stranger.write_bytes(yamjit.tflite.write_graph(yamjit.provenance.without_provenance(read)))
    changed.write_bytes(model.read_bytes().replace(b"low\n", b"wol\n"))
    import zlib

    data = changed.read_bytes()
    changed.write_bytes(
        data.replace(*(zlib.crc32(text).to_bytes(4, "little") for text in (b"high\nlow\n", b"high\nwol\n")))
    )
    clip = sounds / "low" / "0.wav"
    for path, first, second in (
        (stranger, "not one of the published files; it runs all the same, and its scores are its own", ""),
        (changed, "was changed since yamjit wrote it", "was changed since yamjit wrote it"),
    ):
        for says in ("--quiet", first, second):
            quiet = [says] if says.startswith("--") else []
            assert run("classify", clip, "--model", path, "--backend", "numpy", *quiet) == 0
            err = capsys.readouterr().err
            assert (err == "") if quiet or not says else says in err
    # Without a cache to remember by, it is said again.
    (tmp_path / "file").touch()
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert run("classify", clip, "--model", stranger, "--backend", "numpy") == 0
        assert "published" in capsys.readouterr().err


def test_clips_that_a_model_was_trained_on_are_told(
    model: Path, sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--model", model, "--backend", "numpy")
    for verb in (("evaluate", sounds), ("calibrate", sounds, "--csv", tmp_path / "c.csv", "--folds", 2)):
        assert run(*verb, *given) == 0
        assert "the model was trained on all 12 clips: the figures are better" in capsys.readouterr().err
        assert run(*verb, *given, "--quiet") == 0
        assert "trained on" not in capsys.readouterr().err
        assert run(*verb, *given, "--exclude-trained") == 1
        assert "was trained on all 12 clips; none is left" in capsys.readouterr().err
    table = tmp_path / "clips.csv"
    noise = tmp_path / "noise.wav"
    soundfile.write(noise, np.random.default_rng(1).normal(0, 0.1, RATE), RATE)
    rows = [f"{path},{path.parent.name},train" for path in sorted(sounds.rglob("*.wav"))]
    table.write_text("\n".join(["file,label,split", *rows, f"{noise},low,test"]), encoding="utf-8")
    assert run("evaluate", table, *given, "--exclude-trained", "--json") == 0
    out, err = capsys.readouterr()
    assert "left out: 12 clips, which the model was trained on" in err
    assert "may have learned" not in err  # it is known
    assert (json.loads(out)["clips"], json.loads(out)["trained_on"]) == (1, [])
    assert run("evaluate", table, "--backend", "numpy", "--exclude-trained") == 1
    assert "keeps no digests" in capsys.readouterr().err


def test_calibration_is_baked(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, baked, again = (tmp_path / f"{name}.tflite" for name in ("plain", "baked", "again"))
    common = ("--backend", "numpy", "--folds", 2, "--calibrate", "--name", "m", "--no-digests")
    assert run("train", sounds, "-o", plain, *common) == 0
    assert "an interpreter alone, such as LiteRT's, does not" in capsys.readouterr().out
    assert run("train", sounds, "-o", baked, *common, "--bake") == 0
    assert "calibration: in the network. " in capsys.readouterr().out
    assert run("export", "--bake", "--model", plain, "-o", again) == 0
    assert again.read_bytes() == baked.read_bytes()
    capsys.readouterr()
    for path, where in ((plain, "in the metadata: yamjit, "), (baked, "in the network: every interpreter")):
        assert run("info", path) == 0
        out = capsys.readouterr().out
        assert f"calibration {where}" in out
        assert run("info", path, "--json") == 0
        assert json.loads(capsys.readouterr().out)["heads"][0]["calibration"] == where.split()[2].rstrip(":")
        assert "trained on  12 clips, no digests kept" in out
    for arguments, says in (
        (("train", sounds, "-o", again, "--bake"), "give --calibrate as well"),
        (("calibrate", sounds, "--bake"), "give -o FILE as well"),
        (("export", "--bake", "--model", baked, "-o", again), "has no calibration"),
        (("export", "--bake", "--weights", "npz"), "one of them"),
        (("export", baked, "--weights", "npz"), "is a model, not a head: give it as --model FILE"),
    ):
        assert run(*arguments) == 1
        assert says in capsys.readouterr().err


def test_classes_that_are_not_calibrated_are_told(
    model: Path, sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(sounds / "low", tmp_path / "one" / "low")
    command = ("calibrate", tmp_path / "one", "--model", model, "--backend", "numpy", "--csv", tmp_path / "c.csv")
    assert run(*command) == 0
    err = capsys.readouterr().err
    assert "do not suffice to calibrate 2 of 2 classes, whose scores stay as they are: 'high', 'low'\n" in err
    assert run(*command, "--quiet") == 0
    assert "suffice" not in capsys.readouterr().err


def test_models_of_others_are_ours_once_calibrated(sounds: Path, tmp_path: Path) -> None:
    head = tmp_path / "mine.tflite"
    assert run("train", sounds, "-o", head, "--backend", "numpy", "--folds", 0, "--no-digests", "--quiet") == 0
    stranger = tmp_path / "stranger.tflite"
    graph = yamjit.provenance.without_provenance(yamjit.tflite.read_graph(head))
    stranger.write_bytes(yamjit.tflite.write_graph(graph))
    for bake in ([], ["--bake"]):
        path = tmp_path / "calibrated.tflite"
        assert run("calibrate", sounds, "--model", stranger, "--backend", "numpy", "--folds", 0, "-o", path, *bake) == 0
        model = yamjit.load(path, backend="numpy")
        assert model.made_here
        assert model.provenance is not None
        assert model.provenance.base == "mine"
        assert model.provenance.baked == ((0,) if bake else ())


def test_digests_are_taken_out_again(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "public.tflite"
    assert run("metadata", "write", model, "--no-digests", "-o", path) == 0
    found = yamjit.load(path, backend="numpy")
    assert found.made_here
    assert found.provenance is not None
    assert (found.provenance.clips, len(found.provenance.digests)) == (12, 0)
    assert b"yamjit_training_clips" in model.read_bytes()
    assert "yamjit_training_clips" not in found.graph.files
    assert run("metadata", "write", path, "--no-digests", "-o", path) == 1
    assert "keeps no digests" in capsys.readouterr().err


def test_a_date_is_written_only_if_it_is_given(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    head, path = model.with_suffix(".npz"), tmp_path / "m.tflite"

    def date_of(*arguments: str) -> str:
        assert run("export", head, "-o", path, *arguments) == 0
        provenance = yamjit.load(path, backend="numpy").provenance
        assert provenance is not None
        return provenance.date

    assert date_of() == ""
    assert len(date_of("--date", "today")) == 10
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert date_of() == "2023-11-14"
    assert date_of("--date", "2026-05-12") == "2026-05-12"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert run("export", head, "-o", path) == 1
    assert "$SOURCE_DATE_EPOCH is 'yesterday'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("export", head, "-o", path, "--date", "12.5.2026")


def test_divided_groups_are_told(sounds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "clips.csv"
    paths = sorted(sounds.rglob("*.wav"))
    rows = [f"{path},{path.parent.name},{k % 2},{path.parent.name}{k // 2}" for k, path in enumerate(paths)]
    table.write_text("\n".join(["file,label,fold,group", *rows]), encoding="utf-8")
    assert run("train", table, "-o", tmp_path / "m.tflite", "--backend", "numpy") == 0
    out, err = capsys.readouterr()
    assert "6 recordings or groups are divided, such as 'high0'" in err
    assert "accuracy 100.00% of 12 clips (with 95% confidence 75.8% to 100.0%)" in out
