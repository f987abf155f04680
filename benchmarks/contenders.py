"""Who takes part: each contender answers the same questions about the same files, and says how long it took.

Importing this module needs NumPy alone: a contender is also run by interpreters that have no yamjit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks import ours, peers, runtimes
from benchmarks.confine import confine

__all__ = ["BASELINE", "CHECKED", "JUDGE", "NAMES", "OURS", "Contender", "InProcess", "check", "load"]

Float32 = npt.NDArray[np.float32]
Questions = Mapping[str, Callable[[], Float32]]

OURS, BASELINE, JUDGE = "yamjit", "LiteRT xnnpack", "LiteRT reference"

#: Seconds of a turn. Its first half does not count: a core that slept while others had their turn takes some 10 calls
#: to come to its speed.
TURN_S = 0.15

#: How each contender is loaded: libraries first, by a function that returns the folder of its package if it may be
#: confined; then how it answers, given the folder of `benchmarks.inputs`.
_LOADED: Mapping[str, Callable[[], Path | None]] = {
    OURS: lambda: None,
    "yamjit numpy": lambda: None,
    BASELINE: runtimes.import_runtime,
    "LiteRT optimised": runtimes.import_runtime,
    JUDGE: runtimes.import_runtime,
    "tflite-runtime xnnpack": runtimes.import_old_runtime,
    "OpenVINO": peers.import_openvino,
    "MediaPipe": peers.import_mediapipe,
}
_ANSWERS: Mapping[str, Callable[[Path], Questions]] = {
    OURS: lambda folder: ours.questions(folder, "fast"),
    "yamjit numpy": lambda folder: ours.questions(folder, "numpy"),
    BASELINE: lambda folder: runtimes.questions(folder, "xnnpack"),
    "LiteRT optimised": lambda folder: runtimes.questions(folder, "optimised"),
    JUDGE: lambda folder: runtimes.questions(folder, "reference"),
    "tflite-runtime xnnpack": lambda folder: runtimes.questions(folder, "xnnpack"),
    "OpenVINO": peers.openvino,
    "MediaPipe": peers.mediapipe,
}
NAMES = tuple(_ANSWERS)

#: Questions whose answers are compared: scores of a window, of a patch, of recordings; a patch.
CHECKED = (
    "window",
    "score_window",
    "push",
    "network",
    "front end",
    "short 1",
    "short 2",
    "short wav 1",
    "short apart",
)

#: Largest difference to the reference kernels that a contender may show in any score; none where it is not named.
_TOLERANCE = {
    "LiteRT optimised": 0.2,
    "LiteRT xnnpack": 0.25,
    "tflite-runtime xnnpack": 0.25,
    "OpenVINO": 0.25,
    "MediaPipe": 0.25,
}

#: The same for log-mel values, which are floats; OpenVINO computes other ones.
_LOG_MEL_TOLERANCE = 1e-5
_LOG_MEL_TOLERANCES = {"OpenVINO": 0.05}

#: The same where files are resampled by other settings than yamjit's: samples differ in their last bits.
_RESAMPLED_TOLERANCE = 0.25


class Contender(Protocol):
    """A way to answer questions."""

    @property
    def name(self) -> str:
        """Name in tables."""
        ...

    @property
    def questions(self) -> Container[str]:
        """What can be asked."""
        ...

    def answer(self, question: str) -> Float32:
        """Return the answer."""
        ...

    def seconds(self, question: str, callers: int = 1, idle_s: float = 0.0) -> float:
        """Return how long the answer takes; see `InProcess.seconds`."""
        ...


class InProcess:
    """A contender in this process.

    Parameters
    ----------
    name : str
    questions : mapping of str to callable
        Called without arguments, they return the answer.
    """

    def __init__(self, name: str, questions: Questions) -> None:
        self.name = name
        self.questions = questions
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def answer(self, question: str) -> Float32:
        """Return the answer."""
        return self.questions[question]()

    def seconds(self, question: str, callers: int = 1, idle_s: float = 0.0) -> float:
        """Return how long the answer takes, where `callers` threads ask at once.

        It is asked again and again for `TURN_S`, and the least time of the later half counts: other programs that run
        make the median longer. With `idle_s` it is asked once, after a sleep of that length.
        """
        run = self.questions[question]
        if callers > 1:
            run = self._at_once(run, callers)
        if idle_s:
            time.sleep(idle_s)
            return _took(run)
        end, times = time.perf_counter() + TURN_S, [_took(run)]
        while time.perf_counter() < end:
            times.append(_took(run))
        return min(times[len(times) // 2 :])

    def _at_once(self, run: Callable[[], Float32], callers: int) -> Callable[[], Float32]:
        """Return what lets threads, which are kept, ask at once."""
        from threading import Barrier

        pool = self._pools.setdefault(callers, ThreadPoolExecutor(callers))
        barrier = Barrier(callers)  # so that every thread of the pool asks once

        def ask(_: int) -> Float32:
            barrier.wait()
            return run()

        return lambda: list(pool.map(ask, range(callers))).pop()


def _took(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def load(name: str, folder: Path, level: str | None = None) -> tuple[InProcess, str]:
    """Return a contender by name, and how it was confined to a level of `benchmarks.confine`.

    Raises
    ------
    ImportError
        If it is not installed.
    CannotConfine
        If it cannot be confined.
    """
    package = _LOADED[name]()
    how = confine(level, package) if level and package else ""
    return InProcess(name, _ANSWERS[name](folder)), how


def check(contender: Contender, judge: Contender) -> None:
    """Compare a contender's answers with the judge's, if it has them.

    Raises
    ------
    ValueError
        If one is further off than the contender's tolerance.
    """
    for question in CHECKED:
        if question in contender.questions and question in judge.questions:
            found, wanted = contender.answer(question), judge.answer(question)
            accepted = _TOLERANCE.get(contender.name, 0.0)
            if question == "front end":
                accepted = _LOG_MEL_TOLERANCES.get(contender.name, _LOG_MEL_TOLERANCE)
            if question == "short wav 1":
                accepted = _RESAMPLED_TOLERANCE
            if found.shape != wanted.shape:
                raise ValueError(f"{contender.name}, {question}: shape {found.shape}, {wanted.shape} is right")
            off = float(np.abs(found - wanted).max())
            if not off <= accepted:
                raise ValueError(f"{contender.name}, {question}: off by {off}, {accepted} is accepted")


if __name__ == "__main__":  # what `benchmarks.processes` measures from outside
    load(sys.argv[1], Path(sys.argv[2]))[0].answer(sys.argv[3])
