"""Who takes part: each contender scores one window, or a whole recording, of the same model."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

import yamjit
from reference.runtime import Runtime, runtime_available
from tools.synthetic import synthetic_yamnet
from yamjit.tflite import write_graph

Float32 = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000
WINDOW = 15_600
HOP = 7_680

#: Largest difference to the reference kernels that a contender may show in any score.
TOLERANCE = {"yamjit": 0.0, "reference": 0.0, "optimised": 0.2, "xnnpack": 0.25}


@dataclass(frozen=True)
class Contender:
    """A way to get scores.

    Parameters
    ----------
    name : str
    window : callable
        Samples [shape=(15600,)] to scores [shape=(classes,)].
    recording : callable
        Path of a 16 kHz mono file to scores [shape=(n, classes)], windows every 0.48 s.
    tolerance : float
        Largest score difference to the reference kernels that is accepted.
    """

    name: str
    window: Callable[[Float32], Float32]
    recording: Callable[[Path], Float32]
    tolerance: float


def model_bytes() -> bytes:
    """Return the official model, or a synthetic one of the same size where it is not at hand."""
    path = os.environ.get("YAMJIT_MODEL")
    return Path(path).read_bytes() if path else write_graph(synthetic_yamnet(seed=0))


def sound(seconds: float, seed: int = 0) -> Float32:
    """Return a seeded recording: tones over noise that comes and goes."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = rng.standard_normal(time.size) * (0.02 + 0.1 * np.sin(0.7 * time) ** 2)
    tones = sum(0.05 * np.sin(2 * np.pi * f * time * (1 + 0.02 * np.sin(time))) for f in (220.0, 950.0, 3100.0))
    return (noise + tones).clip(-1, 1).astype(np.float32)


def contenders(model: bytes) -> list[Contender]:
    """Return every contender that this machine can run."""
    found = [_ours(model, backend) for backend in ("numba", "numpy")]
    if runtime_available():
        found += [_runtime(model, kernels) for kernels in ("xnnpack", "optimised", "reference")]
    return found


def _ours(model: bytes, backend: str) -> Contender:
    classifier = yamjit.load(model, backend=backend)

    def window(samples: Float32) -> Float32:
        frames = classifier.front_end.frames(samples)
        return classifier.network.run(frames[None]).scores[0]

    def recording(path: Path) -> Float32:
        return classifier.classify(path).scores

    return Contender(f"yamjit {backend}", window, recording, TOLERANCE["yamjit"])


def _runtime(model: bytes, kernels: str) -> Contender:
    runtime: Any = Runtime(model, kernels=kernels, threads=1, inner=False)

    def window(samples: Float32) -> Float32:
        return runtime.run(samples)[0].reshape(-1)

    def recording(path: Path) -> Float32:
        samples, _ = soundfile.read(path, dtype="float32")
        count = 1 + -(-max(0, samples.size - WINDOW) // HOP)
        padded = np.pad(samples, (0, WINDOW + (count - 1) * HOP - samples.size))
        return np.stack([window(padded[k * HOP : k * HOP + WINDOW]).copy() for k in range(count)])

    return Contender(f"TFLite {kernels}", window, recording, TOLERANCE[kernels])


def check(contender: Contender, judge: Contender, samples: Float32, path: Path) -> None:
    """Compare a contender's answers with the judge's.

    Raises
    ------
    ValueError
        If a score is further off than the contender's tolerance.
    """
    for found, wanted in (
        (contender.window(samples), judge.window(samples)),
        (contender.recording(path), judge.recording(path)),
    ):
        off = float(np.abs(found - wanted).max())
        if found.shape != wanted.shape or off > contender.tolerance:
            raise ValueError(f"{contender.name} is off by {off}, {contender.tolerance} is accepted")
