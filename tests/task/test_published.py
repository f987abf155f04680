"""The test cases that the Task Library and MediaPipe publish for this model, through `yamjit.task`; exact numbers."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from yamjit.task import audio, core, processor
from yamjit.task import mediapipe as mp
from yamjit.task.processor import Category

RATE_HZ, WINDOW, CLASSES = 16_000, 15_600, 521

SPEECH, MEOW, TWO_HEADS = "tflite_speech.wav", "tensorflow_meow_16k.wav", "tflite_two_heads.wav"

INSIDE = "Inside, small room"

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def clips(test_data: Path) -> Path:
    return test_data / "audio" / "clips"


def create(model: Path, **options: Any) -> audio.AudioClassifier:
    return audio.AudioClassifier.create_from_options(
        audio.AudioClassifierOptions(
            base_options=core.BaseOptions(file_name=str(model)),
            classification_options=processor.ClassificationOptions(**options),
        )
    )


def create_mediapipe(model: Path, **options: Any) -> Any:
    return mp.tasks.audio.AudioClassifier.create_from_options(
        mp.tasks.audio.AudioClassifierOptions(base_options=mp.tasks.BaseOptions(model_asset_path=str(model)), **options)
    )


def read_int16(path: Path) -> npt.NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def of_wav(classifier: audio.AudioClassifier, path: Path) -> list[Category]:
    tensor = audio.TensorAudio.create_from_wav_file(str(path), classifier.required_input_buffer_size)
    result = classifier.classify(tensor)
    assert [(head.head_index, head.head_name) for head in result.classifications] == [(0, "scores")]
    return result.classifications[0].categories


def of_samples(classifier: audio.AudioClassifier, samples: npt.NDArray[Any]) -> list[Category]:
    tensor = classifier.create_input_tensor_audio()
    tensor.load_from_array(samples[:, np.newaxis])
    return classifier.classify(tensor).classifications[0].categories


def in_256ths(categories: list[Category]) -> list[tuple[str, float]]:
    return [(category.category_name, category.score * 256) for category in categories]


# -- Task Library -----------------------------------------------------------------------------------------------


@pytest.mark.recordings
@pytest.mark.parametrize("source", ["file name", "file content"])
def test_python_and_c_speech(official_model_path: Path, clips: Path, source: str) -> None:
    base = core.BaseOptions(file_name=str(official_model_path))
    if source == "file content":
        base = core.BaseOptions(file_content=official_model_path.read_bytes())
    options = processor.ClassificationOptions(max_results=3)
    classifier = audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base, options))
    assert of_wav(classifier, clips / SPEECH) == [
        Category(0, 235 / 256, "", "Speech"),
        Category(500, 15 / 256, "", INSIDE),
        Category(494, 3 / 256, "", "Silence"),
    ]


@pytest.mark.recordings
def test_python_and_c_count_all_categories(official_model_path: Path, clips: Path) -> None:
    classifier = audio.AudioClassifier.create_from_file(str(official_model_path))
    categories = of_wav(classifier, clips / SPEECH)
    assert len(categories) == CLASSES
    assert in_256ths(categories[:3]) == [("Speech", 235), (INSIDE, 15), ("Silence", 3)]


@pytest.mark.recordings
def test_ios_the_ring_buffer_keeps_the_newest(official_model_path: Path, clips: Path) -> None:
    samples = read_int16(clips / SPEECH)
    assert samples.size > 4 * WINDOW
    categories = of_samples(create(official_model_path), samples)
    assert in_256ths(categories[:2]) == [("Speech", 245), (INSIDE, 5)]


@pytest.mark.recordings
def test_ios_options(official_model_path: Path, clips: Path) -> None:
    samples = read_int16(clips / SPEECH)
    assert len(of_samples(create(official_model_path, max_results=3), samples)) == 3
    allowed = of_samples(create(official_model_path, category_name_allowlist=["Speech", INSIDE]), samples)
    assert in_256ths(allowed) == [("Speech", 245), (INSIDE, 5)]
    rest = of_samples(create(official_model_path, category_name_denylist=["Speech"]), samples)
    assert len(rest) == CLASSES - 1
    assert in_256ths(rest[:1]) == [(INSIDE, 5)]


@pytest.mark.recordings
def test_python_options(official_model_path: Path, clips: Path) -> None:
    over_half = of_wav(create(official_model_path, score_threshold=0.5), clips / SPEECH)
    assert in_256ths(over_half) == [("Speech", 235)]
    denied = of_wav(
        create(official_model_path, score_threshold=0.01, category_name_denylist=["Speech"]), clips / SPEECH
    )
    assert in_256ths(denied) == [(INSIDE, 15), ("Silence", 3)]


def test_python_both_lists_are_refused(official_model_path: Path) -> None:
    with pytest.raises(ValueError, match="mutually exclusive"):
        create(official_model_path, category_name_allowlist=["foo"], category_name_denylist=["bar"])


@pytest.mark.parametrize(
    ("task", "options"),
    [
        (audio.AudioClassifier, audio.AudioClassifierOptions(core.BaseOptions(file_name=""))),
        (audio.AudioEmbedder, audio.AudioEmbedderOptions(core.BaseOptions(file_name=""))),
    ],
)
def test_python_a_model_must_be_given(task: Any, options: Any) -> None:
    with pytest.raises(ValueError, match="must specify at least one of"):
        task.create_from_options(options)


def test_python_what_the_model_takes(official_model_path: Path) -> None:
    tasks = [
        audio.AudioClassifier.create_from_file(str(official_model_path)),
        audio.AudioEmbedder.create_from_file(str(official_model_path)),
    ]
    for task in tasks:
        assert task.required_input_buffer_size == WINDOW
        assert (task.required_audio_format.channels, task.required_audio_format.sample_rate) == (1, RATE_HZ)
        tensor = task.create_input_tensor_audio()
        assert (tensor.format.channels, tensor.format.sample_rate, tensor.buffer_size) == (1, RATE_HZ, WINDOW)


@pytest.mark.recordings
def test_python_the_last_sample_of_speech(clips: Path) -> None:
    tensor = audio.TensorAudio.create_from_wav_file(str(clips / SPEECH), WINDOW)
    assert (tensor.format.channels, tensor.format.sample_rate, tensor.buffer_size) == (1, RATE_HZ, WINDOW)
    assert tensor.buffer[WINDOW - 1] == np.float32(-0.09640503)


@pytest.mark.recordings
@pytest.mark.parametrize(("l2_normalize", "quantize"), [(False, False), (True, True)])
def test_python_embedder(official_model_path: Path, clips: Path, l2_normalize: bool, quantize: bool) -> None:
    """Their model of embeddings is another one, in float; what holds for ours are the sizes and the order."""
    embedder = audio.AudioEmbedder.create_from_options(
        audio.AudioEmbedderOptions(
            core.BaseOptions(file_name=str(official_model_path)),
            processor.EmbeddingOptions(l2_normalize=l2_normalize, quantize=quantize),
        )
    )
    tensors = [
        audio.TensorAudio.create_from_wav_file(str(clips / name), embedder.required_input_buffer_size)
        for name in (SPEECH, TWO_HEADS)
    ]
    results = [embedder.embed(tensor) for tensor in tensors]
    assert [[embedding.output_index for embedding in result.embeddings] for result in results] == [[0], [0]]
    speech, birds = (result.embeddings[0].feature_vector for result in results)
    assert speech.value.shape == birds.value.shape == (1024,)
    assert speech.value.dtype == birds.value.dtype == (np.uint8 if quantize else float)
    assert speech.value[0] == 0
    assert embedder.cosine_similarity(speech, birds) == pytest.approx(0.224, abs=0.002)
    assert embedder.cosine_similarity(speech, speech) == pytest.approx(1)
    assert [embedder.get_embedding_dimension(index) for index in (0, 1, -1)] == [1024, -1, -1]
    assert embedder.number_of_output_layers == 1


# -- Samples and other programs ---------------------------------------------------------------------------------


@pytest.mark.recordings
def test_raspberry_pi_ground_truth(official_model_path: Path, clips: Path) -> None:
    """Made with samples divided by 32767."""
    samples = read_int16(clips / MEOW)[:WINDOW].astype(np.float32) / np.float32(32767)
    assert in_256ths(of_samples(create(official_model_path, max_results=5), samples)) == [
        ("Cat", 189),
        ("Animal", 171),
        ("Domestic animals, pets", 171),
        ("Meow", 106),
        ("Caterwaul", 85),
    ]


@pytest.mark.recordings
def test_desktop_sample(official_model_path: Path, clips: Path) -> None:
    assert in_256ths(of_wav(create(official_model_path, score_threshold=0.5), clips / MEOW)) == [
        ("Cat", 189),
        ("Animal", 171),
        ("Domestic animals, pets", 171),
    ]


@pytest.mark.recordings
def test_the_mean_of_overlapping_windows(official_model_path: Path, clips: Path) -> None:
    """Published with four digits by a program in C++ on plain kernels: windows each 0.48 s that lie in the clip."""
    classifier = audio.AudioClassifier.create_from_file(official_model_path)
    samples = read_int16(clips / MEOW)
    tensor = classifier.create_input_tensor_audio()
    total = np.zeros(CLASSES)
    starts = range(0, samples.size - WINDOW + 1, 7680)
    for start in starts:
        tensor.load_from_array(samples, start, WINDOW)
        for category in classifier.classify(tensor).classifications[0].categories:
            total[category.index] += category.score
    assert len(starts) == 12
    mean = np.round(total / len(starts), 4)
    assert [mean[index] for index in (76, 68, 67, 78)] == [0.7285, 0.6862, 0.6774, 0.5488]


@pytest.mark.recordings
def test_birds(official_model_path: Path, clips: Path) -> None:
    """Of TFLite's reference kernels."""
    assert in_256ths(of_wav(create(official_model_path, max_results=5), clips / TWO_HEADS)) == [
        ("Animal", 128),
        ("Environmental noise", 128),
        ("Wild animals", 106),
        ("Bird", 106),
        ("Bird vocalization, bird call, bird song", 106),
    ]


def test_a_sine_and_silence(official_model_path: Path) -> None:
    classifier = create(official_model_path, max_results=2)
    sine = np.sin(2 * np.pi * 440 * np.arange(WINDOW) / RATE_HZ)
    assert in_256ths(of_samples(classifier, sine)) == [("Sine wave", 255), ("Musical instrument", 4)]
    tensor = classifier.create_input_tensor_audio()
    assert in_256ths(classifier.classify(tensor).classifications[0].categories)[0] == ("Silence", 205)


# -- MediaPipe --------------------------------------------------------------------------------------------------

#: Of the five windows of speech; the last one is quieter than any threshold of theirs.
SPEECH_WINDOWS = [(0, "Speech", 235), (975, "Speech", 254), (1950, "Speech", 253), (2925, "Speech", 255)]


def first_of_each(results: list[Any]) -> list[tuple[int, str, float]]:
    found = []
    for result in results:
        assert [(head.head_index, head.head_name) for head in result.classifications] == [(0, "scores")]
        categories = result.classifications[0].categories
        found += [(result.timestamp_ms, c.category_name, c.score * 256) for c in categories[:1]]
    return found


@pytest.mark.recordings
def test_mediapipe_speech(official_model_path: Path, clips: Path) -> None:
    """Their test wants scores over 0.9 with samples divided by 32767; the integers are those of 32768."""
    samples = read_int16(clips / SPEECH)
    data = mp.tasks.components.containers.AudioData.create_from_array(samples, RATE_HZ)
    with create_mediapipe(official_model_path) as classifier:
        results = classifier.classify(data)
    assert first_of_each(results) == [*SPEECH_WINDOWS, (3900, "Tick", 67)]
    assert all(len(result.classifications[0].categories) == CLASSES for result in results)
    with create_mediapipe(official_model_path) as classifier:
        theirs = classifier.classify(
            mp.tasks.components.containers.AudioData.create_from_array(samples.astype(float) / 32767, RATE_HZ)
        )
    heard = first_of_each(theirs)
    assert [(time, name) for time, name, _ in heard[:4]] == [(time, name) for time, name, _ in SPEECH_WINDOWS]
    assert all(score > 0.9 * 256 for _, _, score in heard[:4])


@pytest.mark.recordings
def test_mediapipe_speech_of_another_rate(official_model_path: Path, clips: Path) -> None:
    """Their file of 48 kHz is not at hand; this one is made of that of 16 kHz."""
    soxr = pytest.importorskip("soxr")
    samples = soxr.resample(read_int16(clips / SPEECH) / 32768, RATE_HZ, 48_000)
    with create_mediapipe(official_model_path, max_results=1, score_threshold=0.9) as classifier:
        results = classifier.classify(mp.tasks.components.containers.AudioData.create_from_array(samples, 48_000))
    assert [result.timestamp_ms for result in results] == [0, 975, 1950, 2925, 3900]
    assert [(time, name) for time, name, _ in first_of_each(results)] == [
        (time, "Speech") for time, _, _ in SPEECH_WINDOWS
    ]


@pytest.mark.recordings
@pytest.mark.parametrize(
    "options",
    [{"max_results": 1, "score_threshold": 0.35}, {"score_threshold": 0.9}, {"category_allowlist": ["Speech"]}],
)
def test_mediapipe_options(official_model_path: Path, clips: Path, options: dict[str, Any]) -> None:
    data = mp.tasks.components.containers.AudioData.create_from_array(read_int16(clips / SPEECH), RATE_HZ)
    with create_mediapipe(official_model_path, **options) as classifier:
        results = classifier.classify(data)
    assert [result.timestamp_ms for result in results] == [0, 975, 1950, 2925, 3900]
    assert all(len(result.classifications[0].categories) == 1 for result in results[:4])
    assert first_of_each(results[:4]) == SPEECH_WINDOWS
    if "score_threshold" in options:
        assert results[4].classifications[0].categories == []


@pytest.mark.recordings
def test_mediapipe_stream(official_model_path: Path, clips: Path) -> None:
    results: list[Any] = []

    def save(result: Any, timestamp_ms: int) -> None:
        assert result.timestamp_ms == timestamp_ms
        results.append(result)

    samples = read_int16(clips / SPEECH)
    classifier = create_mediapipe(
        official_model_path,
        running_mode=mp.tasks.audio.RunningMode.AUDIO_STREAM,
        max_results=1,
        result_callback=save,
    )
    for start in range(0, samples.size, WINDOW):
        block = mp.tasks.components.containers.AudioData.create_from_array(samples[start : start + WINDOW], RATE_HZ)
        classifier.classify_async(block, start * 1000 // RATE_HZ)
    classifier.close()
    assert first_of_each(results) == [*SPEECH_WINDOWS, (3900, "Tick", 67)]


def test_mediapipe_a_clip_that_is_too_short(official_model_path: Path) -> None:
    with create_mediapipe(official_model_path) as classifier:
        data = mp.tasks.components.containers.AudioData(
            14_000, mp.tasks.components.containers.AudioDataFormat(1, RATE_HZ)
        )
        results = classifier.classify(data)
    assert first_of_each(results) == [(0, "Silence", 205)]
    assert len(results[0].classifications[0].categories) == CLASSES


@pytest.mark.recordings
@pytest.mark.parametrize("quantize", [False, True])
def test_mediapipe_embedder(official_model_path: Path, clips: Path, quantize: bool) -> None:
    """Their model of embeddings is another one, in float; what holds for ours are counts, sizes and the first value."""
    base = mp.tasks.BaseOptions(model_asset_path=str(official_model_path))
    options = mp.tasks.audio.AudioEmbedderOptions(base_options=base, l2_normalize=quantize, quantize=quantize)
    create_data = mp.tasks.components.containers.AudioData.create_from_array
    with mp.tasks.audio.AudioEmbedder.create_from_options(options) as embedder:
        speech, birds = (
            embedder.embed(create_data(read_int16(clips / name).astype(float) / 32767, RATE_HZ))
            for name in (SPEECH, TWO_HEADS)
        )
    assert [result.timestamp_ms for result in speech] == [0, 975, 1950, 2925, 3900]
    assert [result.timestamp_ms for result in birds] == [0]
    for result in (*speech, *birds):
        (embedding,) = result.embeddings
        assert (embedding.embedding.shape, embedding.head_index) == ((1024,), 0)
        assert embedding.embedding.dtype == (np.uint8 if quantize else float)
    assert speech[0].embeddings[0].embedding[0] == 0
    alike = embedder.cosine_similarity(speech[0].embeddings[0], birds[0].embeddings[0])
    assert alike == pytest.approx(0.217, abs=0.002)
