"""What of a source is heard: channels, stretches of time; sources that are neither a file nor an array."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import yamjit.audio
from tests.support.opening import open_audio
from yamjit.audio import AudioLimits
from yamjit.audio.limits import BLOCK_SAMPLES
from yamjit.errors import AudioError, InputError, LimitError

pytest.importorskip("soundfile")
pytest.importorskip("soxr")

from tools.checks.fuzz_audio import encode


def read(source, sample_rate=None, **options):
    """Return all samples, (tracks, n)."""
    with open_audio(source, sample_rate, **options) as audio:
        blocks = list(audio.blocks())
        assert all(block.shape[0] == audio.tracks and block.shape[1] for block in blocks)
    assert all(block.dtype == np.float32 and block.flags.c_contiguous for block in blocks)
    return np.concatenate(blocks, axis=1)


def noise(n, channels=None, seed=0):
    shape = n if channels is None else (n, channels)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


# --- channels


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_each_channel_has_the_bits_of_the_channel_alone(rate, channels):
    samples = noise(50_000, channels)
    each = read(samples, rate, channel="each")
    assert each.shape[0] == channels
    for number in range(channels):
        np.testing.assert_array_equal(read(samples, rate, channel=number)[0], each[number])
        np.testing.assert_array_equal(read(samples[:, number], rate)[0], each[number])


@pytest.mark.parametrize("channel", ["mix", "each", 0, np.int64(0)])
def test_a_single_channel_is_all_there_is(channel):
    samples = noise(1_000)
    np.testing.assert_array_equal(read(samples, 16_000, channel=channel), samples[np.newaxis])


@pytest.mark.parametrize("channel", [-1, 2, 64, 10**30, 0.0, 1.5, "left", "", None, True, [0], "0", np.zeros(2)])
def test_other_channels_are_refused(channel):
    with pytest.raises(InputError, match="channel"):
        open_audio(noise(10, 2), 16_000, channel=channel)


def test_the_message_says_which_channels_there_are():
    with pytest.raises(InputError, match="array: channel 2 was asked for; channels are counted from 0, it has 0 to 1"):
        open_audio(noise(10, 2), 16_000, channel=2)


def test_blocks_may_be_kept(tmp_path):
    path = tmp_path / "a.wav"
    samples = noise(200_000)
    path.write_bytes(encode(samples, 16_000, "WAV", "FLOAT"))
    for channel in ("mix", "each", 0):
        np.testing.assert_array_equal(read(path, channel=channel)[0], samples)


def test_a_channel_that_is_not_heard_may_hold_anything():
    samples = noise(10, 2)
    samples[3, 1] = np.nan
    assert np.isfinite(read(samples, 16_000, channel=0)).all()
    for channel in ("mix", "each", 1):
        with pytest.raises(AudioError, match="sample 3 of channel 1, at"):
            read(samples, 16_000, channel=channel)


# --- stretches


CONTAINERS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("WAV", "ALAW"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"),
    ("WAV", "GSM610"),
    ("WAVEX", "PCM_16"),
    ("W64", "PCM_16"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AIFF", "PCM_S8"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("CAF", "ALAC_16"),
    ("NIST", "PCM_16"),
    ("VOC", "PCM_16"),
    ("PAF", "PCM_24"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("container", "subtype"), CONTAINERS)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stretch_has_the_samples_of_the_whole(container, subtype, channels):
    if (channels, subtype) == (2, "GSM610"):
        channels = 1
    data = encode(noise(300_001, channels), 16_000, container, subtype)
    whole = read(io.BytesIO(data), channel="each")
    n = whole.shape[1]
    for start, end in (
        (0, 1),
        (1, 2),
        (32_768, 65_536),
        (70_000, 140_001),
        (262_144, 262_145),
        (131_072, 262_144),
        (n - 1, n),
        (5, n),
    ):
        times = {"start_s": start / 16_000, "end_s": end / 16_000}
        got = read(io.BytesIO(data), channel="each", **times)
        np.testing.assert_array_equal(got, whole[:, start:end], err_msg=f"{start} to {end}")
    np.testing.assert_array_equal(read(io.BytesIO(data), channel="each", start_s=100_000 / 16_000), whole[:, 100_000:])


@pytest.mark.parametrize("source", ["array", "iterator", "wav", "flac", "mp3"])
def test_what_is_known_of_a_stretch(source):
    samples = noise(32_000)
    made = {
        "array": lambda: samples,
        "iterator": lambda: iter(np.split(samples, 7 * [100])),
        "wav": lambda: io.BytesIO(encode(samples, 16_000)),
        "flac": lambda: io.BytesIO(encode(samples, 16_000, "FLAC")),
        "mp3": lambda: io.BytesIO(encode(samples, 16_000, "MP3", "MPEG_LAYER_III")),
    }[source]
    rate = 16_000 if source in ("array", "iterator") else None
    with open_audio(made(), rate, start_s=0.5, end_s=1.25) as audio:
        assert audio.start_s == 0.5
        assert audio.claimed_seconds == 0.75
        assert audio.live is (source == "iterator")
        assert sum(block.shape[1] for block in audio.blocks()) == 12_000
        assert audio.damage is None
        assert audio.warnings == ()
    with open_audio(made(), rate, start_s=1.5, end_s=60) as audio:
        if source != "mp3":  # whose length is that of whole frames
            assert audio.claimed_seconds == (58.5 if source == "iterator" else 0.5)
        assert 8_000 <= sum(block.shape[1] for block in audio.blocks()) < 8_000 + 2 * 1_152
    for start_s in (2.5, 1e9, 1e300):
        with pytest.raises(InputError, match=r"start_s"):
            read(made(), rate, start_s=start_s)


def test_times_are_rounded_to_a_sample():
    samples = noise(100)
    for start_s, first in ((0.4 / 16_000, 0), (0.5 / 16_000, 1), (0.6 / 16_000, 1)):
        np.testing.assert_array_equal(read(samples, 16_000, start_s=start_s)[0], samples[first:])
        with open_audio(samples, 16_000, start_s=start_s) as audio:
            assert audio.start_s == first / 16_000


@pytest.mark.parametrize("value", [-1, -1e-9, np.nan, np.inf, "1", b"1", True, [1], 1j])
def test_other_times_are_refused(value):
    with pytest.raises(InputError, match="start_s"):
        open_audio("nothing.wav", start_s=value)
    with pytest.raises(InputError, match="end_s"):
        open_audio("nothing.wav", end_s=value)


@pytest.mark.parametrize(("start_s", "end_s"), [(0, 0), (1, 1), (2, 1), (1, 1 + 1e-6)])
def test_an_empty_stretch_is_refused(start_s, end_s):
    with pytest.raises(InputError, match=r"end_s is .* after start_s"):
        open_audio(noise(64_000), 16_000, start_s=start_s, end_s=end_s)


def test_a_stretch_of_a_file_that_was_cut():
    data = encode(noise(160_000), 16_000, "FLAC")
    cut = data[: len(data) // 2]
    whole = read(io.BytesIO(cut))
    assert 70_000 < whole.shape[1] < 90_000
    with open_audio(io.BytesIO(cut), start_s=2, end_s=3) as audio:
        np.testing.assert_array_equal(np.concatenate(list(audio.blocks()), axis=1), whole[:, 32_000:48_000])
        assert audio.damage is None
    with open_audio(io.BytesIO(cut), start_s=3) as audio:
        np.testing.assert_array_equal(np.concatenate(list(audio.blocks()), axis=1), whole[:, 48_000:])
        assert "ends at" in audio.damage
    with pytest.raises(AudioError, match=r"where it is damaged: .*nothing is left after start_s, 8 s"):
        read(io.BytesIO(cut), start_s=8)
    cut = encode(noise(160_000), 16_000)[:160_000]
    with pytest.raises(InputError, match="start_s, 8 s, is not before its end"):
        read(io.BytesIO(cut), start_s=8)


def test_nothing_outside_the_stretch_is_judged():
    samples = noise(48_000)
    samples[[0, 47_999]] = np.nan
    assert read(samples, 16_000, start_s=1, end_s=2).shape == (1, 16_000)
    samples[20_000] = np.inf
    with pytest.raises(AudioError, match=r"sample 20000 of channel 0, at 1\.25 s"):
        read(samples, 16_000, start_s=1, end_s=2)


def test_the_limit_of_time_is_for_what_is_read():
    limits = AudioLimits(seconds=1.0)
    assert read(noise(64_000), 16_000, start_s=1, end_s=2, limits=limits).shape == (1, 16_000)
    with pytest.raises(LimitError):
        open_audio(noise(64_000), 16_000, start_s=1, limits=limits)


# --- what is not finite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_not_finite_can_become_zero(value, channels):
    samples = noise(200_000, channels).astype(np.float64)
    expected = samples.astype(np.float32)
    places = [16_000, 16_001, 199_999]
    samples[places, 0] = value
    expected[places, 0] = 0
    before = samples.copy()
    with open_audio(samples, 16_000, channel="each", non_finite="zero") as audio:
        got = np.concatenate(list(audio.blocks()), axis=1)
        assert audio.warnings == ("3 samples that are not finite became 0, the first at 1 s",)
    np.testing.assert_array_equal(got, expected.T)
    np.testing.assert_array_equal(samples, before)  # the caller's array stays as it was
    with pytest.raises(AudioError, match=r"at 1 s, is -?(nan|inf)"):
        read(samples, 16_000)


def test_what_is_too_large_does_not_become_zero():
    with pytest.raises(AudioError, match=r"sample 1 .* is 20000"):
        read(np.array([np.nan, 20_000.0]), 16_000, non_finite="zero")


@pytest.mark.parametrize("value", ["", "ignore", None, True, ["zero"], np.zeros(2)])
def test_other_wishes_are_refused(value):
    with pytest.raises(InputError, match="non_finite"):
        open_audio([0.5], 16_000, non_finite=value)


# --- iterators


@given(st.lists(st.integers(0, 40_000), max_size=20), st.sampled_from([8_000, 16_000, 44_100]), st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_an_iterator_gives_the_bits_of_its_arrays_joined(cuts, rate, channels):
    samples = noise(40_000, channels)
    blocks = np.split(samples, sorted(cuts))
    np.testing.assert_array_equal(read(iter(blocks), rate, channel="each"), read(samples, rate, channel="each"))


def test_an_iterator_is_read_as_it_comes():
    fetched = []

    def blocks():
        for n in itertools.count():
            fetched.append(n)
            yield np.full(100, n % 7, np.int16)

    with open_audio(blocks(), 16_000) as audio:
        assert audio.live
        assert audio.claimed_seconds is None
        assert audio.format == "iterator of int16"
        stream = audio.blocks()
        for n in range(5):
            np.testing.assert_array_equal(next(stream), np.full((1, 100), n, np.float32) / 32_768)
            assert len(fetched) == n + 1


def test_an_iterator_may_have_empty_blocks():
    blocks = [[], np.zeros((0, 2)), np.zeros((3, 2), np.float32), np.zeros(0), np.ones((2, 2), np.int16)]
    assert read(iter(blocks), 16_000).shape == (1, 5)
    with pytest.raises(AudioError, match="iterator: holds no samples"):
        read(iter([np.zeros(0), []]), 16_000)


def test_an_iterator_may_go_on_beyond_the_limit_of_time():
    assert read(iter([noise(20_000)] * 3), 16_000, limits=AudioLimits(seconds=1.0)).shape == (1, 60_000)


def test_large_blocks_of_an_iterator_are_cut():
    with open_audio(iter([noise(1_000_000)]), 16_000) as audio:
        assert max(block.shape[1] for block in audio.blocks()) <= BLOCK_SAMPLES


@pytest.mark.parametrize(
    "blocks",
    [
        [0.5, 0.5],
        [[0, 1, 2]],
        [np.zeros((2, 2, 2))],
        [np.zeros((2, 160))],
        [np.zeros((0, 0))],
        [noise(10), noise(10, 2)],
        [noise(10, 2), np.zeros((0, 3))],
        [noise(10), "abc"],
        [noise(10), None],
        [np.zeros(4, complex)],
    ],
)
def test_iterators_of_something_else_are_refused(blocks):
    with pytest.raises(InputError):
        read(iter(blocks), 16_000)


def test_an_iterator_that_fails_is_an_audio_error():
    def blocks():
        yield noise(10)
        raise KeyError("gone\n")

    with pytest.raises(AudioError, match="iterator: fetching block 1 failed: KeyError: 'gone"):
        read(blocks(), 16_000)


def test_an_iterator_needs_its_rate():
    with pytest.raises(InputError, match="iterator of arrays does not say its sample rate"):
        open_audio(iter([noise(10)]))


# --- records of Hugging Face


def test_a_record_of_hugging_face():
    samples = noise(4_000)
    for record in (
        {"array": samples, "sampling_rate": 8_000, "path": "a.wav"},
        {"raw": samples, "sampling_rate": 8_000},
        {"array": samples.tolist(), "sampling_rate": 8_000.0},
    ):
        np.testing.assert_array_equal(read(record), read(samples, 8_000))
    np.testing.assert_array_equal(read(record, 8_000), read(samples, 8_000))
    both = noise(4_000, 2)
    record = {"array": both.T, "sampling_rate": 8_000}
    np.testing.assert_array_equal(read(record, channel="each"), read(both, 8_000, channel="each"))


@pytest.mark.parametrize(
    "record", [{}, {"array": [0.5]}, {"sampling_rate": 8_000}, {"bytes": b"", "path": "a"}, {"array\n": 1}]
)
def test_other_records_are_refused(record):
    with pytest.raises(InputError, match=r"dict with .*accepted are") as caught:
        open_audio(record)
    assert "\n" not in str(caught.value)


def test_a_record_that_contradicts_the_rate_is_refused():
    with pytest.raises(InputError, match="8000 Hz, but 16000 Hz was given"):
        open_audio({"array": [0.5], "sampling_rate": 8_000}, 16_000)


def test_the_keywords_of_version_0_1_still_work():
    with pytest.warns(DeprecationWarning, match="channel= is deprecated"):
        source = yamjit.audio.open_audio(noise(10, 2), 16_000, channel="each")
    assert source.tracks == 2
    with pytest.warns(DeprecationWarning, match="truncated is deprecated; use AudioSource.damage"):
        assert not source.truncated
