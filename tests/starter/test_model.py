"""The small model of the package: named and verified, its card true, its examples heard, all without a network."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit
from benchmarks.inputs import model as benchmarked
from reference.runtime import KERNELS, Runtime, runtime_available
from tests.support.backends import BACKENDS, FAST_BACKENDS
from tests.support.synthetic import probe_signals, synthetic_yamnet
from yamjit.cli import main
from yamjit.errors import LimitError, ModelError, ModelNotFoundError
from yamjit.frontend import PatchStream
from yamjit.spec import OFFICIAL_MODEL, PACKAGED_MODELS, STARTER_MODEL, Limits
from yamjit.store import packaged, read_card, resolve_model
from yamjit.tflite.metadata import AudioProperties

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(yamjit.__file__).parent
MOST_BYTES = 400_000


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever asks for the network fail, and leave the user's variables out."""

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError(f"the network was asked for: {args}")

    for function in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, function, refuse)
    monkeypatch.delenv("YAMJIT_MODEL", raising=False)


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    found = read_card(STARTER_MODEL)
    assert found is not None
    return found


@pytest.fixture(params=BACKENDS)
def model(request: pytest.FixtureRequest) -> yamjit.Classifier:
    return yamjit.load("starter", backend=request.param)


# -- By name ----------------------------------------------------------------------------------------------------


def test_the_name_is_enough(small_model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = resolve_model("starter", download=False)
    assert (source.origin, source.path, source.known) == ("package", small_model_path, STARTER_MODEL)
    assert source.verified
    assert repr(yamjit.load("starter")).startswith("<Classifier: yamjit/starter, ")
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    assert dataclasses.replace(resolve_model(), origin="package") == source
    assert resolve_model().origin == "$YAMJIT_MODEL"
    assert resolve_model(source.data).known is STARTER_MODEL


def test_the_name_wins_over_a_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("starter").write_bytes(b"a file")
    for name in ("./starter", Path("starter"), str(tmp_path / "starter")):
        assert resolve_model(name).data == b"a file"
    assert resolve_model("starter").known is STARTER_MODEL
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    assert resolve_model().known is STARTER_MODEL
    monkeypatch.setenv("YAMJIT_MODEL", "./starter")
    assert resolve_model().data == b"a file"


def test_it_never_stands_in_for_yamnet(
    examples: dict[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("YAMJIT_OFFLINE", "1")
    with pytest.raises(ModelNotFoundError, match=r"try yamjit offline, use --model starter"):
        yamjit.load()
    for arguments in (["classify", *map(str, examples)], ["info"]):
        assert main(arguments) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert "--model starter" in err
    monkeypatch.setenv("YAMJIT_MODEL", "nowhere.tflite")
    with pytest.raises(ModelError, match=r"nowhere\.tflite"):
        yamjit.load()


def test_benchmarks_run_on_it_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert benchmarked().known is STARTER_MODEL
    for name in ("starter", ""):
        monkeypatch.setenv("YAMJIT_MODEL", name)
        assert benchmarked().known is STARTER_MODEL
    (tmp_path / "mine.tflite").write_bytes(b"mine")
    monkeypatch.setenv("YAMJIT_MODEL", str(tmp_path / "mine.tflite"))
    assert benchmarked().data == b"mine"


def test_a_damaged_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "_resource", lambda name: tmp_path / name)
    for call in (lambda: resolve_model("starter"), lambda: read_card(STARTER_MODEL)):
        with pytest.raises(ModelError, match=r"cannot be read: No such file.*; reinstall yamjit"):
            call()
    (tmp_path / "starter.tflite").write_bytes(b"another")
    with pytest.raises(ModelError, match=f"a different file .SHA-256 {hashlib.sha256(b'another').hexdigest()}"):
        resolve_model("starter")
    (tmp_path / "starter.json").write_bytes(b'{"name":')
    with pytest.raises(ModelError, match=r"starter\.json': is damaged: .*; reinstall yamjit"):
        read_card(STARTER_MODEL)


def test_limits_hold_for_it_too() -> None:
    with pytest.raises(LimitError, match=r"the packaged model 'starter': is larger .*file_bytes"):
        resolve_model("starter", limits=Limits(file_bytes=STARTER_MODEL.size - 1))
    assert resolve_model("starter", limits=Limits(file_bytes=STARTER_MODEL.size)).verified


def test_it_runs_out_of_an_archive(tmp_path: Path, examples: dict[Path, str]) -> None:
    """As `zipimport` does it; the file then has no path."""
    archive = tmp_path / "yamjit.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(SOURCE.rglob("*")):
            if path.suffix in (".py", ".tflite", ".json", ".tsv"):
                file.write(path, Path("yamjit") / path.relative_to(SOURCE))
    code = """
import sys, yamjit
model = yamjit.load("starter", backend="numpy")
assert model.source.path is None and model.source.data and yamjit.__file__.startswith(sys.argv[1])
print(model.verified, model.source.origin, *(model.classify(path).top(1)[0].label for path in sys.argv[2:]), sep="|")
from yamjit.cli import main
sys.exit(main(["info", "starter"]))
"""
    answer = run("-c", code, archive, *examples, PYTHONPATH=str(archive))
    first, *described = answer.splitlines()
    assert first == "|".join(["True", "package", *examples.values()])
    assert "from        package" in described


def run(*arguments: object, **environment: str) -> str:
    """Return what Python prints in another process."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- The file and its card --------------------------------------------------------------------------------------


def test_the_file_is_the_one_that_was_recorded(small_model_path: Path, card: dict[str, Any]) -> None:
    content = small_model_path.read_bytes()
    assert len(content) == STARTER_MODEL.size == card["size_bytes"] <= MOST_BYTES
    assert hashlib.sha256(content).hexdigest() == STARTER_MODEL.sha256 == card["sha256"]
    assert card["name"] == STARTER_MODEL.name
    table = f"| {card['name']} | {len(card['classes'])} | {card['size_bytes']:,} |"
    assert table in (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")


def test_every_packaged_model_is_known() -> None:
    assert PACKAGED_MODELS == {"starter": STARTER_MODEL}
    for known in PACKAGED_MODELS.values():
        assert read_card(known) is not None
        assert (SOURCE / "models" / known.file_name).is_file()
    assert {path.name for path in (SOURCE / "models").iterdir()} == {"starter.tflite", "starter.json"}
    assert read_card(OFFICIAL_MODEL) is None
    assert read_card(None) is None


def test_it_has_the_operators_of_yamnet() -> None:
    found = yamjit.load("starter").graph.operators
    for ours, theirs in zip(found, synthetic_yamnet(classes=5, width=0.05).operators, strict=True):
        assert (ours.op, ours.options) == (theirs.op, theirs.options)


def test_the_metadata_say_what_it_is(card: dict[str, Any]) -> None:
    model = yamjit.load("starter")
    metadata = model.graph.metadata
    assert metadata is not None
    assert metadata.name == card["name"]
    assert "Apache License" in metadata.license
    assert card["licence"] == "Apache-2.0"
    assert metadata.subgraphs[0].inputs[0].audio == AudioProperties(sample_rate=16_000, channels=1)
    assert model.sample_rate == 16_000


def test_the_card_speaks_of_every_class(card: dict[str, Any]) -> None:
    labels = yamjit.load("starter").labels
    assert [known["label"] for known in card["classes"]] == list(labels)
    assert len(set(labels)) == len(labels) >= 20
    precisions = [known["average_precision"] for known in card["classes"]]
    assert all(0 < precision <= 1 for precision in precisions)
    mean = card["mean_average_precision"]
    assert mean == pytest.approx(np.mean(precisions), abs=0.001)
    assert mean >= 0.95
    real = card["real_recordings"]["classes"]
    assert {row["label"] for row in real} <= set(labels)
    for row in real:
        assert row["clips"] > 0
        assert all(0 <= row[f"{who}_mean_score"] <= 1 for who in ("starter", "yamnet"))
        assert all(0 <= row[f"{who}_in_top_3"] <= row["clips"] for who in ("starter", "yamnet"))


@pytest.mark.model
def test_its_classes_have_the_names_of_yamnet(official_model_path: Path) -> None:
    assert set(yamjit.load("starter").labels) <= set(yamjit.load(official_model_path).labels)


def test_info_prints_the_card(card: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "starter"]) == 0
    brief = capsys.readouterr().out
    assert len(brief.splitlines()) < 45
    assert brief.count(card["description"][:40]) == 1
    assert card["training"]["command"] not in brief
    assert main(["info", "starter", "--full"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    words = " ".join(out.split())
    for said in (card["sha256"], card["description"], card["limits"], card["training"]["how"], card["held_out"]["how"]):
        assert " ".join(said.split()) in words
    for known in card["classes"]:
        assert f"  {known['average_precision']:.3f}  {known['label']}\n" in out
    for row in card["real_recordings"]["classes"]:
        figures = [f"{row['starter_mean_score']:.3f}", f"{row['yamnet_mean_score']:.3f}"]
        figures += [str(row[key]) for key in ("starter_in_top_3", "yamnet_in_top_3", "clips")]
        assert f"{' '.join(figures)} {row['label']} ({row['source']})" in words
    assert "a published file, bit for bit" in out
    assert "yamjit fetch" in out
    shown = out[out.index("\nwhat it is\n") : out.index("\noperators\n")]
    assert max(map(len, shown.splitlines())) <= 120


def test_help_names_the_known_models(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["info", "--help"], ["classify", "--help"]):
        with pytest.raises(SystemExit):
            main(arguments)
        assert "starter" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["info", "--help"])
    assert f"{STARTER_MODEL.size:,} bytes, part of the package" in capsys.readouterr().out


# -- What it hears ----------------------------------------------------------------------------------------------


def test_the_examples_are_told_apart(examples: dict[Path, str]) -> None:
    assert len(set(examples.values())) == len(examples) == 3
    assert {path.name for path in (ROOT / "examples").iterdir() if path.suffix in (".wav", ".flac", ".ogg")} == {
        path.name for path in examples
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_examples_through_the_command_line(
    examples: dict[Path, str], backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(path) for path in examples]
    assert main(["classify", *files, "--model", "starter", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    heard = dict(paragraphs(out))
    assert list(heard) == files
    assert [lines[0][1] for lines in heard.values()] == list(examples.values())
    options = ["--model", "starter", "--backend", backend, "--format", "json", "--windows"]
    assert main(["classify", *files, *options]) == 0
    for entry, label in zip(json.loads(capsys.readouterr().out), examples.values(), strict=True):
        scores: dict[str, list[float]] = {}
        for row in entry["rows"]:
            scores.setdefault(row["label"], []).append(row["score"])
        assert max(scores, key=lambda name: sum(scores[name])) == label


def paragraphs(text: str) -> Iterator[tuple[str, list[tuple[float, str]]]]:
    """Yield each file of the command's text, and the scores and labels below it."""
    for paragraph in text.strip().split("\n\n"):
        head, *lines = paragraph.splitlines()
        path, _, _ = head.partition("  (")
        pairs = (line.strip().split("  ", 1) for line in lines)
        yield path, [(float(score), label) for score, label in pairs]


def test_however_a_recording_is_cut_up_the_scores_are_the_same(
    model: yamjit.Classifier, examples: dict[Path, str]
) -> None:
    rng = np.random.default_rng(4)
    for path in examples:
        expected = model.classify(path)
        waveform = decoded(model, path)
        stream = PatchStream(model.front_end, 7_680)
        cuts = np.sort(rng.integers(0, waveform.size, 9))
        parts = [stream.push(block) for block in np.split(waveform, cuts)] + [stream.flush()]
        found = np.concatenate([model.network.run(part.patches).scores for part in parts])
        np.testing.assert_array_equal(found, expected.scores)
        alone = model.embed(waveform[7_680 : 7_680 + 15_600], sample_rate=16_000)
        np.testing.assert_array_equal(alone[0], expected.embeddings[1])


def decoded(model: yamjit.Classifier, path: Path) -> np.ndarray:
    from yamjit.audio import open_audio

    with open_audio(path, None, target_rate=model.sample_rate) as source:
        return np.concatenate(list(source.blocks()), axis=1)[0]


@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_backends_give_the_same_bits(examples: dict[Path, str], backend: str) -> None:
    ours, theirs = (yamjit.load("starter", backend=name) for name in ("numpy", backend))
    for path in examples:
        expected, found = (model.classify(path, reading=yamjit.ReadOptions(hop_s=0.1)) for model in (ours, theirs))
        patches = np.stack([expected.log_mel[start : start + 96] for start in range(0, 90, 10)])
        names = list(ours.plan.slots)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(found.embeddings, expected.embeddings)
        tensors, wanted = (model.network.run(patches, names).tensors for model in (theirs, ours))
        for name in names:
            np.testing.assert_array_equal(tensors[name], wanted[name], err_msg=name, strict=True)


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
@pytest.mark.parametrize("kernels", KERNELS)
def test_a_runtime_loads_it_with_every_kernel_set(small_model_path: Path, kernels: str) -> None:
    runtime = Runtime(small_model_path, kernels=kernels)
    model = yamjit.load("starter", backend="numpy")
    signals = list(probe_signals(2).values())
    found = np.concatenate([runtime.run(signal)[0] for signal in signals])
    expected = np.concatenate([model.classify(signal, sample_rate=16_000).scores for signal in signals])
    assert found.shape == expected.shape == (len(signals), len(model.labels))
    assert np.abs(found - expected).max() <= (0 if kernels == "reference" else 0.25)
