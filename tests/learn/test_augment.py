"""Changed copies: what each change does, the same for the same seed, and only of the clips that are trained on."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.learn.augment import Augmentation, augmented
from yamjit.learn.class_folders import from_folder
from yamjit.learn.dataset import Dataset
from yamjit.learn.embedding import embed_clips
from yamjit.learn.features import Features
from yamjit.learn.training import cross_validate
from yamjit.learn.transforms import Fade, FrequencyMask, Gain, Noise, Shift, TimeMask, Trim, mix
from yamjit.loading import load

RATE = 16_000


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def tone(seconds: float = 2.0, pitch: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("change", [Gain(), Shift(), Noise(), Fade(), Trim()], ids=lambda c: type(c).__name__)
def test_changes_keep_kind_and_do_not_touch_what_they_are_given(change: Gain) -> None:
    samples = tone()
    samples.flags.writeable = False
    changed = change.vary(samples, RATE, dice())
    assert changed.dtype == np.float32
    assert 0 < changed.size <= samples.size
    np.testing.assert_array_equal(change.vary(samples, RATE, dice()), changed)
    assert np.isfinite(change.vary(np.zeros(100, np.float32), RATE, dice())).all()


def test_each_change_does_what_it_says() -> None:
    samples = tone()
    ratio = Gain(6, 6).vary(samples, RATE, dice()) / np.where(samples == 0, 1, samples)
    assert ratio.max() == pytest.approx(10**0.3, rel=1e-5)
    shifted = Shift(0.1).vary(samples, RATE, dice())
    assert sorted(shifted) == sorted(samples)
    noise = Noise(20, 20).vary(samples, RATE, dice()) - samples
    assert 10 * np.log10((samples**2).mean() / (noise**2).mean()) == pytest.approx(20, abs=0.01)
    faded = Fade(0.5).vary(np.ones(RATE, np.float32), RATE, dice())
    assert faded[0] == faded[-1] == 0
    assert faded[RATE // 2] == 1
    padded = np.concatenate((np.zeros(500), samples[1:-1], np.full(300, 1e-4))).astype(np.float32)
    assert abs(Trim(40).vary(padded, RATE, dice()).size - samples.size) < 5


def test_mixing_keeps_the_ratio() -> None:
    signal, behind = tone(), tone(0.7, 3000)
    for wanted in (-6.0, 0.0, 15.0):
        rest = mix(signal, behind, wanted).astype(np.float64) - signal
        assert 10 * np.log10((signal**2).mean() / (rest**2).mean()) == pytest.approx(wanted, abs=0.01)
    np.testing.assert_array_equal(mix(signal, np.zeros(5), 0), signal)
    np.testing.assert_array_equal(mix(np.zeros(5), signal, 0), np.zeros(5))
    np.testing.assert_array_equal(mix(signal, [], 0), signal)


def test_masks_cover_frames_or_bands() -> None:
    log_mel = dice().normal(0, 1, (200, 64)).astype(np.float32)
    for mask, axis, most in ((TimeMask(24, 2), 0, 48), (FrequencyMask(8, 3), 1, 24)):
        changed = mask.mask(log_mel, dice(3))
        rows = (changed != log_mel).any(axis=1 - axis)
        assert 0 < rows.sum() <= most
        assert (changed[rows] == log_mel.mean()).all() if axis == 0 else (changed[:, rows] == log_mel.mean()).all()
        assert TimeMask(999, 1).mask(log_mel[:3], dice()).shape == (3, 64)


# -- Copies -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(small_model_path: Path) -> Classifier:
    return load(small_model_path, backend="numpy", threads=2)


@pytest.fixture
def features(model: Classifier, tmp_path: Path) -> Features:
    for label, pitch in (("low", 200), ("high", 3000)):
        (tmp_path / label).mkdir()
        for k in range(4):
            soundfile.write(tmp_path / label / f"{k}.wav", tone(0.5 + k / 2, pitch + 50 * k), RATE)
    return embed_clips(model, from_folder(tmp_path))


def test_copies_come_behind_the_clips(model: Classifier, features: Features) -> None:
    grown = augmented(model, features, Augmentation(copies=2))
    assert len(grown.dataset) == 3 * len(features.dataset)
    np.testing.assert_array_equal(grown.embeddings[: len(features.embeddings)], features.embeddings)
    assert (np.diff(grown.clips) >= 0).all()
    assert grown.clips[-1] == len(grown.dataset) - 1
    again = augmented(model, features, Augmentation(copies=2))
    np.testing.assert_array_equal(again.embeddings, grown.embeddings)
    other = augmented(model, features, Augmentation(copies=2, seed=1))
    assert other.embeddings.shape != grown.embeddings.shape or (other.embeddings != grown.embeddings).any()


def test_nothing_changed_gives_the_same_windows(model: Classifier, features: Features) -> None:
    grown = augmented(model, features, Augmentation(waveform=()))
    count = len(features.embeddings)
    np.testing.assert_array_equal(grown.embeddings[count:], features.embeddings)
    masked = augmented(model, features, Augmentation(waveform=(), log_mel=(TimeMask(0), FrequencyMask(0))))
    np.testing.assert_array_equal(masked.embeddings[count:], features.embeddings)
    changed = augmented(model, features, Augmentation(waveform=(), log_mel=(FrequencyMask(30),)))
    assert (changed.embeddings[count:] != features.embeddings).any()


def test_mixed_clips_are_of_both_classes(model: Classifier, features: Features) -> None:
    grown = augmented(model, features, Augmentation(waveform=(), mixing=1.0, copies=3))
    labels = {clip.labels for clip in grown.dataset.clips[len(features.dataset) :]}
    assert ("high", "low") in labels
    assert labels <= {("high",), ("low",), ("high", "low")}


def test_any_callable_will_do_and_is_seeded(model: Classifier, features: Features) -> None:
    def softer(samples: np.ndarray, sample_rate: int) -> np.ndarray:
        assert sample_rate == RATE
        return samples * random.random() * np.random.rand()  # noqa: NPY002

    random.seed(5)
    expected = random.random()
    random.seed(5)
    first = augmented(model, features, Augmentation(waveform=(softer,)))
    assert random.random() == expected
    second = augmented(model, features, Augmentation(waveform=(softer,)))
    np.testing.assert_array_equal(first.embeddings, second.embeddings)


def test_what_no_change_is_or_makes_is_refused(model: Classifier, features: Features) -> None:
    for wrong, message in (
        ({"waveform": (3,)}, "callable"),
        ({"log_mel": (Gain(),)}, "neither"),
        ({"mixing": 2.0}, "mixing is 2"),
        ({"copies": 0}, "copies is 0"),
    ):
        with pytest.raises(InputError, match=message):
            Augmentation(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not finite"):
        augmented(model, features, Augmentation(waveform=(lambda samples, sample_rate: samples * np.nan,)))


def test_only_clips_that_are_trained_on_are_copied(model: Classifier, features: Features) -> None:
    seen: list[Dataset] = []

    def more(training: Features) -> Features:
        seen.append(training.dataset)
        return augmented(model, training)

    found = cross_validate(features, folds=4, augment=more)
    assert found.accuracy == 1
    assert [len(data) for data in seen] == [6] * 4
