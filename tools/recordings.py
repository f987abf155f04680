"""Real recordings for tests, benchmarks and checks: which there are, and windows cut from them.

None are part of the repository. A folder of them holds ``audio/clips`` and ``audio/esc10``, at any depth
whatever libsndfile reads.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yamjit.audio import open_audio

__all__ = ["cut_windows", "list_recordings", "read_waveform"]

Float32 = npt.NDArray[np.float32]

FOLDERS = ("audio/clips", "audio/esc10")
SUFFIXES = frozenset({".flac", ".mp3", ".ogg", ".wav"})

RATE_HZ = 16_000
WINDOW = 15_600


def list_recordings(data: Path) -> list[Path]:
    """Return the recordings below a folder, in the same order on every system.

    Parameters
    ----------
    data : Path
        Holds some of `FOLDERS`.
    """
    files = (path for folder in FOLDERS for path in (data / folder).rglob("*"))
    found = (path for path in files if path.suffix.lower() in SUFFIXES)
    return sorted(found, key=lambda path: path.relative_to(data).as_posix())


def read_waveform(path: Path, sample_rate: int = RATE_HZ) -> Float32:
    """Return a whole recording, mixed to mono and resampled.

    Returns
    -------
    np.ndarray [shape=(n,), float32]
        In [-1, 1], save what resampling overshoots.
    """
    with open_audio(path, None, target_rate=sample_rate) as source:
        return np.concatenate(list(source.blocks()), axis=1)[0]


def cut_windows(data: Path, count: int, *, seed: int = 0, window: int = WINDOW, sample_rate: int = RATE_HZ) -> Float32:
    """Cut windows from recordings in a seeded order, as many from each as `count` asks for.

    A window holds at least half a window of its recording, where that is long enough; silence that a recording was
    padded with at its ends is left out.

    Parameters
    ----------
    data : Path
        As for `list_recordings`.
    count : int > 0
    seed : int
        Seed of the choice of recordings and starts.
    window : int
        Samples of a window.
    sample_rate : int
        In Hz.

    Returns
    -------
    np.ndarray [shape=(count, window), float32]

    Raises
    ------
    FileNotFoundError
        If there are no recordings.
    """
    recordings = list_recordings(data)
    if not recordings:
        raise FileNotFoundError(f"{data} holds no recordings in {' or '.join(FOLDERS)}")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(recordings))
    chosen = Counter(int(order[turn % len(order)]) for turn in range(count))
    windows = np.empty((count, window), np.float32)
    filled = 0
    for index, wanted in chosen.items():
        sound = np.trim_zeros(read_waveform(recordings[index], sample_rate))
        padded = np.pad(sound, (window // 2, window - window // 2))
        for start in rng.integers(0, sound.size + 1, wanted):
            windows[filled] = padded[start : start + window]
            filled += 1
    return windows
