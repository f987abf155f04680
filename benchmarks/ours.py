"""How yamjit answers: by its public calls, as a user writes them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.inputs import FORMATS, HOP, SAMPLE_RATE, array, read_wav, thread_counts

__all__ = ["questions"]

Float32 = npt.NDArray[np.float32]


def questions(folder: Path, backend: str) -> Mapping[str, Callable[[], Float32]]:
    """Return how yamjit answers, by its compiled kernels ("fast") or by NumPy; it is loaded with its first answer."""

    @functools.cache
    def model(threads: int = 1) -> Any:
        import yamjit
        from tools.checks.lowerings import fast_backend

        chosen = fast_backend() if backend == "fast" else backend
        return yamjit.load(folder / "model.tflite", backend=chosen, threads=threads)

    @functools.cache
    def stream() -> Any:
        opened = model().stream()
        opened.push(window()[:HOP])
        opened.push(window()[:HOP])
        return opened

    def file(name: str, threads: int) -> Callable[[], Float32]:
        return lambda: model(threads).classify(folder / name).scores

    window, patch = array(folder / "window.npy"), array(folder / "patch.npy")
    samples = functools.cache(lambda: read_wav(folder / "recording.wav"))
    found: dict[str, Callable[[], Float32]] = {
        "window": lambda: model().classify(window(), SAMPLE_RATE).scores[0],
        "score_window": lambda: model().score_window(window()).scores[0],
        "push": lambda: stream().push(window()[:HOP]).scores[0],
        "network": lambda: model().network.run(patch()[None]).scores[0],
        "front end": lambda: model().front_end.frames(window()),
        "window file": file("window.wav", 1),
    }
    for threads in (1, 2):
        found |= {f"{name} {threads}": file(f"{name}.wav", threads) for name in ("recording", "short")}
        found[f"short wav {threads}"] = file("short stereo.wav", threads)
        found |= {f"{kind} {threads}": file(f"stereo.{kind}", threads) for kind in FORMATS}
    for threads in thread_counts():
        found[f"samples {threads}"] = lambda threads=threads: model(threads).classify(samples(), SAMPLE_RATE).scores
    return found
