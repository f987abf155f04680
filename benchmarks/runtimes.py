"""How a TFLite runtime answers: with its interpreter's calls, and the few lines that a user writes around them."""

from __future__ import annotations

import functools
import importlib.util
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.inputs import FORMATS, HOP, SAMPLE_RATE, WINDOW, array, read_wav, windows

__all__ = ["import_old_runtime", "import_runtime", "questions", "recording_questions"]

Float32 = npt.NDArray[np.float32]
Score = Callable[[Float32], Float32]


def import_runtime() -> Path:
    """Load LiteRT, and return the folder of its package."""
    return _imported("ai_edge_litert")


def import_old_runtime() -> Path:
    """Load tflite-runtime, and return the folder of its package."""
    return _imported("tflite_runtime")


def _imported(package: str) -> Path:
    from reference.runtime import runtime_module

    module = runtime_module()
    if not module.__name__.startswith(package):
        raise ImportError(f"{module.__name__} is installed, not {package}")
    return Path(module.__file__).resolve().parent


def questions(folder: Path, kernels: str) -> Mapping[str, Callable[[], Float32]]:
    """Return how the runtime answers by one of the sets of kernels of `reference.runtime`."""

    @functools.cache
    def scorer(model: str, threads: int, _owner: int) -> Score:
        from reference.runtime import Runtime

        runtime = Runtime(folder / f"{model}.tflite", kernels=kernels, threads=threads, inner=False)
        interpreter, given, answer = runtime.interpreter, runtime.inputs[0], runtime.outputs[0].index

        def score(values: Float32) -> Float32:
            interpreter.set_tensor(given.index, values.reshape(given.shape))
            interpreter.invoke()
            return interpreter.get_tensor(answer)

        return score

    def score(values: Float32, threads: int = 1, owner: int | None = None) -> Float32:
        """Score a window by an interpreter of this thread: one serves one caller at a time."""
        return scorer("model", threads, threading.get_ident() if owner is None else owner)(values).reshape(-1)

    def part(model: str, values: Float32) -> Float32:
        return scorer(model, 1, 0)(values)

    def apart(name: str) -> Float32:
        """Let two interpreters, each in a thread, run a half of the windows each."""
        heard = list(windows(read_wav(folder / f"{name}.wav")))
        halves = heard[: len(heard) // 2], heard[len(heard) // 2 :]
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda owner, half: [score(one, 1, owner) for one in half], range(2), halves)
            return np.concatenate(list(found))

    patch, window = array(folder / "patch.npy"), array(folder / "window.npy")
    return recording_questions(folder, score) | {
        "network": lambda: part("network", patch()).reshape(-1),
        "front end": lambda: part("front_end", window()).reshape(96, 64),
        "short 2": lambda: _whole(functools.partial(score, threads=2), read_wav(folder / "short.wav")),
        "recording 2": lambda: _whole(functools.partial(score, threads=2), read_wav(folder / "recording.wav")),
        "short apart": lambda: apart("short"),
        "recording apart": lambda: apart("recording"),
    }


def recording_questions(folder: Path, score: Score) -> dict[str, Callable[[], Float32]]:
    """Return the answers that follow from scoring a window."""
    window = array(folder / "window.npy")
    samples = functools.cache(lambda: read_wav(folder / "recording.wav"))
    push = _stream(score)

    def mono(name: str) -> Callable[[], Float32]:
        return lambda: _whole(score, read_wav(folder / f"{name}.wav"))

    def stereo(name: str) -> Callable[[], Float32]:
        return lambda: _whole(score, _decoded(folder / name))

    files = {f"{kind} 1": stereo(f"stereo.{kind}") for kind in FORMATS} | {"short wav 1": stereo("short stereo.wav")}
    return {
        "window": lambda: score(window()),
        "score_window": lambda: score(window()),
        "push": lambda: push(window()[:HOP]),
        "window file": mono("window"),
        "samples 1": lambda: _whole(score, samples()),
        "short 1": mono("short"),
        "recording 1": mono("recording"),
        **(files if all(map(importlib.util.find_spec, ("soundfile", "soxr"))) else {}),
    }


def _whole(score: Score, heard: Float32) -> Float32:
    return np.stack([score(one).copy() for one in windows(heard)])


def _stream(score: Score) -> Callable[[Float32], Float32]:
    """Return what takes blocks of a hop and scores the window that each completes, kept by the caller.

    Two blocks have gone before, so that there is a window with every block.
    """
    kept: list[Float32] = []

    def push(block: Float32) -> Float32:
        if not kept:
            kept.append(np.concatenate([block, block]))
        heard = np.concatenate([kept[0], block])
        kept[0] = heard[HOP:]
        return score(heard[:WINDOW])

    return push


def _decoded(path: Path) -> Float32:
    """Return a file's samples as a user gets them: soundfile, the mean of the channels, soxr."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(path, dtype="float32")
    found: Any = soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE)
    return np.asarray(found, np.float32)
