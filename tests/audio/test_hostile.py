"""Audio that lies, is damaged or is none: an error of ours or finite samples, in bounded memory and time."""

from __future__ import annotations

import contextlib
import io
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
from yamjit.audio.limits import BLOCK_SAMPLES
from yamjit.errors import AudioError, InputError, LimitError

pytest.importorskip("soundfile")
pytest.importorskip("soxr")

import soundfile

from tools.checks import fuzz_audio
from tools.checks.fuzz_audio import encode

pytestmark = pytest.mark.slow

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
    assert peak < 4 * 2**20


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
            assert audio.damage is not None
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


# --- reads that fail


class Failing(soundfile.SoundFile):
    """Fails at the third block, as on a bad sector, after some frames of it; `faults` says at what it fails."""

    faults = ()
    calls = 0

    def read(self, *, out):
        type(self).calls += 1
        if type(self).calls < 3 or out.dtype.name not in self.faults:
            return super().read(out=out)
        super().read(out=out[:100])
        raise RuntimeError("Input/output error.")

    def seek(self, frame):
        if "seek" in self.faults:
            raise RuntimeError("Seek error.")
        return super().seek(frame)


_MANY = 3 * BLOCK_SAMPLES


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (("int16",), _MANY),
        (("int16", "float32"), 2 * BLOCK_SAMPLES + 100),
        (("int16", "float32", "seek"), 2 * BLOCK_SAMPLES),
    ],
)
def test_what_comes_before_a_bad_sector_is_read(tmp_path, monkeypatch, subtype, faults, expected):
    path = tmp_path / "a.aiff"
    path.write_bytes(encode(noise(_MANY), 16_000, "AIFF", subtype))
    with open_audio(path) as audio:
        whole = np.concatenate(list(audio.blocks()), axis=1)
    monkeypatch.setattr(soundfile, "SoundFile", Failing)
    monkeypatch.setattr(Failing, "calls", 0)
    monkeypatch.setattr(Failing, "faults", faults)
    with open_audio(path) as audio:
        got = np.concatenate(list(audio.blocks()), axis=1)
    np.testing.assert_array_equal(got, whole[:, :expected])
    if expected < _MANY:
        assert audio.damage == f"{path}: ends at {expected / 16_000:.6g} s where it is damaged: Input/output error"
    else:
        assert audio.damage is None


# --- files that change while they are read


def begun(path):
    """Open a file and read its first block."""
    audio = open_audio(path)
    blocks = audio.blocks()
    return audio, blocks, [next(blocks)]


@posix
@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16")])
def test_a_file_that_is_cut_while_it_is_read(tmp_path, container, subtype):
    path = tmp_path / "a"
    path.write_bytes(encode(noise(_MANY), 16_000, container, subtype))
    with open_audio(path) as audio:
        whole = np.concatenate(list(audio.blocks()), axis=1)
    audio, blocks, parts = begun(path)
    os.truncate(path, path.stat().st_size // 2)
    got = np.concatenate([*parts, *blocks], axis=1)
    audio.close()
    assert 300_000 < got.shape[1] < 500_000
    np.testing.assert_array_equal(got, whole[:, : got.shape[1]])
    assert audio.damage.startswith(f"{path}: ends at {got.shape[1] / 16_000:.6g} s")


@posix
@pytest.mark.parametrize("change", ["replaced", "deleted", "emptied"])
def test_a_file_that_goes_while_it_is_read(tmp_path, change):
    path, other = tmp_path / "a.wav", tmp_path / "b.wav"
    samples = np.round(noise(400_000) * 32_768) / 32_768
    path.write_bytes(encode(samples, 16_000))
    other.write_bytes(encode(noise(1_000, seed=1), 8_000))
    audio, blocks, parts = begun(path)
    if change == "replaced":
        other.replace(path)
    elif change == "deleted":
        path.unlink()
    else:
        path.write_bytes(b"")
    got = np.concatenate([*parts, *blocks], axis=1)
    audio.close()
    if change == "emptied":
        assert got.shape[1] < 400_000
        assert "ends at" in audio.damage
    else:  # what was opened is read to its end
        np.testing.assert_array_equal(got[0], samples.astype(np.float32))
        assert audio.damage is None


def test_a_file_that_becomes_another_while_it_is_read(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(encode(noise(400_000), 16_000, "FLAC"))
    audio, blocks, parts = begun(path)
    with path.open("r+b") as file:
        file.write(np.random.default_rng(0).bytes(path.stat().st_size))
    got = np.concatenate([*parts, *blocks], axis=1)
    audio.close()
    assert np.isfinite(got).all()
    assert audio.damage is not None


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
    with pytest.raises(AudioError, match="fifo: cannot be opened: it is not a regular file but a pipe"):
        open_audio(tmp_path / "fifo")
    with pytest.raises(AudioError, match="it is not a regular file but a directory"):
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


def test_the_same_seed_gives_the_same_mutants():
    assert [fuzz_audio.mutant(3, n) for n in range(300)] == [fuzz_audio.mutant(3, n) for n in range(300)]
    assert len({fuzz_audio.mutant(3, n).data for n in range(300)}) > 290


def test_a_mended_ogg_is_the_original():
    data = encode(noise(4_000), 16_000, "OGG", "VORBIS")
    assert fuzz_audio.mend_ogg(data) == data


@pytest.mark.parametrize("other_half", ["._", ".AppleDouble"])
def test_an_mp3_is_no_half_of_something_else(tmp_path, monkeypatch, other_half):
    """libsndfile looks for "._" and ".AppleDouble/" before it thinks of MPEG, as netatalk and macOS leave them."""
    data = encode(noise(40_000), 16_000, "MP3", "MPEG_LAYER_III")
    path = tmp_path / "a.mp3"
    path.write_bytes(b"head" + data)
    monkeypatch.chdir(tmp_path)
    with open_audio(io.BytesIO(data)) as audio:
        expected = np.concatenate(list(audio.blocks()), axis=1)
    if other_half == "._":
        (tmp_path / other_half).write_bytes(bytes(300))
    else:
        (tmp_path / other_half).mkdir()
    with path.open("rb") as file:
        file.seek(4)
        with open_audio(file) as audio:
            np.testing.assert_array_equal(np.concatenate(list(audio.blocks()), axis=1), expected)
    path.write_bytes(data)
    with open_audio(path) as audio:
        np.testing.assert_array_equal(np.concatenate(list(audio.blocks()), axis=1), expected)
    path.write_bytes(b"\xff\xfb" + bytes(100))
    with pytest.raises(AudioError, match=r"a\.mp3: is not audio"):
        drain(path)


@posix
def test_mutated_files_give_an_error_of_ours_or_finite_samples():
    """A short campaign; ``python -m tools.checks.fuzz_audio`` runs long ones."""
    summary = fuzz_audio.campaign(len(fuzz_audio.encodings()), seed=5)
    sys.stdout.write(json.dumps(summary) + "\n")
    assert summary["offenders"] == []
    assert summary["results"]["accepted"] > 60
    assert summary["results"]["AudioError"] > 60
    assert len(summary["accepted"]) > 60  # kinds of files


@posix
@pytest.mark.parametrize("what", ["raise ValueError", "os.kill(os.getpid(), 9)", "os.write(1, b'x')"])
def test_the_campaign_sees_what_it_looks_for(monkeypatch, what):
    def drain(source, **options):
        exec(what)

    monkeypatch.setattr(fuzz_audio, "_drain", drain)
    outcome = fuzz_audio.try_in_child(fuzz_audio.read_audio, b"")
    assert outcome.result == ("signal" if "kill" in what else "foreign")


def test_a_sample_dump_is_refused_before_libsndfile_prints_its_errors():
    with pytest.raises(AudioError, match="MIDI sample dump"):
        drain(io.BytesIO(encode(noise(1_000), 16_000, "SDS", "PCM_16")))


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


@pytest.mark.parametrize("block", [0, 1, 2, 3, 5, 255])
def test_floats_of_a_width_that_no_float_has(block):
    data = bytearray(encode(np.zeros(100, np.float32), 16_000, "WAV", "FLOAT"))
    data[32:34] = struct.pack("<H", block)
    with contextlib.suppress(AudioError), open_audio(io.BytesIO(data)) as audio:
        assert sum(block.shape[1] for block in audio.blocks()) <= 400
