"""Ten minutes of sound, of the starter's examples over and over: as samples, and as files in four formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

__all__ = ["FORMATS", "as_files", "ten_minutes"]

Float32 = npt.NDArray[np.float32]

#: Suffixes of files, with libsndfile's names for what they hold.
FORMATS = {"wav": "PCM_16", "flac": "PCM_16", "mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_SECONDS = 600


def ten_minutes(sample_rate: int) -> Float32:
    """Return ten minutes, (n, 2), whose channels differ."""
    parts = []
    for path in sorted(_EXAMPLES.glob("*.flac")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        parts.append(soxr.resample(samples[:, 0], rate, sample_rate))
    once = np.concatenate(parts)
    left = np.resize(once, _SECONDS * sample_rate)
    return np.stack((left, np.roll(left, sample_rate // 3)), axis=1) * np.float32([0.9, 0.7])


def as_files(folder: Path, sample_rate: int = 44_100) -> Iterator[Path]:
    """Write ten minutes to a folder in each of `FORMATS`; yields each file once it is there."""
    samples = ten_minutes(sample_rate)
    for suffix, subtype in FORMATS.items():
        path = folder / f"ten.{suffix}"
        with soundfile.SoundFile(path, "w", sample_rate, 2, subtype) as file:
            for start in range(0, len(samples), sample_rate):
                file.write(samples[start : start + sample_rate])
        yield path
