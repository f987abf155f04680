"""What can be read: every encoding of libsndfile, a collection of odd files, and the page that says so."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("soxr")

import soundfile as sf

from tests.support.opening import open_audio
from tools import audio_formats
from tools.checks import fuzz_audio

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("container", "subtype", "data"),
    [encoding for encoding in fuzz_audio.encodings() if encoding[0] != "SDS"],
    ids=lambda value: value if isinstance(value, str) else len(value),
)
def test_every_encoding_decodes_as_libsndfile_does(tmp_path, container, subtype, data):
    path = tmp_path / "sound"
    path.write_bytes(data)
    expected = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)[0]
    assert len(expected) >= fuzz_audio.FRAMES
    for source in (path, io.BytesIO(data)):
        with open_audio(source, target_rate=sf.info(io.BytesIO(data)).samplerate, channel="each") as audio:
            got = np.concatenate(list(audio.blocks()), axis=1)
            assert audio.damage is None
            assert audio.format.endswith(subtype) or container in ("WAVEX", "SVX")
        tolerance = 3e-7 if container == "MP3" else 0.0  # soundfile jumps to the start, which changes last bits
        np.testing.assert_allclose(got, expected.T, rtol=0, atol=tolerance)


def test_the_page_lists_the_encodings():
    if sf.__libsndfile_version__ != "1.2.2":
        pytest.skip(f"the page is about libsndfile 1.2.2, this is {sf.__libsndfile_version__}")
    assert "\n".join(audio_formats.encodings_table()) in PAGE


@pytest.mark.recordings
def test_the_page_lists_the_collection(test_data):
    paths = sorted((test_data / "audio" / "formats").iterdir())
    assert len(paths) == 62
    found = [audio_formats.find(path) for path in paths]
    assert all(finding.decoded or finding.remark for finding in found)
    lines = list(audio_formats.table(found))
    assert all(line.isprintable() for line in lines)
    if sf.__libsndfile_version__ == "1.2.2" and importlib.util.find_spec("av"):
        assert "\n".join(lines) in PAGE
    assert sum(finding.decoded for finding in found) >= 47


def test_the_table_of_a_folder(tmp_path, capsys):
    (tmp_path / "b|.wav").write_bytes(fuzz_audio.encode(fuzz_audio.sound(2), 8_000))
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    assert audio_formats.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| `a.wav` | refused |  |  |  | is empty |",
        "| `b|.wav` | WAV PCM_16 | 8000 | 2 | 0.750 |  |",
        "",
        "1 of 2 files decode, 1 are refused.",
    ]
