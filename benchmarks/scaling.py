"""Many cores: windows a second where a recording each runs in processes, in threads, and where threads share one."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.contenders import BASELINE, OURS
from benchmarks.field import start
from benchmarks.inputs import thread_counts
from benchmarks.tables import Row, Table
from benchmarks.worker import Absent, OtherProcess

__all__ = ["measure_scaling"]

ROUNDS = 3


def measure_scaling(folder: Path) -> Table:
    """Measure yamjit and LiteRT by 1, 2, 4, ... of each, in turns: recordings of ten minutes, samples in memory."""
    workers: dict[str, list[OtherProcess]] = {}
    try:
        for name in (OURS, BASELINE):
            try:
                workers[name] = [start(name, folder) for _ in range(os.cpu_count() or 1)]
            except Absent:  # noqa: PERF203
                continue
        rows = [row for count in thread_counts() for row in _rows(workers, count)]
    finally:
        for one in (worker for own in workers.values() for worker in own):
            one.end()
    return Table("scaling", "recordings of 10 min in memory, in windows a second", "windows/s", rows)


def _rows(workers: dict[str, list[OtherProcess]], count: int) -> list[Row]:
    windows = {name: len(own[0].answer("samples 1")) for name, own in workers.items()}
    runs: dict[str, tuple[int, Callable[[], float]]] = {}
    for name, own in workers.items():
        each = "an interpreter each" if name == BASELINE else "one classifier"
        runs[f"{name}, processes"] = count * windows[name], lambda own=own: _processes(own[:count])
        runs[f"{name}, threads, {each}"] = count * windows[name], lambda own=own: own[0].seconds("samples 1", count)
        if name == OURS:
            runs[f"{name}, one recording, threads={count}"] = (
                windows[name],
                lambda own=own: own[0].seconds(f"samples {count}"),
            )
    for _, run in runs.values():
        run()
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (done, run) in runs.items():
            speeds[name].append(done / run())
    return [Row(f"{count}: {name}", statistics.median(found)) for name, found in speeds.items()]


def _processes(workers: list[OtherProcess]) -> float:
    """Return how long processes take that are asked at once."""
    with ThreadPoolExecutor(len(workers)) as pool:
        start = time.perf_counter()
        list(pool.map(lambda worker: worker.seconds("samples 1"), workers))
        return time.perf_counter() - start
