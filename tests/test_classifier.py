"""Whole recordings through the public API, on a synthetic model."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from tests.support.backends import BACKENDS
from tests.support.synthetic import LABEL_FILE, probe_signals, synthetic_yamnet
from yamjit.tflite import write_graph

SAMPLE_RATE = 16_000


@pytest.fixture(scope="module")
def model_bytes() -> bytes:
    return write_graph(synthetic_yamnet(seed=0, width=0.125))


@pytest.fixture(scope="module")
def model(model_bytes: bytes) -> yamjit.Classifier:
    return yamjit.load(model_bytes, backend="numpy")


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    signals = probe_signals(3)
    waveforms = list(signals.values()) if isinstance(signals, dict) else list(signals)
    return np.concatenate(waveforms)[: 3 * SAMPLE_RATE].astype(np.float32)


def test_shapes_and_times(model: yamjit.Classifier, sound: np.ndarray) -> None:
    result = model.classify(sound, sample_rate=SAMPLE_RATE)
    windows = 1 + -(-(sound.size - 15600) // 7680)
    assert len(result) == windows
    assert result.scores.shape == (windows, 521)
    assert result.scores.dtype == np.float32
    assert result.embeddings.shape[0] == windows
    assert result.log_mel.shape == (96 + 48 * (windows - 1), 64)
    np.testing.assert_allclose(result.times_s, 0.48 * np.arange(windows))
    assert result.window_s == 0.975
    assert result.duration_s == sound.size / SAMPLE_RATE
    assert result.labels == model.labels


@pytest.mark.parametrize("samples", [1, 399, 400, 15_599, 15_600, 15_601, 23_280, 23_281])
def test_any_length_gives_at_least_one_window(model: yamjit.Classifier, sound: np.ndarray, samples: int) -> None:
    result = model.classify(sound[:samples], sample_rate=SAMPLE_RATE)
    expected = 1 if samples <= 15_600 else 2 if samples <= 23_280 else 3
    assert len(result) == expected
    padded = np.zeros(15_600 + 7_680 * (expected - 1), np.float32)
    padded[:samples] = sound[:samples]
    np.testing.assert_array_equal(result.scores, model.classify(padded, sample_rate=SAMPLE_RATE).scores)


@pytest.mark.parametrize("hop_s", [0.1, 0.48, 0.975, 0.0123, 2.5])
def test_each_window_is_scored_as_if_alone(model: yamjit.Classifier, sound: np.ndarray, hop_s: float) -> None:
    part = sound[: 2 * SAMPLE_RATE]
    result = model.classify(part, sample_rate=SAMPLE_RATE, reading=yamjit.ReadOptions(hop_s=hop_s))
    hop = round(hop_s * SAMPLE_RATE)
    padded = np.pad(part, (0, 15_600))
    for index in {0, len(result) // 2, len(result) - 1}:
        alone = model.classify(padded[index * hop : index * hop + 15_600], sample_rate=SAMPLE_RATE)
        np.testing.assert_array_equal(result.scores[index], alone.scores[0])
        np.testing.assert_array_equal(result.embeddings[index], alone.embeddings[0])


def test_paths_file_objects_and_arrays_agree(model: yamjit.Classifier, sound: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    samples = np.clip(np.round(sound * 32768), -32768, 32767).astype(np.int16)
    soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
    wanted = model.classify(samples, sample_rate=SAMPLE_RATE).scores
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        np.testing.assert_array_equal(model.classify(source).scores, wanted)
    as_float = samples.astype(np.float32) / 32768
    np.testing.assert_array_equal(model.classify(as_float, sample_rate=SAMPLE_RATE).scores, wanted)
    stereo = np.stack([samples, samples], axis=1)
    np.testing.assert_array_equal(model.classify(stereo, sample_rate=SAMPLE_RATE).scores, wanted)


def test_other_rates_are_resampled(model: yamjit.Classifier) -> None:
    time = np.arange(2 * 48_000) / 48_000
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    high = model.log_mel(tone, sample_rate=48_000)
    low = model.log_mel(tone[::3], sample_rate=SAMPLE_RATE)
    assert len(high) == len(low)
    assert np.abs(high - low)[10:-60].mean() < 0.05


def test_ranking_is_by_score_then_index(model: yamjit.Classifier, sound: np.ndarray) -> None:
    result = model.classify(sound, sample_rate=SAMPLE_RATE)
    for window in (None, 0, -1):
        everything = result.top(-1, window=window)
        assert len(everything) == 521
        keys = [(-score, index) for _, score, index in everything]
        assert keys == sorted(keys)
        assert result.top(3, window=window) == everything[:3]
    assert any(a.score == b.score for a, b in zip(result.top(-1), result.top(-1)[1:], strict=False))
    for k in (0, -2):
        with pytest.raises(yamjit.InputError):
            result.top(k)
    with pytest.raises(yamjit.InputError, match="out of range"):
        result.top(window=len(result))


def test_repr_says_what_was_heard(model: yamjit.Classifier, sound: np.ndarray) -> None:
    text = repr(model.classify(sound, sample_rate=SAMPLE_RATE))
    assert "6 windows of 0.975 s" in text
    assert model.classify(sound, sample_rate=SAMPLE_RATE).top(1)[0].label in text
    assert repr(model) == "<Classifier: yamjit/synthetic (not a published file), 521 classes, from argument>"


def test_labels_come_from_the_file(model: yamjit.Classifier) -> None:
    listed = model.graph.files[LABEL_FILE].decode().splitlines()
    assert list(model.labels) == listed
    assert model.sample_rate == SAMPLE_RATE
    assert not model.verified


@pytest.mark.parametrize("hop_s", [0, -1.0, float("nan"), float("inf"), 1e-9])
def test_wrong_hops_are_refused(model: yamjit.Classifier, hop_s: float) -> None:
    with pytest.raises(yamjit.InputError, match="hop_s"):
        model.classify(np.zeros(100, np.float32), sample_rate=SAMPLE_RATE, reading=yamjit.ReadOptions(hop_s=hop_s))


def test_unusable_audio_is_refused(model: yamjit.Classifier) -> None:
    with pytest.raises(yamjit.InputError, match="rate"):
        model.classify(np.zeros(100, np.float32))
    with pytest.raises(yamjit.AudioError):
        model.classify(np.full(100, np.nan, np.float32), sample_rate=SAMPLE_RATE)
    with pytest.raises(yamjit.AudioError):
        model.classify(np.zeros(0, np.float32), sample_rate=SAMPLE_RATE)
    with pytest.raises(yamjit.AudioError, match="nowhere"):
        model.classify("nowhere.wav")


def test_unknown_backends_are_refused(model_bytes: bytes) -> None:
    with pytest.raises(yamjit.InputError, match="backend"):
        yamjit.load(model_bytes, backend="cuda")


def test_threads_share_a_model(model_bytes: bytes, sound: np.ndarray) -> None:
    model = yamjit.load(model_bytes)
    wanted = model.classify(sound, sample_rate=SAMPLE_RATE).scores
    found: dict[int, np.ndarray] = {}

    def work(number: int) -> None:
        found[number] = model.classify(sound, sample_rate=SAMPLE_RATE).scores

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3]
    for scores in found.values():
        np.testing.assert_array_equal(scores, wanted)


# -- Threads ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_sound() -> np.ndarray:
    """A recording of 40 s whose windows differ."""
    rng = np.random.default_rng(8)
    loudness = np.repeat(rng.uniform(0, 0.3, 80), SAMPLE_RATE // 2)
    return (loudness * rng.standard_normal(loudness.size)).astype(np.float32)


def assert_equal(found: yamjit.Classification, wanted: yamjit.Classification) -> None:
    for name in ("scores", "embeddings", "log_mel", "times_s"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name, strict=True)
    assert (found.duration_s, found.damage) == (wanted.duration_s, wanted.damage)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_no_bit(
    model_bytes: bytes, long_sound: np.ndarray, tmp_path: Path, backend: str, threads: int
) -> None:
    one, several = (yamjit.load(model_bytes, backend=backend, threads=n) for n in (1, threads))
    for hop_s, seconds in ((0.48, 40), (0.48, 0.5), (0.1, 12), (0.0123, 2), (5.0, 40)):
        part = long_sound[: int(seconds * SAMPLE_RATE)]
        wanted = one.classify(part, sample_rate=SAMPLE_RATE, reading=yamjit.ReadOptions(hop_s=hop_s))
        assert_equal(several.classify(part, sample_rate=SAMPLE_RATE, reading=yamjit.ReadOptions(hop_s=hop_s)), wanted)
    path = tmp_path / "other rate.flac"
    soundfile.write(path, long_sound[: 20 * SAMPLE_RATE].clip(-1, 1), 22_050)
    assert_equal(several.classify(path), one.classify(path))


@pytest.mark.numba
def test_auto_turns_to_numba_under_threads(
    model_bytes: bytes, long_sound: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    monkeypatch.setenv("YAMJIT_LIBRARY", "none")
    from yamjit.kernels import backends
    from yamjit.kernels.steps import compiled

    ran = []
    run = compiled.run
    monkeypatch.setattr(backends, "_PATCHES_WORTH_COMPILING", 30)
    monkeypatch.setattr(compiled.run_int8_steps, "is_ready", lambda: False)
    monkeypatch.setattr(compiled, "run", lambda *arguments: (ran.append(len(arguments[2])), run(*arguments))[1])
    wanted = yamjit.load(model_bytes, backend="numpy").classify(long_sound, sample_rate=SAMPLE_RATE)
    model = yamjit.load(model_bytes, backend="auto", threads=3)
    found = model.classify(long_sound, sample_rate=SAMPLE_RATE)
    np.testing.assert_array_equal(found.scores, wanted.scores)
    assert 0 < sum(ran) < len(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
def test_callers_with_threads_share_a_model(model_bytes: bytes, long_sound: np.ndarray, threads: int) -> None:
    parts = [long_sound[start * SAMPLE_RATE :] for start in range(4)]
    wanted = [
        yamjit.load(model_bytes, backend="numpy").classify(
            part, sample_rate=SAMPLE_RATE, reading=yamjit.ReadOptions(hop_s=0.7)
        )
        for part in parts
    ]
    model = yamjit.load(model_bytes, threads=threads)
    found: dict[int, yamjit.Classification] = {}

    def work(number: int) -> None:
        for _ in range(3):
            found[number] = model.classify(
                parts[number], sample_rate=SAMPLE_RATE, reading=yamjit.ReadOptions(hop_s=0.7)
            )

    callers = [threading.Thread(target=work, args=(number,)) for number in range(len(parts))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for number, expected in enumerate(wanted):
        np.testing.assert_array_equal(found[number].scores, expected.scores)
        np.testing.assert_array_equal(found[number].embeddings, expected.embeddings)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_a_decoder_raises_ends_all_threads(model_bytes: bytes, long_sound: np.ndarray, threads: int) -> None:
    model = yamjit.load(model_bytes, backend="numpy", threads=threads)
    broken = long_sound.copy()
    broken[-1000] = np.nan
    before = threading.active_count()
    with pytest.raises(yamjit.AudioError, match="nan"):
        model.classify(broken, sample_rate=SAMPLE_RATE)
    assert threading.active_count() == before
    assert len(model.classify(long_sound, sample_rate=SAMPLE_RATE)) == 83


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_goes_on_with_threads(model_bytes: bytes, long_sound: np.ndarray) -> None:
    """A process is split while another thread of it computes; both halves compute."""
    model = yamjit.load(model_bytes, backend="numpy", threads=2)
    wanted = model.classify(long_sound, sample_rate=SAMPLE_RATE).scores
    busy = threading.Thread(target=model.classify, args=(long_sound,), kwargs={"sample_rate": SAMPLE_RATE})
    busy.start()
    child = os.fork()
    if child == 0:
        equal = np.array_equal(model.classify(long_sound, sample_rate=SAMPLE_RATE).scores, wanted)
        os._exit(0 if equal else 1)
    _, status = os.waitpid(child, 0)
    busy.join()
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize("threads", [0, -1, 257, 1.0, "2", None, True])
def test_wrong_numbers_of_threads_are_refused(model_bytes: bytes, threads: object) -> None:
    with pytest.raises(yamjit.InputError, match=r"threads is .*; whole numbers from 1 to 256 are accepted"):
        yamjit.load(model_bytes, threads=threads)
    assert yamjit.load(model_bytes, threads=np.int64(2)).threads == 2


def test_models_that_take_patches_give_the_scores_of_those_with_a_front_end(model_bytes: bytes) -> None:
    from tests.support.cuts import without_front_end

    model = yamjit.load(write_graph(without_front_end(synthetic_yamnet(seed=0, width=0.125))), backend="numpy")
    whole = yamjit.load(model_bytes, backend="numpy")
    frames = whole.log_mel(probe_waveform(), sample_rate=SAMPLE_RATE)[None, :96]
    np.testing.assert_array_equal(model.network.run(frames).scores, whole.network.run(frames).scores)


def probe_waveform() -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.5, 0.5, 15_600).astype(np.float32)
