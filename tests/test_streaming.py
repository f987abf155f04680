"""Streams: any chopping gives the windows of the whole, bit for bit; when they end, and what they refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import yamjit
from tests.support.synthetic import synthetic_yamnet
from yamjit.scoring import Windows
from yamjit.streaming import Stream
from yamjit.tflite import write_graph

RATE = 16_000
KEPT = ("scores", "logits", "embeddings", "log_mel", "level_dbfs")


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load(write_graph(synthetic_yamnet(seed=0, classes=20, width=0.0625)), backend="numpy")


def noise(samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.uniform(0.01, 0.4) * rng.standard_normal(samples)).astype(np.float32)


def joined(parts: Iterable[Windows]) -> dict[str, np.ndarray]:
    parts = list(parts)
    names = ("times_s", *KEPT)
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def run(stream: Stream, samples: np.ndarray, cuts: Sequence[int]) -> dict[str, np.ndarray]:
    return joined([*map(stream.push, np.split(samples, sorted(cuts))), stream.flush()])


def assert_whole(model: yamjit.Classifier, samples: np.ndarray, rate: int, found: dict[str, np.ndarray]) -> None:
    whole = model.classify(samples, sample_rate=rate, level=True)
    for name, values in found.items():
        np.testing.assert_array_equal(values, getattr(whole, name), err_msg=name, strict=True)


@pytest.mark.parametrize("cut", [0, 1, 159, 160, 399, 400, 15_599, 15_600, 15_601, 23_279, 23_280, 23_281, 40_000])
def test_a_cut_anywhere_changes_no_bit(model: yamjit.Classifier, cut: int) -> None:
    samples = noise(40_000)
    assert_whole(model, samples, RATE, run(model.stream(level=True), samples, [cut]))


@pytest.mark.parametrize("samples", [15_599, 23_280, 38_640, 40_000])
def test_the_end_is_padded_as_the_reading_says(model: yamjit.Classifier, samples: int) -> None:
    for pad_end in ("least", "original"):
        reading, sound = yamjit.ReadOptions(pad_end=pad_end), noise(samples)
        found = run(model.stream(reading=reading, level=True), sound, [700])
        np.testing.assert_array_equal(found["scores"], model.classify(sound, RATE, reading=reading).scores)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_any_rate_and_chopping_give_the_whole(model: yamjit.Classifier, rate: int) -> None:
    rng = np.random.default_rng(rate)
    samples = noise(2 * rate + 77, seed=rate)
    for _ in range(8):
        cuts = rng.integers(0, samples.size + 1, rng.integers(1, 40)).tolist()
        assert_whole(model, samples, rate, run(model.stream(rate, level=True), samples, cuts))


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 30_000), cuts=st.lists(st.integers(0, 30_000), max_size=60), seed=st.integers(0, 9))
def test_any_chopping_of_any_length(model: yamjit.Classifier, size: int, cuts: list[int], seed: int) -> None:
    samples = noise(size, seed)
    assert_whole(model, samples, RATE, run(model.stream(level=True), samples, [cut for cut in cuts if cut <= size]))


def test_samples_one_at_a_time(model: yamjit.Classifier) -> None:
    samples = noise(16_100)
    assert_whole(model, samples, RATE, run(model.stream(level=True), samples, range(1, samples.size)))


def test_channels_are_mixed_as_in_a_file(model: yamjit.Classifier) -> None:
    stereo = np.stack([noise(20_000, 1), noise(20_000, 2)], axis=1)
    stream = model.stream(RATE, channels=2, level=True)
    assert_whole(model, stereo, RATE, run(stream, stereo, [5, 7_000]))
    stream = model.stream(RATE, channels=2, reading=yamjit.ReadOptions(channel=1), level=True)
    assert_whole(model, stereo[:, 1], RATE, run(stream, stereo, [5, 7_000]))
    for channel in (2, "each", None):
        with pytest.raises(yamjit.InputError, match="channel"):
            model.stream(RATE, channels=2, reading=yamjit.ReadOptions(channel=channel))  # type: ignore[arg-type]
    integers = (stereo * 32767).astype(np.int16)
    assert_whole(model, integers, RATE, run(model.stream(RATE, 2, level=True), integers, [1, 12_345]))


def test_windows_come_as_soon_as_they_can(model: yamjit.Classifier) -> None:
    stream = model.stream(reading=yamjit.ReadOptions(hop_s=0.48))
    assert len(stream.push(noise(15_599))) == 0
    found = stream.push(noise(1))
    assert found.times_s.tolist() == [0.0]
    assert len(stream.push(noise(7_679))) == 0
    assert stream.push(noise(1)).times_s.tolist() == [0.48]
    assert stream.duration_s == (15_600 + 7_680) / RATE
    assert len(stream.flush()) == 0


@pytest.mark.slow
def test_times_do_not_drift(model: yamjit.Classifier) -> None:
    """A day in blocks of a minute, at a hop of ten seconds: times are counted in samples, never added up."""
    stream = model.stream(reading=yamjit.ReadOptions(hop_s=10.0))
    minute = np.zeros(60 * RATE, np.float32)
    times = np.concatenate([stream.push(minute).times_s for _ in range(30)])
    np.testing.assert_array_equal(times, np.arange(len(times)) * 10.0)
    assert stream.duration_s == 30 * 60


def test_a_stream_begins_anew(model: yamjit.Classifier) -> None:
    samples = noise(20_000)
    stream = model.stream(level=True)
    stream.push(noise(17_000, 5))
    stream.reset()
    assert stream.duration_s == 0
    first = run(stream, samples, [3])
    assert_whole(model, samples, RATE, first)
    stream.reset()
    assert_whole(model, samples, RATE, run(stream, samples, [9_999]))


def test_a_stream_ends_once(model: yamjit.Classifier) -> None:
    stream = model.stream()
    stream.push(noise(100))
    assert len(stream.flush()) == 1
    for call in (stream.flush, lambda: stream.push(noise(1))):
        with pytest.raises(yamjit.InputError, match="has ended"):
            call()
    with model.stream() as stream:
        stream.push(noise(100))
    with pytest.raises(yamjit.InputError, match="has ended"):
        stream.push(noise(1))


def test_a_stream_of_nothing_has_no_windows(model: yamjit.Classifier) -> None:
    stream = model.stream(44_100, level=True)
    assert len(stream.push(np.zeros(0, np.float32))) == 0
    found = stream.flush()
    assert (len(found), found.scores.shape, found.level_dbfs.shape) == (0, (0, 20), (0,))
    assert "none" in repr(found)


def test_streams_do_not_know_each_other(model: yamjit.Classifier) -> None:
    """Two streams interleaved in one thread, and in two."""
    sounds = [noise(40_000, seed) for seed in (1, 2)]
    streams = [model.stream(level=True) for _ in sounds]
    parts: list[list[Windows]] = [[], []]
    for start in range(0, 40_000, 3_000):
        for stream, sound, found in zip(streams, sounds, parts, strict=True):
            found.append(stream.push(sound[start : start + 3_000]))
    for stream, sound, found in zip(streams, sounds, parts, strict=True):
        assert_whole(model, sound, RATE, joined([*found, stream.flush()]))

    found_by: dict[int, dict[str, np.ndarray]] = {}

    def work(number: int) -> None:
        found_by[number] = run(model.stream(level=True), sounds[number], range(0, 40_000, 1_000))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, sound in enumerate(sounds):
        assert_whole(model, sound, RATE, found_by[number])


def test_what_was_handed_out_stays_as_it_is(model: yamjit.Classifier) -> None:
    stream = model.stream()
    buffer = noise(40_000)
    first = stream.push(buffer)
    kept = {name: getattr(first, name).copy() for name in ("scores", "embeddings", "log_mel")}
    buffer[:] = 0.3
    stream.push(buffer)
    for name, values in kept.items():
        np.testing.assert_array_equal(getattr(first, name), values)


@pytest.mark.parametrize("rate", [0, -1, 16_000.5, "fast", 2**31, True])
def test_wrong_rates_are_refused(model: yamjit.Classifier, rate: object) -> None:
    with pytest.raises(yamjit.InputError, match="sample_rate"):
        model.stream(rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("channels", [0, -1, 65, 1.5, "two", None, True])
def test_wrong_channels_are_refused(model: yamjit.Classifier, channels: object) -> None:
    with pytest.raises(yamjit.InputError, match="channels"):
        model.stream(RATE, channels)  # type: ignore[arg-type]


@pytest.mark.parametrize("block", [np.zeros((2, 2, 2)), np.zeros((5, 2)), np.zeros(3, bool), "sound", [[1], [2, 3]]])
def test_wrong_blocks_are_refused_and_change_nothing(model: yamjit.Classifier, block: object) -> None:
    samples = noise(20_000)
    stream = model.stream(level=True)
    first = stream.push(samples[:16_000])
    with pytest.raises(yamjit.InputError):
        stream.push(block)
    with pytest.raises(yamjit.AudioError, match="sample 16002"):
        stream.push(np.array([0, 0, np.nan, 0], np.float32))
    assert_whole(model, samples, RATE, joined([first, stream.push(samples[16_000:]), stream.flush()]))


def test_one_window_alone(model: yamjit.Classifier) -> None:
    samples = noise(15_600)
    found = model.score_window(samples)
    np.testing.assert_array_equal(found.scores, model.classify(samples, sample_rate=RATE).scores)
    assert (len(found), found.times_s.tolist(), found.window_s) == (1, [0.0], 0.975)
    for size in (0, 1, 15_599, 15_601):
        with pytest.raises(yamjit.InputError, match=f"{size} samples; one window has 15600"):
            model.score_window(np.zeros(size, np.float32))
