"""Models that yamjit wrote are known again, whatever yamjit changed in them; what others changed is noticed."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reference.runtime import Runtime, runtime_available
from yamjit import learn
from yamjit.calibration import Calibration
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.learn.describing import set_audio, set_calibration, set_labels, set_texts
from yamjit.learn.features import Features
from yamjit.loading import load
from yamjit.provenance import Provenance, read_provenance, with_provenance
from yamjit.spec import STARTER_MODEL
from yamjit.tflite import Graph, Op, Operator, Tensor, read_graph, write_graph
from yamjit.tflite.metadata import ScoreTransformation
from yamjit.tflite.operators.products import FullyConnectedOptions
from yamjit.tflite.patching import read_described, replace_metadata
from yamjit.trained.heads import Dense
from yamjit.training_clips import TrainingClips

RATE = 16_000


@pytest.fixture(scope="module")
def starter() -> Classifier:
    return load("starter", backend="numpy")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> learn.Dataset:
    folder = tmp_path_factory.mktemp("clips")
    clips = []
    for label, pitch in (("low", 200), ("high", 3000)):
        for k in range(3):
            path = folder / f"{label}{k}.wav"
            soundfile.write(path, 0.3 * np.sin(np.arange(3 * RATE) * 2 * np.pi * (pitch + 30 * k) / RATE), RATE)
            clips.append(learn.Clip(path, (label,), 0.0, 1.5))
    return learn.Dataset(tuple(clips), ("high", "low"))


@pytest.fixture(scope="module")
def features(starter: Classifier, dataset: learn.Dataset) -> Features:
    return learn.embed_clips(starter, dataset)


@pytest.fixture(scope="module")
def exported(starter: Classifier, features: Features) -> bytes:
    head = learn.train_head(features, learn.TrainOptions(learn.FitOptions(iterations=20))).head
    calibration = Calibration(np.array([[1, 1.5, -1, 0]] * 2), ScoreTransformation.INVERSE_LOGISTIC)
    card = learn.ModelCard(name="tones", calibration=calibration, score_threshold=0.3)
    return learn.export_model(starter, head, features, card)


def test_a_model_says_where_it_comes_from(starter: Classifier, features: Features, exported: bytes) -> None:
    model = load(exported, backend="numpy")
    found = model.provenance
    assert found is not None
    assert model.made_here
    assert not model.verified
    assert (found.base, found.base_sha256) == (STARTER_MODEL.name, STARTER_MODEL.sha256)
    assert (found.clips, len(found.digests), found.date, found.baked) == (6, 6, "", ())
    assert "tones by yamjit" in repr(model)
    assert starter.provenance is None
    record = json.loads(model.graph.files["yamjit.json"])
    assert record["clips"] == 6
    assert len(record["digest"]) == 64
    head = learn.Head(model.labels, "sigmoid", (Dense(np.ones((2, 256)), np.zeros(2)),))
    dated = learn.export_model(starter, head, features, learn.ModelCard(date=datetime.date(2026, 5, 12)))
    again = learn.export_model(starter, head, features, learn.ModelCard(date=datetime.date(2026, 5, 12)))
    assert dated == again  # whatever day it is
    read = load(dated, backend="numpy").provenance
    assert read is not None
    assert read.date == "2026-05-12"


def test_it_is_known_again_after_what_yamjit_changes(exported: bytes) -> None:
    data = exported
    for change in (
        lambda d: set_texts(d, author="me", description="Töne"),
        lambda d: set_labels(d, ("hoch", "tief"), display_names={"de": ("Hoch", "Tief")}),
        lambda d: set_calibration(d, None, score_threshold=0.1),
        lambda d: set_audio(d, RATE),
    ):
        data = change(read_described(data))
        model = load(data, backend="numpy")
        assert model.made_here
        assert model.provenance is not None
        assert model.provenance.clips == 6
    assert model.labels == ("hoch", "tief")


def test_what_others_change_is_noticed_and_stays_so(exported: bytes) -> None:
    graph = read_graph(exported)
    place, weights = next((k, t) for k, t in enumerate(graph.tensors) if t.data is not None and t.data.dtype == np.int8)
    assert weights.data is not None
    other = weights.data.copy()
    other.flat[0] = -int(other.flat[0]) or 1
    tensors = (*graph.tensors[:place], replace(weights, data=other), *graph.tensors[place + 1 :])
    described = read_described(exported)
    files = {**described.files, "custom_labels.txt": b"low\nhigh\n"}
    assert described.metadata is not None
    changed = (
        write_graph(replace(graph, tensors=tensors)),
        replace_metadata(described, described.metadata, files),
        replace_metadata(described, replace(described.metadata, author="someone"), described.files),
        replace_metadata(described, described.metadata, {**described.files, "yamjit_training_clips": b""}),
    )
    for data in changed:
        for version in (data, set_texts(read_described(data), name="renamed")):
            model = load(version, backend="numpy")
            assert model.provenance is not None
            assert not model.made_here


def test_the_record_itself_is_under_the_digest(exported: bytes) -> None:
    described = read_described(exported)
    assert described.metadata is not None
    record = json.loads(described.files["yamjit.json"])
    for key, value in (("clips", 600), ("base", "BirdNET"), ("base_sha256", ""), ("baked", [0]), ("more", "words")):
        files = {**described.files, "yamjit.json": json.dumps(record | {key: value}).encode()}
        model = load(replace_metadata(described, described.metadata, files), backend="numpy")
        assert model.provenance is not None
        assert not model.made_here, key


def test_kept_outputs_of_own_models_keep_their_names(features: Features, exported: bytes) -> None:
    base, head = load(exported, backend="numpy"), learn.train_head(features).head
    card = learn.ModelCard(head_name="second", keep=True)
    again = load(learn.export_model(base, head, features, card), backend="numpy")
    assert [one.name for one in again.heads] == ["custom", "second"]
    data = learn.export_model(base, head, features, replace(card, base_name="first"))
    assert [one.name for one in load(data, backend="numpy").heads] == ["first", "second"]


def test_a_damaged_record_is_none(exported: bytes) -> None:
    graph = read_graph(exported)
    for record in (
        b"",
        b"{",
        b"[1]",
        b"\xff",
        b'{"clips": "6"}',
        b'{"version": 1}',
        b'{"baked": [null]}',
        b'{"baked": [-1]}',
        b'{"clips": -5}',
        b'{"clips": 1' + b"0" * 30 + b"}",
        b"[" * 10**5,
    ):
        files = {**graph.files, "yamjit.json": record}
        assert read_provenance(replace(graph, files=files)) is None
    assert read_provenance(replace(graph, files={**graph.files, "yamjit_training_clips": b"123"})) is None


def test_the_digest_is_of_values_and_will_be_the_same_in_later_versions(
    exported: bytes, small_model_path: Path
) -> None:
    """A change of this number would call all models changed that were written before."""
    graph = read_graph(small_model_path)
    record = load(exported, backend="numpy").provenance
    assert record is not None
    marked = with_provenance(graph, replace(record, version="1", digests=TrainingClips([("ab" * 32, 1, 2.5)])))
    digest = json.loads(marked.files["yamjit.json"])["digest"]
    assert digest == "e01f4231bd1f7abec37f10464e787f601a314b410eeb3e4e16dc384d9cf3c94a"


def test_clips_are_known_by_their_bytes_and_their_part(exported: bytes, dataset: learn.Dataset, tmp_path: Path) -> None:
    model = load(exported, backend="numpy")
    assert learn.clips_trained_on(model, dataset) == dataset.clips
    first = dataset.clips[0].path
    renamed, recoded = tmp_path / "renamed.wav", tmp_path / "recoded.flac"
    renamed.write_bytes(first.read_bytes())
    soundfile.write(recoded, *soundfile.read(first))
    clips = tuple(
        learn.Clip(path, ("low",), start_s, end_s)
        for path, start_s, end_s in (
            (renamed, 1.4, 2.0),  # a part of what was learned
            (renamed, 1.5, None),  # another part of the recording
            (recoded, 0.0, None),  # the same sound in another file: not seen
            (tmp_path / "absent.wav", 0.0, None),
        )
    )
    assert learn.clips_trained_on(model, learn.Dataset(clips, dataset.classes)) == clips[:1]
    found, _ = learn.evaluate_model(model, learn.Dataset((*dataset.clips, *clips[1:3]), dataset.classes))
    assert found.trained_on == tuple(map(str, dataset.clips))
    assert found.warnings == (
        "the model was trained on 6 of 8 clips: the figures are better than they would be on others",
    )
    assert found.as_dict()["warnings"] == list(found.warnings)


def test_no_digests_are_kept_where_none_are_wanted(starter: Classifier, features: Features, exported: bytes) -> None:
    head = learn.Head(("high", "low"), "sigmoid", (Dense(np.ones((2, 256)), np.zeros(2)),))
    for windows, card, clips in (
        (features, learn.ModelCard(digests=False), 6),
        (features.embeddings, learn.ModelCard(), 0),
        (None, learn.ModelCard(), 0),
    ):
        found = read_provenance(read_graph(learn.export_model(starter, head, windows, card)))
        assert found is not None
        assert (found.clips, len(found.digests)) == (clips, 0)
    with pytest.warns(DeprecationWarning, match="model="):
        learn.export_model(graph=starter.graph, head=head, embeddings=None)  # type: ignore[call-arg]
    # With --keep, the clips of the older output count as well.
    kept = learn.export_model(load(exported, backend="numpy"), head, None, learn.ModelCard(keep=True, head_name="b"))
    found = read_provenance(read_graph(kept))
    assert found is not None
    assert (len(found.digests), found.unchanged, found.base) == (6, True, "tones")


def test_clips_of_other_splits_are_not_learned_from(starter: Classifier, features: Features) -> None:
    clips = tuple(replace(c, split="test" if k % 3 else "train") for k, c in enumerate(features.dataset.clips))
    split = replace(features, dataset=replace(features.dataset, clips=clips))
    head = learn.Head(("high", "low"), "sigmoid", (Dense(np.ones((2, 256)), np.zeros(2)),))
    model = load(learn.export_model(starter, head, split), backend="numpy")
    assert learn.clips_trained_on(model, split.dataset) == clips[::3]


def test_digests_are_small_and_in_any_order() -> None:
    parts = [(f"{k:064x}", k, None if k % 2 else k + 1.0) for k in range(10_000)]
    clips = TrainingClips(parts)
    assert len(clips.to_bytes()) == 160_000
    assert TrainingClips(reversed(parts)).to_bytes() == clips.to_bytes()
    assert TrainingClips.from_bytes(clips.to_bytes()).to_bytes() == clips.to_bytes()
    assert len(clips | TrainingClips(parts[:5])) == 10_000
    with pytest.raises(InputError, match="SHA-256"):
        TrainingClips([("no hash", 0, None)])


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed")
def test_a_runtime_is_not_disturbed(exported: bytes) -> None:
    window = (0.1 * np.sin(np.arange(15_600) * 0.1)).astype(np.float32)
    plain = replace(read_graph(exported), metadata=None, files={})
    np.testing.assert_array_equal(
        Runtime(exported, kernels="reference", inner=False).run(window)[0],
        Runtime(write_graph(plain), kernels="reference", inner=False).run(window)[0],
    )


def test_digests_stay_what_they_were() -> None:
    """Models of earlier versions are known again: what the records of operators and graphs gain does not count."""
    sizes = ((1, 4), (2, 4), (1, 2))
    data = (None, np.ones(sizes[1], np.float32), None)
    tensors = tuple(Tensor(k, str(k), sizes[k], np.dtype(np.float32), None, data[k]) for k in range(3))
    operator = Operator(0, Op.FULLY_CONNECTED, (0, 1), (2,), FullyConnectedOptions())
    graph = with_provenance(Graph(tensors, (operator,), (0,), (2,)), Provenance("1"))
    digest = json.loads(graph.files["yamjit.json"])["digest"]
    assert digest == "209b69d2c404dec07dddf81b36fa57c20206e12fd67c598377f820d29ea7343f"
