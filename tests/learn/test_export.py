"""Exported models: read back equal, run as TFLite's reference kernels run them, close to the head in floating point."""

from __future__ import annotations

import subprocess
import zipfile
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reference.runtime import KERNELS, Runtime, runtime_available
from tests.support.backends import FAST_BACKENDS
from yamjit.calibration import Calibration
from yamjit.classifier import Classifier
from yamjit.errors import InputError, ModelError
from yamjit.learn.export import export_model, independent
from yamjit.loading import load
from yamjit.options import ClassifierOptions
from yamjit.tflite import read_graph, validate_graph
from yamjit.tflite.metadata import ScoreTransformation
from yamjit.trained.alone import ModelCard
from yamjit.trained.heads import Dense, Head

LABELS = ("Zaunkönig", "Пересмешник", "ウグイス", "عندليب", "a, b; c", "🐦", "नीलकण्ठ", "x" * 300, "-", "9")


def windows() -> list[np.ndarray]:
    """Noise of several strengths, silence and tones: one window each."""
    dice = np.random.default_rng(4)
    noise = [(dice.uniform(-a, a, 15_600)).astype(np.float32) for a in (1, 0.1, 0.01, 0)]
    return noise + [(0.5 * np.sin(np.arange(15_600) * f)).astype(np.float32) for f in (0.05, 0.2, 0.9)]


def head_of(inputs: int, classes: int, hidden: int = 0, kind: str = "sigmoid", spread: float = 3) -> Head:
    dice = np.random.default_rng(classes + hidden)
    names = tuple(LABELS[:classes]) if classes <= len(LABELS) else tuple(f"{LABELS[k % 7]} {k}" for k in range(classes))
    sizes = [inputs, *([hidden] if hidden else []), classes]
    layers = [Dense(dice.normal(0, spread / np.sqrt(a), (b, a)), dice.normal(0, 1, b)) for a, b in pairwise(sizes)]
    return Head(names, kind, tuple(layers))


@pytest.fixture(scope="module")
def model(real_model_path: Path) -> Classifier:
    return load(real_model_path, backend="numpy")


@pytest.fixture(scope="module")
def embeddings(model: Classifier) -> np.ndarray:
    return np.concatenate([model.score_window(window).embeddings for window in windows()])


def test_what_was_written_is_read(model: Classifier, embeddings: np.ndarray) -> None:
    head = head_of(embeddings.shape[1], 3)
    card = ModelCard(
        name="birds",
        author="me",
        license="CC0",
        head_name="birds",
        display_names={"de": ("A", "B", "B"), "pt-BR": ("C", "D", "E")},
        calibration=Calibration(np.array([[1, 2, 3, -np.inf]] * 3), ScoreTransformation.LOG, 0.5),
        score_threshold=0.25,
    )
    data = export_model(model.graph, head, embeddings, card)
    assert data == export_model(model.graph, head, embeddings, card)
    found = load(data, backend="numpy")
    validate_graph(found.graph)
    assert found.graph.metadata is not None
    assert (found.graph.metadata.name, found.graph.metadata.author) == ("birds", "me")
    (info,) = found.heads
    assert (info.name, info.labels, info.score_threshold) == ("birds", head.labels, 0.25)
    assert info.calibration is not None
    np.testing.assert_array_equal(info.calibration.parameters, card.calibration.parameters)  # type: ignore[union-attr]
    assert info.calibration.score_transformation == ScoreTransformation.LOG
    assert found.with_options(ClassifierOptions(display_names_locale="pt")).heads[0].display_names == (
        "C",
        "D",
        "E",
    )
    assert found.sample_rate == model.sample_rate


def test_the_model_keeps_its_own_output(model: Classifier, embeddings: np.ndarray) -> None:
    data = export_model(model.graph, head_of(embeddings.shape[1], 2), embeddings, ModelCard(keep=True))
    found = load(data, backend="numpy")
    assert [head.name for head in found.heads] == ["yamnet", "custom"]
    assert found.heads[0].labels == model.labels
    for window in windows():
        ours, theirs = found.score_window(window), model.score_window(window)
        np.testing.assert_array_equal(ours.heads[0].scores, theirs.scores)
        np.testing.assert_array_equal(ours.embeddings, theirs.embeddings)


def test_alone_a_head_leaves_out_what_it_does_not_need(model: Classifier, embeddings: np.ndarray) -> None:
    data = export_model(model.graph, head_of(embeddings.shape[1], 2), embeddings)
    graph = read_graph(data)
    used = {i for operator in graph.operators for i in (*operator.inputs, *operator.outputs)}
    assert used | set(graph.inputs) == set(range(len(graph.tensors)))
    assert list(graph.files) == ["custom_labels.txt", "yamjit.json"]
    again = export_model(graph, head_of(embeddings.shape[1], 3), embeddings, ModelCard(keep=True, head_name="more"))
    assert [head.name for head in load(again, backend="numpy").heads] == ["custom", "more"]


@pytest.mark.parametrize("classes", [1, 2, 10, 1000])
@pytest.mark.parametrize("hidden", [0, 24])
def test_int8_scores_are_close_to_those_in_floating_point(
    model: Classifier, embeddings: np.ndarray, classes: int, hidden: int
) -> None:
    head = head_of(embeddings.shape[1], classes, hidden, spread=1)
    found = load(export_model(model.graph, head, embeddings), backend="numpy")
    assert found.labels == head.labels
    scores = np.concatenate([found.score_window(window).scores for window in windows()])
    np.testing.assert_allclose(scores, head.scores(embeddings), atol=0.03)


@pytest.mark.slow
@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed")
@pytest.mark.parametrize("classes", [1, 2, 10, 1000])
@pytest.mark.parametrize(("hidden", "keep"), [(0, False), (0, True), (24, False)])
def test_a_runtime_runs_it_with_all_of_its_kernels(
    model: Classifier, embeddings: np.ndarray, classes: int, hidden: int, keep: bool
) -> None:
    head = head_of(embeddings.shape[1], classes, hidden, spread=1)
    data = export_model(model.graph, head, embeddings, ModelCard(keep=keep))
    found = load(data, backend="numpy")
    for kernels in KERNELS:
        runtime = Runtime(data, kernels=kernels, inner=False)
        for window in windows():
            ours = [head.scores[0] for head in found.score_window(window).heads]
            for mine, theirs in zip(ours, runtime.run(window), strict=True):
                if kernels == "reference":
                    np.testing.assert_array_equal(mine, theirs[0])
                else:  # other kernels round elsewhere; a head adds up what they make of the embedding
                    np.testing.assert_allclose(mine, theirs[0], atol=0.2)


@pytest.mark.parametrize("backend", FAST_BACKENDS)
@pytest.mark.parametrize(("classes", "hidden"), [(1, 0), (2, 1), (10, 0), (17, 24)])
def test_backends_agree(model: Classifier, embeddings: np.ndarray, classes: int, hidden: int, backend: str) -> None:
    data = export_model(model.graph, head_of(embeddings.shape[1], classes, hidden), embeddings, ModelCard(keep=True))
    plain, compiled = (load(data, backend=name) for name in ("numpy", backend))
    for window in windows():
        for mine, theirs in zip(plain.score_window(window).heads, compiled.score_window(window).heads, strict=True):
            np.testing.assert_array_equal(mine.logits, theirs.logits)
            np.testing.assert_array_equal(mine.scores, theirs.scores)


def test_others_find_the_labels(model: Classifier, embeddings: np.ndarray, tmp_path: Path) -> None:
    data = export_model(model.graph, head_of(embeddings.shape[1], 10), embeddings)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.read("custom_labels.txt").decode().splitlines() == list(LABELS)
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    try:
        done = subprocess.run(["unzip", "-p", path, "custom_labels.txt"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unzip on this machine")
    assert done.stdout.decode().splitlines() == list(LABELS)


def test_mediapipe_classifies_with_it(model: Classifier, embeddings: np.ndarray) -> None:
    tasks = pytest.importorskip("mediapipe.tasks.python", reason="MediaPipe is not installed")
    from mediapipe.tasks.python import audio
    from mediapipe.tasks.python.components import containers

    calibration = Calibration(np.array([[1, 0.5, 0.25, 0.0]] * 3), ScoreTransformation.INVERSE_LOGISTIC)
    head = head_of(embeddings.shape[1], 3, spread=1)
    data = export_model(model.graph, head, embeddings, ModelCard(keep=True, calibration=calibration))
    found_here = load(data, backend="numpy")
    options = audio.AudioClassifierOptions(base_options=tasks.BaseOptions(model_asset_buffer=data))
    with audio.AudioClassifier.create_from_options(options) as classifier:
        for window in windows():
            (result, *_) = classifier.classify(containers.AudioData.create_from_array(window, 16_000))
            assert [found.head_name for found in result.classifications] == ["yamnet", "custom"]
            theirs = {c.category_name: c.score for c in result.classifications[1].categories}
            assert set(theirs) == set(head.labels)
            ours = found_here.score_window(window).heads[1].scores[0]  # calibrated as well
            np.testing.assert_allclose([theirs[name] for name in head.labels], ours, atol=0.1)


def test_a_softmax_head_ranks_as_before(model: Classifier, embeddings: np.ndarray) -> None:
    head = head_of(embeddings.shape[1], 5, kind="softmax", spread=2)
    many = np.abs(np.random.default_rng(0).normal(0, 1, (200, head.inputs))).astype(np.float32)
    alone = independent(head, many)
    assert alone.kind == "sigmoid"
    np.testing.assert_array_equal(np.argsort(alone.logits(many)), np.argsort(head.logits(many)))
    # Where one class has nearly all, the sigmoids say so as well.
    shares, scores = head.scores(many), alone.scores(many)
    assert np.abs(shares - scores).mean() < 0.15
    assert load(export_model(model.graph, head, embeddings), backend="numpy").labels == head.labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head_name": "../x"}, "head_name"),
        ({"display_names": {"../": ("a",)}}, "not a locale"),
        ({"score_threshold": 2.0}, "score_threshold"),
    ],
)
def test_cards_that_no_file_can_hold_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelCard(**change)  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused(model: Classifier, embeddings: np.ndarray) -> None:
    head = head_of(embeddings.shape[1], 2)
    with pytest.raises(InputError, match="3 display names of 'de' for 2"):
        export_model(model.graph, head, embeddings, ModelCard(display_names={"de": ("a", "b", "c")}))
    with pytest.raises(InputError, match="display names of 'de'"):
        export_model(model.graph, head, embeddings, ModelCard(display_names={"de": ("a", "b\nc")}))
    with pytest.raises(InputError, match="a calibration of 3 classes for 2"):
        export_model(model.graph, head, embeddings, ModelCard(calibration=Calibration(np.ones((3, 4)))))
    huge = Head(("a",), "sigmoid", (Dense(np.full((1, head.inputs), 1e-9), np.full(1, 1e4)),))
    with pytest.raises(InputError, match="a bias of"):
        export_model(model.graph, huge, embeddings)
    steep = Head(("a",), "sigmoid", (Dense(np.full((1, head.inputs), 1e7), np.zeros(1)),))
    with pytest.raises(ModelError):
        export_model(model.graph, steep, embeddings)
    with pytest.raises(ModelError, match="the head takes 7"):
        export_model(model.graph, head_of(7, 2), np.ones((3, 7), np.float32))
    with pytest.raises(InputError, match="no embeddings"):
        export_model(model.graph, head, embeddings[:0])
    with pytest.raises(InputError, match="another head_name"):
        export_model(read_graph(export_model(model.graph, head, embeddings)), head, embeddings, ModelCard(keep=True))
