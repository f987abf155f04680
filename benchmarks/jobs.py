"""Folders of recordings: ``yamjit classify FOLDER --jobs N``, beside as many commands that each take a share."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.inputs import thread_counts, write_wav
from benchmarks.tables import Row, Table, markdown

__all__ = ["measure_jobs"]

#: How many recordings of how many seconds.
_FOLDERS = {"96 files of 5 min": (96, 300.0), "400 clips of 2 s": (400, 2.0)}


def measure_jobs(folder: Path, rounds: int) -> Table:
    """Measure both folders, in turns: the least time of some rounds."""
    rows = []
    for title, (count, length) in _FOLDERS.items():
        files = _recordings(folder / title, count, length)
        for jobs in thread_counts():
            ways = {f"--jobs {jobs}": ([files], jobs)}
            if jobs > 1:
                ways[f"{jobs} commands with a share each"] = (_shares(files, jobs), 1)
            times = [[_jobs(folder, *way) for way in ways.values()] for _ in range(rounds)]
            found = map(min, zip(*times, strict=True))
            rows += [Row(f"{title}, {way}", seconds) for way, seconds in zip(ways, found, strict=True)]
    return Table("jobs", "folder to results, from the start of the command to its end", "s", rows)


def _recordings(folder: Path, count: int, seconds: float) -> list[Path]:
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:03}.wav"
        if number:
            shutil.copyfile(folder / "000.wav", path)
        else:
            write_wav(path, seconds)
    return sorted(folder.iterdir())


def _shares(files: Sequence[Path], number: int) -> list[Sequence[Path]]:
    return [files[first::number] for first in range(number)]


def _jobs(folder: Path, shares: Sequence[Sequence[Path]], jobs: int) -> float:
    """Return how long commands take that run at once; each has a share of the files."""
    with tempfile.TemporaryDirectory(dir=folder) as output:
        begin = [sys.executable, "-m", "yamjit", "classify", "--model", str(folder / "model.tflite"), "--quiet"]
        commands = [
            [*begin, *map(str, share), "-o", f"{output}/{number}", "--jobs", str(jobs)]
            for number, share in enumerate(shares)
        ]
        start = time.perf_counter()
        running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
        codes = [process.wait() for process in running]
        if any(codes):
            raise RuntimeError(f"{' '.join(commands[0][:8])} ... ended with {codes}")
        return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs, of which the least time counts (default: 3)")
    args = parser.parse_args()
    from benchmarks.inputs import model

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.tflite").write_bytes(model().data)
        print("\n".join(markdown(measure_jobs(Path(folder), args.rounds))), f"\n{os.cpu_count()} cores")


if __name__ == "__main__":
    main()
