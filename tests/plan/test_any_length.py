"""A published file of any length, window by window, against the runtime fed with whole recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import yamjit
from reference.runtime import Runtime, runtime_available
from yamjit.audio.source import open_audio

RATE = 16_000
ORIGINAL = yamjit.ReadOptions(pad_end="original")

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.runtime,
    pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)"),
]


@pytest.fixture(scope="module")
def path(test_data: Path) -> Path:
    path = test_data / "models" / "yamnet_dynamic_hybrid.tflite"
    if not path.exists():
        pytest.skip("yamnet_dynamic_hybrid is not at hand")
    return path


@pytest.fixture(scope="module")
def model(path: Path) -> yamjit.Classifier:
    return yamjit.load(path, backend="numpy")


@pytest.fixture(scope="module")
def sound(test_data: Path) -> npt.NDArray[np.float32]:
    clip = test_data / "audio" / "clips" / "tflite_speech.wav"
    with open_audio(clip, None, yamjit.ReadOptions(), target_rate=RATE) as source:
        return np.concatenate([block.ravel() for block in source.blocks()])


def by_the_runtime(path: Path, samples: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Return scores, embeddings and log-mel of a whole recording, by the built-in kernels without delegates."""
    return list(Runtime(path, kernels="optimised").run(samples))


@pytest.mark.parametrize("samples", [68_360, 38_640, 15_600 + 7_680, 15_600, 9_000])
def test_windows_have_the_bits_of_the_whole(
    model: yamjit.Classifier, path: Path, sound: npt.NDArray[np.float32], samples: int
) -> None:
    found = model.classify(sound[:samples], sample_rate=RATE, reading=ORIGINAL)
    scores, embeddings, log_mel = by_the_runtime(path, sound[:samples])
    assert found.scores.shape == scores.shape
    np.testing.assert_array_equal(found.embeddings, embeddings)
    np.testing.assert_array_equal(found.log_mel, log_mel)
    np.testing.assert_array_equal(found.scores, scores)


def test_streams_hear_the_same(model: yamjit.Classifier, sound: npt.NDArray[np.float32]) -> None:
    whole = model.classify(sound[:40_000], sample_rate=RATE)
    with model.stream(RATE) as stream:
        pushed = [stream.push(part) for part in np.split(sound[:40_000], (100, 15_000, 31_234))]
        scores = [windows.scores for windows in (*pushed, stream.flush())]
    np.testing.assert_array_equal(np.concatenate(scores), whole.scores)
    assert len(model.heads) == 1
    assert model.plan.embedding is not None
