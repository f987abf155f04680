"""What only a process of its own can show: what an import costs, and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.contenders import OURS
from benchmarks.field import PYTHONS
from tools.import_cost import seconds as import_seconds

__all__ = ["import_ms", "memory_mb"]

_ROOT = Path(__file__).resolve().parents[1]


def import_ms(name: str, rounds: int) -> float:
    """Return what importing a contender costs beyond NumPy, in milliseconds: the median over pairs of processes."""
    module = "yamjit" if name == OURS else "ai_edge_litert.interpreter"
    pairs = [(import_seconds("numpy"), import_seconds(f"numpy, {module}")) for _ in range(rounds)]
    return 1e3 * statistics.median(both - numpy for numpy, both in pairs)


def memory_mb(name: str, folder: Path, question: str) -> tuple[float, float]:
    """Return the peak memory of a process that answers a question: in all, and beyond its libraries, in MB."""
    python = os.environ.get(PYTHONS.get(name, ""), sys.executable)
    command = [python, "-m", "benchmarks.memory", name, str(folder), question]
    own = python == sys.executable
    kept = {key: value for key, value in os.environ.items() if own or not key.startswith("PYTHON")}
    run = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True, env=kept)
    whole, libraries = map(float, run.stdout.splitlines()[-1].split())
    return whole, whole - libraries
