"""16-bit WAV files are read without libsndfile, and as it reads them."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from yamjit.audio import open_audio
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


def test_what_comes_before_a_bad_sector_is_read(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(noise(600_000, 1)))
    whole = read(path)
    with open_audio(path) as audio:
        blocks = audio.blocks()
        parts = [next(blocks).copy()]

        def fails(*_):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr("yamjit.audio.opening.OpenedFile.read_at", fails)
        parts += list(blocks)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole[:, : 2**18])
    assert audio.damage == f"{path}: ends at 16.384 s where it is damaged: Input/output error"
    assert audio.lost
