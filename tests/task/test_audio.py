"""Audio of the Task Library's face: buffers of the newest samples, recordings, what the tasks refuse."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.sound_device import Device, PortAudioError, eventually, pretend
from yamjit.errors import AudioError, DependencyError, InputError, ModelError
from yamjit.task import audio, core, processor
from yamjit.tflite import Graph, write_graph

WINDOW = 15_600
MONO, STEREO = audio.AudioFormat(1, 16_000), audio.AudioFormat(2, 16_000)

Array = npt.NDArray[Any]


def ramp(n: int, channels: int = 1, start: int = 1) -> Array:
    """Return samples that are all different."""
    return (np.arange(start, start + n * channels, dtype=np.float32) / 2**17).reshape(n, channels)


# -- TensorAudio ------------------------------------------------------------------------------------------------


def test_a_tensor_starts_with_zeros() -> None:
    tensor = audio.TensorAudio(STEREO, 5)
    assert (tensor.buffer_size, tensor.format) == (5, STEREO)
    np.testing.assert_array_equal(tensor.buffer, np.zeros((5, 2), np.float32), strict=True)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [0, 1, 6, 7, 8, 20])
def test_the_newest_samples_are_kept(channels: int, length: int) -> None:
    tensor = audio.TensorAudio(audio.AudioFormat(channels, 16_000), 7)
    held, new = ramp(7, channels), ramp(length, channels, start=1000)
    tensor.load_from_array(held)
    tensor.load_from_array(new)
    np.testing.assert_array_equal(tensor.buffer, np.concatenate((held, new))[-7:], strict=True)


@pytest.mark.parametrize(
    ("length", "offset", "size"),
    [
        (31_200, 0, 15_600),
        (31_200, 7_800, 15_600),
        (5_200, 0, 4_000),
        (5_200, 3_900, 100),
        (31_200, 100, -1),
        (9, 4, -1),
    ],
)
def test_a_stretch_of_an_array(length: int, offset: int, size: int) -> None:
    tensor = audio.TensorAudio(MONO, WINDOW)
    array = ramp(length)
    tensor.load_from_array(array, offset, size)
    loaded = array[offset : offset + size if size >= 0 else None][-WINDOW:]
    np.testing.assert_array_equal(tensor.buffer[-len(loaded) :], loaded)
    assert not tensor.buffer[: -len(loaded)].any()


def test_what_was_handed_out_or_taken_in_does_not_change() -> None:
    tensor, array = audio.TensorAudio(MONO, 4), ramp(4)
    tensor.load_from_array(array)
    handed_out = tensor.buffer
    array[:] = 0
    tensor.load_from_array(ramp(2))
    tensor.clear()
    np.testing.assert_array_equal(handed_out, ramp(4))
    assert not tensor.buffer.any()


def test_arrays_of_one_dimension_and_of_integers() -> None:
    tensor = audio.TensorAudio(MONO, 3)
    tensor.load_from_array(np.array([-32768, 16384, 32767], np.int16))
    assert tensor.buffer[:, 0].tolist() == [-1, 0.5, 32767 / 32768]
    tensor.load_from_array([0.25, 0.5, 1.0])
    assert tensor.buffer[:, 0].tolist() == [0.25, 0.5, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (ramp(15_600), 7_800, 15_600),
            r"offset 7800 \+ size 15600 should be <= src's length: 15600; their sum is 23400",
        ),
        ((ramp(15_600), 0, 20_000), r"offset 0 \+ size 20000 should be <= src's length: 15600"),
        ((ramp(10), 11), r"offset 11 \+ size 0 should be <= src's length: 10"),
        ((ramp(10), -1), "offset is -1; whole numbers from 0 up"),
        ((ramp(10), 0, 1.5), "size is 1.5; whole numbers"),
        ((ramp(10, 2),), r"array of shape \(10, 2\); accepted are 1 channel: \(n, 1\)"),
        ((ramp(8).reshape(2, 2, 2),), r"array of shape \(2, 2, 2\); accepted are 1 channel"),
        ((np.zeros(3, complex),), "array of type complex128"),
        ((np.zeros(3, np.int64),), "array of type int64"),
        (("noise",), "array of type"),
        ((None,), "NoneType is not audio"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    tensor = audio.TensorAudio(MONO, WINDOW)
    with pytest.raises(InputError, match=message):
        tensor.load_from_array(*arguments)
    assert not tensor.buffer.any()


@pytest.mark.parametrize("arguments", [(0, 16_000), (1, 0), (-1, 16_000), (1.0, 16_000), (True, 16_000), (1, "16000")])
def test_formats_that_are_none(arguments: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match="whole numbers from 1 up"):
        audio.AudioFormat(*arguments)


@pytest.mark.parametrize("size", [0, -1, 1.5, None])
def test_buffers_without_size(size: Any) -> None:
    with pytest.raises(InputError, match="buffer_size"):
        audio.TensorAudio(MONO, size)


# -- Files ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stereo_file(tmp_path: Path) -> tuple[Path, Array]:
    soundfile = pytest.importorskip("soundfile")
    samples = np.random.default_rng(3).integers(-32768, 32768, (100_000, 2), dtype=np.int16)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, samples, 44_100, subtype="PCM_16")
    return path, samples / np.float32(32768)


@pytest.mark.parametrize(("count", "offset"), [(10, 0), (15_600, 3), (40_000, 31_111), (100_000, 0), (1, 99_999)])
def test_a_stretch_of_a_file(stereo_file: tuple[Path, Array], count: int, offset: int) -> None:
    path, samples = stereo_file
    tensor = audio.TensorAudio.create_from_wav_file(path, count, offset)
    assert (tensor.format, tensor.buffer_size) == (audio.AudioFormat(2, 44_100), count)
    np.testing.assert_array_equal(tensor.buffer, samples[offset : offset + count], strict=True)


def test_a_file_that_ends_too_early_gives_a_smaller_buffer(stereo_file: tuple[Path, Array]) -> None:
    path, samples = stereo_file
    tensor = audio.TensorAudio.create_from_wav_file(str(path), 100, offset=99_990)
    np.testing.assert_array_equal(tensor.buffer, samples[-10:])
    with pytest.raises(InputError, match=r"offset is 100000, where .*ends"):
        audio.TensorAudio.create_from_wav_file(path, 100, 100_000)
    with pytest.raises(InputError, match=r"offset is 100001, but .* has only 100000 samples"):
        audio.TensorAudio.create_from_wav_file(path, 100, 100_001)


def test_a_file_is_appended_to_a_buffer_of_its_format(stereo_file: tuple[Path, Array]) -> None:
    path, samples = stereo_file
    tensor = audio.TensorAudio(audio.AudioFormat(2, 44_100), 20)
    tensor.load_from_wav_file(path, 99_995)
    np.testing.assert_array_equal(tensor.buffer[-5:], samples[-5:])
    assert not tensor.buffer[:-5].any()
    with pytest.raises(InputError, match=r"has 2 channel\(s\), the tensor audio takes 1"):
        audio.TensorAudio(audio.AudioFormat(1, 44_100), 20).load_from_wav_file(path)
    with pytest.raises(InputError, match="has 44100 Hz, the tensor audio takes 16000 Hz"):
        audio.TensorAudio(STEREO, 20).load_from_wav_file(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(bytes(range(256)))
    with pytest.raises(AudioError, match=r"noise\.wav"):
        audio.TensorAudio.create_from_wav_file(noise, WINDOW)
    with pytest.raises(AudioError, match="cannot be opened"):
        audio.TensorAudio.create_from_wav_file(tmp_path / "missing.wav", WINDOW)
    with pytest.raises(InputError, match="file_name is ''"):
        audio.TensorAudio.create_from_wav_file("", WINDOW)
    with pytest.raises(InputError, match="sample_count is 0"):
        audio.TensorAudio.create_from_wav_file(noise, 0)


# -- AudioRecord ------------------------------------------------------------------------------------------------


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    return pretend(monkeypatch)


@pytest.fixture
def start() -> Iterator[Callable[..., audio.AudioRecord]]:
    """Start records that are stopped after the test."""
    records: list[audio.AudioRecord] = []

    def start(channels: int = 1, rate: int = 16_000, size: int = WINDOW) -> audio.AudioRecord:
        records.append(audio.AudioRecord(channels, rate, size))
        records[-1].start_recording()
        return records[-1]

    yield start
    for record in records:
        record.stop()


Start = Callable[..., audio.AudioRecord]


def test_the_device_records_while_a_record_does(device: Device) -> None:
    record = audio.AudioRecord(2, 16_000, WINDOW)
    assert (record.channels, record.sampling_rate, record.buffer_size) == (2, 16_000, WINDOW)
    (stream,) = device.streams
    assert (stream.channels, stream.samplerate, stream.dtype) == (2, 16_000, "float32")
    assert not stream.active
    record.start_recording()
    assert stream.active
    record.stop()
    assert not stream.active
    record.stop()


@pytest.mark.parametrize("channels", [1, 2])
def test_a_record_reads_the_newest_samples(device: Device, start: Start, channels: int) -> None:
    record = start(channels)
    assert not record.read(WINDOW).any()
    blocks = [ramp(WINDOW // 2, channels, start=1000 * block) for block in range(1, 4)]
    for block in blocks:
        device.hear(record, block)
    np.testing.assert_array_equal(record.read(WINDOW // 2), blocks[-1], strict=True)
    np.testing.assert_array_equal(record.read(WINDOW), np.concatenate(blocks[-2:]))
    assert record.read(1).shape == (1, channels)
    record.stop()
    np.testing.assert_array_equal(record.read(WINDOW // 2), blocks[-1], strict=True)


def test_a_record_starts_anew(device: Device, start: Start) -> None:
    record = start(size=4)
    device.hear(record, ramp(3), overflow=True)
    assert record.overruns == 1
    assert record.read(4).any()
    record.start_recording()
    assert record.overruns == 0
    assert not record.read(4).any()
    device.hear(record, ramp(1, start=9))
    assert record.read(2)[:, 0].tolist() == [0, ramp(1, start=9)[0, 0]]


def test_a_device_of_another_rate_is_resampled(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    device = pretend(monkeypatch, rate=48_000)
    record = start(2, size=1_600)
    tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    device.hear(record, np.stack((tone, -tone), axis=1))
    assert device.streams[-1].samplerate == 48_000
    heard = record.read(1_600)
    spectrum = np.abs(np.fft.rfft(heard[:, 0] * np.hanning(1_600)))
    assert np.argmax(spectrum) == 44
    np.testing.assert_array_equal(heard[:, 1], -heard[:, 0])


@pytest.mark.parametrize("size", [0, -1, WINDOW + 1, 1.0])
def test_reads_of_what_is_not_there(device: Device, size: Any) -> None:
    record = audio.AudioRecord(1, 16_000, WINDOW)
    with pytest.raises(InputError, match="size is"):
        record.read(size)


def test_a_device_that_fails_is_told_to_the_reader(device: Device, start: Start) -> None:
    record = start()
    device.hear(record, ramp(10))
    device.streams[-1].active = False
    with pytest.raises(AudioError, match="may have been unplugged"):
        eventually(lambda: record.read(1) is None)
    record.start_recording()
    assert not record.read(10).any()


def test_a_tensor_takes_the_newest_samples_of_a_record(device: Device, start: Start) -> None:
    record = start(size=20)
    device.hear(record, ramp(30))
    tensor = audio.TensorAudio(MONO, 10)
    tensor.load_from_audio_record(record)
    np.testing.assert_array_equal(tensor.buffer, ramp(30)[-10:])


@pytest.mark.parametrize(
    ("channels", "rate", "size", "message"),
    [
        (1, 16_000, 10_000, "holds 10000 samples, the tensor audio takes 15600"),
        (2, 16_000, WINDOW, r"has 2 channel\(s\), the tensor audio takes 1"),
        (1, 20_000, WINDOW, "has 20000 Hz, the tensor audio takes 16000 Hz"),
    ],
)
def test_records_that_do_not_fit_are_refused(device: Device, channels: int, rate: int, size: int, message: str) -> None:
    record = audio.AudioRecord(channels, rate, size)
    with pytest.raises(InputError, match=message):
        audio.TensorAudio(MONO, WINDOW).load_from_audio_record(record)


def test_more_channels_than_the_device_has(device: Device) -> None:
    with pytest.raises(InputError, match="3 channels were requested; it has 2"):
        audio.AudioRecord(3, 16_000, WINDOW)


@pytest.mark.parametrize("arguments", [(0, 16_000, 1), (1, -1, 1), (1, 16_000, 0)])
def test_records_of_nothing(device: Device, arguments: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="whole numbers from 1 up"):
        audio.AudioRecord(*arguments)


def test_a_device_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    device = pretend(monkeypatch)
    stream = sys.modules["sounddevice"].InputStream
    monkeypatch.setattr(stream, "__init__", refuse)
    with pytest.raises(AudioError, match="the input device cannot be opened: Device unavailable"):
        audio.AudioRecord(1, device.rate, WINDOW)
    with pytest.raises(AudioError, match="the input device cannot be opened: Device unavailable"):
        audio.AudioRecord(1, 8_000, WINDOW)


def test_a_device_that_does_not_start(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    record = audio.AudioRecord(1, 16_000, WINDOW)
    monkeypatch.setattr(sys.modules["sounddevice"].InputStream, "start", refuse)
    with pytest.raises(AudioError, match="the input device does not record: Device unavailable"):
        record.start_recording()
    assert not record.read(10).any()


def refuse(*_: Any, **__: Any) -> None:
    raise PortAudioError("Device unavailable")


def test_a_device_that_falls_silent(device: Device, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    record = start()
    began = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began + 11)
    with pytest.raises(AudioError, match=r"nothing for 11.* s; it may have been unplugged"):
        record.read(1)


def test_recording_without_sounddevice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DependencyError, match=r'install "yamjit\[mic\]"'):
        audio.AudioRecord(1, 16_000, WINDOW)


# -- Tasks ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def classifier() -> audio.AudioClassifier:
    return audio.AudioClassifier.create_from_file("starter")


@pytest.fixture(scope="module")
def embedder() -> audio.AudioEmbedder:
    return audio.AudioEmbedder.create_from_file("starter")


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (audio.TensorAudio(STEREO, WINDOW), "the audio has 2 channels, the model takes 1"),
        (audio.TensorAudio(audio.AudioFormat(1, 44_100), WINDOW), "the audio has 44100 Hz, the model takes 16000 Hz"),
        (audio.TensorAudio(MONO, 14_000), "the audio has 14000 samples, the model takes 15600"),
        (None, "a TensorAudio is accepted, found NoneType"),
        (np.zeros(WINDOW), "a TensorAudio is accepted, found ndarray"),
    ],
)
def test_windows_that_do_not_fit_are_refused(
    classifier: audio.AudioClassifier, embedder: audio.AudioEmbedder, tensor: Any, message: str
) -> None:
    for use in (classifier.classify, embedder.embed):
        with pytest.raises(InputError, match=message):
            use(tensor)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(classifier: audio.AudioClassifier, value: float) -> None:
    tensor = classifier.create_input_tensor_audio()
    tensor.buffer[77] = value
    with pytest.raises(AudioError, match=f"sample 77 of channel 0, at 0.0048125 s, is {value}; samples must be finite"):
        classifier.classify(tensor)


def test_a_task_makes_a_record_of_its_format(
    classifier: audio.AudioClassifier, embedder: audio.AudioEmbedder, device: Device
) -> None:
    for task in (classifier, embedder):
        record = task.create_audio_record()
        assert (record.channels, record.sampling_rate, record.buffer_size) == (1, 16_000, WINDOW)
        task.create_input_tensor_audio().load_from_audio_record(record)


def test_scores_are_those_of_yamjit(examples: dict[Path, str]) -> None:
    import yamjit

    model = yamjit.load("starter")
    classifier = audio.AudioClassifier.create_from_file("starter")
    for path, label in examples.items():
        tensor = audio.TensorAudio.create_from_wav_file(path, classifier.required_input_buffer_size, 8_000)
        heard = model.classify(tensor.buffer, sample_rate=16_000)
        (head,) = classifier.classify(tensor).classifications
        assert [(c.category_name, c.score, c.index) for c in head.categories] == list(heard.top(-1, window=0))
        assert head.categories[0].category_name == label
        assert head.classes[0].class_name == label


def test_threads_may_share_a_task(classifier: audio.AudioClassifier) -> None:
    def listed(seed: int) -> processor.ClassificationResult:
        tensor = classifier.create_input_tensor_audio()
        tensor.load_from_array(np.random.default_rng(seed).uniform(-0.5, 0.5, WINDOW))
        return classifier.classify(tensor)

    seeds = [seed % 5 for seed in range(40)]
    alone = [listed(seed) for seed in range(5)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(listed, seeds)) == [alone[seed] for seed in seeds]


def test_lists_under_their_former_names() -> None:
    tensor = audio.TensorAudio(MONO, WINDOW)
    for options, count in (({"class_name_allowlist": ["Speech"]}, 1), ({"class_name_denylist": ["Speech"]}, 32)):
        chosen = processor.ClassificationOptions(**options)
        task = audio.AudioClassifier.create_from_options(
            audio.AudioClassifierOptions(core.BaseOptions(file_name="starter"), chosen)
        )
        (head,) = task.classify(tensor).classifications
        assert len(head.categories) == count
        assert ("Speech" in {category.class_name for category in head.classes}) == (count == 1)


@pytest.mark.parametrize(
    ("options", "message", "count"),
    [
        ({"category_name_allowlist": ["Speach"]}, r"every class is listed: .*'Speach' \(did you mean 'Speech'\?\)", 33),
        ({"category_name_allowlist": ["Speach", "Speech"]}, "are ignored: no class of this model: 'Speach'", 1),
        (
            {"category_name_denylist": ["Speech", "xyzzy"]},
            "ignored: no class of this model: 'xyzzy'; yamjit labels",
            32,
        ),
    ],
)
def test_names_that_no_head_has_are_ignored_and_told(options: dict[str, Any], message: str, count: int) -> None:
    chosen = processor.ClassificationOptions(**options)
    with pytest.warns(UserWarning, match=message) as warned:
        task = audio.AudioClassifier.create_from_options(
            audio.AudioClassifierOptions(core.BaseOptions(file_name="starter"), chosen)
        )
    assert [Path(one.filename) for one in warned] == [Path(__file__)]
    (head,) = task.classify(audio.TensorAudio(MONO, WINDOW)).classifications
    assert len(head.categories) == count


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_results": 0}, "max_results is 0"),
        ({"max_results": 2.5}, "max_results is 2.5"),
        ({"score_threshold": 1.5}, "score threshold is a number from 0 to 1, found 1.5"),
        ({"score_threshold": float("nan")}, "score threshold is a number from 0 to 1, found nan"),
        ({"score_threshold": "0.5"}, "score threshold is a number from 0 to 1, found '0.5'"),
        ({"category_name_allowlist": "Speech"}, "category_allowlist is 'Speech'; a list of classes is accepted"),
        ({"category_name_allowlist": ["a"], "category_name_denylist": ["b"]}, "mutually exclusive"),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], message: str) -> None:
    chosen = processor.ClassificationOptions(**options)
    with pytest.raises(InputError, match=message):
        audio.AudioClassifier.create_from_options(
            audio.AudioClassifierOptions(core.BaseOptions(file_name="starter"), chosen)
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "must specify at least one of file_name and file_content"),
        ({"file_name": "starter", "use_coral": True}, "no Edge TPU"),
        ({"file_name": "starter", "num_threads": 0}, "num_threads is 0"),
        ({"file_name": "starter", "num_threads": 257}, "num_threads is 257"),
        ({"file_name": "starter", "num_threads": "4"}, "num_threads is '4'"),
    ],
)
def test_base_options_that_are_refused(options: dict[str, Any], message: str) -> None:
    for task in (audio.AudioClassifier, audio.AudioEmbedder):
        chosen: Any = audio.AudioClassifierOptions if task is audio.AudioClassifier else audio.AudioEmbedderOptions
        with pytest.raises(InputError, match=message):
            task.create_from_options(chosen(core.BaseOptions(**options)))


def test_a_model_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.tflite"):
        audio.AudioClassifier.create_from_file(tmp_path / "missing.tflite")
    with pytest.raises(ModelError):
        audio.AudioClassifier.create_from_options(
            audio.AudioClassifierOptions(core.BaseOptions(file_content=b"no model at all"))
        )


def test_the_content_of_a_file_wins_over_its_name(two_heads_model: bytes) -> None:
    base = core.BaseOptions(file_name="starter", file_content=two_heads_model, num_threads=2, use_coral=False)
    result = audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base))
    assert len(result.classify(result.create_input_tensor_audio()).classifications) == 2


def test_a_model_without_metadata_has_numbers_and_no_names(two_heads_graph: Graph) -> None:
    import dataclasses

    bare = write_graph(dataclasses.replace(two_heads_graph, metadata=None, files={}))
    base = core.BaseOptions(file_content=bare)
    classifier = audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base))
    heads = classifier.classify(classifier.create_input_tensor_audio()).classifications
    assert [head.head_name for head in heads] == ["scores", "own/scores"]
    assert sorted(category.index for category in heads[1].categories) == [0, 1, 2, 3, 4]
    assert {(c.category_name, c.display_name) for head in heads for c in head.categories} == {("", "")}
    chosen = processor.ClassificationOptions(category_name_allowlist=["Speech"])
    with pytest.warns(UserWarning, match="no class of this model: 'Speech'"):
        audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base, chosen))


# -- Embeddings -------------------------------------------------------------------------------------------------


def vector(*values: float, dtype: Any = np.float32) -> processor.FeatureVector:
    return processor.FeatureVector(np.array(values, dtype))


def test_embeddings_are_those_of_yamjit(embedder: audio.AudioEmbedder, examples: dict[Path, str]) -> None:
    import yamjit

    model = yamjit.load("starter")
    for path in examples:
        tensor = audio.TensorAudio.create_from_wav_file(path, WINDOW)
        heard = model.classify(tensor.buffer, sample_rate=16_000)
        (embedding,) = embedder.embed(tensor).embeddings
        np.testing.assert_array_equal(
            embedding.feature_vector.value, heard.embeddings[0].astype(np.float64), strict=True
        )
    assert embedder.get_embedding_dimension(0) == heard.embeddings.shape[1]


def test_normalized_and_quantized(embedder: audio.AudioEmbedder, examples: dict[Path, str]) -> None:
    tensor = audio.TensorAudio.create_from_wav_file(next(iter(examples)), WINDOW)

    def embed(**options: bool) -> Array:
        chosen = processor.EmbeddingOptions(**options)
        task = audio.AudioEmbedder.create_from_options(
            audio.AudioEmbedderOptions(core.BaseOptions(file_name="starter"), chosen)
        )
        return task.embed(tensor).embeddings[0].feature_vector.value

    plain, unit, quantized = embed(), embed(l2_normalize=True), embed(l2_normalize=True, quantize=True)
    assert np.linalg.norm(unit.astype(np.float64)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(unit * np.linalg.norm(plain), plain, rtol=1e-5)
    expected = [min(127, int(value * 128 + 0.5)) for value in unit.astype(np.float64)]
    np.testing.assert_array_equal(quantized, np.array(expected, np.uint8), strict=True)
    assert plain.max() > 1
    with pytest.raises(InputError, match=r"values in \[-1, 1\] can be quantized, the largest is .*l2_normalize"):
        embed(quantize=True)


def test_halves_are_rounded_away_from_zero() -> None:
    from yamjit.task.vectors import as_vector

    halves = np.array([0.5, -0.5, 1.5, -1.5, 2.5, 127.5, 128, -128, 0.49], np.float32) / np.float32(128)
    quantized = as_vector(halves, l2_normalize=False, quantize=True)
    assert quantized.view("int8").tolist() == [1, -1, 2, -2, 3, 127, 127, -128, 0]


def test_cosine_similarity(embedder: audio.AudioEmbedder) -> None:
    assert embedder.cosine_similarity(vector(1, 0), vector(0, 3)) == 0
    assert embedder.cosine_similarity(vector(1, 2), vector(2, 4)) == pytest.approx(1)
    assert embedder.cosine_similarity(vector(128, dtype=np.uint8), vector(127, dtype=np.uint8)) == -1
    assert embedder.cosine_similarity(vector(-128, dtype=np.int8), vector(127, dtype=np.int8)) == -1


@pytest.mark.parametrize(
    ("u", "v", "message"),
    [
        (vector(1), vector(1, 2), r"found shapes \(1,\) and \(2,\)"),
        (vector(1), vector(1, dtype=np.int8), "found float32 and int8"),
        (vector(), vector(), "vectors of one size"),
        (vector(0, 0), vector(1, 2), "zero"),
        (vector(np.nan), vector(1), "not finite"),
    ],
)
def test_vectors_without_an_angle(u: processor.FeatureVector, v: processor.FeatureVector, message: str) -> None:
    with pytest.raises(InputError, match=message):
        audio.AudioEmbedder.cosine_similarity(u, v)


def test_feature_vectors_are_compared_by_value() -> None:
    assert vector(1, 2) == vector(1, 2)
    assert vector(1, 2) != vector(1, 3)
    assert vector(1) != vector(1, dtype=np.int8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda: "model.tflite", "options is 'model.tflite'; AudioClassifierOptions is accepted"),
        (lambda: audio.AudioClassifierOptions("starter"), "base_options is 'starter'; BaseOptions is accepted"),  # type: ignore[arg-type]
        (
            lambda: audio.AudioClassifierOptions(core.BaseOptions(file_name="starter"), {"max_results": 3}),  # type: ignore[arg-type]
            "ClassificationOptions is accepted",
        ),
    ],
)
def test_options_of_another_kind(options: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        audio.AudioClassifier.create_from_options(options())
