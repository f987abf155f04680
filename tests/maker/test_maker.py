"""Model Maker's names: what is the same each time, what is refused, and what serves a program."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit
import yamjit.maker as mm
from tests.support.hostile import HOSTILE
from yamjit.errors import InputError, OutputError
from yamjit.maker import ExportFormat, audio_classifier, model_spec
from yamjit.maker.tensors import Tensor

DataLoader, YamNetSpec = audio_classifier.DataLoader, audio_classifier.YamNetSpec


@pytest.fixture(scope="module")
def spec(small_model_path: Path) -> YamNetSpec:
    return YamNetSpec(yamnet_model_handle=yamjit.load(small_model_path, backend="numpy"))


@pytest.fixture(scope="module")
def sounds(examples: dict[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sounds")
    for path in examples:
        for copy in (1, 2):
            (root / path.stem).mkdir(exist_ok=True)
            shutil.copy(path, root / path.stem / f"{copy}.flac")
    return root


@pytest.fixture(scope="module")
def data(spec: YamNetSpec, sounds: Path) -> DataLoader:
    return DataLoader.from_folder(spec, sounds)


@pytest.fixture(scope="module")
def task(spec: YamNetSpec, data: DataLoader) -> audio_classifier.AudioClassifier:
    return audio_classifier.create(data, spec, batch_size=4, epochs=20)


def test_names() -> None:
    assert mm.__version__ == yamjit.__version__
    assert mm.audio_classifier is audio_classifier
    assert mm.config.ExportFormat is ExportFormat


def test_a_head_learns(task: audio_classifier.AudioClassifier, data: DataLoader) -> None:
    loss, accuracy = task.evaluate(data)
    assert loss < 0.2
    assert accuracy == 1
    confusion = task.confusion_matrix(data)
    assert (np.diag(np.diag(confusion)) == confusion).all()


def test_the_same_each_time(task: audio_classifier.AudioClassifier, spec: YamNetSpec, sounds: Path) -> None:
    again = DataLoader.from_folder(spec, sounds)
    head = audio_classifier.create(again, spec, batch_size=4, epochs=20).head
    assert head.to_bytes() == task.head.to_bytes()


def test_frames_and_their_embeddings(spec: YamNetSpec, examples: dict[Path, str]) -> None:
    """A frame is part of a recording, and its embeddings are those of that part alone."""
    long = YamNetSpec(yamnet_model_handle=spec.model, frame_length=32_000, frame_step=12_000)
    path = str(next(iter(examples)))
    features = DataLoader([(path, 0)], ["a"], long).features()
    soundfile = pytest.importorskip("soundfile")
    samples, _ = soundfile.read(path, dtype="float32")
    starts = range(0, len(samples) - 32_000 + 1, 12_000)
    parts = [spec.model.embed(samples[start : start + 32_000], sample_rate=16_000) for start in starts]
    assert len(parts) == len(features.dataset) > 1
    assert (np.concatenate(parts) == features.embeddings).all()


def test_splits(spec: YamNetSpec, sounds: Path) -> None:
    data = DataLoader.from_folder(spec, sounds)
    first, second = data.split(0.6)
    assert (len(first), len(second), first.size) == (3, 3, 3)
    assert first.examples + second.examples == data.examples
    assert data.examples != DataLoader.from_folder(spec, sounds, shuffle=False).examples
    for wrong in (0, 1, "a"):
        with pytest.raises(InputError, match="fraction is"):
            data.split(wrong)  # type: ignore[arg-type]


def test_embeddings_are_kept_in_a_folder(spec: YamNetSpec, sounds: Path, tmp_path: Path) -> None:
    first = DataLoader.from_folder(spec, sounds, cache=tmp_path / "cache").features()
    assert any((tmp_path / "cache").rglob("*.npy"))
    again = DataLoader.from_folder(spec, sounds, cache=str(tmp_path / "cache")).features()
    assert (first.embeddings == again.embeddings).all()


def test_scores_of_frames(task: audio_classifier.AudioClassifier, data: DataLoader) -> None:
    scores = task.predict(data)
    assert scores.shape == (len(data.features().dataset), 3)
    best = task.predict_top_k(data, k=2)
    assert [label for (label, _), _ in best] == [task.index_to_label[place] for place in scores.argmax(axis=1)]
    assert [score for (_, score), _ in best] == scores.max(axis=1).tolist()
    assert task.predict_top_k(data, k=0)[0] == []


def test_the_serving_model(task: audio_classifier.AudioClassifier, spec: YamNetSpec, examples: dict[Path, str]) -> None:
    """What the tutorial does with it."""
    serving = task.create_serving_model()
    assert [end.name for end in (*serving.inputs, *serving.outputs)] == ["audio", "yamnet", "custom"]
    soundfile = pytest.importorskip("soundfile")
    samples, _ = soundfile.read(str(next(iter(examples))), dtype="int16")
    window = samples[: serving.input_shape[1]]
    yamnet_output, inference = serving(window)
    index = np.argmax(yamnet_output[0])
    assert spec._yamnet_labels()[index] == spec.model.classify(window, sample_rate=16_000).top(1)[0].label
    assert isinstance(inference[0].numpy(), np.ndarray)
    assert type(inference[0].numpy()) is np.ndarray
    assert f"{inference[0][0].numpy():.3f}" == f"{inference[0][0]:.3f}"
    alone = YamNetSpec(yamnet_model_handle=spec.model, keep_yamnet_and_custom_heads=False)
    only = audio_classifier.AudioClassifier(alone, task.index_to_label)
    only._head = task.head
    assert (only.create_serving_model()(window[np.newaxis]) == inference).all()
    with pytest.raises(InputError, match="audio of shape"):
        serving(samples[:100])


def test_an_exported_model_scores_as_the_head_does(
    task: audio_classifier.AudioClassifier, data: DataLoader, tmp_path: Path
) -> None:
    task.export(tmp_path)
    model = yamjit.load(tmp_path / "model.tflite", backend="numpy")
    assert task.evaluate_tflite(tmp_path / "model.tflite", data)["accuracy"] == 1
    window = np.sin(np.arange(15_600) * 0.1)
    here, there = task.create_serving_model()(window)[-1], model.score_window(window).heads[-1].scores
    assert np.abs(here - there).max() < 1e-5
    assert model.provenance is not None
    assert model.provenance.clips == len(data.features().dataset)
    document = json.loads((tmp_path / "model.json").read_text())
    assert document["name"] == "yamnet/classification"


def test_a_file_that_is_no_recording(spec: YamNetSpec, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.wav").write_text("not sound")
    with pytest.raises(yamjit.AudioError, match=r"1\.wav"):
        DataLoader.from_folder(spec, tmp_path).features()


def test_what_is_not_there(spec: YamNetSpec, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none"):
        DataLoader.from_folder(spec, tmp_path / "none")
    with pytest.raises(InputError, match="the table of ESC-50 cannot be read"):
        DataLoader.from_esc50(spec, tmp_path)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text("filename,category\n1.wav,dog\n")
    with pytest.raises(InputError, match="lacks a value in one of the columns filename, fold, category"):
        DataLoader.from_esc50(spec, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": "mirrored"}, "strategy is 'mirrored'"),
        ({"frame_length": 0}, "frame_length is 0"),
        ({"frame_step": 0.5}, "frame_step is 0.5"),
        ({"keep_yamnet_and_custom_heads": 1}, "keep_yamnet_and_custom_heads is 1"),
    ],
)
def test_specifications_that_are_refused(spec: YamNetSpec, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        YamNetSpec(yamnet_model_handle=spec.model, **arguments)


def test_other_networks_are_refused() -> None:
    with pytest.raises(InputError, match=r"network of TensorFlow\.js"):
        audio_classifier.BrowserFftSpec()
    with pytest.raises(InputError, match=r"network of TensorFlow\.js"):
        model_spec.get("audio_browser_fft")
    with pytest.raises(InputError, match="accepted are audio_yamnet, audio_browser_fft"):
        model_spec.get("efficientnet_lite0")


def test_training_that_is_refused(spec: YamNetSpec, data: DataLoader, sounds: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"The size of the train_data \(6\) couldn't be smaller than batch_size \(32\)"
    ):
        audio_classifier.create(data, spec)
    with pytest.raises(InputError, match="train_whole_model is True"):
        audio_classifier.create(data, spec, batch_size=1, train_whole_model=True)
    one = DataLoader.from_folder(spec, sounds, categories=["siren"])
    with pytest.raises(InputError, match="1 classes; two or more"):
        audio_classifier.create(one, spec, batch_size=1)
    with pytest.raises(InputError, match="No audio files found of 'sirens'; there are siren, speech"):
        DataLoader.from_folder(spec, sounds, categories=["sirens"])
    untrained = audio_classifier.create(data, spec, batch_size=1, do_train=False)
    with pytest.raises(InputError, match="has not been trained"):
        untrained.export(tmp_path)
    assert untrained.train(data, epochs=1, batch_size=1).evaluate(data)[1] > 0


def test_data_of_other_classes(task: audio_classifier.AudioClassifier, spec: YamNetSpec, sounds: Path) -> None:
    some = DataLoader.from_folder(spec, sounds, categories=["telephone"])
    assert task.confusion_matrix(some).sum(axis=1).tolist() == [0, 0, len(some.features().dataset)]
    strange = DataLoader(some.examples, ["bell"], spec)
    with pytest.raises(InputError, match="the data have a class 'bell'; the classes of the model are siren, speech"):
        task.evaluate(strange)


@pytest.mark.parametrize("kind", ["SAVED_MODEL", "TFJS", "VOCAB"])
def test_formats_that_cannot_be_written(task: audio_classifier.AudioClassifier, tmp_path: Path, kind: str) -> None:
    with pytest.raises(ValueError, match=f"Export format {kind} is not allowed: .*TFLITE, for any program"):
        task.export(tmp_path / "none", export_format=[ExportFormat.LABEL, ExportFormat[kind]])
    assert not (tmp_path / "none").exists()


def test_exports_that_are_refused(task: audio_classifier.AudioClassifier, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="export_format is 'TFLITE'; ExportFormat is accepted"):
        task.export(tmp_path, export_format="TFLITE")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="quantization_config is 'float'"):
        task.export(tmp_path, quantization_config="float")
    for name in ("model.json", ".tflite", "model"):
        with pytest.raises(InputError, match=rf"tflite_filename is '{name}'; a name with '\.tflite' is"):
            task.export(tmp_path, name)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        task.export(tmp_path / "file", export_format=ExportFormat.LABEL)


def test_tensors() -> None:
    tensor = Tensor.of([[1.5, 2.5], [3.5, 4.5]])
    assert tensor[0].numpy().tolist() == [1.5, 2.5]
    assert tensor[1][0].numpy() == 3.5
    assert isinstance(tensor[1, 1].numpy(), float)
    assert ["a", "b"][Tensor.of([0, 1])[1]] == "b"


@pytest.mark.parametrize("value", HOSTILE)
def test_arguments_of_any_kind(spec: YamNetSpec, sounds: Path, value: Any) -> None:
    """Whatever is given: an error of yamjit's, or what was asked for."""
    two = DataLoader([("none.wav", 0)], ["a", "b"], spec)
    calls: tuple[Callable[[], object], ...] = (
        lambda: YamNetSpec(model_dir=value, yamnet_model_handle=spec.model),
        lambda: YamNetSpec(frame_length=value, yamnet_model_handle=spec.model),
        lambda: DataLoader(value, ["a"], spec),
        lambda: DataLoader([("none.wav", 0)], value, spec),
        lambda: DataLoader([], ["a"], value),
        lambda: DataLoader([], ["a"], spec, value),
        lambda: DataLoader.from_folder(spec, value),
        lambda: DataLoader.from_folder(spec, sounds, categories=value),
        lambda: DataLoader.from_esc50(spec, value),
        lambda: two.split(value),
        lambda: audio_classifier.create(value, spec),
        lambda: audio_classifier.create(two, value, batch_size=1),
        lambda: audio_classifier.create(two, spec, batch_size=value),
        lambda: audio_classifier.create(two, spec, batch_size=1, epochs=value),
        lambda: audio_classifier.AudioClassifier(spec, value),
        lambda: mm.config.QuantizationConfig(value),
    )
    for call in calls:
        with contextlib.suppress(yamjit.YamjitError):
            call()
