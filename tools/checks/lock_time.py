"""How long Python's lock is held for a window of sound, of which threads can have no more than one at a time.

::

    YAMJIT_MODEL=... python -m tools.checks.lock_time [RECORDING ...]

A library is loaded before Python (``lock_time.c``; Linux, a C compiler and a Python with a shared library are needed).
It counts the processor time that threads spend with the lock, and without it, in what extension modules do: compiled
kernels, libsndfile, soxr, NumPy's operations on large arrays, files. What Python itself gives the lock up for counts as
held. The sources are an array at the model's rate and, unless recordings are given, ten minutes of 44.1 kHz stereo of
the starter's examples as WAV, FLAC, MP3 and Ogg. Prints a line of JSON for each and every number of threads. The exit
code is 1 if the lock is held for more than 2 % of what the kernels take.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import yamjit
from tools.checks.ten_minutes import as_files, ten_minutes

__all__ = ["Locked", "main"]

_SOURCE = Path(__file__).with_suffix(".c")

#: The largest share of the kernels' time that the lock may be held.
ALLOWED = 0.02


class Locked(NamedTuple):
    """Nanoseconds with the lock and without it, and how often it was given up."""

    held_ns: int
    released_ns: int
    given_up: int


def _read(library: ctypes.PyDLL) -> Locked:
    found = (ctypes.c_int64 * 3)()
    library.lock_time_read(found)
    return Locked(*found)


def _measured(library: ctypes.PyDLL, work: Callable[[], Any]) -> Locked:
    """Return what some work takes, the least of three times."""
    found = []
    for _ in range(3):
        before = _read(library)
        work()
        found.append(Locked(*(after - first for after, first in zip(_read(library), before, strict=True))))
    return min(found)


def _kernels_ns(library: ctypes.PyDLL, model: yamjit.Classifier) -> float:
    """Return what front end and network take for a window, in a batch of 64."""
    hop = 48 * model.front_end.constants.hop_length
    samples = np.random.default_rng(0).standard_normal(63 * hop + model.window_samples, np.float32) / 10

    def run() -> None:
        frames = model.front_end.frames(samples)
        patches = np.lib.stride_tricks.sliding_window_view(frames, model.front_end.patch_shape[0], axis=0)[::48]
        model.network.run(patches.transpose(0, 2, 1))

    return _measured(library, lambda: [run() for _ in range(5)]).released_ns / (5 * 64)


def _report(model: yamjit.Classifier, sources: Iterator[tuple[str, Any, int | None]], threads: Sequence[int]) -> bool:
    library = ctypes.PyDLL(None)
    kernels_ns = _kernels_ns(library, model)
    print(json.dumps({"kernels_us": round(kernels_ns / 1e3, 1)}), flush=True)
    fine = True
    for name, source, rate in sources:
        for count in threads:
            several = yamjit.Classifier(model.source, backend=model._backend_name, threads=count)
            windows = len(several.classify(source, sample_rate=rate))
            found = _measured(library, lambda: several.classify(source, sample_rate=rate))  # noqa: B023
            share = found.held_ns / windows / kernels_ns
            line = {
                "source": name,
                "threads": count,
                "windows": windows,
                "held_us": round(found.held_ns / windows / 1e3, 2),
                "released_us": round(found.released_ns / windows / 1e3, 1),
                "given_up": round(found.given_up / windows, 2),
                "share": round(share, 4),
            }
            print(json.dumps(line), flush=True)
            fine &= share <= ALLOWED
    return fine


def _sources(recordings: Sequence[Path]) -> Iterator[tuple[str, Any, int | None]]:
    yield "array", ten_minutes(16_000)[:, 0].copy(), 16_000
    if recordings:
        yield from ((path.name, path, None) for path in recordings)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield from ((path.suffix[1:], path, None) for path in as_files(Path(folder)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", type=Path)
    parser.add_argument("--model", default=os.environ.get("YAMJIT_MODEL"))
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2, 16])
    options = parser.parse_args(arguments)
    if hasattr(ctypes.PyDLL(None), "lock_time_read"):
        model = yamjit.load(options.model, backend=options.backend)
        return not _report(model, _sources(options.recordings), options.threads)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "lock_time.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)
        if b"libpython" not in subprocess.run(["ldd", sys.executable], capture_output=True, check=True).stdout:
            print("this Python has no shared library, in front of which another can be put", file=sys.stderr)
            return 2
        command = [sys.executable, "-m", "tools.checks.lock_time", *(sys.argv[1:] if arguments is None else arguments)]
        return subprocess.run(command, env={**os.environ, "LD_PRELOAD": str(library)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
