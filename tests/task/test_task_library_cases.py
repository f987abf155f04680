"""What the Task Library's own tests want of its audio tasks, from callers that changed their imports alone.

Their models and recordings are those of YAMNet; here they are the starter, a model of two heads, and examples. What
holds for YAMNet alone, number by number, is in `test_published`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.sound_device import pretend
from yamjit.task import mediapipe as mp
from yamjit.task.audio import audio_classifier, audio_embedder
from yamjit.task.audio.core import audio_record, tensor_audio
from yamjit.task.core.base_options import BaseOptions
from yamjit.task.processor.proto import (
    class_pb2,
    classification_options_pb2,
    classifications_pb2,
    embedding_options_pb2,
    embedding_pb2,
)
from yamjit.tflite import write_graph
from yamjit.tflite.reader import read_graph
from yamjit.tflite.weight_types import floating

RATE_HZ, WINDOW, CHANNELS = 16_000, 15_600, 2

NO_MODEL = r"ExternalFile must specify at least one of 'file_content', 'file_name' or 'file_descriptor_meta'\."

Tasks = pytest.mark.parametrize("kind", ["classifier", "embedder"])


def create(kind: str, base: BaseOptions, **options: Any) -> Any:
    if kind == "embedder":
        form = embedding_options_pb2.EmbeddingOptions(**options)
        return audio_embedder.AudioEmbedder.create_from_options(audio_embedder.AudioEmbedderOptions(base, form))
    listed = classification_options_pb2.ClassificationOptions(**options)
    chosen = audio_classifier.AudioClassifierOptions(base_options=base, classification_options=listed)
    return audio_classifier.AudioClassifier.create_from_options(chosen)


def noise(samples: int, channels: int = 1, seed: int = 0) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).random((samples, channels))


@pytest.fixture
def speech(examples: dict[Path, str]) -> Path:
    return next(path for path in examples if path.stem == "speech")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> mock.MagicMock:
    """Return what stands for ``sounddevice.InputStream``; it keeps what it was called with."""
    pretend(monkeypatch)
    stream = mock.MagicMock()
    monkeypatch.setattr("sounddevice.InputStream", stream)
    return stream


def categories(classifier: Any, path: Path) -> list[class_pb2.Category]:
    tensor = tensor_audio.TensorAudio.create_from_wav_file(str(path), classifier.required_input_buffer_size)
    found: list[class_pb2.Category] = classifier.classify(tensor).classifications[0].categories
    return found


# -- Tasks are made, and say what they take ---------------------------------------------------------------------


def test_from_a_file(small_model_path: Path) -> None:
    for task in (audio_classifier.AudioClassifier, audio_embedder.AudioEmbedder):
        assert isinstance(task.create_from_file(str(small_model_path)), task)


@Tasks
def test_from_options_with_a_path_and_with_content(kind: str, small_model_path: Path) -> None:
    for base in (BaseOptions(file_name=str(small_model_path)), BaseOptions(file_content=small_model_path.read_bytes())):
        assert create(kind, base).required_input_buffer_size == WINDOW


@Tasks
def test_an_empty_path_is_refused_in_their_words(kind: str) -> None:
    with pytest.raises(ValueError, match=NO_MODEL):
        create(kind, BaseOptions(file_name=""))


@Tasks
def test_a_tensor_for_the_task(kind: str) -> None:
    tensor = create(kind, BaseOptions("starter")).create_input_tensor_audio()
    assert isinstance(tensor, tensor_audio.TensorAudio)
    assert (tensor.format.channels, tensor.format.sample_rate, tensor.buffer_size) == (1, RATE_HZ, WINDOW)


@Tasks
def test_a_record_for_the_task(kind: str, opened: mock.MagicMock) -> None:
    record = create(kind, BaseOptions("starter")).create_audio_record()
    assert isinstance(record, audio_record.AudioRecord)
    assert (record.channels, record.sampling_rate, record.buffer_size) == (1, RATE_HZ, WINDOW)


# -- Classifying ------------------------------------------------------------------------------------------------


def test_results_are_equal_to_those_that_are_written_down(two_heads_model: bytes, tmp_path: Path) -> None:
    """Of both heads, from a path and from content; a score of six digits is the float32 that is nearest to it."""
    (tmp_path / "two_heads.tflite").write_bytes(two_heads_model)
    results = []
    for base in (BaseOptions(str(tmp_path / "two_heads.tflite")), BaseOptions(file_content=two_heads_model)):
        classifier = create("classifier", base, max_results=3, score_threshold=0)
        tensor = classifier.create_input_tensor_audio()
        tensor.load_from_array(noise(WINDOW).astype(np.float32))
        results.append(classifier.classify(tensor))
    names = [(head.head_index, head.head_name) for head in results[0].classifications]
    assert names == [(0, "yamnet_classification"), (1, "own_classification")]
    written = classifications_pb2.ClassificationResult(
        [
            classifications_pb2.Classifications(
                [class_pb2.Category(c.index, float(f"{c.score:.9g}"), c.display_name, c.category_name) for c in listed],
                index,
                name,
            )
            for (index, name), listed in zip(
                names, [head.categories for head in results[0].classifications], strict=True
            )
        ]
    )
    assert results == [written, written]
    written.classifications[1].categories[2].score += 1e-3
    assert results[0] != written


def test_scores_are_float32() -> None:
    third = class_pb2.Category(0, 1 / 3, "", "Speech")
    assert third == class_pb2.Category(0, float(np.float32(1 / 3)), "", "Speech")
    assert third != class_pb2.Category(0, 1 / 3, "", "speech")
    assert third != class_pb2.Category(0, 0.3333, "", "Speech")


def test_most_results(speech: Path) -> None:
    assert len(categories(create("classifier", BaseOptions("starter"), max_results=3), speech)) == 3


def test_scores_reach_the_threshold(speech: Path) -> None:
    listed = categories(create("classifier", BaseOptions("starter"), score_threshold=0.5), speech)
    assert listed
    assert all(category.score >= 0.5 for category in listed)


def test_lists(speech: Path) -> None:
    allowed = create("classifier", BaseOptions("starter"), category_name_allowlist=["Speech", "Siren"])
    assert {category.category_name for category in categories(allowed, speech)} == {"Speech", "Siren"}
    denied = create("classifier", BaseOptions("starter"), score_threshold=0.01, category_name_denylist=["Speech"])
    assert "Speech" not in {category.category_name for category in categories(denied, speech)}


def test_both_lists_are_refused_in_their_words() -> None:
    message = r"`class_name_allowlist` and `class_name_denylist` are mutually exclusive options\."
    with pytest.raises(ValueError, match=message):
        create("classifier", BaseOptions("starter"), category_name_allowlist=["a"], category_name_denylist=["b"])


# -- Embedding --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("l2_normalize", "quantize"), [(False, False), (True, True)])
def test_vectors_are_of_their_types(speech: Path, l2_normalize: bool, quantize: bool) -> None:
    embedder = create("embedder", BaseOptions("starter"), l2_normalize=l2_normalize, quantize=quantize)
    tensor = tensor_audio.TensorAudio.create_from_wav_file(str(speech), embedder.required_input_buffer_size)
    result = embedder.embed(tensor)
    assert isinstance(result, embedding_pb2.EmbeddingResult)
    (embedding,) = result.embeddings
    vector = embedding.feature_vector.value
    assert vector.dtype == (np.uint8 if quantize else float)
    assert vector.shape == (embedder.get_embedding_dimension(0),)
    assert embedder.cosine_similarity(embedding.feature_vector, embedding.feature_vector) == pytest.approx(1)
    assert result == embedder.embed(tensor)
    if not quantize:
        np.testing.assert_array_equal(vector, vector.astype(np.float32))


def test_the_outputs_that_embed() -> None:
    embedder = create("embedder", BaseOptions("starter"))
    assert embedder.number_of_output_layers == 1
    assert embedder.get_embedding_dimension(0) > 0
    assert embedder.get_embedding_dimension(1) == -1


@pytest.fixture(scope="module")
def with_and_without_scores(small_model_path: Path) -> tuple[bytes, bytes]:
    """The starter in floating point, and one of which only the embedding is an output."""
    graph = floating(read_graph(small_model_path.read_bytes()))
    (place,) = [place for place, tensor in enumerate(graph.tensors) if tensor.name == "embedding"]
    without = dataclasses.replace(graph, outputs=(place,), metadata=None, files={})
    return write_graph(graph), write_graph(without)


def test_a_model_whose_outputs_are_embeddings(with_and_without_scores: tuple[bytes, bytes], speech: Path) -> None:
    """As theirs is: there are no scores; the name is that of the tensor, where no metadata have another."""
    embedders = [create("embedder", BaseOptions(file_content=content)) for content in with_and_without_scores]
    vectors = []
    for embedder in embedders:
        tensor = tensor_audio.TensorAudio.create_from_wav_file(str(speech), embedder.required_input_buffer_size)
        (embedding,) = embedder.embed(tensor).embeddings
        vectors.append(embedding.feature_vector)
        assert (embedder.number_of_output_layers, embedder.get_embedding_dimension(0)) == (1, 256)
    assert vectors[0] == vectors[1]
    with pytest.raises(ValueError, match="a model with an output of scores is accepted"):
        create("classifier", BaseOptions(file_content=with_and_without_scores[1]))


def test_a_clip_for_a_model_whose_outputs_are_embeddings(
    with_and_without_scores: tuple[bytes, bytes], speech: Path
) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(speech)
    found = []
    for content in with_and_without_scores:
        options = mp.tasks.audio.AudioEmbedderOptions(mp.tasks.BaseOptions(model_asset_buffer=content))
        with mp.tasks.audio.AudioEmbedder.create_from_options(options) as embedder:
            found.append(embedder.embed(mp.tasks.components.containers.AudioData.create_from_array(samples, rate)))
    assert found[0] == found[1]
    assert found[0][0].embeddings[0].head_name == "embedding"


# -- Records ----------------------------------------------------------------------------------------------------


def test_the_stream_is_opened_with_what_was_asked_for(opened: mock.MagicMock) -> None:
    audio_record.AudioRecord(CHANNELS, RATE_HZ, WINDOW)
    assert (opened.call_args.kwargs["channels"], opened.call_args.kwargs["samplerate"]) == (CHANNELS, RATE_HZ)


def test_the_stream_is_started_and_stopped(opened: mock.MagicMock) -> None:
    record = audio_record.AudioRecord(CHANNELS, RATE_HZ, WINDOW)
    opened.return_value.start.assert_not_called()
    record.start_recording()
    opened.return_value.start.assert_called_once()
    record.stop()
    opened.return_value.stop.assert_called_once()


def test_what_is_called_back_is_read(opened: mock.MagicMock) -> None:
    """Blocks may be float64, of which no bit is lost."""
    record = audio_record.AudioRecord(CHANNELS, RATE_HZ, WINDOW)
    blocks = [noise(WINDOW // 2, CHANNELS, seed) for seed in range(3)]
    for block in blocks:
        opened.call_args.kwargs["callback"](block)
    np.testing.assert_array_equal(record.read(WINDOW // 2), blocks[-1])
    np.testing.assert_array_equal(record.read(WINDOW), np.concatenate(blocks[-2:]))
    with pytest.raises(ValueError, match="keeps 15600 samples"):
        record.read(WINDOW + 1)


def test_a_record_that_is_dropped_closes_its_stream(opened: mock.MagicMock) -> None:
    record = audio_record.AudioRecord(CHANNELS, RATE_HZ, WINDOW)
    opened.reset_mock()  # it has a method of the record, as PortAudio has
    del record
    opened.return_value.close.assert_called_once()


# -- Tensors ----------------------------------------------------------------------------------------------------


@pytest.fixture
def tensor() -> tensor_audio.TensorAudio:
    return tensor_audio.TensorAudio(tensor_audio.AudioFormat(1, RATE_HZ), WINDOW)


def test_a_tensor_of_a_file(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples = np.random.default_rng(3).integers(-32768, 32768, 20_000, dtype=np.int16)
    soundfile.write(tmp_path / "noise.wav", samples, RATE_HZ, subtype="PCM_16")
    found = tensor_audio.TensorAudio.create_from_wav_file(str(tmp_path / "noise.wav"), WINDOW)
    assert (found.format.channels, found.format.sample_rate, found.buffer_size) == (1, RATE_HZ, WINDOW)
    assert found.buffer[-1] == np.float32(samples[WINDOW - 1] / 32768)


def test_no_file_is_refused_in_their_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Data too short when trying to read string"):
        tensor_audio.TensorAudio.create_from_wav_file("", WINDOW)
    with pytest.raises(ValueError, match=r"missing\.wav"):
        tensor_audio.TensorAudio.create_from_wav_file(str(tmp_path / "missing.wav"), WINDOW)


@pytest.mark.parametrize(
    ("length", "arguments", "expected"),
    [
        (WINDOW, (), slice(0, WINDOW)),
        (2 * WINDOW, (), slice(WINDOW, 2 * WINDOW)),
        (2 * WINDOW, (0, WINDOW), slice(0, WINDOW)),
        (2 * WINDOW, (WINDOW // 2, WINDOW), slice(WINDOW // 2, WINDOW // 2 + WINDOW)),
        (WINDOW // 3, (), slice(0, WINDOW // 3)),
        (WINDOW // 3, (0, 4_000), slice(0, 4_000)),
        (WINDOW // 3, (3_900, 100), slice(3_900, 4_000)),
    ],
)
def test_arrays_are_loaded(
    tensor: tensor_audio.TensorAudio, length: int, arguments: tuple[int, ...], expected: slice
) -> None:
    array = noise(length).astype(np.float32)
    tensor.load_from_array(array, *arguments)
    part = array[expected]
    assert tensor.buffer_size == WINDOW
    np.testing.assert_array_equal(tensor.buffer[-len(part) :], part)


@pytest.mark.parametrize(("offset", "size"), [(WINDOW // 2, WINDOW), (0, 20_000)])
def test_more_than_there_is_is_refused_in_their_words(tensor: tensor_audio.TensorAudio, offset: int, size: int) -> None:
    message = rf"Index out of range\. offset {offset} \+ size {size} should be <= src's length: {WINDOW}"
    with pytest.raises(ValueError, match=message):
        tensor.load_from_array(noise(WINDOW), offset, size)


def test_other_channels_are_refused_in_their_words(tensor: tensor_audio.TensorAudio) -> None:
    with pytest.raises(ValueError, match=r"Input audio contains an invalid number of channels\. Expect 1\."):
        tensor.load_from_array(noise(WINDOW, 2))


def test_a_record_is_loaded(tensor: tensor_audio.TensorAudio, opened: mock.MagicMock) -> None:
    record = audio_record.AudioRecord(1, RATE_HZ, WINDOW)
    hear: Callable[..., None] = opened.call_args.kwargs["callback"]
    blocks = [noise(WINDOW // 2, 1, seed) for seed in range(3)]
    for block in blocks:
        hear(block)
    tensor.load_from_audio_record(record)
    np.testing.assert_array_equal(tensor.buffer, np.concatenate(blocks[-2:]).astype(np.float32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (1, RATE_HZ, 10_000),
            "The audio record's buffer size cannot be smaller than the tensor audio's sample count.",
        ),
        ((2, RATE_HZ, WINDOW), r"The audio record's channel count doesn't match. Expects 1 channel\(s\)."),
        ((1, 20_000, WINDOW), "The audio record's sampling rate doesn't match. Expects 16000Hz."),
    ],
)
def test_other_records_are_refused_in_their_words(
    tensor: tensor_audio.TensorAudio, opened: mock.MagicMock, arguments: tuple[int, int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        tensor.load_from_audio_record(audio_record.AudioRecord(*arguments))
