"""Recordings window by window: constant memory, ranges of hops, channels apart, aggregates, what is listed."""

from __future__ import annotations

import io
import pickle
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import yamjit
from tests.support.synthetic import synthetic_yamnet
from yamjit.audio.conditioning import recut
from yamjit.cli import main
from yamjit.tflite import write_graph

RATE = 16_000


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load(write_graph(synthetic_yamnet(seed=0, classes=20, width=0.0625)), backend="numpy")


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    rng = np.random.default_rng(3)
    loudness = np.repeat(rng.uniform(0, 0.3, 24), RATE // 2)
    return (loudness * rng.standard_normal(loudness.size)).astype(np.float32)


def test_blocks_of_any_size_become_pieces_of_one() -> None:
    waveform = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
    rng = np.random.default_rng(4)
    for size in (1, 7, 400, 1000, 1001):
        blocks = np.split(waveform, np.sort(rng.integers(0, 1001, 20)), axis=1)
        found = [np.concatenate(parts, axis=1) for parts in recut(iter(blocks), size)]
        np.testing.assert_array_equal(np.concatenate(found, axis=1), waveform)
        assert {piece.shape[1] for piece in found[:-1]} <= {size}
        assert 0 < found[-1].shape[1] <= size
    pieces = [sum(part.shape[1] for part in parts) for parts in recut([waveform], 100, 30)]
    assert pieces == [30, 60, *[100] * 9, 10]
    assert list(recut([], 5)) == []
    assert list(recut([waveform[:, :0]], 5)) == []


@pytest.mark.parametrize("hop_s", [0.1, 0.48, 5.0])
def test_windows_are_those_of_the_classification(model: yamjit.Classifier, sound: np.ndarray, hop_s: float) -> None:
    whole = model.classify(sound, sample_rate=RATE, reading=yamjit.ReadOptions(hop_s=hop_s))
    with model.windows(sound, sample_rate=RATE, reading=yamjit.ReadOptions(hop_s=hop_s)) as stream:
        parts = list(stream)
    assert max(map(len, parts)) <= 64 + 1
    assert stream.count == len(whole)
    assert (stream.name, stream.duration_s, stream.damage) == ("array", 12.0, None)
    np.testing.assert_array_equal(np.concatenate([part.scores for part in parts]), whole.scores)
    np.testing.assert_array_equal(np.concatenate([part.embeddings for part in parts]), whole.embeddings)
    np.testing.assert_array_equal(np.concatenate([part.times_s for part in parts]), whole.times_s)
    assert stream.top(3) == whole.top(3)


def test_the_end_is_padded_as_by_the_original(model: yamjit.Classifier, sound: np.ndarray, tmp_path: Path) -> None:
    def heard(samples: int, pad_end: Any, **how: Any) -> yamjit.Classification:
        reading = yamjit.ReadOptions(pad_end=pad_end)
        return model.classify(sound[:samples], sample_rate=RATE, reading=reading, **how)

    for samples, more in ((15_600, 0), (31_000, 0), (38_640, 1), (54_000, 1)):
        least, original = heard(samples, "least"), heard(samples, "original")
        assert len(original) == len(least) + more
        np.testing.assert_array_equal(original.scores[: len(least)], least.scores)
        padded = np.pad(sound[:samples], (0, 15_600 + 7_680 * (len(original) - 1) - samples))
        whole = model.classify(padded, sample_rate=RATE)
        np.testing.assert_array_equal(original.scores, whole.scores)
        np.testing.assert_array_equal(original.log_mel, whole.log_mel)
    soundfile.write(tmp_path / "x.wav", sound[:38_640], RATE)
    assert main(["classify", str(tmp_path / "x.wav"), "--model", "starter", "--pad-end", "original"]) == 0
    with pytest.raises(yamjit.InputError, match="pad_end"):
        yamjit.ReadOptions(pad_end="most")  # type: ignore[arg-type]


def test_overlap_is_a_share_of_the_window(model: yamjit.Classifier, sound: np.ndarray) -> None:
    for overlap, hop_s in ((0, 0.975), (0.5, 0.4875), (0.9, 0.0975)):
        found = model.classify(sound, sample_rate=RATE, reading=yamjit.ReadOptions(overlap=overlap))
        np.testing.assert_array_equal(
            found.scores, model.classify(sound, sample_rate=RATE, reading=yamjit.ReadOptions(hop_s=hop_s)).scores
        )
    for overlap in (-0.1, 1, 1.5, "half", float("nan")):
        with pytest.raises(yamjit.InputError, match="overlap"):
            model.classify(sound, sample_rate=RATE, reading=yamjit.ReadOptions(overlap=overlap))
    with pytest.raises(yamjit.InputError, match="one of them"):
        model.classify(sound, sample_rate=RATE, reading=yamjit.ReadOptions(overlap=0.5, hop_s=0.5))


def test_a_clip_is_the_mean_or_the_maximum_of_its_windows(model: yamjit.Classifier, sound: np.ndarray) -> None:
    mean = model.classify(sound, sample_rate=RATE)
    np.testing.assert_allclose(mean.clip_scores, mean.scores.mean(axis=0, dtype=np.float64), rtol=1e-14)
    highest = model.classify(sound, sample_rate=RATE, aggregate="max")
    np.testing.assert_array_equal(highest.clip_scores, mean.scores.max(axis=0))
    assert highest.top(1)[0].score == mean.scores.max()
    with pytest.raises(yamjit.InputError, match="aggregate is 'median'; accepted are mean, max"):
        model.classify(sound, sample_rate=RATE, aggregate="median")


@pytest.mark.parametrize("threads", [1, 3])
def test_channels_apart_are_those_of_each_alone(model: yamjit.Classifier, sound: np.ndarray, threads: int) -> None:
    stereo = np.stack([sound, np.roll(sound, 5_000)], axis=1)
    several = yamjit.load(model.source.data, backend="numpy", threads=threads)
    found = several.classify_channels(stereo, sample_rate=22_050)
    assert [one.channel for one in found] == [0, 1]
    for number, one in enumerate(found):
        alone = model.classify(stereo, sample_rate=22_050, reading=yamjit.ReadOptions(channel=number))
        assert alone.channel is None
        mono = model.classify(stereo[:, number], sample_rate=22_050)
        for other in (alone, mono):
            np.testing.assert_array_equal(one.scores, other.scores)
            np.testing.assert_array_equal(one.embeddings, other.embeddings)
            np.testing.assert_array_equal(one.clip_scores, other.clip_scores)
        assert {row.channel for row in one.rows(2, windows=True)} == {number}
    with pytest.raises(yamjit.InputError, match="several results"):
        model.embed(stereo, sample_rate=22_050, reading=yamjit.ReadOptions(channel="each"))
    with pytest.raises(yamjit.InputError, match=r"names channel 1; classify_channels\(\) scores all"):
        model.classify_channels(stereo, sample_rate=22_050, reading=yamjit.ReadOptions(channel=1))


def test_a_stretch_has_the_times_of_the_file(model: yamjit.Classifier, sound: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    found = model.classify(path, reading=yamjit.ReadOptions(start_s=2.0, end_s=5.0))
    alone = model.classify(sound[2 * RATE : 5 * RATE], sample_rate=RATE)
    np.testing.assert_array_equal(found.scores, alone.scores)
    np.testing.assert_allclose(found.times_s, alone.times_s + 2.0)
    assert (found.start_s, found.duration_s) == (2.0, 3.0)
    assert {(row.start_s, row.end_s) for row in found.rows(1)} == {(2.0, 5.0)}
    rows = list(found.rows(1, windows=True))
    assert rows[0][1:3] == (2.0, 2.975)
    assert rows[-1].end_s == 5.0


def test_what_is_kept_of_windows(model: yamjit.Classifier, sound: np.ndarray) -> None:
    nothing = model.classify(sound, sample_rate=RATE, windows=False)
    assert len(nothing) == 24
    assert nothing.clip_scores.shape == (20,)
    assert nothing.top(2) == model.classify(sound, sample_rate=RATE).top(2)
    everything = model.classify(sound, sample_rate=RATE, level=True)
    for name in ("scores", "logits", "embeddings"):
        with pytest.raises(yamjit.InputError, match=f"{name} of windows were not kept"):
            getattr(nothing, name)
        assert len(getattr(everything, name)) == 24
        assert getattr(everything, name) is getattr(everything, name)
    with pytest.raises(yamjit.InputError, match="ask for it: classify"):
        _ = nothing.level_dbfs
    assert len(everything.level_dbfs) == 24
    np.testing.assert_array_equal(nothing.log_mel, model.log_mel(sound, sample_rate=RATE))
    np.testing.assert_array_equal(
        model.embed(sound, sample_rate=RATE), model.classify(sound, sample_rate=RATE).embeddings
    )
    assert model.log_mel(sound, sample_rate=RATE).shape == (96 + 48 * 23, 64)


def test_log_mel_of_a_result_is_read_when_it_is_asked_for(model: yamjit.Classifier, sound: np.ndarray) -> None:
    stereo = np.stack([sound, sound[::-1]], axis=1)
    for channel, result in enumerate(model.classify_channels(stereo, sample_rate=RATE)):
        np.testing.assert_array_equal(result.log_mel, model.log_mel(stereo[:, channel], sample_rate=RATE))
    once = model.classify(iter([sound]), sample_rate=RATE)
    with pytest.raises(yamjit.InputError, match=r"cannot be read again for its log-mel; use Classifier.log_mel"):
        _ = once.log_mel
    again = pickle.loads(pickle.dumps(model.classify(sound, sample_rate=RATE)))
    with pytest.raises(yamjit.InputError, match=r"use Classifier.log_mel"):
        _ = again.log_mel
    np.testing.assert_array_equal(again.scores, once.scores)


def test_levels_are_kept_where_they_are_asked_for(model: yamjit.Classifier, sound: np.ndarray) -> None:
    levels = model.classify(sound, sample_rate=RATE, level=True).level_dbfs
    expected = 10 * np.log10(np.mean(np.square(sound[:15_600], dtype=np.float64)))
    assert levels[0] == pytest.approx(expected)
    with model.windows(sound, sample_rate=RATE) as stream:
        assert next(iter(stream)).level_dbfs is None


def test_options_say_what_is_listed(model: yamjit.Classifier, sound: np.ndarray) -> None:
    everything = model.classify(sound, sample_rate=RATE).top(-1)
    best = everything[0].label
    others = model.with_options(yamjit.ClassifierOptions(category_denylist=(best,))).classify(sound, sample_rate=RATE)
    assert others.top(-1) == everything[1:]
    assert others.clip_scores.shape == (20,)
    only = model.with_options(yamjit.ClassifierOptions(category_allowlist=(best,))).classify(sound, sample_rate=RATE)
    assert only.top(-1) == everything[:1]
    assert only.top(-1, window=0)[0].score == only.scores[0, everything[0].class_index]
    with pytest.raises(TypeError, match="unexpected keyword argument 'categories'"):
        model.with_options(categories=3)
    assert model.options.category_denylist == ()


def test_groups_are_scored_window_by_window(model: yamjit.Classifier, sound: np.ndarray) -> None:
    labels = model.labels[:2]
    grouped = model.with_options(yamjit.ClassifierOptions(groups={"both": labels})).classify(sound, sample_rate=RATE)
    row = next(row for row in grouped.rows(-1) if row.label == "both")
    assert row.class_index == -1
    assert row.score == pytest.approx(grouped.scores[:, :2].max(axis=1).mean(dtype=np.float64))


def test_a_summary_says_what_the_rows_do_not(model: yamjit.Classifier, sound: np.ndarray) -> None:
    with model.windows(sound, sample_rate=RATE) as stream:
        rows = [row for windows in stream for row in stream.rows(windows, 2)]
        summary = stream.summary(3)
    result = model.classify(sound, sample_rate=RATE)
    assert rows == list(result.rows(2, windows=True))
    assert summary.top == tuple(result.rows(3))
    assert (summary.file, summary.duration_s, summary.windows, summary.window_s) == ("array", 12.0, 24, 0.975)


def test_live_sources_are_heard_as_they_come(model: yamjit.Classifier, sound: np.ndarray) -> None:
    pulled: list[int] = []

    def blocks() -> object:
        for start in range(0, sound.size, 1_000):
            pulled.append(start)
            yield sound[start : start + 1_000]

    with model.windows(blocks(), sample_rate=RATE) as stream:
        first = next(windows for windows in stream if len(windows))
        assert (len(first), pulled[-1]) == (1, 15_000)
        rest = list(stream)
    scores = np.concatenate([first.scores, *(part.scores for part in rest)])
    np.testing.assert_array_equal(scores, model.classify(sound, sample_rate=RATE).scores)


class Slow(io.RawIOBase):
    """Has nothing at every other look."""

    def __init__(self, data: bytes) -> None:
        self.data, self.looks = io.BytesIO(data), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self.looks += 1
        return None if self.looks % 2 else self.data.readinto(memoryview(buffer)[:40_000])


@pytest.mark.parametrize("threads", [1, 3])
def test_a_source_that_does_not_wait_gives_nothing_meanwhile(
    model: yamjit.Classifier, sound: np.ndarray, threads: int
) -> None:
    stereo = np.stack([sound, np.roll(sound, 5_000)], axis=1)[: 4 * RATE]
    several = yamjit.load(model.source.data, backend="numpy", threads=threads)
    raw = yamjit.RawPcm(Slow(stereo.tobytes()), encoding="f32le", sample_rate=22_050, channels=2)
    with several.windows(raw, reading=yamjit.ReadOptions(channel="each")) as stream:
        parts = list(stream)
    assert [len(part) for part in parts[:2]] == [0, 0]
    assert sum(not len(part) for part in parts) > len(stereo) * 8 // 40_000
    expected = model.classify_channels(stereo, sample_rate=22_050)
    for number, one in enumerate(expected):
        found = np.concatenate([part.scores for part in parts if part.channel == number])
        np.testing.assert_array_equal(found, one.scores)


def test_leaving_early_closes_everything(model: yamjit.Classifier, sound: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    soundfile.write(path, sound, RATE)
    several = yamjit.load(model.source.data, backend="numpy", threads=3)
    before = threading.active_count()
    with several.windows(path, reading=yamjit.ReadOptions(hop_s=0.05)) as stream:
        next(iter(stream))
    assert threading.active_count() == before
    assert list(stream) == []
    with pytest.raises(yamjit.InputError):
        list(stream.source.blocks())


def test_events_of_a_recording(model: yamjit.Classifier, sound: np.ndarray) -> None:
    result = model.classify(sound, sample_rate=RATE)
    on = float(np.median(result.scores.max(axis=0)))
    options = yamjit.EventOptions(on=on)
    events = model.events(sound, options, sample_rate=RATE)
    assert events
    assert [event.start_s for event in events] == sorted(event.start_s for event in events)
    assert all(event.score >= on for event in events)
    assert {event.class_index for event in events} == set(np.flatnonzero(result.scores.max(axis=0) >= on))
    assert sorted(model.watch(sound, options, sample_rate=RATE), key=repr) == sorted(events, key=repr)
    stereo = np.stack([sound, sound], axis=1)
    each = model.events(stereo, options, sample_rate=RATE, reading=yamjit.ReadOptions(channel="each"))
    assert {event.channel for event in each} == {0, 1}
    assert len(each) == 2 * len(events)
    assert model.events(sound, yamjit.EventOptions(on=on, min_dbfs=0), sample_rate=RATE) == ()


def test_every_head_has_results_of_its_own(two_heads_model: bytes, sound: np.ndarray) -> None:
    """Names, thresholds and calibration are those of each head's metadata; filters count for each."""
    two = yamjit.load(two_heads_model, backend="numpy")
    found = two.classify(sound, sample_rate=RATE)
    assert [head.name for head in found.heads] == ["yamnet_classification", "own_classification"]
    assert [head.clip_scores.shape for head in found.heads] == [(521,), (5,)]
    assert found.heads[1].labels == ("Kettle", "Dog", "Door bell, front", "Lift", "Background")
    raw = two.with_options(yamjit.ClassifierOptions(calibration=None)).classify(sound, sample_rate=RATE)
    np.testing.assert_array_equal(found.heads[0].scores, raw.heads[0].scores)
    assert raw.heads[1].scores is not None
    assert two.heads[1].calibration is not None
    np.testing.assert_array_equal(found.heads[1].scores, two.heads[1].calibration.apply(raw.heads[1].scores))
    for head, threshold in zip(found.heads, (0.125, 0.25), strict=True):
        assert all(score >= threshold for _, score, _ in head.top(-1))
        assert len(head.top(-1)) < len(head.labels)
    everything = two.with_options(yamjit.ClassifierOptions(score_threshold=0.0, display_names_locale="de"))
    german = everything.classify(sound, sample_rate=RATE)
    assert {label for label, _, _ in german.heads[1].top(-1)} >= {"Hund", "Aufzug"}
    assert {row.head for row in german.rows(1)} == {"yamnet_classification", "own_classification"}
    dogs = everything.with_options(replace(everything.options, category_allowlist=("Dog",))).classify(
        sound, sample_rate=RATE
    )
    assert [head.top(-1)[0].class_index for head in dogs.heads] == [69, 1]
    with two.windows(sound, sample_rate=RATE) as stream:
        rows = [row for windows in stream for row in stream.rows(windows, -1)]
    assert sorted(rows) == sorted(found.rows(-1, windows=True))


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_damaged_file_is_the_same_for_any_number_of_threads(model, sound, tmp_path, kind) -> None:
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, np.tile(np.stack([sound, sound], axis=1), (4, 1)), RATE, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    if kind == "flac":
        middle = len(data) * 3 // 4
        data[middle : middle + 5000] = bytes(5000)
        path.write_bytes(data)
    else:
        path.write_bytes(data[: len(data) * 3 // 4])
    several = yamjit.load(model.source.data, backend="numpy", threads=3)
    one, other = model.classify(path), several.classify(path)
    np.testing.assert_array_equal(other.scores, one.scores)
    assert other.damage == one.damage is not None
    assert other.warnings == one.warnings
