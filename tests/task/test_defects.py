"""Defects of the Task Library's C++ and Python code that `yamjit.task` does not have; a test for each."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.sound_device import pretend
from tests.support.two_heads import (
    CALIBRATION_FILE,
    OWN_CALIBRATION,
    OWN_DEFAULT_SCORE,
    OWN_LABELS,
    OWN_NAME,
    OWN_THRESHOLD,
    YAMNET_THRESHOLD,
)
from yamjit.calibration import parse_calibration
from yamjit.task import audio, core, processor
from yamjit.tflite import Graph, write_graph
from yamjit.tflite.metadata import ScoreTransformation

WINDOW = 15_600


def noise() -> audio.TensorAudio:
    tensor = audio.TensorAudio(audio.AudioFormat(1, 16_000), WINDOW)
    tensor.load_from_array(np.random.default_rng(11).uniform(-0.7, 0.7, WINDOW))
    return tensor


def classify(model: Graph | bytes, **options: Any) -> list[processor.Classifications]:
    content = model if isinstance(model, bytes) else write_graph(model)
    classifier = audio.AudioClassifier.create_from_options(
        audio.AudioClassifierOptions(core.BaseOptions(file_content=content), processor.ClassificationOptions(**options))
    )
    return classifier.classify(noise()).classifications


def with_file(graph: Graph, name: str, content: str) -> Graph:
    assert name in graph.files
    return dataclasses.replace(graph, files={**graph.files, name: content.encode()})


def scores_of(head: processor.Classifications) -> dict[str, float]:
    return {category.category_name: category.score for category in head.categories}


def test_defect_a_the_thresholds_of_the_metadata_hold(two_heads_model: bytes) -> None:
    """Theirs are never used: the option's default, 0, replaces them."""
    everything = classify(two_heads_model, score_threshold=0)
    by_metadata = classify(two_heads_model)
    for head, threshold in ((0, YAMNET_THRESHOLD), (1, OWN_THRESHOLD)):
        expected = [c for c in everything[head].categories if c.score >= threshold]
        assert 0 < len(expected) < len(everything[head].categories)
        assert by_metadata[head].categories == expected
    by_option = classify(two_heads_model, score_threshold=0.5)
    for head in (0, 1):
        assert by_option[head].categories == [c for c in everything[head].categories if c.score >= 0.5]


def test_defect_b_lists_hold_for_every_head(two_heads_model: bytes) -> None:
    """Theirs hold for the first head alone."""
    everything = classify(two_heads_model, score_threshold=0)
    assert all("Dog" in scores_of(head) for head in everything)
    for head in classify(two_heads_model, score_threshold=0, category_name_allowlist=["Dog"]):
        assert list(scores_of(head)) == ["Dog"]
    allowed = classify(two_heads_model, score_threshold=0, category_name_allowlist=["Speech", "Lift", "Kettle"])
    assert [set(scores_of(head)) for head in allowed] == [{"Speech"}, {"Lift", "Kettle"}]
    denied = classify(two_heads_model, score_threshold=0, category_name_denylist=["Dog", "Lift"])
    for head, before in zip(denied, everything, strict=True):
        assert head.categories == [c for c in before.categories if c.category_name not in ("Dog", "Lift")]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_defect_c_a_calibration_file_may_end_with_a_newline(two_heads_graph: Graph, ending: str) -> None:
    """Theirs counts one more line than there are labels, and refuses the model."""
    ended = with_file(two_heads_graph, CALIBRATION_FILE, OWN_CALIBRATION.replace("\n", ending) + ending)
    assert classify(ended, score_threshold=0) == classify(two_heads_graph, score_threshold=0)


def test_defect_d_label_files_may_have_line_ends_of_any_system(two_heads_graph: Graph) -> None:
    """Theirs keeps the carriage return in every name."""
    name = f"{OWN_NAME}.txt"
    for ending in ("\r\n", "\r"):
        own = classify(with_file(two_heads_graph, name, ending.join(OWN_LABELS[""]) + ending), score_threshold=0)[1]
        assert set(scores_of(own)) == set(OWN_LABELS[""])


def uncalibrated(graph: Graph) -> list[float]:
    """Return the scores of the second head as the network gives them, by class."""
    own = classify(dataclasses.replace(graph, metadata=None, files={}))[1]
    return [category.score for category in sorted(own.categories, key=lambda category: category.index)]


def test_defect_e_a_score_has_to_exceed_the_least_one(two_heads_graph: Graph) -> None:
    """The schema says x > min_score; theirs calibrates a score that is equal to it."""
    kettle = uncalibrated(two_heads_graph)[0]
    assert (kettle * 256).is_integer()
    others = "\n" + "\n".join(["1,1,0"] * 4)
    for min_score, expected in ((kettle, OWN_DEFAULT_SCORE), (kettle - 1 / 512, kettle)):
        # This sigmoid undoes the inverse logistic.
        model = with_file(two_heads_graph, CALIBRATION_FILE, f"1,1,0,{min_score}{others}")
        own = classify(model, score_threshold=0)[1]
        assert scores_of(own)["Kettle"] == pytest.approx(expected, abs=1e-6)
        assert abs(OWN_DEFAULT_SCORE - kettle) > 1e-3


def test_scores_are_calibrated_as_the_metadata_say(two_heads_graph: Graph) -> None:
    calibration = parse_calibration(
        OWN_CALIBRATION.encode(), 5, ScoreTransformation.INVERSE_LOGISTIC, OWN_DEFAULT_SCORE
    )
    expected = calibration.apply(uncalibrated(two_heads_graph))
    found = scores_of(classify(two_heads_graph, score_threshold=0)[1])
    np.testing.assert_array_equal(np.array([found[label] for label in OWN_LABELS[""]], np.float32), expected)


def test_defect_f_the_offset_into_a_file_counts_samples(tmp_path: Path) -> None:
    """Theirs is added to a position in bytes, so that any offset but 0 breaks the header."""
    soundfile = pytest.importorskip("soundfile")
    samples = np.random.default_rng(5).integers(-32768, 32768, 20_000, dtype=np.int16)
    soundfile.write(tmp_path / "noise.wav", samples, 16_000, subtype="PCM_16")
    for offset in (1, 2, 4_399):
        tensor = audio.TensorAudio.create_from_wav_file(tmp_path / "noise.wav", WINDOW, offset)
        expected = samples[offset : offset + WINDOW] / np.float32(32768)
        np.testing.assert_array_equal(tensor.buffer[:, 0], expected, strict=True)


def test_defect_g_a_record_keeps_the_newest_of_a_block_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Theirs keeps the oldest."""
    device = pretend(monkeypatch)
    record = audio.AudioRecord(1, 16_000, 4)
    record.start_recording()
    device.hear(record, np.arange(1, 8) / 8)
    record.stop()
    assert (record.read(4)[:, 0] * 8).tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize(("offset", "size"), [(0, 2), (5, 3), (6, -1)])
def test_defect_h_little_of_a_long_array(offset: int, size: int) -> None:
    """Theirs takes a start below zero where the array is longer than the buffer and `size` shorter."""
    tensor = audio.TensorAudio(audio.AudioFormat(1, 16_000), 4)
    tensor.load_from_array([1.0, 2.0, 3.0, 4.0])
    array = np.arange(10, 18, dtype=np.float32)
    tensor.load_from_array(array, offset, size)
    loaded = array[offset:][: None if size < 0 else size].tolist()
    assert tensor.buffer[:, 0].tolist() == [1, 2, 3, 4, *loaded][-4:]


def test_every_defect_has_its_test() -> None:
    named = {match[1] for name in globals() if (match := re.match(r"test_defect_([a-h])_", name))}
    assert named == set("abcdefgh")
