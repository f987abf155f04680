"""Half a day of sound takes no more memory than a minute of it, whatever a header says."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("soundfile")
pytest.importorskip("soxr")
pytest.importorskip("resource")

import soundfile as sf

from tests.support.opening import open_audio

pytestmark = pytest.mark.slow

RATE = 16_000
HOURS = 12

#: On Linux, ru_maxrss of a new process begins with the peak of the one that started it; VmHWM is its own.
MEASURED = """
import json, resource, sys, time
from pathlib import Path
from yamjit.audio import open_audio
def peak():
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
begun, count = time.monotonic(), 0
with open_audio(sys.argv[1]) as audio:
    for block in audio.blocks():
        count += block.shape[1]
    result = [audio.damage, list(audio.warnings)]
print(json.dumps([count, peak(), time.monotonic() - begun, *result]))
"""


def measured(path):
    """Read a file in a process of its own; return samples, peak of the resident set in MB, damage and warnings."""
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, check=True, timeout=300)
    count, rss, seconds, damage, warnings = json.loads(done.stdout)
    sys.stdout.write(f"{path.name}: {count / RATE:.0f} s, {rss / 1e6:.1f} MB, {seconds:.2f} s to read\n")
    return count, rss / 1e6, damage, warnings


def sparse_wav(path, frames):
    """Write a WAV of zeros that takes no room."""
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    head = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 2 * frames)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(head) + 2 * frames) + head)
        file.truncate(file.tell() + 2 * frames)


def silent_flac(path, frames):
    """Write a FLAC of zeros, of which 1.4 MB are an hour."""
    block = np.zeros(2**20, np.int16)
    with sf.SoundFile(path, "w", RATE, 1, "PCM_16", format="FLAC") as sound:
        for start in range(0, frames, len(block)):
            sound.write(block[: frames - start])


@pytest.mark.parametrize("make", [sparse_wav, silent_flac])
def test_the_memory_does_not_depend_on_the_length(tmp_path, make):
    peaks = []
    for frames in (60 * RATE, HOURS * 3_600 * RATE):
        path = tmp_path / f"{make.__name__}_{frames}"
        make(path, frames)
        count, peak, damage, warnings = measured(path)
        assert (count, damage, warnings) == (frames, None, ["silent: every sample is 0"])
        peaks.append(peak)
        path.unlink()
    assert peaks[1] - peaks[0] < 8


def test_a_generator_of_half_a_day_takes_no_memory():
    code = MEASURED.replace("open_audio(sys.argv[1])", "open_audio(blocks(), 16_000)").replace(
        "begun, count",
        "import numpy as np\ndef blocks():\n for _ in range(72):\n  yield np.zeros(9_600_000, np.int16)\nbegun, count",
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=300)
    count, rss, *_ = json.loads(done.stdout)
    assert count == HOURS * 3_600 * RATE
    assert rss < 150e6  # a block of ten minutes is 19 MB


def sparse_rf64(path, frames, channels, rate, tail):
    """Write an RF64 of zeros that ends with `tail`, int16 (n, channels), and takes no room."""
    size = 2 * channels * frames
    form = struct.pack("<HHIIHH", 1, channels, rate, 2 * channels * rate, 2 * channels, 16)
    sizes = struct.pack("<QQQI", size + 72, size, frames, 0)
    head = b"WAVEds64" + struct.pack("<I", 28) + sizes + b"fmt " + struct.pack("<I", 16) + form
    with path.open("wb") as file:
        file.write(b"RF64" + b"\xff" * 4 + head + b"data" + b"\xff" * 4)
        file.truncate(file.tell() + size)
        file.seek(-tail.nbytes, os.SEEK_END)
        file.write(tail.tobytes())


def test_the_end_of_a_file_beyond_4_gib(tmp_path):
    frames, channels, rate = 600_000_000, 4, 48_000
    tail = np.random.default_rng(0).integers(-9_000, 9_000, (rate, channels)).astype("<i2")
    path = tmp_path / "long.rf64"
    sparse_rf64(path, frames, channels, rate, tail)
    assert path.stat().st_size > 4 * 2**30
    with open_audio(path, target_rate=rate, start_s=frames / rate - 1, channel="each") as audio:
        assert audio.format == "RF64 PCM_16"
        assert audio.claimed_seconds == 1
        got = np.concatenate(list(audio.blocks()), axis=1)
        assert audio.damage is None
    np.testing.assert_array_equal(got, tail.T / np.float32(32_768))
