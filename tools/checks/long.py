"""Long recordings in constant memory: peak of ``yamjit`` over 12 hours against a minute, and its real-time factor.

::

    python -m tools.checks.long --hours 12

A WAV file of zeros that takes no room on the disk, and a FLAC of silence, are scored by the command line in processes
of their own, window by window to a file of CSV. Prints a line of JSON for each; the exit code is 1 if a long one
needs 50 MB more than a short one.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

__all__ = ["main", "measure", "write_silent_flac", "write_sparse_wav"]

RATE_HZ = 16_000

#: What a long recording may take more than a short one.
ALLOWED_MB = 50


class Run(NamedTuple):
    """What a process took."""

    seconds: float
    peak_mb: float
    windows: int


def write_sparse_wav(path: Path, seconds: float) -> None:
    """Write 16-bit mono zeros as a file with a hole: the header, and a length."""
    size = 2 * int(seconds * RATE_HZ)
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    header = struct.pack("<4sI4s", b"RIFF", 4 + len(fmt) + 8 + size, b"WAVE") + fmt + struct.pack("<4sI", b"data", size)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)


def write_silent_flac(path: Path, seconds: float) -> None:
    """Write 16-bit mono zeros, compressed."""
    minute = np.zeros(60 * RATE_HZ, np.int16)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16", format="FLAC") as file:
        for _ in range(int(seconds // 60)):
            file.write(minute)


def measure(path: Path, arguments: Sequence[str]) -> Run:
    """Score a recording in a process of its own, and return what that took."""
    with tempfile.TemporaryFile() as out:
        command = [sys.executable, "-m", "yamjit", "classify", str(path), "--windows", "--format", "csv", *arguments]
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
        out.seek(0)
        windows = sum(1 for _ in out) - 1
    return Run(seconds, usage.ru_maxrss / 1024, windows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=12.0, help="length of the long ones (default: %(default)s)")
    parser.add_argument("rest", nargs="*", help="further arguments of yamjit classify, after --")
    options = parser.parse_args(arguments)
    worst = 0.0
    for write, suffix in ((write_sparse_wav, ".wav"), (write_silent_flac, ".flac")):
        with tempfile.TemporaryDirectory() as folder:
            runs = []
            for seconds in (60.0, 3600 * options.hours):
                path = Path(folder) / f"{seconds:g}{suffix}"
                write(path, seconds)
                runs.append(measure(path, ["--top", "1", *options.rest]))
        short, long = runs
        worst = max(worst, long.peak_mb - short.peak_mb)
        report = {
            "file": f"{options.hours:g} h {suffix[1:]}",
            "windows": long.windows,
            "seconds": round(long.seconds, 1),
            "times_real_time": round(3600 * options.hours / long.seconds),
            "peak_mb": round(long.peak_mb, 1),
            "peak_mb_of_a_minute": round(short.peak_mb, 1),
            "more_mb": round(long.peak_mb - short.peak_mb, 1),
        }
        print(json.dumps(report), flush=True)
    return 1 if worst > ALLOWED_MB else 0


if __name__ == "__main__":
    sys.exit(main())
