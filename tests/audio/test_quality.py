"""What is said of a recording that sounds wrong."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.opening import open_audio

sf = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

RATE = 16_000


def warnings(samples, rate=RATE, **options):
    """Return the warnings, which are one line each."""
    with open_audio(samples, rate, **options) as audio:
        for _ in audio.blocks():
            pass
        lines = audio.warnings
    assert all(line.isprintable() for line in lines)
    return lines


def tone(level=0.5, seconds=5.0, hz=440, rate=RATE):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def noise(level=0.1, n=80_000, channels=None, seed=0):
    shape = n if channels is None else (n, channels)
    return (level * np.random.default_rng(seed).uniform(-1, 1, shape)).astype(np.float32)


def both(left, right):
    return np.stack([left, right], axis=1)


@pytest.mark.parametrize(
    "samples",
    [tone(), tone(1.0), noise(), noise(0.9), tone(0.06), noise(0.99, channels=2), noise(0.5, channels=8), [0.5]],
)
@pytest.mark.parametrize("channel", ["mix", "each", 0])
def test_a_good_recording_has_no_warnings(samples, channel):
    assert warnings(samples, channel=channel) == ()


def test_nothing_is_said_of_what_was_not_read():
    for channel in ("mix", "each"):
        with open_audio(np.zeros((10, 2)), RATE, channel=channel) as audio:
            assert audio.warnings == ()


def test_silence():
    for samples in (np.zeros(100, np.int16), np.zeros((100_000, 2))):
        assert warnings(samples) == ("silent: every sample is 0",)
    assert warnings(np.zeros((100, 2)), channel="each") == (
        "channel 0: silent: every sample is 0",
        "channel 1: silent: every sample is 0",
    )


def test_a_silent_channel():
    samples = both(noise(), np.zeros(80_000, np.float32))
    assert warnings(samples) == ("silent channel: 1; it makes the mean quieter",)
    assert warnings(samples, channel="each") == ("channel 1: silent: every sample is 0",)
    assert warnings(samples, channel=0) == ()
    assert warnings(samples, channel=1) == ("silent: every sample is 0",)
    samples[79_999, 1] = 0.1  # a single sample is not silence
    assert warnings(samples) == ()


def test_too_quiet():
    (line,) = warnings(tone(0.001))
    assert line == "too quiet: RMS -63.0 dBFS, peak -60.0 dBFS; below -40 dBFS little is recognised"
    samples = tone(0.001)
    samples[1_000:2_000] = tone(0.5)[:1_000]  # something is loud
    assert warnings(samples) == ()
    assert warnings(both(tone(0.001), tone()), channel="each") == (f"channel 0: {line}",)


def test_samples_next_to_nothing_are_quiet():
    (line,) = warnings(np.full(1_000, 1e-30, np.float32))
    assert line.startswith("too quiet: RMS -300.0 dBFS")


@pytest.mark.parametrize("offset", [0.2, -0.2])
def test_a_constant_offset(offset):
    assert warnings(tone(0.3) + np.float32(offset)) == (
        f"DC offset: the mean of the samples is {offset:+.1f} of full scale",
    )
    samples = both(tone(0.3) + np.float32(offset), tone(0.3))
    assert warnings(samples, channel="each")[0].startswith("channel 0: DC offset")
    assert warnings(samples, channel=1) == ()


def test_a_constant_is_an_offset_and_nothing_else():
    lines = warnings(np.full(80_000, 0.5, np.float32))
    assert lines == ("DC offset: the mean of the samples is +0.5 of full scale",)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.int32, np.uint8])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_clipping(dtype, channels):
    clipped = np.clip(1.5 * tone(1.0), -1, 1)
    clipped[:8_000] *= 0.5
    if dtype != np.float32:
        info = np.iinfo(dtype)
        middle, scale = (128, 127) if dtype == np.uint8 else (0, info.max)
        clipped = np.round(clipped.astype(np.float64) * scale + middle).astype(dtype)
    samples = np.stack([clipped] * channels, axis=1)
    (line,) = warnings(samples)
    assert line.startswith("clipped: ")
    share = float(line.split()[1])
    assert 35 < share < 50  # a sine of 1.5 is over 1 for 54 % of the time; the first two of each top do not count
    assert float(line.split()[-2]) == pytest.approx(0.5, abs=0.01)


def test_clipping_of_one_channel():
    clipped = np.clip(2 * tone(1.0), -1, 1)
    lines = warnings(both(clipped, noise()))
    assert lines[0].startswith("clipped: 2")  # half of what it is for one channel
    assert warnings(both(clipped, noise()), channel=1) == ()


def test_a_loud_peak_is_not_clipping():
    samples = noise()
    samples[::1_000] = 1.0
    samples[1::1_000] = 1.0
    assert warnings(samples) == ()


def test_flat_silence_is_not_clipping():
    samples = np.zeros(80_000, np.float32)
    samples[::100] = 1.0
    assert not any("clipped" in line for line in warnings(samples))


def test_what_is_over_full_scale():
    assert warnings(tone(3.0)) == ("samples go up to 3; full scale is 1",)
    assert warnings(tone(1.4)) == ()


def test_channels_that_cancel():
    left = noise()
    for right in (-left, -0.9 * left):
        (line,) = warnings(both(left, right))
        loss = "inf" if np.array_equal(right, -left) else "25.6"
        assert line == (
            f"the channels cancel each other: their mean is {loss} dB quieter than they are; "
            "take one of them or each (channel)"
        )
        for channel in (0, 1, "each"):
            assert warnings(both(left, right), channel=channel) == ()
    assert warnings(both(left, left)) == ()
    assert warnings(both(left, noise(seed=1))) == ()
    assert warnings(noise(0.5, channels=64)) == ()
    four = np.stack([left, -left, left, -left], axis=1)
    assert "inf dB" in warnings(four)[0]


def test_channels_of_opposite_offset_cancel():
    assert "cancel" in warnings(both(noise() + 0.5, -noise() - 0.5))[0]


def test_several_warnings_come_together():
    samples = np.clip(3 * tone(1.0) + 1.0, -1, 1)
    samples[5] = np.nan
    lines = warnings(samples, non_finite="zero")
    assert [line.split(":")[0].split(" ")[0] for line in lines] == ["1", "clipped", "DC"]
    assert lines[0] == "1 sample that is not finite became 0, the first at 0.0003125 s"


@given(cuts=st.lists(st.integers(0, 20_000), max_size=30), channels=st.integers(1, 3), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_clipping_does_not_depend_on_the_blocks(cuts, channels, seed):
    samples = np.round(noise(2.0, 20_000, channels, seed) * 2) / 2
    samples = np.clip(samples, -1, 1)  # a third of it at full scale
    blocks = np.split(samples, sorted(cuts))
    for channel in ("mix", "each", 0):
        whole = warnings(samples, channel=channel)
        assert any("clipped" in line for line in whole)
        assert warnings(iter(blocks), channel=channel) == whole


@pytest.mark.parametrize("dtype", ["PCM_16", "FLOAT"])
def test_files_are_judged_as_arrays_are(dtype):
    samples = np.clip(2 * tone(1.0), -1, 32_767 / 32_768)
    file = io.BytesIO()
    sf.write(file, samples, RATE, dtype, format="WAV")
    file.seek(0)
    assert warnings(file, None) == warnings(np.round(samples * 32_768) / 32_768)


def test_only_what_is_heard_is_judged():
    samples = tone(0.3)
    samples[:16_000] += 0.6
    assert warnings(samples, start_s=1) == ()
    assert "DC" in warnings(samples, end_s=1)[0]


def test_warnings_come_with_any_resampling():
    clipped = np.clip(2 * tone(1.0, rate=44_100), -1, 1)
    assert warnings(clipped, 44_100) == warnings(clipped, 44_100, target_rate=44_100)
