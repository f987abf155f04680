"""What only a process of its own can show: how long a cold one takes, what an import costs, and peak memory."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.contenders import OURS, load
from tools.import_cost import seconds as import_seconds

__all__ = ["cold_seconds", "import_ms", "memory_mb"]

_ROOT = Path(__file__).resolve().parents[1]

#: What is loaded before memory is looked at for the first time.
_LIBRARIES = {"yamjit": "numpy, numba", "LiteRT": "numpy, ai_edge_litert.interpreter"}


def cold_seconds(name: str, folder: Path) -> float:
    """Return how long a new process takes to score a file of one window, from its start to its end."""
    start = time.perf_counter()
    _run("benchmarks.contenders", name, str(folder), "window file")
    return time.perf_counter() - start


def import_ms(name: str, rounds: int) -> float:
    """Return what importing a contender costs beyond NumPy, in milliseconds: the median over pairs of processes."""
    module = "yamjit" if name in OURS else "ai_edge_litert.interpreter"
    pairs = [(import_seconds("numpy"), import_seconds(f"numpy, {module}")) for _ in range(rounds)]
    return 1e3 * statistics.median(both - numpy for numpy, both in pairs)


def memory_mb(name: str, folder: Path, question: str) -> tuple[float, float]:
    """Return the peak memory of a process that answers a question: in all, and beyond its libraries, in MB."""
    whole, libraries = map(float, _run("benchmarks.processes", name, str(folder), question).split())
    return whole, whole - libraries


def _run(module: str, *arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=_ROOT, check=True, capture_output=True, text=True
    )
    return run.stdout


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the parent had when it made this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _main(name: str, folder: str, question: str) -> None:
    exec(f"import {_LIBRARIES[name.split()[0]]}")
    libraries = _peak_mb()
    load(name, Path(folder)).answer(question)
    print(_peak_mb(), libraries)
    sys.stdout.flush()
    os._exit(0)  # a runtime that is slow to end does not matter here


if __name__ == "__main__":
    _main(*sys.argv[1:])
