"""What is dropped is released, however far it was read; a model goes to other processes."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest

import yamjit
from tests.support import sound_device
from yamjit import plots
from yamjit.audio import Microphone, RawPcm, open_audio
from yamjit.network import Network
from yamjit.output.arrays import Slab
from yamjit.runs.inputs import Recording
from yamjit.runs.measuring import LogMel
from yamjit.segments import SegmentOptions, cut_segments

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SIREN = EXAMPLES / "siren.flac"


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recording of two minutes: too long for the jobs on their way to be all of it."""
    soundfile = pytest.importorskip("soundfile")
    path: Path = tmp_path_factory.mktemp("long") / "noise.flac"
    dice = np.random.default_rng(7)
    soundfile.write(path, dice.uniform(-0.1, 0.1, (120 * 16_000, 2)).astype(np.float32), 16_000)
    return path


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter", backend="numpy", threads=3)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Let nothing go but what nobody holds: the collector of cycles may come too late."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held() -> tuple[int, int]:
    """Return how many files are open, where that can be told, and how many threads run."""
    files = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0  # noqa: PTH208
    return files, threading.active_count()


def never_iterated(model: yamjit.Classifier, path: Path) -> None:
    model.windows(path)


def one_window(model: yamjit.Classifier, path: Path) -> None:
    next(iter(model.windows(path)))


def the_iterator_alone(model: yamjit.Classifier, path: Path) -> None:
    iterator = iter(model.windows(path))
    assert sum(len(next(iterator)) for _ in range(3)) > 1


def halfway_and_closed(model: yamjit.Classifier, path: Path) -> None:
    with model.windows(path, reading=yamjit.ReadOptions(channel="each")) as stream:
        for _, _ in zip(stream, range(3), strict=False):
            pass


def an_error_in_the_loop(model: yamjit.Classifier, path: Path) -> None:
    def loop() -> None:
        for _ in model.windows(path):
            raise KeyError("whatever")

    with pytest.raises(KeyError):
        loop()


def an_error_in_the_audio(model: yamjit.Classifier, path: Path) -> None:
    def blocks() -> Iterator[np.ndarray]:
        for _ in range(40):
            yield np.zeros(16_000, np.float32)
        raise OSError("the wire was cut")

    with pytest.raises(yamjit.AudioError, match="the wire was cut"):
        model.classify(blocks(), sample_rate=16_000)


def watched(model: yamjit.Classifier, path: Path) -> None:
    next(
        model.watch(
            path,
            yamjit.EventOptions(on=0.0001, off=0.00001, smoothing_s=2),
            reading=yamjit.ReadOptions(hop_s=0.1, end_s=5),
        )
    )
    model.watch(path)


def frames(model: yamjit.Classifier, path: Path) -> None:
    next(iter(model.frames(path)))
    model.frames(path)


def refused(model: yamjit.Classifier, path: Path) -> None:
    reading = yamjit.ReadOptions
    for wrong in (
        {"aggregate": "median"},
        {"reading": reading(channel=7)},
        {"level": "yes"},
        {"reading": reading(1e9)},
    ):
        with pytest.raises(yamjit.InputError):
            model.windows(path, **wrong)


def pushed(model: yamjit.Classifier, path: Path) -> None:
    stream = model.stream(44_100, 2)
    stream.push(np.zeros((44_100, 2)))


def surveyed(model: yamjit.Classifier, path: Path) -> None:
    plots.survey(model, path, reading=yamjit.ReadOptions(end_s=3))
    with pytest.raises(yamjit.InputError):
        plots.survey(model, path, reading=yamjit.ReadOptions(channel="each"))


def opened(model: yamjit.Classifier, path: Path) -> None:
    with open_audio(path) as audio:
        next(iter(audio.blocks()))


def cut(model: yamjit.Classifier, path: Path) -> None:
    event = yamjit.Event("noise", 0, "", 0.5, 0.5, 600.0, 601.0)
    with pytest.raises(yamjit.AudioError):
        cut_segments(path, [event], path.parent / "cut", SegmentOptions())


def exported(model: yamjit.Classifier, path: Path) -> None:
    def sink(slab: Slab) -> None:
        raise StopIteration

    with pytest.raises(StopIteration):
        LogMel(model).hear(Recording(str(path), PurePath("noise")), sink)


WAYS = (
    never_iterated,
    one_window,
    the_iterator_alone,
    halfway_and_closed,
    an_error_in_the_loop,
    an_error_in_the_audio,
    watched,
    frames,
    refused,
    pushed,
    surveyed,
    opened,
    cut,
    exported,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_nothing_stays(
    model: yamjit.Classifier, long_recording: Path, way: Callable[[yamjit.Classifier, Path], None]
) -> None:
    way(model, long_recording)  # what is loaded once
    before = held()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in range(3):
            way(model, long_recording)
    assert held() == before


def test_a_model_goes_with_the_last_who_holds_it(long_recording: Path) -> None:
    model = yamjit.load("starter", backend="numpy", threads=4)
    gone = [weakref.ref(part) for part in (model, model.front_end, model.network)]
    for way in (one_window, watched, pushed, never_iterated):
        way(model, long_recording)
    model.with_options(yamjit.ClassifierOptions(max_results=3))
    del model
    assert [part() for part in gone] == [None] * 3


def test_a_stream_goes_on_for_whoever_holds_its_iterator(model: yamjit.Classifier, long_recording: Path) -> None:
    found = list(
        model.windows(long_recording, reading=yamjit.ReadOptions(end_s=30))
    )  # the stream itself is dropped at once
    assert sum(map(len, found)) == model.classify(long_recording, reading=yamjit.ReadOptions(end_s=30)).times_s.size
    found = list(model.frames(long_recording, reading=yamjit.ReadOptions(end_s=30)))
    np.testing.assert_array_equal(
        np.concatenate([part for _, part in found]), model.log_mel(long_recording, reading=yamjit.ReadOptions(end_s=30))
    )


def test_a_microphone_stops_with_its_stream(monkeypatch: pytest.MonkeyPatch, model: yamjit.Classifier) -> None:
    device = sound_device.pretend(monkeypatch)
    for _ in range(2):
        windows = iter(model.windows(Microphone()))
        heard: list[yamjit.Windows] = []
        reader = threading.Thread(target=lambda windows=windows, heard=heard: heard.append(next(windows)))
        reader.start()
        sound_device.eventually(lambda: any(stream.active for stream in device.streams))
        while reader.is_alive():
            device.streams[-1].hear(np.zeros((1_600, 1)))
            time.sleep(0.001)
        assert device.streams[-1].active
        del windows, reader
        assert not device.streams[-1].active


def test_a_pipe_stays_open(model: yamjit.Classifier) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as sink:
        sink.write(np.zeros(32_000, "<i2").tobytes())
    with os.fdopen(read, "rb") as pipe:
        next(iter(model.windows(RawPcm(pipe, sample_rate=16_000))))
        assert not pipe.closed


# -- Log-mel alone ----------------------------------------------------------------------------------------------


def test_log_mel_alone_runs_no_network(
    model: yamjit.Classifier, long_recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how: dict[str, Any] = {"reading": yamjit.ReadOptions(start_s=1.5, end_s=7.3, channel=1, overlap=0.3)}
    expected = np.concatenate([part.log_mel for part in model.windows(long_recording, **how)])
    summary = model.classify(long_recording, **how)
    monkeypatch.setattr(Network, "run", None)
    np.testing.assert_array_equal(model.log_mel(long_recording, **how), expected)
    with model.frames(long_recording, **how) as stream:
        assert sum(len(part) for _, part in stream) == len(expected)
        assert stream.summary().windows == len(summary)
        assert stream.summary().duration_s == summary.duration_s
    with pytest.raises(yamjit.InputError, match="can be read only once"):
        list(stream)
    with pytest.raises(yamjit.InputError, match="several results"):
        model.log_mel(long_recording, reading=yamjit.ReadOptions(channel="each"))


# -- Other processes --------------------------------------------------------------------------------------------


def test_a_model_is_pickled_by_its_file_and_options() -> None:
    model = yamjit.load("starter", backend="numpy", threads=2, options=yamjit.ClassifierOptions(max_results=2))
    expected = model.classify(SIREN)
    for other in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
        assert (other.threads, other.options, other.source.sha256) == (2, model.options, model.source.sha256)
        np.testing.assert_array_equal(other.classify(SIREN).scores, expected.scores)
    assert copy.deepcopy(model).plan is model.plan  # immutable, and shared


def test_results_are_pickled() -> None:
    model = yamjit.load("starter", backend="numpy", options=yamjit.ClassifierOptions(groups={"Noise": ["Siren"]}))
    result = model.classify(SIREN)
    log_mel = result.log_mel  # what reads the recording again holds a model, and does not travel
    again = pickle.loads(pickle.dumps(result))
    assert again.top(3) == result.top(3)
    np.testing.assert_array_equal(again.log_mel, log_mel)
    options = yamjit.EventOptions(on={"*": 0.3, "Siren": 0.2})
    events = model.with_options(yamjit.ClassifierOptions(groups=None)).events(SIREN, options)
    assert events
    for one in (events, options, model.options, SegmentOptions(), tuple(result.rows())):
        assert pickle.loads(pickle.dumps(one)) == one
    with model.windows(SIREN) as stream:
        windows = next(iter(stream))
        list(stream)
        assert pickle.loads(pickle.dumps(stream.summary(2))) == stream.summary(2)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(windows)).scores, windows.scores)


@pytest.mark.parametrize("method", [name for name in multiprocessing.get_all_start_methods() if name != "forkserver"])
def test_processes_share_a_model(method: str) -> None:
    if method == "fork" and sys.version_info >= (3, 12):
        pytest.skip("Python warns of forks beside threads")
    model = yamjit.load("starter", backend="numpy")
    names = [str(EXAMPLES / name) for name in ("siren.flac", "speech.flac")]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        found = list(pool.map(model.classify, names))
    assert [result.top(1) for result in found] == [model.classify(name).top(1) for name in names]
