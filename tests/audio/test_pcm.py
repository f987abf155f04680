"""16-bit WAV files are read without libsndfile, and as it reads them."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from yamjit.audio import open_audio
from yamjit.audio.opening import OpenedFile
from yamjit.errors import AudioError
from yamjit.reading import ReadOptions

RATE = 16_000


def wav(samples: np.ndarray, *extra: tuple[bytes, bytes], first: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """Return a WAV file of samples (n, channels) with more chunks after its description, and others before it."""
    channels = samples.shape[1]
    form = struct.pack("<HHIIHH", 1, channels, RATE, 2 * channels * RATE, 2 * channels, 16)
    chunks = [*first, (b"fmt ", form), *extra, (b"data", samples.astype("<i2").tobytes())]
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def noise(frames: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-(2**15), 2**15, (frames, channels))


def read(source: object, **how: object) -> np.ndarray:
    with open_audio(source, reading=ReadOptions(channel="each", **how)) as audio:
        blocks = list(audio.blocks())
        assert (audio.format, audio.sample_rate, audio.damage, audio.warnings) == ("WAV PCM_16", RATE, None, ())
        assert audio.claimed_seconds is not None
    return np.concatenate(blocks, axis=1)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("extra", [(), ((b"LIST", b"INFOISFT\4\0\0\0me\0\0"),)])
def test_the_same_samples_come_without_libsndfile(tmp_path, monkeypatch, channels, extra):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(noise(100_001, channels), *extra))
    whole, part = read(path), read(path, start_s=1.5, end_s=5.25)
    expected = noise(100_001, channels).T / np.float32(2**15)
    np.testing.assert_array_equal(whole, expected.astype(np.float32))
    np.testing.assert_array_equal(part, whole[:, 24_000:84_000])
    monkeypatch.setitem(sys.modules, "soundfile", None)
    np.testing.assert_array_equal(read(path), whole)
    monkeypatch.undo()
    pytest.importorskip("soundfile")
    np.testing.assert_array_equal(read(io.BytesIO(path.read_bytes())), whole)  # by libsndfile


@pytest.mark.parametrize(
    "content",
    [
        wav(noise(10, 1), (b"bext", bytes(602))),
        wav(noise(10, 1), first=((b"JUNK", bytes(28)),)),
        wav(noise(10, 1)).replace(b"RIFF", b"RIFX"),
        wav(noise(10, 1)) + wav(noise(10, 1)),
        wav(noise(10, 1))[:-1],
        wav(noise(10, 1)).replace(struct.pack("<HH", 2, 16), struct.pack("<HH", 2, 12)),
    ],
    ids=["other metadata", "junk before", "big-endian", "two joined", "cut", "12 bits"],
)
def test_libsndfile_reads_what_is_not_as_usual(tmp_path, monkeypatch, content):
    class Asked(Exception):
        """libsndfile was needed."""

    def decoder(_handle):
        raise Asked

    monkeypatch.setattr("yamjit.audio.sndfile.Decoder", decoder)
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(Asked):
        open_audio(path)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("bad", [100, 300_000, 1_000_000])
def test_what_comes_before_a_bad_sector_is_read(tmp_path: Path, monkeypatch, channels, bad):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(noise(600_000 // channels, channels)))
    whole = read(path)
    read_at = OpenedFile.read_at

    def read_around(file: OpenedFile, offset: int, count: int) -> bytes:
        if offset <= 44 + bad < offset + count and offset >= 44:
            raise OSError(5, "Input/output error")
        return read_at(file, offset, count)

    with open_audio(path) as audio:
        monkeypatch.setattr(OpenedFile, "read_at", read_around)
        if bad < 2 * channels * 1000:
            with pytest.raises(AudioError, match="cannot be decoded: Input/output error"):
                list(audio.blocks())
            return
        parts = list(audio.blocks())
    samples = np.concatenate(parts, axis=1)
    frames = samples.shape[1]
    assert 0 <= bad - 2 * channels * frames < 8192  # bytes
    np.testing.assert_array_equal(samples, whole[:, :frames].mean(axis=0, keepdims=True, dtype=np.float32))
    assert audio.damage == f"{path}: ends at {frames / RATE:.6g} s where it is damaged: Input/output error"
    assert audio.lost


def test_what_can_be_read_when_it_is_tried_again_is_no_damage(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(noise(600_000, 1)))
    whole = read(path)
    read_at, faults = OpenedFile.read_at, [OSError(5, "Input/output error")]

    def read_again(file: OpenedFile, offset: int, count: int) -> bytes:
        if offset > 44 and faults:
            raise faults.pop()
        return read_at(file, offset, count)

    monkeypatch.setattr(OpenedFile, "read_at", read_again)
    np.testing.assert_array_equal(read(path), whole)
    assert not faults
