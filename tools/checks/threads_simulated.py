"""What threads cost each other: kernels that are only slept for, by more threads than this machine has cores.

::

    python -m tools.checks.threads_simulated --threads 1 2 4 8 16 --ms 4

Prints for each number of threads the windows a second of as many callers of one `Classifier`, a recording each, and of
one recording with ``threads=``, with the share of that many times one thread's. All but the kernels is done as ever, so
the processors have to keep up with it: 16 threads that sleep for 0.4 ms a window want more than two cores can do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

import yamjit
from yamjit.classifier import Classifier

__all__ = ["SleepingBackend", "main", "windows_a_second"]

#: Share of a window's time that its frames take, where windows overlap by half.
_FRONT_END_SHARE = 1 / 16


class SleepingBackend:
    """A backend that takes `seconds` for a window, and no processor; all scores are those of zeros."""

    def __init__(self, seconds: float, frames_a_window: int) -> None:
        self._patch_s = (1 - _FRONT_END_SHARE) * seconds
        self._frame_s = _FRONT_END_SHARE * seconds / frames_a_window

    def run(
        self,
        program: object,
        workspace: object,
        patches: npt.NDArray[np.generic],
        layout: object,
        results: npt.NDArray[np.int8],
        first: int,
        /,
    ) -> None:
        """Sleep for the network."""
        results[:] = 0
        time.sleep(self._patch_s * len(patches))

    def log_mel(self, constants: object, waveform: object, out: npt.NDArray[np.float32], /) -> None:
        """Sleep for the front end."""
        out[:] = 0
        time.sleep(self._frame_s * len(out))

    def is_ready(self) -> bool:
        """Return True."""
        return True


def windows_a_second(threads: int, seconds: float, windows: int, model: str) -> tuple[float, float]:
    """Return what callers with a recording each make together, and what one does with a recording and ``threads=``."""
    alone, shared = _sleeping(model, seconds, 1), _sleeping(model, seconds, threads)
    samples = np.zeros(windows * 7680 + 7920, np.float32)
    whole = np.zeros(threads * windows * 7680 + 7920, np.float32)

    def hear(model: Classifier, recording: npt.NDArray[np.float32]) -> int:
        return len(model.classify(recording, model.sample_rate).times_s)

    with ThreadPoolExecutor(threads) as callers:
        began = time.perf_counter()
        found = sum(callers.map(hear, [alone] * threads, [samples] * threads))
        by_callers = found / (time.perf_counter() - began)
    began = time.perf_counter()
    return by_callers, hear(shared, whole) / (time.perf_counter() - began)


def _sleeping(name: str, seconds: float, threads: int) -> Classifier:
    model: Any = yamjit.load(name, backend="numpy", threads=threads)
    model.network._backend = model.front_end._backend = SleepingBackend(seconds, 48)
    return model  # type: ignore[no-any-return]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each number of threads; return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--ms", type=float, default=4.0, help="milliseconds that a window takes (default: 4)")
    parser.add_argument("--windows", type=int, default=1000, help="windows for each thread (default: 1000)")
    parser.add_argument("--model", default="starter")
    args = parser.parse_args(argv)
    first: tuple[float, float] | None = None
    for threads in args.threads:
        found = windows_a_second(threads, args.ms / 1000, args.windows, args.model)
        first = first or found
        callers, whole = (
            f"{rate:7.0f} ({rate / (threads * one / args.threads[0]):4.0%})"
            for rate, one in zip(found, first, strict=True)
        )
        print(f"{threads:3} threads: {callers} windows/s by callers, {whole} with threads={threads}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
