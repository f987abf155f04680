"""The reader of WAV files: the samples of Python, or a sentence."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.javascript import Node
from yamjit.audio import open_audio
from yamjit.errors import YamjitError
from yamjit.reading import ReadOptions

READ = """
answer(given.map((path, i) => {
  const [wav, error] = message(() => yamjit.readWav(readFileSync(path)));
  if (wav) write(`samples${i}`, wav.channels);
  return { error, rate: wav?.sampleRate, channels: wav?.channels.length, damage: wav?.damage };
}));
"""

SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]


def read(node: Node, *contents: bytes) -> list[dict[str, Any]]:
    """Read files; return what is said of each, with its samples, (channels, n)."""
    found = node(READ, [node.file(f"{index}.wav", content) for index, content in enumerate(contents)])
    for index, one in enumerate(found):
        if one["error"] is None:
            one["samples"] = node.floats(f"samples{index}").reshape(one["channels"], -1)
    return found


def of_python(content: bytes) -> tuple[int, np.ndarray]:
    """Return the rate and samples, (channels, n), that Python reads."""
    reading = ReadOptions(channel="each")
    with open_audio(io.BytesIO(content), reading=reading) as source:
        rate = source.sample_rate
    with open_audio(io.BytesIO(content), reading=reading, target_rate=rate) as source:
        return rate, np.concatenate(list(source.blocks()), axis=1)


def written(samples: np.ndarray, subtype: str = "PCM_16", form: str = "WAV", rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype=subtype, format=form)
    return file.getvalue()


def noise(count: int = 777, channels: int = 1) -> np.ndarray:
    return 0.3 * np.random.default_rng(channels).standard_normal((count, channels))


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(content) if size is None else size) + content


def wav(*chunks: bytes) -> bytes:
    content = b"WAVE" + b"".join(chunks)
    return chunk(b"RIFF", content)


def form(kind: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16, frame: int | None = None) -> bytes:
    frame = channels * bits // 8 if frame is None else frame
    return chunk(b"fmt ", struct.pack("<HHIIHH", kind, channels, rate, rate * frame % 2**32, frame % 2**16, bits))


SAMPLES = struct.pack("<100h", *range(-5_000, 5_000, 100))


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_samples_are_those_of_python(node: Node, container: str, channels: int) -> None:
    contents = [written(noise(channels=channels), subtype, container, 22_050) for subtype in SUBTYPES]
    for content, found in zip(contents, read(node, *contents), strict=True):
        rate, expected = of_python(content)
        assert (found["error"], found["damage"], found["rate"]) == (None, None, rate)
        assert found["samples"].tobytes() == expected.tobytes()


def test_files_of_other_programs_are_read_as_by_python_or_refused(node: Node, test_data: Path) -> None:
    paths = sorted(path for path in (test_data / "audio" / "formats").iterdir() if path.suffix.lower() == ".wav")
    contents = [path.read_bytes() for path in paths]
    read_by_both = 0
    for path, content, found in zip(paths, contents, read(node, *contents), strict=True):
        if path.name.startswith(("valid_", "mono_", "stereo_", "signed_")) and "no_samples" not in path.name:
            assert found["error"] is None, path.name
        if found["error"] is None:
            rate, expected = of_python(content)
            assert (path.name, found["rate"]) == (path.name, rate)
            assert found["samples"].tobytes() == expected.tobytes()
            read_by_both += 1
        else:
            assert found["error"].startswith("YamjitError: the "), path.name
    assert read_by_both >= 40


ODD = {
    "a chunk before the format": wav(chunk(b"JUNK", bytes(7)) + b"\0", form(), chunk(b"data", SAMPLES)),
    "a chunk after the samples": wav(form(), chunk(b"data", SAMPLES), chunk(b"LIST", b"INFO")),
    "no padding after an odd chunk": wav(chunk(b"JUNK", bytes(7)), form(), chunk(b"data", SAMPLES)),
    "a size that was left open": wav(form(), chunk(b"data", SAMPLES, 0xFFFFFFFF)),
    "a size of nothing": wav(form(), chunk(b"data", SAMPLES, 0)),
    "an end that is missing": wav(form(), chunk(b"data", SAMPLES, 1_000)),
    "an end within a sample": wav(form(), chunk(b"data", SAMPLES[:-1], 200)),
    "a wrong size of the whole": b"RIFF\1\0\0\0" + wav(form(), chunk(b"data", SAMPLES))[8:],
    "zeros at the end": wav(form(), chunk(b"data", SAMPLES)) + bytes(1_000),
    "a longer format": wav(chunk(b"fmt ", form()[8:] + b"\0\0"), chunk(b"data", SAMPLES)),
    "a wrong size of a frame": wav(form(frame=4), chunk(b"data", SAMPLES)),
    "an odd count of bytes": wav(form(bits=8), chunk(b"data", SAMPLES[:99]) + b"\0"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_read_as_by_python(node: Node, name: str) -> None:
    (found,) = read(node, ODD[name])
    assert found["error"] is None
    assert found["samples"].tobytes() == of_python(ODD[name])[1].tobytes()
    assert (found["damage"] is not None) == ("end " in name)


def test_a_file_that_ends_early_says_so(node: Node) -> None:
    (found,) = read(node, ODD["an end that is missing"])
    assert found["damage"] == "the WAV file ends after 100 of 500 samples"


REFUSED = {
    "is empty": b"",
    "is not a WAV file": b"fLaC" + bytes(100),
    "ends before its samples begin": wav(form()),
    "has samples before it says their format": wav(chunk(b"data", SAMPLES), form()),
    "describes its format twice": wav(form(), form(), chunk(b"data", SAMPLES)),
    "has several chunks of samples": wav(form(), chunk(b"data", SAMPLES), chunk(b"data", SAMPLES)),
    "is followed by another one": wav(form(), chunk(b"data", SAMPLES)) * 2,
    "what follows is no chunk": wav(form(), chunk(b"data", SAMPLES, 100)),
    "holds no samples": wav(form(), chunk(b"data", b"")),
    "describes its format in 14 bytes": wav(chunk(b"fmt ", form()[8:-2]), chunk(b"data", SAMPLES)),
    "holds ADPCM of 4 bits": wav(form(kind=2, bits=4, frame=256), chunk(b"data", SAMPLES)),
    "holds mu-law of 8 bits": wav(form(kind=7, bits=8), chunk(b"data", SAMPLES)),
    "holds format 1 of 12 bits": wav(form(bits=12, frame=2), chunk(b"data", SAMPLES)),
    "claims 0 channels": wav(form(channels=0), chunk(b"data", SAMPLES)),
    "claims 65 channels": wav(form(channels=65), chunk(b"data", SAMPLES)),
    "a sample rate of 0 Hz": wav(form(rate=0), chunk(b"data", SAMPLES)),
    "a sample rate of 4294967295 Hz": wav(form(rate=2**32 - 1), chunk(b"data", SAMPLES)),
}


def test_what_is_refused_is_a_sentence(node: Node) -> None:
    for what, found in zip(REFUSED, read(node, *REFUSED.values()), strict=True):
        assert found["error"] is not None, what
        assert found["error"].startswith("YamjitError: the ")
        assert what in found["error"]


def test_damaged_files_are_read_as_by_python_or_refused(node: Node) -> None:
    """Files cut anywhere, and with any byte of their headers changed: never an error but ours, never other samples."""
    random = np.random.default_rng(5)
    whole = wav(chunk(b"JUNK", bytes(4)), form(channels=2), chunk(b"data", SAMPLES), chunk(b"LIST", b"INFO"))
    contents = [whole[:cut] for cut in range(0, len(whole), 3)]
    for _ in range(300):
        content = bytearray(whole)
        for place in random.integers(0, 64, random.integers(1, 3)):
            content[place] = random.integers(0, 256)
        contents.append(bytes(content))
    for content, found in zip(contents, read(node, *contents), strict=True):
        if found["error"] is not None:
            assert found["error"].startswith("YamjitError: the ")
            continue
        try:
            rate, expected = of_python(content)
        except YamjitError as error:
            pytest.fail(f"Python refuses what JavaScript reads: {error}: {content[:72]!r}")
        assert found["rate"] == rate
        assert found["samples"].tobytes() == expected.tobytes(), content[:72]
