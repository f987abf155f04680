"""What MediaPipe's own tests want of its audio tasks, from callers that changed their imports alone.

Their models and recordings are those of YAMNet; here they are the starter, a model of two heads, and examples. What
holds for YAMNet alone, number by number, is in `test_published`.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.sound_device import pretend
from yamjit.errors import InputError, ModelError, YamjitError
from yamjit.task.mediapipe.tasks.python.audio import audio_classifier, audio_embedder
from yamjit.task.mediapipe.tasks.python.audio.core import audio_record, audio_task_running_mode, base_audio_task_api
from yamjit.task.mediapipe.tasks.python.components.containers import audio_data, embedding_result
from yamjit.task.mediapipe.tasks.python.components.utils import cosine_similarity
from yamjit.task.mediapipe.tasks.python.core import base_options

RATE_HZ, WINDOW, WINDOW_MS = 16_000, 15_600, 975

AudioData, BaseOptions = audio_data.AudioData, base_options.BaseOptions
Mode = audio_task_running_mode.AudioTaskRunningMode

Array = npt.NDArray[Any]

_KINDS: dict[str, tuple[Any, Any]] = {
    "classifier": (audio_classifier.AudioClassifier, audio_classifier.AudioClassifierOptions),
    "embedder": (audio_embedder.AudioEmbedder, audio_embedder.AudioEmbedderOptions),
}

Tasks = pytest.mark.parametrize("kind", _KINDS)


def create(kind: str, base: BaseOptions | None = None, **options: Any) -> Any:
    task, options_of = _KINDS[kind]
    return task.create_from_options(options_of(base_options=base or BaseOptions("starter"), **options))


def stream(kind: str, callback: Any, **options: Any) -> Any:
    return create(kind, running_mode=Mode.AUDIO_STREAM, result_callback=callback, **options)


def run(task: Any, clip: Any) -> Any:
    return task.classify(clip) if isinstance(task, audio_classifier.AudioClassifier) else task.embed(clip)


def send(task: Any, block: Any, timestamp_ms: int) -> None:
    is_classifier = isinstance(task, audio_classifier.AudioClassifier)
    (task.classify_async if is_classifier else task.embed_async)(block, timestamp_ms)


@pytest.fixture(scope="module")
def speech(examples: dict[Path, str]) -> Array:
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(next(path for path in examples if path.stem == "speech"), dtype="float32")
    assert rate == RATE_HZ
    return samples  # type: ignore[no-any-return]


def clip(samples: Array, rate: int = RATE_HZ) -> audio_data.AudioData:
    """Return samples as MediaPipe's samples make them: of int16, divided by its largest value."""
    return AudioData.create_from_array(samples.astype(float), rate)


# -- Tasks are made ---------------------------------------------------------------------------------------------


@Tasks
def test_from_a_path_from_options_and_from_content(kind: str, small_model_path: Path) -> None:
    task, _ = _KINDS[kind]
    with task.create_from_model_path(str(small_model_path)) as made:
        assert isinstance(made, task)
        assert isinstance(made, base_audio_task_api.BaseAudioTaskApi)
    for base in (
        BaseOptions(model_asset_path=str(small_model_path)),
        BaseOptions(model_asset_buffer=small_model_path.read_bytes()),
    ):
        with create(kind, base) as made:
            assert isinstance(made, task)


@Tasks
@pytest.mark.parametrize("error", [FileNotFoundError, RuntimeError, ValueError, ModelError])
def test_a_missing_model_is_told_as_callers_expect(kind: str, error: type[Exception]) -> None:
    """Older versions raise a `RuntimeError`, newer ones a `FileNotFoundError`; their page says `ValueError`."""
    with pytest.raises(error, match=r"Unable to open file at /path/to/no/model\.tflite"):
        create(kind, BaseOptions("/path/to/no/model.tflite"))


@Tasks
@pytest.mark.parametrize("error", [RuntimeError, ValueError, ModelError])
def test_what_is_no_model_is_told_as_callers_expect(kind: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        create(kind, BaseOptions(model_asset_buffer=b"no model at all"))


@Tasks
def test_no_model_is_refused_in_their_words(kind: str) -> None:
    with pytest.raises(ValueError, match="ExternalFile must specify at least one of 'file_content'"):
        create(kind, BaseOptions())


@Tasks
@pytest.mark.parametrize("error", [NotImplementedError, RuntimeError, ValueError, InputError])
def test_a_gpu_is_refused_as_theirs_is_on_a_desktop(kind: str, error: type[Exception]) -> None:
    create(kind, BaseOptions("starter", delegate=BaseOptions.Delegate.CPU)).close()
    with pytest.raises(error, match="GPU Delegate is not yet supported for"):
        create(kind, BaseOptions("starter", delegate=BaseOptions.Delegate.GPU))


@Tasks
def test_a_record_of_the_task(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    with mock.patch("sounddevice.InputStream", return_value=mock.MagicMock()) as opened, create(kind) as task:
        record = task.create_audio_record(1, 16_000, 16_000)
        assert isinstance(record, audio_record.AudioRecord)
        assert (record.channels, record.sampling_rate, record.buffer_size) == (1, 16_000, 16_000)
        assert opened.call_count == 1


# -- Clips ------------------------------------------------------------------------------------------------------


def test_a_clip_at_two_rates_is_heard_alike(speech: Array) -> None:
    soxr = pytest.importorskip("soxr")
    with create("classifier", max_results=1) as classifier:
        heard = [classifier.classify(clip(speech)), classifier.classify(clip(soxr.resample(speech, 16, 48), 48_000))]
    for results in heard:
        assert [result.timestamp_ms for result in results] == [WINDOW_MS * index for index in range(len(results))]
        assert results[1].classifications[0].categories[0].category_name == "Speech"
    assert len(heard[0]) == len(heard[1]) == -(-speech.size // WINDOW)


@pytest.mark.parametrize("options", [{"max_results": 1}, {"score_threshold": 0.9}, {"category_allowlist": ["Speech"]}])
def test_options_leave_one_category(speech: Array, options: dict[str, Any]) -> None:
    with create("classifier", **options) as classifier:
        result = classifier.classify(clip(speech))[1]
    (category,) = result.classifications[0].categories
    assert category.category_name == "Speech"
    assert category.score > 0.9


def test_both_lists_are_refused_in_their_words() -> None:
    message = r"`category_allowlist` and `category_denylist` are mutually exclusive options"
    with pytest.raises(ValueError, match=message):
        create("classifier", category_allowlist=["foo"], category_denylist=["bar"])


def test_unknown_names_are_ignored_and_told(speech: Array) -> None:
    """Measured with MediaPipe 1.2.3: where no name is left, every class is listed."""
    with pytest.warns(UserWarning, match="no class of this model: 'xyzzy'"):
        classifier = create("classifier", category_allowlist=["xyzzy", "Speech"])
    assert len(classifier.classify(clip(speech))[0].classifications[0].categories) == 1
    for lists in ({"category_allowlist": ["xyzzy"]}, {"category_denylist": ["xyzzy"]}):
        with pytest.warns(UserWarning, match="every class is listed"):
            classifier = create("classifier", **lists)
        (head,) = classifier.classify(clip(speech))[0].classifications
        assert len(head.categories) == len(create("classifier").classify(clip(speech))[0].classifications[0].categories)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create("classifier", category_allowlist=["Speech"])


@pytest.mark.parametrize("most", [None, 1])
@pytest.mark.parametrize("rate", [RATE_HZ, 44_100])
def test_two_heads(two_heads_model: bytes, speech: Array, rate: int, most: int | None) -> None:
    if rate != RATE_HZ:
        pytest.importorskip("soxr")
    base = BaseOptions(model_asset_buffer=two_heads_model)
    with create("classifier", base, max_results=most, score_threshold=0) as classifier:
        results = classifier.classify(clip(speech[:rate], rate))
    assert len(results) == 2
    for result in results:
        heads = [(head.head_index, head.head_name, len(head.categories)) for head in result.classifications]
        assert heads == [(0, "yamnet_classification", most or 521), (1, "own_classification", most or 5)]


def test_vectors_of_a_clip(speech: Array, small_model_path: Path) -> None:
    import yamjit

    expected = yamjit.load("starter").classify(
        speech.astype(np.float64), sample_rate=RATE_HZ, reading=yamjit.ReadOptions(overlap=0)
    )
    for base in (BaseOptions("starter"), BaseOptions(model_asset_buffer=small_model_path.read_bytes())):
        with create("embedder", base, l2_normalize=False, quantize=False) as embedder:
            results = embedder.embed(clip(speech))
        assert [result.timestamp_ms for result in results] == [WINDOW_MS * index for index in range(len(results))]
        for result, embedding in zip(results, expected.embeddings, strict=True):
            assert isinstance(result, embedding_result.EmbeddingResult)
            assert result.embeddings == [embedding_result.Embedding(embedding.astype(float), 0, "embedding")]
            assert result.embeddings[0].embedding.dtype == float


def test_vectors_of_a_clip_at_another_rate(speech: Array) -> None:
    soxr = pytest.importorskip("soxr")
    with create("embedder") as embedder:
        heard = embedder.embed(clip(speech)), embedder.embed(clip(soxr.resample(speech, 16, 48), 48_000))
        short = embedder.embed(clip(speech[:100]))
    assert len(heard[0]) == len(heard[1])
    assert len(short) == 1
    for one, other in zip(*heard, strict=True):
        assert embedder.cosine_similarity(one.embeddings[0], other.embeddings[0]) > 0.9


def test_normalized_and_quantized_vectors(speech: Array) -> None:
    plain, unit, quantized = (
        create("embedder", l2_normalize=unit, quantize=quantized).embed(clip(speech))[0].embeddings[0]
        for unit, quantized in ((None, None), (True, False), (True, True))
    )
    assert np.linalg.norm(unit.embedding) == pytest.approx(1, abs=1e-6)
    assert quantized.embedding.dtype == np.uint8
    np.testing.assert_allclose(quantized.embedding.view("int8") / 128, unit.embedding, atol=1 / 256 + 1e-6)
    assert cosine_similarity.cosine_similarity(plain, unit) == pytest.approx(1)
    with pytest.raises(ValueError, match="between quantized and float embeddings"):
        cosine_similarity.cosine_similarity(unit, quantized)
    with pytest.raises(ValueError, match="set l2_normalize=True as well"):
        create("embedder", quantize=True).embed(clip(speech))


@pytest.mark.parametrize(
    ("u", "v", "message"),
    [
        ([1.0, 2.0], [1.0], r"of different sizes \(2 vs\. 1\)"),
        ([0.0, 0.0], [1.0, 0.0], "on embedding with 0 norm"),
    ],
)
def test_vectors_without_an_angle(u: list[float], v: list[float], message: str) -> None:
    first, second = embedding_result.Embedding(np.array(u)), embedding_result.Embedding(np.array(v))
    with pytest.raises(ValueError, match=message):
        audio_embedder.AudioEmbedder.cosine_similarity(first, second)


# -- Modes, callbacks and times ---------------------------------------------------------------------------------


@Tasks
def test_the_sample_rate_is_missing(kind: str) -> None:
    with create(kind) as task, pytest.raises(ValueError, match="Must provide the audio sample rate in audio data"):
        run(task, AudioData(buffer_length=100))
    with stream(kind, mock.MagicMock()) as task, pytest.raises(ValueError, match="provide the audio sample rate"):
        run(task, AudioData(buffer_length=100))


@Tasks
def test_a_callback_with_the_wrong_mode(kind: str) -> None:
    with pytest.raises(ValueError, match="audio stream mode, a user-defined result callback must be provided"):
        create(kind, running_mode=Mode.AUDIO_STREAM)
    with pytest.raises(ValueError, match="audio clips mode, a user-defined result callback shouldn't be provided"):
        create(kind, result_callback=mock.MagicMock())
    with pytest.raises(ValueError, match="result callback should not be provided"):
        create(kind, result_callback=mock.MagicMock())


@Tasks
def test_a_method_of_the_other_mode(kind: str, speech: Array) -> None:
    with (
        stream(kind, mock.MagicMock()) as task,
        pytest.raises(
            ValueError,
            match=r"Task is not initialized with the audio clips mode\. Current running mode:audio stream mode",
        ),
    ):
        run(task, clip(speech))
    with (
        create(kind) as task,
        pytest.raises(
            ValueError,
            match=r"Task is not initialized with the audio stream mode\. Current running mode:audio clips mode",
        ),
    ):
        send(task, clip(speech), 0)


@Tasks
def test_a_time_that_does_not_increase(kind: str, speech: Array) -> None:
    with stream(kind, mock.MagicMock()) as task:
        send(task, clip(speech), 100)
        with pytest.raises(ValueError, match="Input timestamp must be monotonically increasing"):
            send(task, clip(speech), 0)


@Tasks
@pytest.mark.parametrize("rate", [RATE_HZ, 48_000])
def test_a_stream_calls_back_once_a_window(kind: str, speech: Array, rate: int) -> None:
    """Its results are those of the clip; a callback may set the time of its result, as theirs does."""
    soxr = pytest.importorskip("soxr")
    samples = soxr.resample(speech, RATE_HZ, rate)
    heard: list[Any] = []

    def save(result: Any, timestamp_ms: int) -> None:
        result.timestamp_ms = timestamp_ms
        heard.append(result)

    step = WINDOW * rate // RATE_HZ
    with stream(kind, save) as task:
        for start in range(0, len(samples), step):
            send(task, clip(samples[start : start + step], rate), start * 1000 // rate)
    with create(kind) as task:
        assert heard == run(task, clip(samples, rate))
    assert len(heard) == -(-speech.size // WINDOW)


def test_an_error_of_the_embedder_comes_back_from_a_stream(speech: Array) -> None:
    embedder = stream("embedder", mock.MagicMock(), quantize=True)
    send(embedder, clip(speech), 0)
    with pytest.raises(YamjitError, match="set l2_normalize=True as well"):
        embedder.close()


# -- Audio data -------------------------------------------------------------------------------------------------


def test_audio_data_of_an_array(speech: Array) -> None:
    data = AudioData.create_from_array(speech, RATE_HZ)
    assert (data.audio_format.num_channels, data.audio_format.sample_rate) == (1, RATE_HZ)
    assert len(data.buffer) == data.buffer_length == speech.size
    np.testing.assert_array_equal(data.buffer, speech, strict=True)
    column = AudioData.create_from_array(speech[:, np.newaxis], RATE_HZ)
    np.testing.assert_array_equal(column.buffer, speech[:, np.newaxis], strict=True)
    with create("classifier") as classifier:
        assert classifier.classify(data) == classifier.classify(column)
