"""Any source of audio to float32 mono blocks."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from yamjit.audio import DEFAULT_AUDIO_LIMITS, AudioLimits, open_audio
from yamjit.audio.limits import BLOCK_SAMPLES
from yamjit.errors import AudioError, DependencyError, InputError, LimitError

pytest.importorskip("soundfile")
pytest.importorskip("soxr")

import soundfile as sf

from tools.checks.fuzz_audio import encode

LOSSLESS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAVEX", "PCM_16"),
    ("W64", "PCM_16"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("NIST", "PCM_16"),
    ("VOC", "PCM_16"),
]
LOSSY = [
    ("WAV", "PCM_U8", 0.01),
    ("WAV", "ULAW", 0.02),
    ("WAV", "ALAW", 0.02),
    ("WAV", "IMA_ADPCM", 0.05),
    ("WAV", "MS_ADPCM", 0.05),
    ("OGG", "VORBIS", 0.1),
    ("OGG", "OPUS", 0.1),
    ("MP3", "MPEG_LAYER_III", 0.1),
]


def read(source, sample_rate=None, **options):
    with open_audio(source, sample_rate, **options) as audio:
        blocks = list(audio.blocks())
        assert audio.tracks == 1
    return joined(blocks)[0]


def joined(blocks):
    assert all(b.dtype == np.float32 and b.ndim == 2 and b.shape[1] and b.flags.c_contiguous for b in blocks)
    return np.concatenate(blocks, axis=1)


def integers(n=40_000, channels=None, seed=0):
    shape = n if channels is None else (n, channels)
    return np.random.default_rng(seed).integers(-32_768, 32_768, shape).astype(np.int16)


def tone(rate, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


# --- arrays


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([-32_768, -1, 0, 1, 32_767], np.int16, [-1, -1 / 32_768, 0, 1 / 32_768, 32_767 / 32_768]),
        ([-(2**31), 0, 2**30, 256], np.int32, [-1, 0, 0.5, 2**-23]),
        ([-128, 0, 64, 127], np.int8, [-1, 0, 0.5, 127 / 128]),
        ([0, 128, 192, 255], np.uint8, [-1, 0, 0.5, 127 / 128]),
        ([-1.0, 0.25, 1.0], np.float16, [-1, 0.25, 1]),
        ([-1.0, 0.1, 1.5], np.float32, [-1, np.float32(0.1), 1.5]),
        ([-1.0, 0.1, 1e-320], np.float64, [-1, np.float32(0.1), 0]),
    ],
)
def test_arrays_are_scaled_by_their_type(values, dtype, expected):
    np.testing.assert_array_equal(read(np.array(values, dtype), 16_000), np.array(expected, np.float32))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_memory_layout_does_not_matter(dtype):
    samples = (integers(1_000, 2) / (32_768 if np.dtype(dtype).kind == "f" else 1)).astype(dtype)
    expected = read(samples, 16_000)
    readonly = samples.copy()
    readonly.flags.writeable = False
    doubled = np.repeat(samples, 2, axis=0)
    for same in (
        np.asfortranarray(samples),
        samples[::-1].copy()[::-1],
        samples.astype(samples.dtype.newbyteorder(">")),
        samples.astype(samples.dtype.newbyteorder("<")),
        readonly,
        doubled[::2],
    ):
        np.testing.assert_array_equal(read(same, 16_000), expected)


def test_lists_and_columns_are_arrays():
    np.testing.assert_array_equal(read([0.5, -0.5], 16_000), [0.5, -0.5])
    np.testing.assert_array_equal(read([[0.5], [-0.5]], 16_000), [0.5, -0.5])
    np.testing.assert_array_equal(read(np.array([[0.5]]), 16_000), [0.5])


@pytest.mark.parametrize("rate", [16_000, 16_000.0, np.int64(16_000), np.float64(16_000)])
def test_a_rate_may_be_any_integral_number(rate):
    assert len(read([0.5, -0.5], rate)) == 2


@pytest.mark.parametrize("rate", [0, -1, 1, 2**31 - 1, 16_000.5, float("nan"), True, "16000", b"x", [16_000]])
def test_other_rates_are_refused(rate):
    with pytest.raises(InputError, match="sample_rate"):
        open_audio([0.5], rate)
    with pytest.raises(InputError, match="target_rate"):
        open_audio([0.5], 16_000, target_rate=rate)


def test_a_bare_array_needs_its_rate():
    with pytest.raises(InputError, match="give sample_rate"):
        open_audio(np.zeros(10, np.float32))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(4, bool),
        np.zeros(4, complex),
        np.zeros(4, object),
        np.zeros(4, np.int64),
        np.zeros(4, np.uint16),
        np.zeros(4, "datetime64[s]"),
        np.array(["a", "b"]),
        [0, 1, 2],
        [[0.5], [0.5, 0.5]],
        None,
        0.5,
        {},
        {"array": [0.5]},
        object(),
        np.zeros((2, 2, 2)),
        np.zeros((2, 100)),
        np.zeros((1, 9)),
        np.zeros((16, 16_000)),
        np.zeros((100, 65)),
        b"RIFF",
        bytearray(4),
    ],
)
def test_what_is_no_audio_is_refused(array):
    with pytest.raises(InputError):
        open_audio(array, 16_000)


def test_channels_first_is_told_to_transpose():
    with pytest.raises(InputError, match=r"\(2, 100\) looks like \(channels, samples\); transpose"):
        open_audio(np.zeros((2, 100)), 16_000)


@pytest.mark.parametrize("shape", [(0,), (0, 2), (5, 0)])
def test_an_array_without_samples_is_refused(shape):
    with pytest.raises(AudioError, match="holds no samples"):
        open_audio(np.zeros(shape, np.float32), 16_000)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("place", [0, 8_000, 80_000])
def test_a_sample_that_is_not_finite_is_named(value, dtype, place):
    samples = np.zeros((80_001, 2), dtype)
    samples[place:, 1] = value
    seconds = f"{place / 16_000:g}"
    with pytest.raises(AudioError, match=rf"array: sample {place} of channel 1, at {seconds} s, is -?(nan|inf)"):
        read(samples, 16_000)


@pytest.mark.parametrize("value", [16.5, -20_000.0, 32_768.0, 1e30, 1e300])
def test_integers_stored_as_float_are_refused(value):
    with pytest.raises(AudioError, match=r"integers stored as float|finite"):
        read(np.array([0.0, value]), 16_000)


def test_the_peak_is_a_limit():
    assert read([16.0, -16.0], 16_000).tolist() == [16, -16]
    with pytest.raises(AudioError, match="up to 1:"):
        read([1.5], 16_000, limits=AudioLimits(peak=1.0))


# --- channels


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8, 32, 64])
def test_channels_are_mixed_by_their_mean(channels):
    samples = integers(5_000, channels)
    got = read(samples, 16_000)
    np.testing.assert_allclose(got, (samples / 32_768).mean(axis=1), atol=1e-6)
    np.testing.assert_array_equal(read(io.BytesIO(encode(samples, 16_000))), got)


def test_mixing_does_not_depend_on_the_block():
    samples = np.random.default_rng(1).uniform(-1, 1, (70_000, 7)).astype(np.float32)
    whole = read(samples, 16_000)
    for start, stop in ((0, 7), (9_361, 9_370), (12_345, 69_999)):
        np.testing.assert_array_equal(read(samples[start:stop], 16_000), whole[start:stop])


def test_opposite_channels_cancel():
    assert not read(np.array([[0.3, -0.3]] * 5), 16_000).any()


# --- files


@pytest.mark.parametrize(("container", "subtype"), LOSSLESS)
@pytest.mark.parametrize("channels", [None, 2])
def test_lossless_files_decode_to_the_same_samples(tmp_path, container, subtype, channels):
    samples = integers(channels=channels)
    as_written = samples / 32_768 if subtype in ("FLOAT", "DOUBLE") else samples
    data = encode(as_written, 16_000, container, subtype)
    path = tmp_path / "sound"
    path.write_bytes(data)
    expected = read(samples, 16_000)
    if channels is None:
        np.testing.assert_array_equal(expected, samples / np.float32(32_768))
    for source in (path, str(path), io.BytesIO(data)):
        with open_audio(source) as audio:
            assert audio.sample_rate == 16_000
            assert audio.channels == (channels or 1)
            assert subtype in audio.format
            assert audio.claimed_seconds == len(samples) / 16_000
            np.testing.assert_array_equal(joined(list(audio.blocks()))[0], expected)
            assert audio.damage is None
            assert audio.damage is None


@pytest.mark.parametrize(("container", "subtype", "tolerance"), LOSSY)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossy_files_decode_in_blocks_as_in_one_call(tmp_path, container, subtype, tolerance, channels):
    samples = np.repeat(tone(16_000, 6)[:, np.newaxis], channels, axis=1)
    path = tmp_path / "sound"
    path.write_bytes(encode(samples, 16_000, container, subtype))
    got = read(path)
    whole = sf.read(path, dtype="float32", always_2d=True)[0]
    np.testing.assert_allclose(got, whole.mean(axis=1), atol=1e-6)
    assert np.abs(got[: len(samples)] - samples[:, 0]).mean() < tolerance
    np.testing.assert_array_equal(read(io.BytesIO(path.read_bytes())), got)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_files_of_other_rates_are_resampled(tmp_path, rate):
    path = tmp_path / "tone.wav"
    path.write_bytes(encode(tone(rate), rate, "WAV", "FLOAT"))
    got = read(path)
    assert len(got) == 16_000
    np.testing.assert_allclose(got[2_000:14_000], tone(16_000)[2_000:14_000], atol=1e-5)
    np.testing.assert_array_equal(got, read(tone(rate), rate))


def test_the_target_rate_can_be_chosen():
    assert len(read(tone(16_000), 16_000, target_rate=48_000)) == 48_000


def test_blocks_are_bounded():
    with open_audio(np.zeros(1_000_000, np.float32), 16_000) as audio:
        assert max(block.shape[1] for block in audio.blocks()) <= BLOCK_SAMPLES


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000, 768_000])
def test_a_single_sample_is_audio(rate):
    assert len(read([0.5], rate)) == max(1, 16_000 // rate)


def test_a_contradicting_rate_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encode(integers(10), 16_000))
    assert len(read(path, 16_000)) == 10
    with pytest.raises(InputError, match=r"a\.wav: has a sample rate of 16000 Hz, but 44100 Hz was given"):
        open_audio(path, 44_100)


@pytest.mark.parametrize("name", ["a.raw", "a.txt", "a.mp3", "a.vox", "a.gsm", "a", "ä ü.wav"])
def test_the_file_name_says_nothing_about_the_format(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(encode(integers(10), 16_000))
    assert len(read(path)) == 10


def test_blocks_are_given_once(tmp_path):
    audio = open_audio([0.5], 16_000)
    list(audio.blocks())
    with pytest.raises(InputError, match="array: can be read only once"):
        audio.blocks()
    audio.close()
    audio.close()
    closed = open_audio([0.5], 16_000)
    closed.close()
    with pytest.raises(InputError, match="open it again"):
        closed.blocks()


# --- file objects


class Pipe(io.RawIOBase):
    """Cannot seek, and gives a few bytes at a time."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.data.readinto(memoryview(buffer)[:1_000])


def test_a_stream_that_cannot_seek_is_buffered():
    samples = integers()
    np.testing.assert_array_equal(read(Pipe(encode(samples, 16_000))), read(samples, 16_000))


def test_a_stream_that_cannot_seek_has_a_limit():
    with pytest.raises(LimitError, match="buffered_bytes"):
        open_audio(Pipe(b"x" * 10_001), limits=AudioLimits(buffered_bytes=10_000))


def test_an_operating_system_pipe():
    samples = integers(100_000)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as sink:
        thread = threading.Thread(target=lambda: (sink.write(encode(samples, 16_000)), sink.close()))
        thread.start()
        np.testing.assert_array_equal(read(source), read(samples, 16_000))
        thread.join()


def test_standard_input():
    code = (
        "import sys; from yamjit.audio import open_audio\n"
        "with open_audio(sys.stdin.buffer) as a: print(a.name, sum(b.shape[1] for b in a.blocks()))"
    )
    data = encode(integers(5_000), 16_000, "FLAC")
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout.split() == [b"<stdin>", b"5000"]


def test_a_file_object_is_read_from_where_it_stands_and_stays_open(tmp_path):
    path = tmp_path / "two.bin"
    path.write_bytes(b"head" + encode(integers(10), 16_000))
    with path.open("rb") as file:
        file.seek(4)
        assert len(read(file)) == 10
        assert not file.closed
        file.seek(0)
        with pytest.raises(AudioError, match=r"two\.bin"):
            open_audio(file)


def test_a_file_object_at_its_end_is_empty():
    file = io.BytesIO(encode(integers(10), 16_000))
    file.seek(0, io.SEEK_END)
    with pytest.raises(AudioError, match="<file object>: is empty"):
        open_audio(file)


def test_text_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encode(integers(10), 16_000))
    with path.open(encoding="latin-1") as file, pytest.raises(InputError, match="binary mode"):
        open_audio(file)
    with pytest.raises(InputError, match="binary mode"):
        open_audio(io.StringIO("x"))


class Breaking(io.BytesIO):
    """Fails at the n-th read."""

    def __init__(self, data, n, error):
        super().__init__(data)
        self.left = n
        self.error = error

    def read(self, *args):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().read(*args)


@pytest.mark.parametrize("error", [OSError("disk on fire"), RuntimeError("odd"), KeyError("k"), ValueError("v")])
@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")])
def test_a_read_that_fails_is_an_audio_error(container, subtype, error):
    data = encode(tone(16_000, 6), 16_000, container, subtype)
    for n in (0, 1, 2, 3, 5, 8):
        with pytest.raises(AudioError, match=f"{type(error).__name__}"):
            read(Breaking(data, n, error))


# --- what is not there, or not audio


def test_missing_file(tmp_path):
    with pytest.raises(AudioError, match=r"nothing\.wav: cannot be opened: No such file"):
        open_audio(tmp_path / "nothing.wav")


def test_names_are_shown_in_one_line(tmp_path):
    for name, shown in (
        ("a\nb.wav", r"a\\nb\.wav"),
        ("a\udcffb.wav", r"a\\udcffb\.wav"),
        ("a\0b", r"a\\x00b"),
    ):
        with pytest.raises(AudioError, match=shown) as caught:
            open_audio(f"{tmp_path}/{name}")
        assert "\n" not in str(caught.value)
        str(caught.value).encode()


@pytest.mark.skipif(os.name == "nt", reason="such names do not exist there")
def test_odd_names_are_opened(tmp_path):
    for name in (b"a\nb.wav", b"a\xffb.wav", b" .wav", b"-", "日本.wav".encode()):
        path = tmp_path / os.fsdecode(name)
        path.write_bytes(encode(integers(10), 16_000))
        assert len(read(path)) == 10


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypM4A ", "M4A"),
        (b"\x1aE\xdf\xa3", "WebM"),
        (b"ID3\4\0\0\0\0\0\0\xff\xf1P\x80", "AAC"),
        (b"\xff\xf1P\x80", "AAC"),
        (b"#!AMR\n", "AMR"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
    ],
)
def test_formats_that_need_another_library_are_named(tmp_path, monkeypatch, head, kind):
    path = tmp_path / "a.bin"
    path.write_bytes(head + bytes(200))
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    advice = r'.*pip install "yamjit\[av\]", or install ffmpeg'
    with pytest.raises(AudioError, match=rf"a\.bin: .*{kind}.* cannot be read by libsndfile: {advice}"):
        open_audio(path)


def test_missing_soundfile_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.flac"
    path.write_bytes(encode(integers(10), 16_000, "FLAC"))
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(DependencyError, match="pip install soundfile"):
        open_audio(path)
    assert len(read(np.zeros(10, np.int16), 16_000)) == 10


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = "import sys, yamjit.audio; print({'soundfile', 'soxr', 'requests', 'numba'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


def test_the_limits_of_time():
    limits = AudioLimits(seconds=1.0)
    assert len(read(np.zeros(16_000, np.int16), 16_000, limits=limits)) == 16_000
    with pytest.raises(LimitError, match="array: claims to last"):
        open_audio(np.zeros(16_001, np.int16), 16_000, limits=limits)


def test_no_descriptor_is_left_open(tmp_path):
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("descriptors are counted through /proc")
    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    good.write_bytes(encode(integers(10), 16_000))
    bad.write_bytes(b"not audio")
    before = len(list(descriptors.iterdir()))
    for _ in range(20):
        read(good)
        for path in (bad, tmp_path):
            with pytest.raises(AudioError):
                open_audio(path)
        with pytest.raises(InputError):
            open_audio(good, 8_000)
    assert len(list(descriptors.iterdir())) == before


# --- real files


@pytest.mark.recordings
def test_every_recording_decodes(test_data):
    paths = sorted((test_data / "audio" / "clips").iterdir())
    assert paths
    for path in paths:
        with open_audio(path) as audio:
            n_samples = sum(block.shape[1] for block in audio.blocks())
            assert audio.damage is None
            assert n_samples == pytest.approx(audio.claimed_seconds * 16_000, abs=0.51)


#: Files of the collection of odd and broken ones that hold no audio, and what is said of them.
REFUSED = {
    "invalid__bad_riff_header.wav": "Format not recognised",
    "invalid__bad_wavefile_format.wav": "Format not recognised",
    "invalid__empty.wav": "is empty",
    "invalid__empty_format_chunk.wav": "Malformed 'fmt ' chunk",
    "invalid__incomplete_riff_header.wav": "Format not recognised",
    "invalid__insufficient_format_chunk.wav": "Short 'fmt ' chunk",
    "invalid__no_data_chunk.wav": "No 'data' chunk",
    "invalid__no_format_chunk.wav": "No 'data' chunk",
    "testing.m4a": "M4A",
    "unsupported__bad_audio_format.wav": "Malformed 'fmt ' chunk",
    "unsupported__bad_channel_count.wav": "Channel count is zero",
    "unsupported__bad_sample_rate.wav": "no usable sample rate",
    "unsupported__unsupported_audio_format.wav": "Invalid bit width",
    "unsupported__unsupported_bits_per_sample.wav": "holds no samples",
    "valid__no_samples.wav": "holds no samples",
}


@pytest.mark.recordings
def test_every_odd_file_decodes_or_says_why_not(test_data, monkeypatch):
    monkeypatch.setattr("yamjit.audio.libraries._has_pyav", lambda: False)
    monkeypatch.setattr("yamjit.audio.ffmpeg.find_ffmpeg", lambda: None)
    paths = sorted((test_data / "audio" / "formats").iterdir())
    assert {path.name for path in paths} > set(REFUSED)
    for path in paths:
        if path.name in REFUSED:
            with pytest.raises(AudioError) as caught:
                read(path)
            outcome = str(caught.value).removeprefix(f"{path}: ")
            assert REFUSED[path.name] in outcome
        else:
            with open_audio(path) as audio:
                outcome = f"{audio.format}, {sum(block.shape[1] for block in audio.blocks())} samples"
                assert audio.damage is None
        sys.stdout.write(f"{path.name:70} {outcome}\n")


#: Full swing of the square wave that the collection holds in every encoding.
SWING = {
    "pcm_8": 40 / 2**7,
    "pcm_16": 10_000 / 2**15,
    "pcm_24": 1_000_000 / 2**23,
    "pcm_32": 1_000_000_000 / 2**31,
    "float_32": 0.5,
    "float_64": 0.5,
}


@pytest.mark.recordings
@pytest.mark.parametrize("channels", ["mono", "stereo", "tri"])
def test_the_same_sound_in_every_encoding(test_data, channels):
    folder = test_data / "audio" / "formats"
    exact = read(folder / f"valid__valid_{channels}_float_64_44100.wav") / 0.5
    assert np.abs(exact).max() > 1
    for encoding, swing in SWING.items():
        for kind in ("valid", "valid_extensible"):
            got = read(folder / f"valid__{kind}_{channels}_{encoding}_44100.wav") / swing
            tolerance = 1 / 32 if encoding == "pcm_8" else 2e-6  # 8 bits: a step is 1/40 of the swing
            np.testing.assert_allclose(got, exact, atol=tolerance, err_msg=f"{kind} {encoding}")


def test_defaults_are_what_the_documentation_says():
    assert (DEFAULT_AUDIO_LIMITS.min_rate, DEFAULT_AUDIO_LIMITS.max_rate) == (1_000, 768_000)
    assert DEFAULT_AUDIO_LIMITS.channels == 64
