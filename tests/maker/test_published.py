"""The test cases that Model Maker publishes for its audio task, with YAMNet's specification: 15 of 24.

What cannot apply: seven cases of `BrowserFftSpec`, a network of TensorFlow.js that yamjit does not have (one of the
task's, five of the specification's, one of the demo's); the versions of TensorFlow that specifications accept; and a
resampler that is missing, which is an error of `yamjit.audio` here. The SavedModel at the end of the task's case is
refused.
"""

from __future__ import annotations

import csv
import json
import wave
from pathlib import Path

import numpy as np
import pytest

import yamjit
from yamjit.maker import ExportFormat, audio_classifier, model_spec
from yamjit.maker.config import QuantizationConfig
from yamjit.tflite.patching import read_described

WINDOW = audio_classifier.YamNetSpec.EXPECTED_WAVEFORM_LENGTH


@pytest.fixture(scope="module")
def model(small_model_path: Path) -> yamjit.Classifier:
    return yamjit.load(small_model_path, backend="numpy")


@pytest.fixture(scope="module")
def spec(model: yamjit.Classifier) -> audio_classifier.YamNetSpec:
    return audio_classifier.YamNetSpec(yamnet_model_handle=model)


def write_sample(root: Path, category: str, name: str, rate_hz: int, seconds: float, pitch_hz: float = 440) -> str:
    """Write a tone; noise if the pitch is 0."""
    path = root / category / name
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(int(rate_hz * seconds)) / rate_hz
    dice = np.random.Generator(np.random.PCG64(len(times)))
    sound = np.sin(2 * np.pi * pitch_hz * times) if pitch_hz else dice.uniform(-1, 1, len(times))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, len(times), "NONE", ""))
        file.writeframes((sound * 30_000).astype("<i2").tobytes())
    return str(path)


@pytest.fixture(scope="module")
def cats_and_dogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cats_and_dogs")
    for name, seconds, category, pitch in (
        ("1.wav", 1, "cat", 800.0),
        ("2.wav", 2, "cat", 900.0),
        ("1.wav", 3, "dog", 0.0),
        ("2.wav", 4, "dog", 0.0),
    ):
        write_sample(root, category, name, 16_000, seconds, pitch)
    return root


@pytest.fixture(scope="module")
def task(spec: audio_classifier.YamNetSpec, cats_and_dogs: Path) -> audio_classifier.AudioClassifier:
    data = audio_classifier.DataLoader.from_folder(spec, cats_and_dogs)
    return audio_classifier.create(data, spec, batch_size=1, epochs=15)


# -- task/audio_classifier_test -----------------------------------------------------------------------------------


def test_yamnet(
    task: audio_classifier.AudioClassifier, spec: audio_classifier.YamNetSpec, cats_and_dogs: Path, tmp_path: Path
) -> None:
    data = audio_classifier.DataLoader.from_folder(spec, cats_and_dogs)
    _, accuracy = task.evaluate(data)
    assert accuracy > 0.5
    for name, config in (
        ("model.tflite", "default"),
        ("float.tflite", None),
        ("dynamic_range.tflite", QuantizationConfig.for_dynamic()),
    ):
        task.export(tmp_path, name, export_format=ExportFormat.TFLITE, quantization_config=config)
        path = tmp_path / name
        assert path.stat().st_size > 0
        result = task.evaluate_tflite(str(path), data, postprocess_fn=lambda outputs: outputs[-1])
        assert result["accuracy"] >= 0.5
    serving = task.create_serving_model()
    assert list(serving.input_shape) == [None, WINDOW]


def test_confusion_matrix(
    task: audio_classifier.AudioClassifier, spec: audio_classifier.YamNetSpec, cats_and_dogs: Path
) -> None:
    """Two classes, 1 + 3 frames of cats and 5 + 7 of dogs: Model Maker's own case has another specification."""
    data = audio_classifier.DataLoader.from_folder(spec, cats_and_dogs)
    confusion = task.confusion_matrix(data)
    assert confusion.shape == (2, 2)
    assert confusion.sum() == 16
    assert confusion.numpy().sum(axis=-1).tolist() == [4, 12]


# -- task/model_spec/audio_spec_test ------------------------------------------------------------------------------


@pytest.mark.parametrize(("samples", "frames"), [((10, 10), [0, 0]), ((32_000, 32_000), [3, 3]), ((15_600,), [1])])
def test_preprocess(
    spec: audio_classifier.YamNetSpec, tmp_path: Path, samples: tuple[int, ...], frames: list[int]
) -> None:
    paths = [write_sample(tmp_path, "a", f"{k}.wav", 16_000, n / 16_000) for k, n in enumerate(samples)]
    loader = audio_classifier.DataLoader([(path, 0) for path in paths], ["a"], spec)
    if not sum(frames):
        with pytest.raises(ValueError, match="none of 2 recordings lasts for a frame"):
            loader.features()
        return
    features = loader.features()
    assert features.embeddings.shape == (sum(frames), spec.model.plan.embedding.shape[-1])  # type: ignore[union-attr]
    assert [str(clip.path) for clip in features.dataset.clips] == list(np.repeat(paths, frames))


def test_create_model(task: audio_classifier.AudioClassifier, spec: audio_classifier.YamNetSpec) -> None:
    size = spec.model.plan.embedding.shape[-1]  # type: ignore[union-attr]
    assert (task.head.inputs, len(task.head.labels)) == (size, 2)
    assert [end.shape for end in task.create_serving_model().inputs] == [(None, WINDOW)]


SOURCE = {
    "name": "audio_clip",
    "content": {
        "content_properties_type": "AudioProperties",
        "content_properties": {"sample_rate": 16000, "channels": 1},
    },
}


def head_document(name: str) -> dict[str, object]:
    return {
        "name": name,
        "stats": {"max": [1.0], "min": [0.0]},
        "associated_files": [{"name": f"{name}_labels.txt", "type": "TENSOR_AXIS_LABELS"}],
    }


def told(path: Path) -> dict[str, object]:
    """Return what the JSON file beside a model says, without descriptions."""
    document = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items() if key != "description"}
        return [plain(one) for one in value] if isinstance(value, list) else value

    return {key: plain(value) for key, value in document.items()}


def trained(spec: audio_classifier.YamNetSpec, folder: Path, count: int) -> audio_classifier.AudioClassifier:
    for place in range(count):
        write_sample(folder, f"label_{place}", "1.wav", 16_000, 1, 300.0 * (place + 1))
    data = audio_classifier.DataLoader.from_folder(spec, folder)
    return audio_classifier.create(data, spec, batch_size=2, epochs=1)


@pytest.mark.parametrize("keep", [True, False])
def test_yamnet_two_heads_and_one(model: yamjit.Classifier, tmp_path: Path, keep: bool) -> None:
    spec = audio_classifier.YamNetSpec(yamnet_model_handle=model, keep_yamnet_and_custom_heads=keep)
    path = tmp_path / "models" / "heads.tflite"
    trained(spec, tmp_path / "data", 2).export(path.parent, path.name)
    outputs = read_described(path).outputs
    assert [end.shape for end in outputs] == ([(1, len(model.labels))] if keep else []) + [(1, 2)]
    document = told(path)
    assert {key: document[key] for key in ("name", "version", "min_parser_version")} == {
        "name": "yamnet/classification",
        "version": "v1",
        "min_parser_version": "1.3.0",
    }
    (subgraph,) = document["subgraph_metadata"]  # type: ignore[misc]
    assert [one["name"] for one in subgraph["output_tensor_metadata"]] == (["yamnet"] if keep else []) + ["custom"]
    assert subgraph["output_tensor_metadata"][-1] == head_document("custom")
    (source,) = subgraph["input_tensor_metadata"]
    assert source["content"] == SOURCE["content"]
    heads = yamjit.load(path, backend="numpy").heads
    assert [len(head.labels) for head in heads] == ([len(model.labels)] if keep else []) + [2]
    assert heads[-1].labels == ("label_0", "label_1")


def test_no_metadata(task: audio_classifier.AudioClassifier, tmp_path: Path) -> None:
    task.export(tmp_path, "plain.tflite", with_metadata=False)
    described = read_described(tmp_path / "plain.tflite")
    assert len(described.outputs) == 2
    assert described.metadata is None
    assert [path.name for path in tmp_path.iterdir()] == ["plain.tflite"]


def test_binary_classification(spec: audio_classifier.YamNetSpec, tmp_path: Path) -> None:
    trained(spec, tmp_path / "data", 2).export(tmp_path, "binary_classification.tflite")
    assert (tmp_path / "binary_classification.tflite").stat().st_size > 10_000


def test_dynamic_range_quantization(spec: audio_classifier.YamNetSpec, tmp_path: Path) -> None:
    task = trained(spec, tmp_path / "data", 5)
    sizes = {}
    for name, config in (
        ("float", None),
        ("dynamic_range", QuantizationConfig.for_dynamic()),
        ("int8", QuantizationConfig.for_int8()),
        ("default", "default"),
    ):
        task.export(tmp_path, f"{name}.tflite", quantization_config=config)
        assert [end.shape[1] for end in read_described(tmp_path / f"{name}.tflite").outputs] == [33, 5]
        sizes[name] = (tmp_path / f"{name}.tflite").stat().st_size
    assert sizes["float"] > 2 * sizes["dynamic_range"]
    assert sizes["int8"] < sizes["float"] / 2
    assert sizes["default"] < sizes["float"] / 2


# -- data_util/audio_dataloader_test ------------------------------------------------------------------------------


def test_from_esc50(spec: audio_classifier.YamNetSpec, tmp_path: Path) -> None:
    rows = [
        ["filename", "fold", "target", "category", "esc10", "src_file", "take"],
        ["1-100032-A-0.wav", "1", "0", "dog", "True", "100032", "A"],
        ["1-100210-B-36.wav", "2", "36", "vacuum_cleaner", "False", "100210", "B"],
        ["1-100210-A-36.wav", "1", "36", "vacuum_cleaner", "False", "100210", "A"],
    ]
    (tmp_path / "meta").mkdir()
    with (tmp_path / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    from_esc50 = audio_classifier.DataLoader.from_esc50
    loader = from_esc50(spec, str(tmp_path))
    assert len(loader) == 3
    assert loader.index_to_label == ["dog", "vacuum_cleaner"]
    assert {Path(path).name: place for path, place in loader.examples} == {
        "1-100032-A-0.wav": 0,
        "1-100210-B-36.wav": 1,
        "1-100210-A-36.wav": 1,
    }
    with pytest.raises(ValueError, match="No audio files found"):
        from_esc50(spec, tmp_path, folds=[3])
    with pytest.raises(ValueError, match="No audio files found"):
        from_esc50(spec, tmp_path, categories=["unknown"])
    assert len(from_esc50(spec, tmp_path, folds=[1])) == 2
    assert len(from_esc50(spec, tmp_path, categories=["vacuum_cleaner"])) == 2
    assert len(from_esc50(spec, tmp_path, folds=[1], categories=["vacuum_cleaner"])) == 1
    assert len(from_esc50(spec, tmp_path, folds=[1, 2], categories=["vacuum_cleaner"])) == 2


def test_examples_helper(spec: audio_classifier.YamNetSpec, tmp_path: Path) -> None:
    """Files in folders of folders, and beside the folders, are no examples."""
    for name in ("a/1.wav", "a/2.wav", "b/1.wav", "b/README", "a/b/c/d.wav", "AUTHORS.md", "temp.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<content>")
    loader = audio_classifier.DataLoader.from_folder(spec, tmp_path, shuffle=False)
    assert loader.index_to_label == ["a", "b"]
    expected = [(str(tmp_path / name), place) for name, place in (("a/1.wav", 0), ("a/2.wav", 0), ("b/1.wav", 1))]
    assert list(loader.examples) == expected


def test_spec(spec: audio_classifier.YamNetSpec, tmp_path: Path) -> None:
    write_sample(tmp_path, "unknown", "2s.wav", 44_100, 2)
    assert len(audio_classifier.DataLoader.from_folder(spec, tmp_path)) == 1


def test_no_audio_files_found(spec: audio_classifier.YamNetSpec, tmp_path: Path) -> None:
    write_sample(tmp_path, "unknown", "2s.bak", 44_100, 2)
    with pytest.raises(ValueError, match="No audio files found"):
        audio_classifier.DataLoader.from_folder(spec, tmp_path)


def test_from_folder(model: yamjit.Classifier, tmp_path: Path) -> None:
    """Frames of a second that do not overlap, as the specification of Model Maker's own case has them."""
    pytest.importorskip("soxr")
    for category, name, rate_hz, seconds in (
        ("background", "2s.wav", 44_100, 2.0),
        ("command1", "1s.wav", 44_100, 1.0),
        ("command1", "0.1s.wav", 44_100, 0.1),  # too short
        ("command2", "1.5s.wav", 44_100, 1.5),  # half a second is left
        ("command0", "0.1s.wav", 4_410, 0.1),  # too short
        ("command0", "1.8s.wav", 4_410, 1.8),
        ("command0", "1.8s.bak", 4_410, 1.8),  # not a recording
        ("unused_command", "2s.wav", 44_410, 1.0),
    ):
        write_sample(tmp_path, category, name, rate_hz, seconds)
    spec = audio_classifier.YamNetSpec(yamnet_model_handle=model, frame_length=16_000, frame_step=16_000)
    from_folder = audio_classifier.DataLoader.from_folder
    loader = from_folder(spec, tmp_path, categories=["background", "command0", "command1", "command2"])
    assert len(loader) == 6
    assert loader.index_to_label == ["background", "command0", "command1", "command2"]
    assert len(loader.features().dataset) == 5
    assert len(from_folder(spec, tmp_path, cache=True).features().dataset) == 6


# -- demo/audio_classification_demo_test --------------------------------------------------------------------------


def test_demo(
    monkeypatch: pytest.MonkeyPatch,
    model: yamjit.Classifier,
    cats_and_dogs: Path,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("yamjit.maker.yamnet_spec.load", lambda _: model)
    spec = model_spec.get("audio_yamnet")
    data = audio_classifier.DataLoader.from_folder(spec, cats_and_dogs, cache=True)
    train_data, rest = data.split(0.5)
    assert (len(train_data), len(rest)) == (2, 2)
    classifier = audio_classifier.create(data, spec, rest, batch_size=1, epochs=1)
    loss, accuracy = classifier.evaluate(rest)
    assert loss > 0
    assert 0 <= accuracy <= 1
    assert str(classifier.confusion_matrix(rest)).count("\n") == 1
    classifier.export(tmp_path, export_format=(ExportFormat.TFLITE, ExportFormat.LABEL))
    assert (tmp_path / "model.tflite").stat().st_size > 0
    assert (tmp_path / "labels.txt").read_text() == "cat\ndog"
