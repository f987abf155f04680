"""Metadata of any model: shown, changed, and nothing else of the file touched."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from yamjit.calibration import Calibration
from yamjit.errors import InputError, ModelError
from yamjit.learn.describing import as_document, set_audio, set_calibration, set_labels, set_texts
from yamjit.learn.export import export_model
from yamjit.loading import load
from yamjit.options import ClassifierOptions
from yamjit.tflite import read_graph, write_graph
from yamjit.tflite.metadata import AssociatedFile, Metadata
from yamjit.tflite.patching import read_described, replace_metadata
from yamjit.trained.alone import ModelCard
from yamjit.trained.heads import Dense, Head


@pytest.fixture(scope="module")
def data(real_model_path: Path) -> bytes:
    return real_model_path.read_bytes()


@pytest.fixture(scope="module")
def small(small_model_path: Path) -> bytes:
    return small_model_path.read_bytes()


@pytest.fixture(scope="module")
def bare(small: bytes) -> bytes:
    """The same network without metadata."""
    return write_graph(replace(read_graph(small), metadata=None, files={}))


def test_a_model_is_described_as_the_graph_has_it(data: bytes) -> None:
    described, graph = read_described(data), read_graph(data)
    assert described.metadata == graph.metadata
    assert described.files == graph.files
    assert [end.shape for end in described.outputs] == [graph.tensors[i].shape for i in graph.outputs]
    assert [end.name for end in described.inputs] == [graph.tensors[i].name for i in graph.inputs]


def test_all_but_the_metadata_stays(data: bytes) -> None:
    described = read_described(data)
    changed = set_texts(described, author="Ä", license="CC0")
    differing = [k for k, (a, b) in enumerate(zip(data[: described.end], changed, strict=False)) if a != b]
    assert 0 < len(differing) <= 4  # the offset to the tables
    again = read_described(changed)
    assert again.files == described.files
    assert again.metadata == replace(described.metadata, author="Ä", license="CC0")  # type: ignore[type-var]
    window = np.random.default_rng(0).uniform(-0.3, 0.3, 15_600).astype(np.float32)
    ours, theirs = (load(model, backend="numpy").score_window(window).scores for model in (changed, data))
    np.testing.assert_array_equal(ours, theirs)
    with zipfile.ZipFile(BytesIO(changed)) as archive:
        assert archive.testzip() is None


def test_changes_can_follow_each_other(small: bytes) -> None:
    classes = read_described(small).outputs[0].classes
    names = [f"Vogel {k} 鳥" for k in range(classes)]
    step = set_labels(read_described(small), names, display_names={"ja": ["鳥"] * classes})
    step = set_calibration(read_described(step), Calibration(np.ones((classes, 4))), score_threshold=0.25)
    step = set_audio(read_described(step), 16_000)
    step = set_texts(read_described(step), name="n" * 3000)
    model = load(step, backend="numpy")
    (head,) = model.heads
    assert head.labels == tuple(names)
    assert head.score_threshold == 0.25
    assert head.calibration is not None
    assert model.with_options(ClassifierOptions(display_names_locale="ja")).heads[0].display_names == ("鳥",) * classes
    assert len(read_described(step).files) == 3
    without = load(set_calibration(read_described(step), None), backend="numpy").heads[0]
    assert without.calibration is None
    assert without.score_threshold == 0.25
    assert len(read_described(set_labels(read_described(step), names)).files) == 2  # the languages of before are gone


def test_a_model_without_metadata_gets_some(bare: bytes) -> None:
    described = read_described(bare)
    assert described.metadata is None
    classes = described.outputs[0].classes
    model = load(set_labels(described, [str(k) for k in range(classes)]), backend="numpy")
    assert model.labels[-1] == str(classes - 1)
    assert model.heads[0].name == "scores"
    assert as_document(described)["tensors"]["outputs"][0]["shape"] == [1, classes]


def test_the_other_output_stays(small: bytes) -> None:
    model = load(small, backend="numpy")
    size = int(np.prod(model.plan.embedding.shape))  # type: ignore[union-attr]
    head = Head(("a", "b"), "sigmoid", (Dense(np.ones((2, size)), np.zeros(2)),))
    both = export_model(model.graph, head, None, ModelCard(keep=True))
    changed = load(set_labels(read_described(both), ("c", "d"), output=-1), backend="numpy")
    assert [h.labels for h in changed.heads] == [model.labels, ("c", "d")]
    calibrated = load(set_calibration(read_described(both), Calibration(np.ones((2, 4)))), backend="numpy")
    assert [h.calibration is None for h in calibrated.heads] == [True, False]


def test_a_document_shows_what_is_there(small: bytes) -> None:
    document = as_document(read_described(small))
    assert document["subgraphs"][0]["inputs"][0]["audio"] == {"sample_rate": 16_000, "channels": 1}
    assert document["subgraphs"][0]["outputs"][0]["associated_files"][0]["type"] == "TENSOR_AXIS_LABELS"
    assert document["files"] == {name: len(content) for name, content in read_graph(small).files.items()}


def test_what_does_not_fit_is_refused(small: bytes, bare: bytes) -> None:
    described = read_described(small)
    for action, message in (
        (lambda: set_labels(described, ["a"]), "1 names for"),
        (lambda: set_labels(described, ["a"], output=3), "output 3; the model has 1"),
        (lambda: set_calibration(described, Calibration(np.ones((2, 4)))), "a calibration of 2 classes"),
        (lambda: set_texts(described, title="x"), "there is no text 'title'"),
        (lambda: set_audio(described, 0), "sample_rate is 0; whole numbers from 1000 to 768000 Hz"),
    ):
        with pytest.raises(InputError, match=message):
            action()
    listed = Metadata(associated_files=(AssociatedFile("missing.txt"),))
    for model in (described, read_described(bare)):
        with pytest.raises(ModelError, match=r"'missing\.txt' that is not given"):
            replace_metadata(model, listed, {})
    with pytest.raises(ModelError):
        read_described(small[:1000])
