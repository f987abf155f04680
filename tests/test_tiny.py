"""The promises in two seconds, before every commit: exact, whole, true, and the command that says so.

NumPy and the starter: nothing is compiled, downloaded or skipped.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import yamjit
from reference import arithmetic, ops
from yamjit.cli import main

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SIREN = EXAMPLES / "siren.flac"


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter", backend="numpy")


@pytest.mark.parametrize(
    ("name", "label"), [("siren", "Siren"), ("speech", "Speech"), ("telephone", "Telephone bell ringing")]
)
def test_the_examples_are_named(model: yamjit.Classifier, name: str, label: str) -> None:
    assert model.classify(EXAMPLES / f"{name}.flac").top(1)[0].label == label


def test_scores_are_the_table_of_the_reference(model: yamjit.Classifier) -> None:
    """Every score is LOGISTIC of an int8 logit, by the reference's plain loops."""
    result, head = model.classify(SIREN), model.plan.heads[0]
    logits = np.round(result.logits / np.float32(head.logits.scale) + head.logits.zero_point).astype(np.int8)
    table = arithmetic.logistic_table(head.logits.scale, head.logits.zero_point)
    scores = ops.dequantize_s8(ops.logistic_s8(logits, table), head.scores.scale, head.scores.zero_point)
    assert np.array_equal(result.scores, scores)


def test_a_stream_gives_the_bits_of_the_whole(model: yamjit.Classifier) -> None:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 40_000).astype(np.float32)
    whole = model.classify(samples, sample_rate=16_000)
    with model.stream() as stream:
        parts = [stream.push(block) for block in np.split(samples, [7, 15_601, 15_602, 39_000])] + [stream.flush()]
    assert np.array_equal(np.concatenate([part.scores for part in parts]), whole.scores)


def test_a_cut_file_is_told(model: yamjit.Classifier, tmp_path: Path) -> None:
    cut = tmp_path / "cut.flac"
    cut.write_bytes(SIREN.read_bytes()[:-9000])
    result = model.classify(cut)
    assert result.damage
    assert result.duration_s < model.classify(SIREN).duration_s


@pytest.mark.parametrize("junk", [b"", b"fLaC", b"RIFF\xff\xff\xff\xffWAVEfmt ", bytes(5000)])
def test_junk_is_refused_by_name(model: yamjit.Classifier, junk: bytes, tmp_path: Path) -> None:
    (tmp_path / "junk.wav").write_bytes(junk)
    with pytest.raises(yamjit.AudioError, match=r"junk\.wav"):
        model.classify(tmp_path / "junk.wav")
    with pytest.raises(yamjit.ModelError):
        yamjit.load(junk)


def test_silence_is_silence_and_a_siren_lasts(model: yamjit.Classifier) -> None:
    silence = np.zeros(16_000 * 9, np.float32)
    assert {event.label for event in model.events(silence, sample_rate=16_000)} == {"Silence"}
    (event,) = (event for event in model.events(SIREN) if event.label == "Siren")
    assert 0 <= event.start_s < event.end_s <= model.classify(SIREN).duration_s


def test_the_command_says_the_same(model: yamjit.Classifier, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["classify", str(SIREN), "--model", "starter", "--backend", "numpy", "--format", "json", "--top", "1"]
    assert main(arguments) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["top"][0]["score"] == pytest.approx(model.classify(SIREN).top(1)[0].score, abs=1e-6)
    assert main(["classify", str(SIREN.with_name("missing.flac")), "--model", "starter"]) == 3
