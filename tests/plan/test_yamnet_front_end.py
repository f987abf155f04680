"""YAMNet's front end from its definition, and the models that it is given to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from reference.runtime import Runtime, runtime_available
from tests.plan.test_plan import tiny_model
from tests.support.cuts import without_front_end
from tests.support.synthetic import synthetic_yamnet
from yamjit import Classifier, EventOptions, ReadOptions, load
from yamjit.errors import ModelError
from yamjit.plan import compile_plan
from yamjit.plan.yamnet_front_end import PATCH_SHAPE, yamnet_front_end
from yamjit.tflite import Graph, read_graph, write_graph

PARTS = ("window", "mel_basis", "log_offset")
#: How the SHA-256 of each part begins.
DIGESTS = ["a6d0b7833522e031", "5d118c3316b8e1c2", "31af979ecc0818c6"]


def noise(samples: int) -> npt.NDArray[np.float32]:
    return (0.2 * np.random.default_rng(3).standard_normal(samples)).astype(np.float32)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return without_front_end(synthetic_yamnet(seed=0, width=0.125))


@pytest.fixture(scope="module")
def model(graph: Graph) -> Classifier:
    """A model that takes log-mel patches."""
    return load(write_graph(graph), backend="numpy")


def test_the_constants_are_the_same_on_every_machine() -> None:
    found = yamnet_front_end()
    digests = [hashlib.sha256(getattr(found, part).astype("<f4").tobytes()).hexdigest()[:16] for part in PARTS]
    assert digests == DIGESTS
    assert (found.window_samples, found.hop_length, found.n_fft) == (15_600, 160, 512)
    assert (found.n_frames, len(found.mel_basis)) == PATCH_SHAPE


@pytest.mark.model
def test_the_constants_are_those_of_the_official_file(official_model_path: Path) -> None:
    official, found = compile_plan(read_graph(official_model_path)).front_end, yamnet_front_end()
    assert official is not None
    for part in PARTS:
        theirs, ours = getattr(official, part), getattr(found, part)
        assert theirs.shape == ours.shape
        np.testing.assert_array_equal(theirs.view(np.int32), ours.view(np.int32))
    assert (official.window_samples, official.hop_length, official.n_fft) == (15_600, 160, 512)


def test_samples_are_heard_by_a_model_of_patches(model: Classifier) -> None:
    samples = noise(40_000)
    found = model.classify(samples, sample_rate=16_000)
    frames = model.log_mel(samples, sample_rate=16_000)
    patches = np.stack([frames[start : start + 96] for start in range(0, 48 * len(found), 48)])
    ran = model.network.run(patches)
    np.testing.assert_array_equal(found.scores, ran.scores)
    np.testing.assert_array_equal(model.embed(samples, sample_rate=16_000), ran.embeddings)
    with model.stream(16_000) as stream:
        pushed = [stream.push(part) for part in np.split(samples, (700, 16_000, 16_001))]
        scores = [windows.scores for windows in (*pushed, stream.flush())]
    np.testing.assert_array_equal(np.concatenate(scores), found.scores)
    np.testing.assert_array_equal(model.score_window(samples[:15_600]).scores, found.scores[:1])
    assert model.events(samples, EventOptions(on=0.01, off=0.01), sample_rate=16_000)


def test_patches_of_another_shape_are_run_alone() -> None:
    model = load(write_graph(without_front_end(tiny_model(patch=(9, 6)))), backend="numpy")
    assert model.network.run(np.zeros((2, 9, 6), np.float32)).scores.shape[0] == 2
    for hear in (model.classify, model.embed, model.log_mel, model.events):
        with pytest.raises(ModelError, match=r"takes patches \(9, 6\), and samples make YAMNet's log-mel patches"):
            hear(noise(16_000), sample_rate=16_000)


@pytest.mark.model
def test_the_official_network_alone_hears_what_the_file_hears(official_model_path: Path) -> None:
    whole = read_graph(official_model_path)
    models = [load(write_graph(part), backend="numpy") for part in (whole, without_front_end(whole))]
    samples, reading = noise(30_000), ReadOptions(hop_s=0.25)
    for field in ("scores", "logits", "embeddings"):
        ours, theirs = (
            getattr(model.classify(samples, sample_rate=16_000, reading=reading), field) for model in models
        )
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(*(model.log_mel(samples, sample_rate=16_000) for model in models))


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")
def test_scores_are_those_of_the_runtime_for_the_same_log_mel(graph: Graph, model: Classifier) -> None:
    runtime, samples = Runtime(write_graph(graph)), noise(15_600 + 7_680 * 3)
    frames = model.log_mel(samples, sample_rate=16_000)
    scores = model.classify(samples, sample_rate=16_000).scores
    for row, start in zip(scores, range(0, len(frames), 48), strict=False):
        patch = frames[start : start + 96].reshape(runtime.inputs[0].shape)
        np.testing.assert_array_equal(runtime.run(patch)[0].reshape(-1), row)
