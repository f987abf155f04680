"""Ratios of paired runs: ``python -m benchmarks.paired``.

Machines are shared and noisy, so every round runs all contenders one after the other, and what counts is the median
over the rounds of each contender's time divided by that of TFLite's default (XNNPACK) in the same round.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import soundfile

from benchmarks.contenders import SAMPLE_RATE, WINDOW, check, contenders, model_bytes, sound

BASELINE = "TFLite xnnpack"


def main() -> None:
    """Check every contender, run the rounds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="paired rounds of the window case (default: 50)")
    args = parser.parse_args()
    print(f"{_cpu()}, {os.cpu_count()} cores; {_versions()}")
    window = sound(WINDOW / SAMPLE_RATE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.wav"
        soundfile.write(path, sound(60.0), SAMPLE_RATE, subtype="PCM_16")
        found = contenders(model_bytes())
        names = [contender.name for contender in found]
        judge = found[names.index("TFLite reference")] if "TFLite reference" in names else found[0]
        for contender in found:
            check(contender, judge, window, path)
        _table(
            "one window of 0.975 s, waveform to scores",
            {contender.name: lambda c=contender: c.window(window) for contender in found},
            args.rounds,
            repeats=5,
        )
        _table(
            "file of 60 s, a window every 0.48 s, file to scores",
            {contender.name: lambda c=contender: c.recording(path) for contender in found},
            max(3, args.rounds // 10),
            repeats=1,
        )


def _table(title: str, runs: dict[str, Callable[[], object]], rounds: int, repeats: int) -> None:
    """Run paired rounds and print medians; a contender's time in a round is the least of `repeats`."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(min(_time(run) for _ in range(repeats)))
    print(f"\n| {title} | median ms | times the speed of {BASELINE} |\n|---|---:|---:|")
    for name, own in times.items():
        ratios = [base / mine for base, mine in zip(times.get(BASELINE, own), own, strict=True)]
        print(f"| {name} | {1e3 * statistics.median(own):.2f} | {statistics.median(ratios):.2f} |")


def _time(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


def _versions() -> str:
    wanted = ("numpy", "numba", "llvmlite", "ai-edge-litert", "tflite-runtime")
    installed = {(distribution.name or "").lower(): distribution.version for distribution in distributions()}
    found = [f"{name} {installed[name]}" for name in wanted if name in installed]
    return ", ".join([f"Python {platform.python_version()}", *found])


if __name__ == "__main__":
    main()
