"""MediaPipe's semantics: clips of any rate and length, streams in any blocks, and their errors."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.sound_device import pretend
from yamjit.errors import AudioError, InputError, ModelError
from yamjit.task import mediapipe as mp
from yamjit.task.audio import AudioRecord
from yamjit.task.mediapipe.tasks import python
from yamjit.task.mediapipe.tasks.python import audio
from yamjit.task.mediapipe.tasks.python.components import containers
from yamjit.task.mediapipe.worker import _MOST_BLOCKS

RATE_HZ, WINDOW, WINDOW_MS = 16_000, 15_600, 975

AudioData, AudioDataFormat, RunningMode = containers.AudioData, containers.AudioDataFormat, audio.RunningMode

Array = npt.NDArray[Any]


def create(**options: Any) -> audio.AudioClassifier:
    base = python.BaseOptions(model_asset_path="starter")
    return audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base_options=base, **options))


def stream(callback: Any, **options: Any) -> audio.AudioClassifier:
    return create(running_mode=RunningMode.AUDIO_STREAM, result_callback=callback, **options)


@pytest.fixture(scope="module")
def classifier() -> audio.AudioClassifier:
    return create(max_results=3)


@pytest.fixture(scope="module")
def speech(examples: dict[Path, str]) -> Array:
    soundfile = pytest.importorskip("soundfile")
    samples, rate = soundfile.read(next(path for path in examples if path.stem == "speech"), dtype="float32")
    assert rate == RATE_HZ
    return samples


def listed(results: list[Any]) -> list[tuple[int, list[tuple[str, float]]]]:
    return [(r.timestamp_ms, [(c.category_name, c.score) for c in r.classifications[0].categories]) for r in results]


def test_the_names_are_where_mediapipe_has_them() -> None:
    assert mp.tasks.audio is audio
    assert mp.tasks.python is python
    assert mp.tasks.components.containers is containers
    assert mp.tasks.BaseOptions is python.BaseOptions
    assert audio.AudioClassifierResult is containers.ClassificationResult


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("audio.audio_classifier", "AudioClassifier AudioClassifierOptions AudioClassifierResult"),
        ("audio.audio_embedder", "AudioEmbedder AudioEmbedderOptions AudioEmbedderResult"),
        ("audio.core.audio_record", "AudioRecord"),
        ("audio.core.audio_task_running_mode", "AudioTaskRunningMode"),
        ("audio.core.base_audio_task_api", "BaseAudioTaskApi"),
        ("components.containers.audio_data", "AudioData AudioDataFormat"),
        ("components.containers.category", "Category"),
        ("components.containers.classification_result", "ClassificationResult Classifications"),
        ("components.containers.embedding_result", "Embedding EmbeddingResult"),
        ("components.processors", "ClassifierOptions classifier_options"),
        ("components.processors.classifier_options", "ClassifierOptions"),
        ("components.utils", "cosine_similarity"),
        ("components.utils.cosine_similarity", "cosine_similarity"),
        ("core.base_options", "BaseOptions"),
    ],
)
def test_the_modules_within_have_the_names_of_theirs(module: str, names: str) -> None:
    """MediaPipe's own samples import ``audio.core.audio_record``."""
    found = importlib.import_module(f"yamjit.task.mediapipe.tasks.python.{module}")
    assert sorted(found.__all__) == names.split()
    theirs = {
        "AudioTaskRunningMode": RunningMode,
        "AudioRecord": AudioRecord,
        "BaseOptions": python.BaseOptions,
        "BaseAudioTaskApi": audio.AudioEmbedder.__mro__[1],
        "ClassifierOptions": python.components.processors.ClassifierOptions,
        "classifier_options": python.components.processors.classifier_options,
    }
    for name in found.__all__:
        if name != "cosine_similarity":
            expected = theirs.get(name) or getattr(audio, name, None) or getattr(containers, name)
            assert getattr(found, name) is expected
    assert python.components.utils.cosine_similarity.cosine_similarity is not None


def test_the_delegate_is_the_cpu() -> None:
    delegates = python.BaseOptions.Delegate
    assert [(delegate.name, delegate.value) for delegate in delegates] == [("DEFAULT", 0), ("CPU", 1), ("GPU", 2)]
    for delegate in (None, delegates.DEFAULT, delegates.CPU):
        base = python.BaseOptions(model_asset_path="starter", delegate=delegate)
        audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base)).close()
    with pytest.raises(InputError, match="computed on the CPU"):
        audio.AudioClassifier.create_from_options(
            audio.AudioClassifierOptions(python.BaseOptions("starter", delegate=delegates.GPU))
        )


def test_a_callback_may_set_the_time_of_its_result(speech: Array) -> None:
    """As in MediaPipe's samples for live audio."""
    heard: list[Any] = []

    def note(result: Any, timestamp_ms: int) -> None:
        result.timestamp_ms = timestamp_ms + 1
        heard.append(result)

    with stream(note) as classifier:
        classifier.classify_async(AudioData.create_from_array(speech[:WINDOW], RATE_HZ), 5)
    assert [result.timestamp_ms for result in heard] == [6]


# -- Clips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "count"), [(1, 1), (WINDOW - 1, 1), (WINDOW, 1), (WINDOW + 1, 2), (2 * WINDOW, 2), (3 * WINDOW - 7, 3)]
)
def test_windows_do_not_overlap_and_the_last_one_is_padded(
    classifier: audio.AudioClassifier, speech: Array, length: int, count: int
) -> None:
    results = classifier.classify(AudioData.create_from_array(speech[:length], RATE_HZ))
    assert [result.timestamp_ms for result in results] == [WINDOW_MS * index for index in range(count)]
    padded = np.pad(speech[:length], (0, count * WINDOW - length)).reshape(count, WINDOW)
    alone = [classifier.classify(AudioData.create_from_array(window, RATE_HZ)) for window in padded]
    assert [result.classifications for result in results] == [result.classifications for (result,) in alone]


def test_a_clip_gives_the_scores_of_yamjit(classifier: audio.AudioClassifier, speech: Array) -> None:
    import yamjit

    heard = yamjit.load("starter").classify(
        speech, sample_rate=RATE_HZ, reading=yamjit.ReadOptions(hop_s=WINDOW / RATE_HZ)
    )
    expected = [
        (window * WINDOW_MS, [(label, score) for label, score, _ in heard.top(3, window=window)])
        for window in range(len(heard))
    ]
    assert listed(classifier.classify(AudioData.create_from_array(speech, RATE_HZ))) == expected


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100.0, 48_000])
def test_any_rate(classifier: audio.AudioClassifier, speech: Array, rate: float) -> None:
    soxr = pytest.importorskip("soxr")
    resampled = soxr.resample(speech, RATE_HZ, rate)
    results = classifier.classify(AudioData.create_from_array(resampled, rate))
    assert len(results) == -(-speech.size // WINDOW)
    assert listed(results)[1][1][0][0] == "Speech"


def test_channels_are_averaged(classifier: audio.AudioClassifier, speech: Array) -> None:
    stereo = np.stack([speech * np.float32(0.5), speech * np.float32(1.5)], axis=1)
    data = AudioData.create_from_array(stereo, RATE_HZ)
    assert data.audio_format == AudioDataFormat(2, RATE_HZ)
    assert classifier.classify(data) == classifier.classify(AudioData.create_from_array(stereo.mean(1), RATE_HZ))


def test_a_long_clip_is_cut_like_a_short_one(classifier: audio.AudioClassifier, speech: Array) -> None:
    """Longer than what is taken at once."""
    clip = np.tile(speech, 5)
    assert clip.size > 2**18
    heard = listed(classifier.classify(AudioData.create_from_array(clip, RATE_HZ)))
    last = len(heard) - 2
    (alone,) = classifier.classify(AudioData.create_from_array(clip[last * WINDOW : (last + 1) * WINDOW], RATE_HZ))
    assert heard[last] == (last * WINDOW_MS, listed([alone])[0][1])


def test_both_heads_are_listed(two_heads_model: bytes) -> None:
    base = python.BaseOptions(model_asset_buffer=two_heads_model)
    options = audio.AudioClassifierOptions(base, score_threshold=0, max_results=2, display_names_locale="de")
    with audio.AudioClassifier.create_from_options(options) as classifier:
        (result,) = classifier.classify(AudioData(WINDOW, AudioDataFormat(sample_rate=RATE_HZ)))
    assert [(head.head_index, head.head_name) for head in result.classifications] == [
        (0, "yamnet_classification"),
        (1, "own_classification"),
    ]
    assert [len(head.categories) for head in result.classifications] == [2, 2]
    assert all(c.display_name == f"{c.category_name} (deutsch)" for c in result.classifications[0].categories)


# -- Streams ----------------------------------------------------------------------------------------------------


def run_stream(blocks: list[Array], rate: int = RATE_HZ, start_ms: int = 0) -> list[tuple[int, Any]]:
    """Return what a stream of blocks calls back with."""
    found: list[Any] = []
    with stream(lambda result, timestamp_ms: found.append((timestamp_ms, result)), max_results=3) as classifier:
        taken = 0
        for block in blocks:
            classifier.classify_async(AudioData.create_from_array(block, rate), start_ms + taken * 1000 // rate)
            taken += max(len(block), rate // 1000 + 1)
    assert all(result.timestamp_ms == timestamp_ms for timestamp_ms, result in found)
    return listed([result for _, result in found])


@pytest.mark.parametrize("rate", [RATE_HZ, 44_100])
@pytest.mark.parametrize("seed", range(5))
def test_blocks_do_not_matter(classifier: audio.AudioClassifier, speech: Array, rate: int, seed: int) -> None:
    clip = speech[:40_000]
    expected = listed(classifier.classify(AudioData.create_from_array(clip, rate)))
    dice = np.random.default_rng(seed)
    cuts = np.sort(dice.choice(np.arange(1, clip.size), size=dice.integers(1, 60), replace=False))
    assert run_stream(np.split(clip, cuts), rate) == expected


def test_time_is_counted_from_the_first_timestamp(speech: Array) -> None:
    found = run_stream(np.split(speech[: 2 * WINDOW], 8), start_ms=123_456)
    assert [time for time, _ in found] == [123_456, 123_456 + WINDOW_MS]


def test_the_tail_comes_at_close(speech: Array) -> None:
    called: list[int] = []
    first = threading.Event()

    def callback(result: Any, timestamp_ms: int) -> None:
        called.append(timestamp_ms)
        first.set()

    classifier = stream(callback)
    classifier.classify_async(AudioData.create_from_array(speech[: WINDOW + 1], RATE_HZ), 0)
    assert first.wait(60)
    assert called == [0]
    classifier.close()
    assert called == [0, WINDOW_MS]
    classifier.close()
    assert called == [0, WINDOW_MS]


def test_results_come_from_a_thread_of_the_classifier(speech: Array) -> None:
    threads: set[threading.Thread] = set()
    with stream(lambda *_: threads.add(threading.current_thread())) as classifier:
        classifier.classify_async(AudioData.create_from_array(speech, RATE_HZ), 0)
    (thread,) = threads
    assert thread is not threading.main_thread()
    assert not thread.is_alive()


def test_a_block_is_copied(classifier: audio.AudioClassifier, speech: Array) -> None:
    expected = listed(classifier.classify(AudioData.create_from_array(speech, RATE_HZ)))
    found: list[Any] = []
    data = AudioData.create_from_array(speech, RATE_HZ)
    with stream(lambda result, _: found.append(result), max_results=3) as streaming:
        streaming.classify_async(data, 0)
        data.buffer.fill(1)
    assert listed(found) == expected


@pytest.mark.slow
def test_a_slow_callback_makes_the_caller_wait_and_loses_nothing() -> None:
    """More blocks than may wait, while the callback does not return."""
    gate, times = threading.Event(), list[int]()

    def callback(_: Any, timestamp_ms: int) -> None:
        gate.wait(60)
        times.append(timestamp_ms)

    count = _MOST_BLOCKS + 20
    block = AudioData(WINDOW // 40, AudioDataFormat(sample_rate=RATE_HZ))
    classifier = stream(callback, max_results=1)
    sender = threading.Thread(target=lambda: [classifier.classify_async(block, index) for index in range(count + 40)])
    sender.start()
    sender.join(1)
    assert sender.is_alive()
    gate.set()
    sender.join(60)
    classifier.close()
    assert times == [index * WINDOW_MS for index in range(-(-(count + 40) // 40))]


def test_nothing_was_streamed() -> None:
    called: list[Any] = []
    stream(called.append).close()
    with stream(called.append) as classifier:
        classifier.classify_async(AudioData(0, AudioDataFormat(sample_rate=RATE_HZ)), 0)
    assert called == []


def test_an_error_of_the_callback_comes_back(speech: Array) -> None:
    calls: list[int] = []

    def callback(_: Any, timestamp_ms: int) -> None:
        calls.append(timestamp_ms)
        raise KeyError("mine")

    classifier = stream(callback)
    classifier.classify_async(AudioData.create_from_array(speech, RATE_HZ), 0)
    with pytest.raises(KeyError, match="mine"):
        classifier.close()
    assert calls == [0]
    classifier.close()
    with pytest.raises(KeyError, match="mine"):
        fill_until_it_raises(stream(callback))


def fill_until_it_raises(classifier: audio.AudioClassifier) -> None:
    """Send blocks, more than may wait."""
    for index in range(100 * _MOST_BLOCKS):
        classifier.classify_async(AudioData(WINDOW, AudioDataFormat(sample_rate=RATE_HZ)), index)


def test_the_callback_may_close_the_classifier(speech: Array) -> None:
    closed = threading.Event()

    def callback(*_: Any) -> None:
        classifier.close()
        closed.set()

    classifier = stream(callback)
    classifier.classify_async(AudioData.create_from_array(speech, RATE_HZ), 0)
    assert closed.wait(60)
    with pytest.raises(InputError, match="closed"):
        classifier.classify_async(AudioData.create_from_array(speech, RATE_HZ), 1)


# -- Errors -----------------------------------------------------------------------------------------------------


def test_the_sample_rate_is_missing() -> None:
    with pytest.raises(ValueError, match="Must provide the audio sample rate"):
        create().classify(AudioData(100))
    with pytest.raises(ValueError, match="Must provide the audio sample rate"):
        stream(print).classify_async(AudioData(100), 0)


@pytest.mark.parametrize("rate", [16_000.5, -1, 10, "16000", 10**9])
def test_rates_that_are_none(classifier: audio.AudioClassifier, rate: Any) -> None:
    with pytest.raises(InputError, match="sample_rate"):
        classifier.classify(AudioData(100, AudioDataFormat(1, rate)))


def test_the_callback_is_missing_or_too_many() -> None:
    with pytest.raises(ValueError, match="result callback must be provided"):
        create(running_mode=RunningMode.AUDIO_STREAM)
    with pytest.raises(ValueError, match="result callback should not be provided"):
        create(result_callback=print)
    with pytest.raises(ValueError, match="result callback must be provided, found 3"):
        stream(3)
    with pytest.raises(ValueError, match=r"running_mode is 'AUDIO_CLIPS'; RunningMode.AUDIO_CLIPS"):
        create(running_mode="AUDIO_CLIPS")


def test_the_wrong_method_for_the_mode(classifier: audio.AudioClassifier) -> None:
    data = AudioData(WINDOW, AudioDataFormat(1, RATE_HZ))
    with pytest.raises(
        ValueError, match=r"not initialized with the audio clips mode\. Current running mode:audio stream mode"
    ):
        stream(print).classify(data)
    with pytest.raises(
        ValueError, match=r"not initialized with the audio stream mode\. Current running mode:audio clips mode"
    ):
        classifier.classify_async(data, 0)


@pytest.mark.parametrize("later", [100, 0, 99])
def test_timestamps_must_increase(later: int) -> None:
    data = AudioData(100, AudioDataFormat(1, RATE_HZ))
    with stream(lambda *_: None) as classifier:
        classifier.classify_async(data, 100)
        with pytest.raises(ValueError, match=f"monotonically increasing: {later} ms comes after 100 ms"):
            classifier.classify_async(data, later)
        classifier.classify_async(data, 101)


@pytest.mark.parametrize("timestamp", [-1, 1.5, None])
def test_timestamps_that_are_none(timestamp: Any) -> None:
    with stream(print) as classifier, pytest.raises(InputError, match="timestamp_ms is"):
        classifier.classify_async(AudioData(100, AudioDataFormat(1, RATE_HZ)), timestamp)


def test_the_format_of_a_stream_does_not_change() -> None:
    with stream(lambda *_: None) as classifier:
        classifier.classify_async(AudioData(100, AudioDataFormat(1, 44_100)), 0)
        with pytest.raises(ValueError, match=r"the block has 16000 Hz and 1 channel.*, the stream began with 44100 Hz"):
            classifier.classify_async(AudioData(100, AudioDataFormat(1, RATE_HZ)), 1)
        with pytest.raises(ValueError, match=r"44100 Hz and 2 channel\(s\), the stream began with 44100 Hz and 1"):
            classifier.classify_async(AudioData(100, AudioDataFormat(2, 44_100)), 1)


def test_what_is_no_audio(classifier: audio.AudioClassifier) -> None:
    with pytest.raises(InputError, match="an AudioData is accepted, found ndarray"):
        classifier.classify(np.zeros(WINDOW))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no samples"):
        classifier.classify(AudioData(0, AudioDataFormat(1, RATE_HZ)))
    with pytest.raises(AudioError, match="NaN or infinite"):
        classifier.classify(AudioData.create_from_array([0, 0, 0, np.nan], RATE_HZ))
    with pytest.raises(AudioError, match="like integers stored as float"):
        classifier.classify(AudioData.create_from_array([0, 0, 0, 32767.0], RATE_HZ))
    with pytest.raises(InputError, match="float is not audio"):
        AudioData.create_from_array(0.5, RATE_HZ)
    with pytest.raises(InputError, match=r"array of shape \(2, 2, 2\)"):
        AudioData.create_from_array(np.zeros((2, 2, 2)), RATE_HZ)
    with pytest.raises(InputError, match="type complex64"):
        AudioData.create_from_array(np.zeros(3, np.complex64), RATE_HZ)


def test_a_closed_classifier() -> None:
    with create() as classifier:
        pass
    with pytest.raises(InputError, match="closed"):
        classifier.classify(AudioData(WINDOW, AudioDataFormat(1, RATE_HZ)))


def test_the_model_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one of model_asset_path and model_asset_buffer is needed"):
        audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(python.BaseOptions()))
    with pytest.raises(ModelError, match="model_file"):
        audio.AudioClassifier.create_from_model_path(tmp_path / "model_file")


def test_lists_that_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="mutually exclusive"):
        create(category_allowlist=["foo"], category_denylist=["bar"])


# -- AudioData and records --------------------------------------------------------------------------------------


def test_audio_data_holds_the_newest_samples() -> None:
    data = AudioData(4, AudioDataFormat(1, RATE_HZ))
    data.load_from_array(np.array([1, 2, 3, 4, 5, 6], np.float32) / 8)
    assert (data.buffer[:, 0] * 8).tolist() == [3, 4, 5, 6]
    data.load_from_array(np.array([[7], [8]]) / 8, offset=1)
    assert (data.buffer[:, 0] * 8).tolist() == [4, 5, 6, 8]
    assert data.buffer_length == 4
    data.clear()
    assert not data.buffer.any()
    with pytest.raises(InputError, match="accepted are 1 channel"):
        data.load_from_array(np.zeros((3, 2)))


def test_a_record_may_have_any_format(classifier: audio.AudioClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    device = pretend(monkeypatch, rate=48_000)
    record = classifier.create_audio_record(2, 48_000, 1000)
    record.start_recording()
    device.hear(record, np.full((10, 2), 0.5))
    record.stop()
    data = AudioData.create_from_array(record.read(10), record.sampling_rate)
    assert (data.buffer == 0.5).all()
    assert len(classifier.classify(data)) == 1


@pytest.mark.parametrize("options", ["starter", audio.AudioClassifierOptions("starter")])  # type: ignore[arg-type]
def test_options_of_another_kind(options: Any) -> None:
    with pytest.raises(InputError, match=r"options is 'starter'; .*Options is accepted"):
        audio.AudioClassifier.create_from_options(options)
