"""Files where raw samples should come: told at once, and a WAV header left out."""

from __future__ import annotations

import io
import json
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("soxr")

import soundfile

from tools.checks.fuzz_audio import encode
from yamjit.audio import RawPcm, open_audio
from yamjit.cli import main


def read(data, *, piece=None, **options):
    file = Pieces(data, piece) if piece else io.BytesIO(data)
    with open_audio(RawPcm(file, **{"sample_rate": 16_000, **options})) as audio:
        return np.concatenate(list(audio.blocks()), axis=1)[0], audio


class Pieces(io.RawIOBase):
    """Gives a few bytes a time, as a slow pipe does."""

    def __init__(self, data, size):
        self.data, self.size = io.BytesIO(data), size

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.data.readinto(memoryview(buffer)[: self.size])


def noise(n=4_000, channels=None):
    return np.random.default_rng(1).uniform(-0.5, 0.5, n if channels is None else (n, channels))


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_telephone_encodings_are_those_of_libsndfile(encoding):
    data = bytes(range(256)) * 2
    subtype = {"mulaw": "ULAW", "alaw": "ALAW"}[encoding]
    wanted = soundfile.read(
        io.BytesIO(data), dtype="float32", format="RAW", subtype=subtype, samplerate=8_000, channels=1
    )[0]
    got, audio = read(data, encoding=encoding)
    np.testing.assert_array_equal(got, wanted)
    assert audio.format == f"RAW {encoding}"


@pytest.mark.parametrize("piece", [None, 1, 3, 45])
@pytest.mark.parametrize(
    ("container", "subtype", "encoding"),
    [
        ("WAV", "PCM_16", "s16le"),
        ("WAV", "PCM_24", "s24le"),
        ("WAV", "FLOAT", "f32le"),
        ("WAV", "ULAW", "mulaw"),
        ("WAVEX", "PCM_16", "s16le"),
        ("RF64", "PCM_16", "s16le"),
    ],
)
def test_a_wav_header_of_the_same_form_is_left_out_with_a_word(container, subtype, encoding, piece):
    data = encode(noise(), 16_000, container, subtype)
    wanted = soundfile.read(io.BytesIO(data), dtype="float32")[0]
    got, audio = read(data, encoding=encoding, piece=piece)
    np.testing.assert_array_equal(got[: len(wanted)], wanted)
    (warning,) = audio.warnings
    assert warning.startswith("<file object>: begins with the header of a WAV file (RIFF/WAVE), ")
    assert warning.endswith("bytes, left out")


def test_a_wav_header_as_ffmpeg_writes_it_to_a_pipe():
    samples = noise().astype("<f4").astype("<f8")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 16_000, 128_000, 8, 64)
    more = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    data = b"RIFF\xff\xff\xff\xffWAVE" + form + more + b"data\xff\xff\xff\xff" + samples.tobytes()
    got, audio = read(data, encoding="f64le")
    np.testing.assert_array_equal(got, samples.astype(np.float32))
    assert audio.warnings == ("<file object>: begins with the header of a WAV file (RIFF/WAVE), 58 bytes, left out",)


@pytest.mark.parametrize(
    ("rate", "channels", "subtype", "said"),
    [
        (44_100, None, "PCM_16", "s16le, 44100 Hz, 1 channel,"),
        (16_000, 2, "PCM_16", "s16le, 16000 Hz, 2 channels,"),
        (16_000, None, "PCM_U8", "u8, 16000 Hz, 1 channel,"),
        (16_000, None, "IMA_ADPCM", "format 17 of 4 bits, 16000 Hz, 1 channel,"),
    ],
)
def test_a_wav_header_of_another_form_is_told(rate, channels, subtype, said):
    _, audio = read(encode(noise(4_000, channels), rate, "WAV", subtype))
    (warning,) = (text for text in audio.warnings if "RIFF" in text)
    assert f"it says {said} but is read as s16le, 16000 Hz, 1 channel, which sounds different" in warning


MP3 = b"".join(b"\xff\xfb\x90\x00" + bytes([1]) * 413 for _ in range(20))
ADTS = b"".join(b"\xff\xf1\x50\x80" + bytes([200 >> 3, (200 & 7) << 5]) + bytes(194) for _ in range(20))


@pytest.mark.parametrize("piece", [None, 5])
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encode(noise(), 16_000, "FLAC", "PCM_16"), "FLAC"),
        (encode(noise(), 16_000, "OGG", "VORBIS"), "OGG"),
        (encode(noise(), 16_000, "AIFF", "PCM_16"), "AIFF"),
        (encode(noise(), 16_000, "AU", "PCM_16"), "AU"),
        (encode(noise(), 16_000, "CAF", "PCM_16"), "CAF"),
        (encode(noise(), 16_000, "W64", "PCM_16"), "W64"),
        (b"ID3\4\0\0\0\0\0\x0a" + bytes(3_000), "MP3 with an ID3 tag"),
        (MP3, "MP3"),
        (ADTS, "AAC"),
        (b"\0\0\0\x20ftypM4A " + bytes(300), "MP4/M4A/MOV"),
        (b"\x1aE\xdf\xa3" + bytes(300), "Matroska/WebM"),
        (b"#!AMR\n" + bytes(300), "AMR"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(300), "AVI"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_files_are_told(data, kind, piece):
    _, audio = read(data, piece=piece)
    told = [text for text in audio.warnings if f"begins like a file of another kind, {kind}:" in text]
    assert len(told) == 1
    assert "read as samples, s16le, 16000 Hz, 1 channel" in told[0]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"RIFF", False),
        (b"RIFFabcdWAV", False),
        (b"RIFFabcdWAVEfmt ", True),
        (b"RIFFabcdWAVEjunk\xff\xff\xff\x7f" + bytes(100), True),
        (b"RIFFabcdWAVEjunk\xff\xff\xff\x7f" + bytes(100_000), True),
        (b"\xff\xfb" * 5_000, False),
        (b"R" * 5_001 + b"I", False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_whole_header_is_heard(data, told):
    got, audio = read(data)
    assert len(got) == len(data) // 2
    assert any("begins like a file of another kind, WAV" in text for text in audio.warnings) == told


def test_the_warning_is_known_with_the_first_samples():
    data = encode(noise(), 16_000)
    with open_audio(RawPcm(Pieces(data, 100), sample_rate=16_000)) as audio:
        blocks = audio.blocks()
        assert next(blocks).shape == (1, 28)
        assert any("RIFF/WAVE" in text for text in audio.warnings)


@pytest.mark.parametrize("quiet", [False, True])
def test_listen_tells_it_before_the_first_window(monkeypatch, capsys, quiet):
    data = encode(noise(32_000), 16_000)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    arguments = ["listen", "--raw", "s16le", "-", "--model", "starter", "--backend", "numpy", "--format", "jsonl"]
    assert main([*arguments, *(["-q"] if quiet else [])]) == 0
    out, err = capsys.readouterr()
    told = [line for line in err.splitlines() if "RIFF/WAVE" in line]
    assert len(told) == (0 if quiet else 1)
    summary = json.loads(out.splitlines()[-1])
    assert any("RIFF/WAVE" in text for text in summary["warnings"])
