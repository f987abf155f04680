"""Resampling: length, equality for any chopping, quality."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamjit.audio.resample import Resampler, resampled_length
from yamjit.errors import DependencyError

soxr = pytest.importorskip("soxr")

RATES = [8_000, 11_025, 15_999, 16_001, 22_050, 32_000, 44_099, 44_100, 48_000, 88_200, 96_000, 192_000]


def resample(samples, rate, cuts=()):
    resampler = Resampler(rate, 16_000)
    out = [resampler.push(block[np.newaxis]) for block in np.split(samples, cuts)]
    return np.concatenate([*out, resampler.flush()], axis=1)[0]


def noise(n, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, n).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_equals_soxr_in_one_call_for_any_chopping(rate):
    samples = noise(70_001)
    expected = soxr.resample(samples, rate, 16_000, "HQ")
    rng = np.random.default_rng(rate)
    for n_cuts in (0, 1, 5, 300):
        cuts = np.sort(rng.integers(0, len(samples) + 1, n_cuts))  # with repeats: empty blocks
        np.testing.assert_array_equal(resample(samples, rate, cuts), expected)


@given(
    cuts=st.lists(st.integers(0, 20_000), max_size=60),
    rate=st.one_of(st.sampled_from(RATES), st.integers(1_000, 200_000)),
    target=st.sampled_from([8_000, 16_000, 48_000]),
    tracks=st.integers(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_every_track_of_any_chopping_has_the_bits_of_one_call(cuts, rate, target, tracks):
    samples = np.stack([noise(20_000, seed) for seed in range(tracks)])
    resampler = Resampler(rate, target, tracks)
    out = [resampler.push(block) for block in np.split(samples, sorted(cuts), axis=1)]
    got = np.concatenate([*out, resampler.flush()], axis=1)
    for track, alone in zip(got, samples, strict=True):
        whole = Resampler(rate, target)
        once = np.concatenate([whole.push(alone[np.newaxis]), whole.flush()], axis=1)
        np.testing.assert_array_equal(track, once[0])


def test_equals_soxr_sample_by_sample():
    samples = noise(3_000)
    expected = soxr.resample(samples, 44_100, 16_000, "HQ")
    np.testing.assert_array_equal(resample(samples, 44_100, range(1, 3_000)), expected)


@pytest.mark.parametrize("rate", [1_000, *RATES, 768_000])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 47, 48, 49, 72, 441, 999, 15_600, 65_536])
def test_length_is_the_rounded_ratio_and_at_least_one(n, rate):
    expected = max(1, int(np.floor(n * 16_000 / rate + 0.5)))
    assert resampled_length(n, rate, 16_000) == expected
    assert len(resample(noise(n), rate)) == expected


def test_soxr_itself_gives_the_rounded_ratio():
    """The length rule is soxr's own: nothing is padded or cut as long as one sample comes out."""
    for rate in RATES:
        for n in range(100, 160):
            assert len(soxr.resample(noise(n), rate, 16_000, "HQ")) == resampled_length(n, rate, 16_000)


def test_nothing_in_nothing_out():
    assert resampled_length(0, 44_100, 16_000) == 0
    assert len(resample(noise(0), 44_100)) == 0


def test_equal_rates_pass_through_without_soxr(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soxr", None)
    samples = noise(100)[np.newaxis]
    resampler = Resampler(16_000, 16_000)
    assert resampler.push(samples) is samples
    assert resampler.flush().shape == (1, 0)


def test_missing_soxr_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soxr", None)
    with pytest.raises(DependencyError, match="pip install soxr"):
        Resampler(44_100, 16_000)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
def test_a_tone_keeps_its_time_and_level(rate):
    def tone(sample_rate):
        return np.sin(2 * np.pi * 1_000 * np.arange(sample_rate) / sample_rate).astype(np.float32)

    middle = slice(2_000, 14_000)
    np.testing.assert_allclose(resample(tone(rate), rate)[middle], tone(16_000)[middle], atol=1e-5)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_what_cannot_be_represented_is_removed(rate):
    tone = np.sin(2 * np.pi * 11_000 * np.arange(rate) / rate).astype(np.float32)
    assert np.abs(resample(tone, rate)[2_000:14_000]).max() < 1e-5
