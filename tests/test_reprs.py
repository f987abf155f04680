"""What `print` shows: of everything that is public, and of all that hangs on it, a line or a few."""

from __future__ import annotations

import copy
import importlib
import inspect
import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import yamjit
from tests.house.test_public_names import DOCUMENTED, PUBLIC
from tests.support.sound_device import Device
from yamjit import learn
from yamjit.audio import PushedAudio, open_audio
from yamjit.reprs import brief_repr, shown_briefly
from yamjit.task import core
from yamjit.task.audio import AudioClassifier, AudioEmbedder, AudioFormat, AudioRecord, TensorAudio
from yamjit.task.mediapipe.containers import AudioData

MOST_LINES, MOST_CHARACTERS = 10, 1200


@pytest.mark.parametrize("name", sorted(name for name, value in DOCUMENTED.items() if isinstance(value, type)))
def test_no_class_is_shown_by_its_address(name: str) -> None:
    kind = DOCUMENTED[name]
    assert kind.__repr__ is not object.__repr__


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter", backend="numpy")


@pytest.fixture(scope="module")
def things(model: yamjit.Classifier, tmp_path_factory: pytest.TempPathFactory, examples: dict[Path, str]) -> list[Any]:
    """Return what the public functions return."""
    siren = next(path for path in examples if path.stem == "siren")
    folder = tmp_path_factory.mktemp("clips")
    draw = np.random.default_rng(0)
    for place in range(24):
        path = folder / "ab"[place % 2] / f"{place}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, draw.standard_normal(16_000) * (0.1, 0.01)[place % 2], 16_000)
    dataset = learn.from_folder(folder)
    features = learn.embed_clips(model, dataset)
    options = learn.TrainOptions(learn.FitOptions(iterations=3))
    fitted = learn.train_head(features, options)
    judged = learn.cross_validate(features, options, folds=3)
    windows = model.windows(siren)
    prototypes = learn.Prototypes()
    prototypes.add("a", features.embeddings[:2])
    noise = np.zeros(16_000, np.float32)
    stream = model.stream()
    base = core.BaseOptions(file_content=model.source.data)
    many = {str(number): 0.5 for number in range(600)}
    return [
        *(model, model.classify(siren, level=True), windows, next(iter(windows)), model.frames(siren)),
        *(model.events(siren)[0], model.watcher(), model.watcher()._detectors[None], stream, stream.push(noise)),
        *(model.network.run(np.zeros((2, *model.plan.patch_shape), np.float32)), model.weights(), model._listing),
        *(open_audio(siren), PushedAudio(8000, 16_000), yamjit.RawPcm(io.BytesIO(), sample_rate=8000)),
        *(dataset, dataset.clips[0], features, features.samples(), fitted, judged, judged.classes()[0]),
        *(learn.fit_sigmoids(judged.scores, judged.targets), learn.fit_isotonic(judged.scores, judged.targets)),
        *(learn.cross_calibrate(judged.scores, judged.targets, judged.folds), prototypes, learn.Augmentation()),
        *(learn.EmbeddingCache(folder), learn.ModelCard(), learn.fine_embeddings(model, np.zeros(16_000)), options),
        *(base, AudioClassifier.create_from_file(str(model.source.path)), TensorAudio(AudioFormat(1, 16_000), 15_600)),
        *(AudioEmbedder.create_from_file(str(model.source.path)), AudioData(16_000), yamjit.Clock()),
        *(
            AudioClassifier.create_from_file(str(model.source.path)).classify(
                TensorAudio(AudioFormat(1, 16_000), 15_600)
            ),
        ),
        *(yamjit.EventOptions(on=many), yamjit.ClassifierOptions(category_allowlist=tuple(many))),
    ]


def hanging_on(value: Any, seen: set[int], depth: int = 3) -> Iterator[Any]:
    """Yield a value of yamjit and what its public attributes are."""
    if id(value) in seen or not type(value).__module__.startswith("yamjit.") or inspect.isroutine(value):
        return
    seen.add(id(value))
    yield value
    for name in dir(value) if depth else ():
        static = inspect.getattr_static(value, name, None)
        if not name.startswith("_") and not callable(static):
            try:
                found = getattr(value, name)
            except yamjit.YamjitError:
                continue
            for one in found[:2] if isinstance(found, (tuple, list)) else [found]:
                yield from hanging_on(one, seen, depth - 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_line_or_a_few(things: list[Any]) -> None:
    seen: set[int] = set()
    kinds = set()
    for thing in things:
        for value in hanging_on(thing, seen):
            kinds.add(type(value))
            for shown in (repr(value), str(value)):
                assert len(shown) <= MOST_CHARACTERS, (type(value), shown[:300])
                assert shown.count("\n") < MOST_LINES, (type(value), shown)
    assert len(kinds) > 50


def test_results_of_a_task_show_the_best_categories(model: yamjit.Classifier) -> None:
    classifier = AudioClassifier.create_from_file(str(model.source.path))
    tensor = TensorAudio(classifier.required_audio_format, classifier.required_input_buffer_size)
    assert "Category(index=0, score=0.99609375, display_name='', category_name='Silence')" in repr(
        classifier.classify(tensor)
    )


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "sounddevice", Device(44_100, 2).module())
    microphone = yamjit.Microphone(channels=2)
    assert repr(microphone) == "<microphone Test microphone: 44100 Hz, 2 channels>"
    microphone.close()
    assert repr(microphone).endswith("channels, closed>")
    assert repr(AudioRecord(1, 16_000, 100)) == "<AudioRecord: 100 samples, 1 channel, 16000 Hz, stopped>"


def test_long_values_are_shortened() -> None:
    @brief_repr
    class Some(tuple):  # type: ignore[type-arg]
        _fields = ("whole",)

        @property
        def whole(self) -> Any:
            return self[0]

    assert repr(Some([(1, "two", 3.0)])) == "Some(whole=(1, 'two', 3.0))"
    assert repr(Some([np.zeros((2, 3), np.float32)])) == "Some(whole=<float32 (2, 3)>)"
    assert repr(Some([b"12345"])) == "Some(whole=<5 bytes>)"
    assert shown_briefly(("a",)) == "('a',)"
    assert shown_briefly([*range(1000)], 20) == "[0, 1, 2, 3, 4, 5, ... 1000 in all]"
    assert shown_briefly({"a": np.zeros(3)}) == "{'a': <float64 (3,)>}"
    assert shown_briefly("x" * 200, 10) == "'xxxxxxxxxx'..."
    assert shown_briefly(Path("some")) == "'some'"
    assert shown_briefly(np.float64(0.5)) == repr(np.float64(0.5))


def test_many_results_are_shown_in_a_few_lines(model: yamjit.Classifier) -> None:
    times = np.arange(320_000) / 16_000
    sound = np.sin(6000 * times) * (times % 2 < 1) / 3
    events = model.events(sound.astype(np.float32), yamjit.EventOptions(0.05), sample_rate=16_000)
    assert len(events) > 6
    assert repr(events).count("\n") == 5
    assert repr(events).endswith(f"),\n ... {len(events)} in all)")
    assert pickle.loads(pickle.dumps(events)) == tuple(events) == copy.deepcopy(events)
    assert repr(events[:2]) == f"({events[0]!r}, {events[1]!r})"


def test_what_is_read_once_is_not_copied(model: yamjit.Classifier) -> None:
    with model.windows(np.zeros(16_000, np.float32), 16_000) as windows:
        for value in (windows, windows.source):
            said = f"{type(value).__name__} is read once, and can be neither copied nor pickled: open the source again"
            for how in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError) as caught:
                    how(value)  # type: ignore[operator]
                assert str(caught.value) == said


@pytest.mark.parametrize("module", [name for name in PUBLIC if not name.startswith("yamjit.task.")])
def test_packages_list_what_is_public(module: str) -> None:
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):
        assert set(dir(found)) == set(found.__all__)


def test_old_methods_are_not_listed(model: yamjit.Classifier) -> None:
    assert {"classify", "watcher"} <= {*dir(model)}
    assert not {"detector", "listed_scores", "watch_windows"} & {*dir(model)}
