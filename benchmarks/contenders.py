"""Who takes part: each contender answers the same questions about the same files, and says how long it took.

Importing this module needs NumPy alone: a contender is also run by interpreters that have no yamjit.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.inputs import read_wav, windows

__all__ = [
    "CHECKED",
    "NAMES",
    "OLD_RUNTIME",
    "OLD_RUNTIME_PYTHON",
    "Contender",
    "InProcess",
    "OtherProcess",
    "check",
    "load",
    "load_all",
    "theirs",
    "two_interpreters",
]

Float32 = npt.NDArray[np.float32]

OURS = {"yamjit numba": "numba", "yamjit numpy": "numpy"}
THEIRS = {"LiteRT xnnpack": "xnnpack", "LiteRT optimised": "optimised", "LiteRT reference": "reference"}
NAMES = (*OURS, *THEIRS)

#: tflite-runtime, which wants a NumPy before 2, in a Python of its own.
OLD_RUNTIME = "tflite-runtime xnnpack"
OLD_RUNTIME_PYTHON = "YAMJIT_TFLITE_RUNTIME_PYTHON"

#: Questions whose answers are compared: scores of a window, of a patch, of a recording on one and two threads; a patch.
CHECKED = ("window", "network", "front end", "short 1", "short 2")

#: Largest difference to the reference kernels that a contender may show in any score.
_TOLERANCE = {
    "yamjit numba": 0.0,
    "yamjit numpy": 0.0,
    "LiteRT reference": 0.0,
    "LiteRT optimised": 0.2,
    "LiteRT xnnpack": 0.25,
    OLD_RUNTIME: 0.25,
}

#: The same for log-mel values, which are floats.
_LOG_MEL_TOLERANCE = 1e-5


class Contender(Protocol):
    """A way to answer questions."""

    name: str

    def answer(self, question: str) -> Float32:
        """Return the answer."""
        ...

    def seconds(self, question: str, repeats: int = 1) -> float:
        """Return how long the answer takes, the least of some times."""
        ...


class InProcess:
    """A contender in this process.

    Parameters
    ----------
    name : str
    questions : mapping of str to callable
        Called without arguments, they return the answer.
    """

    def __init__(self, name: str, questions: Mapping[str, Callable[[], Float32]]) -> None:
        self.name = name
        self.questions = questions

    def answer(self, question: str) -> Float32:
        """Return the answer."""
        return self.questions[question]()

    def seconds(self, question: str, repeats: int = 1) -> float:
        """Return how long the answer takes, the least of some times."""
        run, best = self.questions[question], float("inf")
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            best = min(best, time.perf_counter() - start)
        return best


class OtherProcess:
    """A contender that another interpreter runs, by ``python -m benchmarks.worker``.

    Parameters
    ----------
    name : str
    folder : Path
        See `benchmarks.inputs`.
    python : str
        Its interpreter.
    kernels : str
        See `reference.runtime`.
    """

    def __init__(self, name: str, folder: Path, python: str, kernels: str) -> None:
        self.name = name
        self._answer = folder / f"{name}.npy"
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", str(folder), kernels],
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self, question: str) -> Float32:
        """Return the answer."""
        self._ask({"question": question, "answer": str(self._answer)})
        return np.load(self._answer)

    def seconds(self, question: str, repeats: int = 1) -> float:
        """Return how long the answer takes, the least of some times, on the other's clock."""
        return float(self._ask({"question": question, "repeats": repeats})["seconds"])

    def _ask(self, request: Mapping[str, object]) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def load_all(folder: Path) -> list[Contender]:
    """Return every contender that this machine can run.

    Parameters
    ----------
    folder : Path
        See `benchmarks.inputs`.
    """
    from reference.runtime import runtime_available

    found: list[Contender] = [load(name, folder) for name in OURS]
    if runtime_available():
        found += [load(name, folder) for name in THEIRS]
    python = os.environ.get(OLD_RUNTIME_PYTHON)
    if python:
        found.append(OtherProcess(OLD_RUNTIME, folder, python, "xnnpack"))
    return found


def load(name: str, folder: Path) -> InProcess:
    """Return a contender by name; what it needs is loaded with its first answer."""
    if name in OURS:
        return InProcess(name, _ours(folder, OURS[name]))
    return InProcess(name, theirs(folder, THEIRS[name]))


def two_interpreters(contender: InProcess) -> InProcess:
    """Return a runtime's other way to use two threads, as another contender in the same questions.

    Raises
    ------
    ValueError
        If its answer is another one than that of one interpreter.
    """
    if not np.array_equal(contender.answer("short apart"), contender.answer("short 1")):
        raise ValueError(f"{contender.name}: two interpreters answer otherwise than one")
    apart = {"recording 2": contender.questions["recording apart"], "recording 1": contender.questions["recording 1"]}
    return InProcess(f"{contender.name}, two interpreters", apart)


def _ours(folder: Path, backend: str) -> dict[str, Callable[[], Float32]]:
    @functools.cache
    def model(threads: int = 1) -> Any:
        import yamjit

        return yamjit.load(folder / "model.tflite", backend=backend, threads=threads)

    window, patch = _array(folder / "window.npy"), _array(folder / "patch.npy")
    return {
        "window": lambda: model().network.run(model().front_end.frames(window())[None]).scores[0],
        "network": lambda: model().network.run(patch()[None]).scores[0],
        "front end": lambda: model().front_end.frames(window()),
        "window file": lambda: model().classify(folder / "window.wav").scores,
        "short 1": lambda: model().classify(folder / "short.wav").scores,
        "short 2": lambda: model(2).classify(folder / "short.wav").scores,
        "recording 1": lambda: model().classify(folder / "recording.wav").scores,
        "recording 2": lambda: model(2).classify(folder / "recording.wav").scores,
    }


def theirs(folder: Path, kernels: str) -> dict[str, Callable[[], Float32]]:
    """Return how a TFLite runtime answers; the runtime is the one of this interpreter."""

    @functools.cache
    def runtime(model: str, threads: int = 1, number: int = 0) -> Any:
        from reference.runtime import Runtime

        return Runtime(folder / f"{model}.tflite", kernels=kernels, threads=threads, inner=False)

    def recording(name: str, threads: int) -> Float32:
        run = runtime("model", threads).run
        return np.stack([run(window)[0].reshape(-1) for window in windows(read_wav(folder / f"{name}.wav"))])

    def recording_apart(name: str) -> Float32:
        """Let two interpreters, each in a thread, run a half of the windows each."""
        runtimes = [runtime("model", 1, number) for number in range(2)]
        heard = list(windows(read_wav(folder / f"{name}.wav")))
        halves = heard[: len(heard) // 2], heard[len(heard) // 2 :]
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda runtime, half: [runtime.run(w)[0].reshape(-1) for w in half], runtimes, halves)
        return np.concatenate(list(found))

    window, patch = _array(folder / "window.npy"), _array(folder / "patch.npy")
    return {
        "window": lambda: runtime("model").run(window())[0].reshape(-1),
        "network": lambda: runtime("network").run(patch())[0].reshape(-1),
        "front end": lambda: runtime("front_end").run(window())[0].reshape(96, 64),
        "window file": lambda: recording("window", 1),
        "short 1": lambda: recording("short", 1),
        "short 2": lambda: recording("short", 2),
        "recording 1": lambda: recording("recording", 1),
        "recording 2": lambda: recording("recording", 2),
        "short apart": lambda: recording_apart("short"),
        "recording apart": lambda: recording_apart("recording"),
    }


def _array(path: Path) -> Callable[[], Float32]:
    """Return what reads an array once."""
    return functools.cache(lambda: np.load(path))


def check(contender: Contender, judge: Contender) -> None:
    """Compare a contender's answers with the judge's.

    Raises
    ------
    ValueError
        If one is further off than the contender's tolerance.
    """
    for question in CHECKED:
        found, wanted = contender.answer(question), judge.answer(question)
        accepted = _LOG_MEL_TOLERANCE if question == "front end" else _TOLERANCE[contender.name]
        if found.shape != wanted.shape:
            raise ValueError(f"{contender.name}, {question}: shape {found.shape}, {wanted.shape} is right")
        off = float(np.abs(found - wanted).max())
        if not off <= accepted:
            raise ValueError(f"{contender.name}, {question}: off by {off}, {accepted} is accepted")


if __name__ == "__main__":  # what `benchmarks.processes` measures from outside
    load(sys.argv[1], Path(sys.argv[2])).answer(sys.argv[3])
