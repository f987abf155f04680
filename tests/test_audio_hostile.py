"""Audio that lies, is damaged or is none: an error of ours or finite samples, in bounded memory and time."""

from __future__ import annotations

import collections
import io
import itertools
import json
import os
import socket
import struct
import sys
import time
import tracemalloc

import numpy as np
import pytest

from yamjit.audio import AudioLimits, open_audio
from yamjit.errors import AudioError, InputError, LimitError

sf = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files")


def drain(source, **options):
    """Read everything, keeping nothing; return the number of samples and what was found damaged."""
    n_samples = 0
    with open_audio(source, **options) as audio:
        for block in audio.blocks():
            assert np.isfinite(block).all()
            assert np.abs(block).max() <= 16
            n_samples += block.shape[1]
        return n_samples, audio.damage


def encode(samples, rate, container, subtype):
    file = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with sf.SoundFile(file, "w", rate, channels, format=container, subtype=subtype) as sound:
        for start in range(0, len(samples), 8_192):  # libsndfile's Vorbis encoder overflows on long writes
            sound.write(samples[start : start + 8_192])
    return file.getvalue()


def noise(n, channels=None, seed=0):
    shape = n if channels is None else (n, channels)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape)


def wav(data=b"\0\0" * 100, *, kind=1, channels=1, rate=16_000, bits=16, align=None, claimed=None):
    align = (channels * bits // 8) % 65_536 if align is None else align
    form = struct.pack("<HHIIHH", kind, channels, rate, (rate * align) % 2**32, align, bits)
    claimed = len(data) if claimed is None else claimed
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", claimed) + data
    return b"RIFF" + struct.pack("<I", (4 + len(body)) % 2**32) + body


def flac_header(total_samples, rate=44_100, channels=1, bits=16):
    """Return a FLAC file of 132 bytes that holds nothing but a header and zeros."""
    packed = (rate << 44) | ((channels - 1) << 41) | ((bits - 1) << 36) | total_samples
    info = struct.pack(">HH", 4_096, 4_096) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return (b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info).ljust(132, b"\0")


# --- headers that lie


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2**31 - 1])
def test_absurd_rates(rate):
    with pytest.raises(AudioError, match=f"claims a sample rate of {rate} Hz; accepted are 1000 to 768000"):
        drain(io.BytesIO(wav(rate=rate)))


@pytest.mark.parametrize("rate", [0, 2**31, 2**32 - 1])
def test_impossible_rates(rate):
    with pytest.raises(AudioError, match="sample rate"):
        drain(io.BytesIO(wav(rate=rate)))


@pytest.mark.parametrize("channels", [65, 1_000])
def test_many_channels(channels):
    with pytest.raises(AudioError, match=f"claims {channels} channels; accepted are 1 to 64"):
        drain(io.BytesIO(wav(bytes(2 * channels), channels=channels)))


@pytest.mark.parametrize("channels", [0, 1_025, 65_535])
def test_impossible_channels(channels):
    with pytest.raises(AudioError, match=r"[Cc]hannel"):
        drain(io.BytesIO(wav(channels=channels)))


def test_the_limits_of_a_header_can_be_chosen():
    limits = AudioLimits(min_rate=8_000, max_rate=8_000, channels=1)
    assert drain(io.BytesIO(wav(rate=8_000)), limits=limits, target_rate=8_000)[0] == 100
    for data in (wav(rate=16_000), wav(channels=2, rate=8_000)):
        with pytest.raises(AudioError):
            drain(io.BytesIO(data), limits=limits, target_rate=8_000)


@pytest.mark.parametrize("claimed", [2**31 - 1, 2**32 - 1, 0x7FFF_F000])
def test_a_wav_of_unknown_length_is_read_to_its_end(claimed):
    """As written to a pipe by ffmpeg, sox and others."""
    n_samples, damage = drain(io.BytesIO(wav(claimed=claimed)))
    assert (n_samples, damage) == (100, None)


def test_a_wav_that_was_cut_says_so():
    n_samples, damage = drain(io.BytesIO(wav(claimed=2_000)))
    assert n_samples == 100
    assert damage == "<file object>: ends at 0.00625 s, after 200 of the 2000 bytes that its header claims"


@pytest.mark.parametrize("data", [b"", b"\0"])
def test_a_wav_without_samples(data):
    with pytest.raises(AudioError, match="holds no samples"):
        drain(io.BytesIO(wav(data)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 32_768.0])
def test_float_files_are_checked(value):
    samples = np.zeros(70_000)
    samples[69_000] = value
    with pytest.raises(AudioError, match=r"sample 69000 of channel 0, at 4\.3125 s"):
        drain(io.BytesIO(encode(samples, 16_000, "WAV", "DOUBLE" if value < 1e30 else "FLOAT")))


@pytest.mark.parametrize("rate", [1_000, 44_100, 192_000, 655_350])
@pytest.mark.parametrize("channels", [1, 8])
def test_a_flac_of_132_bytes_that_claims_2_to_the_36_samples(rate, channels):
    data = flac_header(2**36 - 1, rate, channels)
    assert len(data) == 132
    drain(io.BytesIO(wav()))  # imports and caches
    tracemalloc.start()
    with pytest.raises((AudioError, LimitError), match=r"claims to last|cannot be decoded"):
        drain(io.BytesIO(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 2**20


def test_silence_that_unpacks_to_gigabytes_needs_no_memory():
    """8 silent channels are 1.4 MB of float32 a second, none of it kept; a minute stands for an hour."""
    file = io.BytesIO(encode(np.zeros((60 * 44_100, 8), np.int16), 44_100, "FLAC", "PCM_16"))
    assert len(file.getvalue()) < 100_000
    tracemalloc.start()
    n_samples, damage = drain(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (n_samples, damage) == (60 * 16_000, None)
    assert peak < 4 * 2**20


def test_a_body_longer_than_the_limit_is_stopped():
    """A FLAC file that does not claim its length, as written to a pipe."""
    data = encode(noise(48_000), 16_000, "FLAC", "PCM_16")
    unknown = bytearray(data)
    unknown[21] &= 0xF0
    unknown[22:26] = bytes(4)
    assert drain(io.BytesIO(bytes(unknown)), limits=AudioLimits(seconds=3.0))[0] == 48_000
    with pytest.raises(LimitError, match="lasts longer than 2 s"):
        drain(io.BytesIO(bytes(unknown)), limits=AudioLimits(seconds=2.0))


# --- damaged files


@pytest.mark.parametrize("container", ["FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_cut_file_gives_what_it_holds(container, share):
    subtype = {"FLAC": "PCM_16", "OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}[container]
    data = encode(noise(160_000), 16_000, container, subtype)
    cut = data[: int(len(data) * share)]
    n_samples, damage = drain(io.BytesIO(cut))
    assert n_samples >= (share - 0.15) * 160_000
    assert n_samples < 160_000
    if container != "OGG":  # a cut Ogg stream is a shorter stream: its last page tells its length
        assert damage.startswith(f"<file object>: ends at {n_samples / 16_000:.6g} s")


def test_samples_before_the_damage_are_those_of_the_whole_file():
    samples = noise(300_000)
    data = encode(samples, 16_000, "FLAC", "PCM_16")
    with open_audio(io.BytesIO(data)) as audio:
        whole = np.concatenate(list(audio.blocks()), axis=1)[0]
    for share in (0.3, 0.6, 0.95):
        with open_audio(io.BytesIO(data[: int(len(data) * share)])) as audio:
            part = np.concatenate(list(audio.blocks()), axis=1)[0]
            assert audio.truncated
        # Nothing decoded is lost: at most one FLAC frame of 4096 samples less than the bytes hold.
        assert share * 300_000 - 2 * 4_096 < len(part) <= 300_000
        np.testing.assert_array_equal(part, whole[: len(part)])


def test_damage_in_the_middle_ends_a_flac():
    data = bytearray(encode(noise(160_000), 16_000, "FLAC", "PCM_16"))
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    n_samples, damage = drain(io.BytesIO(bytes(data)))
    assert 70_000 < n_samples < 90_000
    assert "where it is damaged: " in damage
    assert "\n" not in damage


# --- files that are none


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"RIFF", b"RIFF\xff\xff\xff\xffWAVE", b"fLaC", b"OggS", b"ID3", b"FORM", b"hello\n" * 1_000],
)
def test_what_is_no_audio(tmp_path, data):
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    for source in (path, io.BytesIO(data)):
        with pytest.raises(AudioError, match=r"a\.wav: |<file object>: ") as caught:
            drain(source)
        assert "\n" not in str(caught.value)


@posix
def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.path.relpath(tmp_path / "socket"))
    begun = time.perf_counter()
    for path in (
        tmp_path,
        tmp_path / "fifo",
        tmp_path / "loop",
        tmp_path / "socket",
        "/dev/zero",
        "/dev/null",
        "",
    ):
        with pytest.raises(AudioError):
            open_audio(path)
    listening.close()
    assert time.perf_counter() - begun < 1
    with pytest.raises(AudioError, match="fifo: is no regular file but a pipe"):
        open_audio(tmp_path / "fifo")
    with pytest.raises(AudioError, match="is no regular file but a directory"):
        open_audio(tmp_path)


@posix
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(AudioError, match=r"a\.wav: cannot be opened: Permission denied"):
        open_audio(path)


# --- mutants


ENCODINGS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"),
    ("WAV", "GSM610"),
    ("WAVEX", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("W64", "PCM_16"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]
MUTANTS = 60
EDGES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1]


def mutate(data, rng):
    data = bytearray(data)
    kind = rng.integers(0, 5)
    if kind == 0:
        return bytes(data[: rng.integers(0, len(data))])
    reach = 100 if kind in (1, 2) else len(data)
    if kind == 2:
        start = int(rng.integers(0, reach - 4))
        edge = EDGES[rng.integers(0, len(EDGES))]
        data[start : start + 4] = edge.to_bytes(4, "little" if rng.integers(0, 2) else "big")
        return bytes(data)
    if kind == 4:
        start = int(rng.integers(0, reach - 64))
        data[start : start + 64] = rng.bytes(64)
        return bytes(data)
    for place in rng.integers(0, reach, rng.integers(1, 9)):
        data[place] = rng.integers(0, 256)
    return bytes(data)


def ogg_checksum(page):
    """CRC-32 of polynomial 0x04c11db7, neither reflected nor inverted."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1) ^ (0x104C11DB7 if checksum & 2**31 else 0)
    return checksum


def mend_ogg(data):
    """Give every page its right checksum."""
    data = bytearray(data)
    starts = [n for n in range(len(data) - 27) if data[n : n + 4] == b"OggS"]
    for start, end in itertools.pairwise([*starts, len(data)]):
        data[start + 22 : start + 26] = bytes(4)
        data[start + 22 : start + 26] = ogg_checksum(data[start:end]).to_bytes(4, "little")
    return bytes(data)


def test_a_mended_ogg_is_the_original():
    data = encode(noise(4_000), 16_000, "OGG", "VORBIS")
    assert mend_ogg(data) == data


@pytest.mark.parametrize(("container", "subtype"), ENCODINGS)
def test_mutated_files_give_an_error_of_ours_or_finite_samples(container, subtype):
    mono = encode(noise(4_000), 16_000, container, subtype)
    stereo = mono if subtype == "GSM610" else encode(noise(3_000, 2), 16_000, container, subtype)
    rng = np.random.default_rng([*container.encode(), *subtype.encode()])
    outcomes = collections.Counter()
    for n in range(MUTANTS):
        mutant = mutate(stereo if n % 2 else mono, rng)
        if container == "OGG" and n % 4:  # else the checksums would refuse every one of them
            mutant = mend_ogg(mutant)
        begun = time.perf_counter()
        try:
            n_samples, damage = drain(io.BytesIO(mutant))
            assert n_samples > 0
            outcomes["damaged" if damage else "decoded"] += 1
        except (AudioError, LimitError) as error:
            outcomes["refused" if str(error).isprintable() else "unprintable"] += 1
        assert time.perf_counter() - begun < 2, f"mutant {n}"
    sys.stdout.write(json.dumps({"campaign": f"{container} {subtype}", **outcomes}) + "\n")
    assert sum(outcomes.values()) == MUTANTS
    assert outcomes["refused"]
    assert not outcomes["unprintable"]


def test_random_bytes_after_every_magic_number():
    rng = np.random.default_rng(5)
    magics = [
        b"RIFF....WAVEfmt ",
        b"fLaC",
        b"OggS\0\x02",
        b"ID3\x04\0\0\0\0\0\0",
        b"\xff\xfb\x90\x64",
        b"FORM....AIFFCOMM",
    ]
    magics += [
        b".snd",
        b"caff\0\x01\0\0desc",
        b"RF64....WAVEds64",
        b"riff\x2e\x91\xcf\x11",
        b"NIST_1A\n",
        b"Creative Voice File",
    ]
    for magic in magics:
        for size in (0, 1, 60, 1_000):
            with pytest.raises((AudioError, LimitError)):
                drain(io.BytesIO(magic + rng.bytes(size)))


def test_options_are_checked_before_the_file():
    with pytest.raises(InputError, match="target_rate"):
        open_audio("nothing.wav", target_rate=0)
