"""The verbs that learn: from recordings to a model that the other verbs use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from yamjit import learn
from yamjit.calibration import Calibration
from yamjit.cli import main
from yamjit.learn import Head, many_windows
from yamjit.tflite.patching import read_described

pytestmark = pytest.mark.slow

RATE = 16_000


@pytest.fixture(autouse=True)
def environment(small_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", str(small_model_path))
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """A folder of recordings: two classes and something else."""
    dice = np.random.default_rng(1)
    for label, pitch in (("low", 300), ("high 鳥", 2500), ("other", 0)):
        folder = tmp_path / "birds" / label
        folder.mkdir(parents=True)
        for k in range(6):
            t = np.arange(RATE * 2) / RATE
            sound = 0.3 * np.sin(2 * np.pi * (pitch + 20 * k) * t) if pitch else 0.1 * dice.normal(0, 1, t.size)
            soundfile.write(folder / f"{k}.wav", sound, RATE)
    return tmp_path / "birds"


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def trained(birds: Path, *more: object) -> Path:
    path = birds.parent / "birds.tflite"
    assert run("train", birds, "-o", path, "--backend", "numpy", "--folds", 3, *more) == 0
    return path


def test_recordings_become_a_model(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = birds.parent / "report.json"
    path = trained(birds, "--report", report, "--author", "me", "--calibrate")
    out, err = capsys.readouterr()
    assert "accuracy 100.00% of 18 clips" in out
    assert "2 classes, 18 clips" in out
    # Scores that are right already: a sigmoid fitted to 12 clips only takes away from them, which is told.
    assert err.startswith("yamjit: warning: calibration makes scores worse: on recordings held out their error is ")
    assert err.count("\n") == 1
    model = yamjit.load(path, backend="numpy")
    assert model.labels == ("high 鳥", "low")
    assert model.heads[0].calibration is not None
    document = json.loads(report.read_text(encoding="utf-8"))
    assert document["accuracy"] == 1
    assert document["learning_curve"]
    assert run("classify", birds / "low" / "0.wav", "--model", path, "--backend", "numpy", "--top", 1) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("  low")


def test_training_gives_the_same_file_whatever_the_threads(birds: Path) -> None:
    first = trained(birds, "--hidden", 3, "--copies", 1, "--seed", 4).read_bytes()
    assert trained(birds, "--hidden", 3, "--copies", 1, "--seed", 4, "--threads", 2, "--no-cache").read_bytes() == first
    assert trained(birds, "--hidden", 3, "--copies", 1, "--seed", 5).read_bytes() != first


def test_features_are_chosen_or_forced(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, head = birds.parent / "report.json", birds.parent / "head.npz"
    trained(birds, "--report", report, "--head", head)
    out = capsys.readouterr().out
    found = json.loads(report.read_text(encoding="utf-8"))["features"]
    names = [one["name"] for one in found["figures"]]
    assert names[0] == "embedding"
    assert len(names) > 2
    assert found["name"] in names
    for one in found["figures"]:
        (line,) = [line for line in out.splitlines() if line.startswith(f"  {one['name']} ")]
        assert f"{one['accuracy']:.2%}" in line
        assert ("chosen" in line) == (one["name"] == found["name"])
    assert Head.load(head).features == found["name"]

    path = trained(birds, "--report", report, "--head", head, "--features", "layer2_mean")
    assert json.loads(report.read_text(encoding="utf-8"))["features"]["figures"] == []
    assert "features: layer2_mean\n" in capsys.readouterr().out
    assert Head.load(head).features == "layer2_mean"
    assert run("evaluate", birds, "--model", path, "--backend", "numpy") == 0
    assert run("train", birds, "-o", path, "--features", "layer99_mean", "--backend", "numpy") == 1
    assert "layer99_mean" in capsys.readouterr().err


def test_nothing_is_chosen_where_nothing_can_be_held_out(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = birds.parent / "table.csv"
    table.write_text("file,label,group\nbirds/low/0.wav,low,a\nbirds/other/0.wav,other,a\n", encoding="utf-8")
    assert run("train", table, "-o", birds.parent / "m.tflite", "--backend", "numpy", "--copies", 0) == 0
    assert "features: embedding\n" in capsys.readouterr().out


@pytest.fixture
def blips(tmp_path: Path) -> Path:
    """A folder of sounds of a fifth of a second."""
    for label, pitch in (("low", 500), ("high", 1500)):
        (tmp_path / "blips" / label).mkdir(parents=True)
        for k in range(5):
            sound = 0.3 * np.sin(2 * np.pi * (pitch + 30 * k) * np.arange(RATE // 5) / RATE)
            soundfile.write(tmp_path / "blips" / label / f"{k}.wav", sound, RATE)
    return tmp_path / "blips"


def test_short_sounds_are_copied_and_judged_anywhere(blips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features = ("--features", "layer6_mean")
    path = trained(blips, *features, "--anywhere", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["anywhere"]["logit"] == 1
    first = path.read_bytes()
    assert trained(blips, *features, "--threads", 2, "--no-cache", "--quiet").read_bytes() == first
    assert trained(blips, *features, "--copies", 6, "--quiet").read_bytes() == first
    assert trained(blips, *features, "--seed", 1, "--quiet").read_bytes() != first
    assert trained(blips, *features, "--copies", 0, "--quiet").read_bytes() != first
    trained(blips, *features, "--weight-decay", 1, "--quiet")  # whose scores are neither 0 nor 1
    capsys.readouterr()
    figures = []
    for more in ((), ("--anywhere",), ("--anywhere", "--seed", 1)):
        assert run("evaluate", blips, "--model", path, "--backend", "numpy", "--json", "--quiet", *more) == 0
        figures.append(json.loads(capsys.readouterr().out))
    assert figures[1]["accuracy"] == 1
    assert len({one["calibration_error"] for one in figures}) == 3
    arguments = ("-o", path, "--backend", "numpy", "--folds", 0, "--anywhere")
    assert run("train", blips, *arguments) == 1
    assert "--anywhere needs recordings that were held out" in capsys.readouterr().err


def test_what_is_chosen_gives_the_same_bytes_on_any_number_of_threads(
    blips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = trained(blips, "--json", "--quiet").read_bytes()
    document = json.loads(capsys.readouterr().out)["features"]
    assert document["clips"] == 10
    assert [len(one["decays"]) for one in document["figures"]] == [3, 3, 3, 3, 3]
    assert trained(blips, "--threads", 2, "--no-cache", "--quiet").read_bytes() == first


def test_of_many_windows_only_what_is_chosen_is_held(
    birds: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    choices, models, held = [], [], []
    embed = learn.embed_candidates

    def spied(*given: object, features: Sequence[str], **more: object) -> dict[str, learn.Features]:
        held.append(len(features))
        return embed(*given, features=features, **more)

    monkeypatch.setattr(learn, "embed_candidates", spied)
    for most in (10**6, 50):  # there are 18 recordings of 2 s
        monkeypatch.setattr(many_windows, "MOST_WINDOWS", most)
        models.append(trained(birds, "--json", "--quiet").read_bytes())
        choices.append(json.loads(capsys.readouterr().out)["features"])
    assert choices[0] == choices[1]
    assert models[0] == models[1]
    assert choices[0]["clips"] == 18
    assert held[0] == 5
    assert 1 <= max(held[1:]) < 5


def test_what_cannot_be_read_is_told_and_the_rest_used(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (birds / "low" / "broken.wav").write_bytes(b"no sound")
    (birds / "low" / "copy.wav").write_bytes((birds / "low" / "0.wav").read_bytes())
    path = birds.parent / "m.tflite"
    assert run("train", birds, "-o", path, "--backend", "numpy", "--folds", 0, "--json") == 3
    out, err = capsys.readouterr()
    told = next(line for line in err.splitlines() if "left out" in line)
    assert told.count("broken.wav: is not audio") == told.count("broken.wav") == 1
    assert "copy.wav is the same recording as" in err
    assert json.loads(out)["skipped"][0][0].endswith("broken.wav")
    assert path.exists()


def test_no_model_is_written_where_training_is_not_possible(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = birds.parent / "m.tflite"
    empty = birds.parent / "empty"
    empty.mkdir()
    for arguments, message in (
        ((empty,), "holds no folders"),
        ((birds / "low",), "holds no folders"),
        ((birds / "nowhere",), "are accepted"),
        ((birds, "--other", "none", "--kind", "softmax", "--display-names", "de=missing.txt"), "missing.txt"),
        ((birds, "--kind", "softmax"), "a softmax head needs"),
        ((birds, "--folds", 0, "--calibrate"), "--folds 0 leaves none"),
        ((birds, "--head-name", "a/b"), "head_name"),
    ):
        assert run("train", *arguments, "-o", path, "--backend", "numpy") == 1
        assert message in capsys.readouterr().err
        assert not path.exists()
    assert run("train", birds, "-o", birds / "no" / "m.tflite", "--backend", "numpy", "--folds", 0) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_model_is_judged_and_calibrated(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = trained(birds)
    capsys.readouterr()
    assert run("evaluate", birds, "--model", path, "--backend", "numpy", "--json") == 0
    assert json.loads(capsys.readouterr().out)["clips"] == 18
    calibrated, table = birds.parent / "c.tflite", birds.parent / "c.csv"
    arguments = ("--model", path, "--backend", "numpy", "--folds", 3, "-o", calibrated, "--csv", table)
    assert run("calibrate", birds, *arguments, "--precision", 0.9) == 0
    out = capsys.readouterr().out
    assert out.startswith("calibration error on recordings held out: ")
    assert "thresholds for a precision of 0.9\n  " in out
    assert "  low\n" in out
    written = yamjit.load(calibrated, backend="numpy").heads[0].calibration
    assert written is not None
    np.testing.assert_array_equal(written.parameters, Calibration.from_file(table, 2).parameters)
    assert run("classify", birds / "low" / "0.wav", "--model", path, "--calibration", table, "--backend", "numpy") == 0


def test_pictures_are_drawn(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    confusion, curves = birds.parent / "confusion.svg", birds.parent / "reliability.png"
    path = trained(birds, "--plot", confusion)
    assert "of 18 clips named right" in confusion.read_text(encoding="utf-8") or "<svg" in confusion.read_text()
    assert run("calibrate", birds, "--model", path, "--backend", "numpy", "--folds", 2, "--plot", curves) == 0
    assert curves.read_bytes().startswith(b"\x89PNG")
    assert run("evaluate", birds, "--model", path, "--backend", "numpy", "--plot", birds.parent / "x.gif") == 1
    assert "a picture is written as .png, .svg or .pdf, not as .gif" in capsys.readouterr().err


def test_heads_and_weights_are_exported(birds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = birds.parent / "head.npz"
    model = trained(birds, "--head", head, "--keep", "--head-name", "birds")
    assert [h.name for h in yamjit.load(model, backend="numpy").heads] == ["yamnet", "birds"]
    alone = birds.parent / "alone.tflite"
    assert run("export", head, "-o", alone, "--name", "mine") == 0
    assert yamjit.load(alone, backend="numpy").labels == ("high 鳥", "low")
    weights = birds.parent / "w.npz"
    assert run("export", "--weights", "npz", "-o", weights) == 0
    assert "front_end/mel_basis  64 x" in capsys.readouterr().out
    assert "00_conv/weights" in np.load(weights)
    real = birds.parent / "float.tflite"
    assert run("export", "--weights", "tflite", "-o", real) == 0
    assert capsys.readouterr().out.startswith(f"{real}: ")
    assert "QUANTIZE" not in read_described(real).operators
    assert read_described(real).files
    for wrong in (
        ("export",),
        ("export", head, "--weights", "npz"),
        ("export", head),
        ("export", "--weights", "mixed"),
    ):
        assert run(*wrong) == 1
        assert "error" in capsys.readouterr().err


@pytest.mark.parametrize("weights", ["mixed", "float32", "dynamic"])
def test_models_are_written_with_other_weights(
    birds: Path, capsys: pytest.CaptureFixture[str], examples: dict[Path, str], weights: str
) -> None:
    head, exported = birds.parent / "head.npz", birds.parent / "exported.tflite"
    (birds / "other").rename(birds / "noise")  # a softmax head has a class for every clip
    model = trained(birds, "--head", head, "--kind", "softmax", "--weights", weights)
    assert run("export", head, "-o", exported) == 1
    assert (
        "needs embeddings to be exported as int8; mixed, float32 or dynamic weights need none"
        in capsys.readouterr().err
    )
    assert run("export", head, "-o", exported, "--weights", weights) == 0
    recording = next(iter(examples))
    written, again = (yamjit.load(path, backend="numpy").classify(recording).scores for path in (model, exported))
    np.testing.assert_array_equal(written, again)
    np.testing.assert_allclose(written.sum(axis=1), 1, atol=1e-5)
    if weights == "mixed":
        embeddings = yamjit.load("starter", backend="numpy").classify(recording).embeddings
        assert np.abs(written - Head.load(head).scores(embeddings)).max() < 1e-5
    assert ("QUANTIZE" in read_described(model).operators) == (weights == "mixed")
    bake = ("--calibrate", "--bake", "--weights", weights)
    assert run("train", birds, "-o", birds.parent / "no.tflite", *bake) == 1
    assert f"--bake writes a calibration into integers, not into --weights {weights}" in capsys.readouterr().err


def test_metadata_are_shown_taken_out_and_changed(
    birds: Path, small_model_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("metadata", "show", small_model_path) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["name"] == "yamjit/starter"
    folder = birds.parent / "files"
    assert run("metadata", "extract", small_model_path, "-o", folder) == 0
    (labels,) = folder.iterdir()
    names = labels.read_text(encoding="utf-8").splitlines()
    labels.write_text("\n".join(f"* {name}" for name in names), encoding="utf-8")
    path, table = birds.parent / "m.tflite", birds.parent / "c.csv"
    table.write_text("\n".join(["1,2,0"] * len(names)), encoding="utf-8")
    assert run("metadata", "set-labels", small_model_path, labels, "--display-names", f"de={labels}", "-o", path) == 0
    assert run("metadata", "set-calibration", path, table, "--score-threshold", 0.1, "-o", path) == 0
    assert run("metadata", "write", path, "--author", "me", "--sample-rate", 16_000, "-o", path) == 0
    model = yamjit.load(path, backend="numpy")
    assert model.labels[0] == f"* {names[0]}"
    assert model.heads[0].score_threshold == pytest.approx(0.1)
    assert model.graph.metadata is not None
    assert model.graph.metadata.author == "me"
    assert run("metadata", "set-calibration", path, table, "--head", 4, "-o", path) == 1
    assert "output 4; the model has 1" in capsys.readouterr().err
