"""Scores that others published for the official model; each is a whole number of 1/256 and must be met exactly."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import yamjit
from tests.support.backends import BACKENDS

Array = npt.NDArray[Any]

RATE_HZ, WINDOW = 16_000, 15_600


@dataclass(frozen=True)
class Published:
    """One window and what was published for it.

    Parameters
    ----------
    source : str
        Who published it.
    recording : str
        In the folder ``audio/clips``.
    start, stop : int or None
        Samples of the window, as in a slice.
    divisor : int
        What the 16-bit samples were divided by.
    scores : dict
        Class index and label to 256 times the score, the highest first.
    """

    source: str
    recording: str
    start: int | None
    stop: int | None
    divisor: int
    scores: dict[tuple[int, str], int]


SPEECH, MEOW, TWO_HEADS = "tflite_speech.wav", "tensorflow_meow_16k.wav", "tflite_two_heads.wav"

#: Of the recording's first seconds, one after the other.
SPEECH_WINDOWS = [
    ("MediaPipe's tests", {(0, "Speech"): 235}),
    ("MediaPipe's tests", {(0, "Speech"): 254}),
    ("MediaPipe's tests", {(0, "Speech"): 253}),
    ("MediaPipe's tests", {(0, "Speech"): 255}),
    ("TFLite's reference kernels", {(401, "Tick"): 67}),
]

RECORDED = [
    Published(
        "Task Library, Python and C tests", SPEECH, None, WINDOW, 32768,
        {(0, "Speech"): 235, (500, "Inside, small room"): 15, (494, "Silence"): 3},
    ),
    Published(
        "Task Library, iOS tests", SPEECH, -WINDOW, None, 32768,
        {(0, "Speech"): 245, (500, "Inside, small room"): 5},
    ),
    Published(
        "Raspberry Pi sample, ground truth", MEOW, None, WINDOW, 32767,
        {
            (76, "Cat"): 189,
            (67, "Animal"): 171,
            (68, "Domestic animals, pets"): 171,
            (78, "Meow"): 106,
            (80, "Caterwaul"): 85,
        },
    ),
    Published(
        "TFLite's reference kernels", TWO_HEADS, None, WINDOW, 32768,
        {(67, "Animal"): 128, (508, "Environmental noise"): 128},
    ),
]  # fmt: skip


@pytest.fixture(scope="module", params=BACKENDS)
def model(official_model_path: Path, request: pytest.FixtureRequest) -> yamjit.Classifier:
    return yamjit.load(official_model_path, backend=request.param)


def read_samples(path: Path) -> Array:
    """Return 16-bit samples as they are stored."""
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def assert_scores(heard: yamjit.Classification, expected: dict[tuple[int, str], int], *, window: int = 0) -> None:
    """Check scores, and that the classes come first in the order in which they were published."""
    found = heard.top(len(expected), window=window)
    assert [(label.class_index, label.label, label.score * 256) for label in found] == [
        (index, label, score) for (index, label), score in expected.items()
    ]


@pytest.mark.model
@pytest.mark.recordings
@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.source)
def test_published_scores_of_recordings(model: yamjit.Classifier, test_data: Path, case: Published) -> None:
    samples = read_samples(test_data / "audio/clips" / case.recording)[case.start : case.stop]
    assert samples.size == WINDOW
    if case.divisor != 32768:
        samples = samples.astype(np.float32) / np.float32(case.divisor)
    heard = model.classify(samples, sample_rate=RATE_HZ)
    assert len(heard) == 1
    assert_scores(heard, case.scores)
    again = model.network.run(heard.log_mel[None])
    assert np.array_equal(again.scores, heard.scores)


@pytest.mark.model
@pytest.mark.recordings
def test_published_scores_of_windows_side_by_side(model: yamjit.Classifier, test_data: Path) -> None:
    heard = model.classify(test_data / "audio/clips" / SPEECH, reading=yamjit.ReadOptions(hop_s=WINDOW / RATE_HZ))
    assert len(heard) == len(SPEECH_WINDOWS)
    for window, (_, scores) in enumerate(SPEECH_WINDOWS):
        assert_scores(heard, scores, window=window)


@pytest.mark.model
def test_published_score_of_silence_that_is_too_short(model: yamjit.Classifier) -> None:
    """MediaPipe's tests."""
    heard = model.classify(np.zeros(14_000, np.float32), sample_rate=RATE_HZ)
    assert_scores(heard, {(494, "Silence"): 205})


@pytest.mark.model
def test_published_scores_of_a_sine(model: yamjit.Classifier) -> None:
    """The first score is of YAMNet's own tests, the second of TFLite's reference kernels."""
    sine = np.sin(2 * np.pi * 440 * np.arange(WINDOW) / RATE_HZ).astype(np.float32)
    heard = model.classify(sine, sample_rate=RATE_HZ)
    assert_scores(heard, {(495, "Sine wave"): 255, (133, "Musical instrument"): 4})


@pytest.mark.model
@pytest.mark.recordings
def test_the_divisor_of_the_samples_matters(model: yamjit.Classifier, test_data: Path) -> None:
    """Not all scores published for the cat are met with 32768, by which int16 arrays are divided."""
    samples = read_samples(test_data / "audio/clips" / MEOW)[:WINDOW]
    heard = model.classify(samples, sample_rate=RATE_HZ)
    by_hand = model.classify(samples.astype(np.float32) / np.float32(32768), sample_rate=RATE_HZ)
    assert np.array_equal(heard.scores, by_hand.scores)
    assert model.labels[80] == "Caterwaul"
    assert heard.scores[0, 80] * 256 != 85
