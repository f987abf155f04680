"""What everyone is given: the model whole and cut in two, a window, a patch, recordings; files in one folder.

Reading them needs NumPy and nothing else.
"""

from __future__ import annotations

import functools
import os
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from yamjit.store import ResolvedModel

__all__ = [
    "FORMATS",
    "HOP",
    "SAMPLE_RATE",
    "WINDOW",
    "array",
    "model",
    "prepare",
    "prepare_stereo",
    "read_wav",
    "sound",
    "thread_counts",
    "windows",
    "write_wav",
]

Float32 = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000
WINDOW = 15_600
HOP = 7_680

#: Rate of files as people have them, of two channels, and the formats in which there are some.
STEREO_RATE = 44_100
FORMATS = ("wav", "flac", "mp3", "ogg")

#: Seconds of the recording that is timed, and of the one that answers are checked on.
RECORDING_S = 600.0
SHORT_S = 20.0


def prepare(folder: Path) -> None:
    """Write all files.

    ``model.tflite``, ``network.tflite`` (patch in), ``front_end.tflite`` (patch out), ``window.npy`` (15600,),
    ``patch.npy`` (96, 64), ``window.wav``, ``short.wav``, ``recording.wav`` (16 kHz, mono, 16 bits), and
    ``short stereo.wav`` (44.1 kHz, two channels).
    """
    from tests.support.cuts import front_end_only, without_front_end
    from yamjit.frontend import FrontEnd
    from yamjit.plan import compile_plan
    from yamjit.tflite import read_graph, write_graph

    data = model().data
    graph = read_graph(data)
    (folder / "model.tflite").write_bytes(data)
    (folder / "network.tflite").write_bytes(write_graph(without_front_end(graph)))
    (folder / "front_end.tflite").write_bytes(write_graph(front_end_only(graph)))
    for name, seconds in (("window", WINDOW / SAMPLE_RATE), ("short", SHORT_S), ("recording", RECORDING_S)):
        write_wav(folder / f"{name}.wav", seconds)
    _write_stereo(folder / "short stereo.wav", SHORT_S)
    window = sound(WINDOW / SAMPLE_RATE)
    constants = compile_plan(graph).front_end
    if constants is None:
        raise ValueError("the model takes log-mel patches; one that takes samples is wanted")
    np.save(folder / "window.npy", window)
    np.save(folder / "patch.npy", FrontEnd(constants).frames(window))


def prepare_stereo(folder: Path) -> None:
    """Write ``stereo.wav`` and so on, ten minutes each in every one of `FORMATS`; this takes some 15 s."""
    for name in FORMATS:
        _write_stereo(folder / f"stereo.{name}", RECORDING_S)


def sound(seconds: float, seed: int = 0, rate: int = SAMPLE_RATE) -> Float32:
    """Return a seeded recording: tones over noise that comes and goes."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    noise = rng.standard_normal(time.size) * (0.02 + 0.1 * np.sin(0.7 * time) ** 2)
    tones = sum(0.05 * np.sin(2 * np.pi * f * time * (1 + 0.02 * np.sin(time))) for f in (220.0, 950.0, 3100.0))
    return (noise + tones).clip(-1, 1).astype(np.float32)


def read_wav(path: Path) -> Float32:
    """Return the samples of a mono file of 16 bits, in [-1, 1]."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / np.float32(32768)


def windows(samples: Float32) -> Iterator[Float32]:
    """Yield the windows of a recording, the last one padded with zeros."""
    for start in range(0, max(1, samples.size - WINDOW + HOP), HOP):
        window = samples[start : start + WINDOW]
        yield window if window.size == WINDOW else np.pad(window, (0, WINDOW - window.size))


def array(path: Path) -> Callable[[], Float32]:
    """Return what reads an array once."""
    return functools.cache(lambda: np.load(path))


def thread_counts() -> list[int]:
    """Return 1, 2, 4, ... and the number of processors."""
    most = os.cpu_count() or 1
    return sorted({2**power for power in range(most.bit_length())} | {most})


def model() -> ResolvedModel:
    """Return the model that ``$YAMJIT_MODEL`` names, a path or ``starter``; else the starter."""
    from yamjit.store import resolve_model

    return resolve_model(os.environ.get("YAMJIT_MODEL") or "starter")


def write_wav(path: Path, seconds: float) -> None:
    """Write a recording: 16 kHz, mono, 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((sound(seconds) * 32767).astype("<i2").tobytes())


def _write_stereo(path: Path, seconds: float) -> None:
    """Write a minute's sound again and again, a second at a time: some encoders keep what they are given on a stack."""
    import soundfile

    piece = np.stack([sound(min(seconds, 60), seed, STEREO_RATE) for seed in range(2)], axis=1)
    with soundfile.SoundFile(path, "w", samplerate=STEREO_RATE, channels=2) as file:
        for _ in range(round(seconds * STEREO_RATE) // len(piece)):
            for start in range(0, len(piece), STEREO_RATE):
                file.write(piece[start : start + STEREO_RATE])
