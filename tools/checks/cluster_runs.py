"""Runs on Dask whose workers, scheduler and machines die, and runs in parts, compared with one of a single process.

    pip install -e '.[dask]'
    YAMJIT_MODEL=... python -m tools.checks.cluster_runs --files 500 --kill-every 5

Makes recordings of a minute, some of which are not audio, and one, ``poison.wav``, that kills whatever worker opens it.
Classifies them with ``--jobs 1``, without the poison; then with two workers of Dask, of which one is killed every few
seconds; then by a scheduler that is killed halfway, and another one, with ``--resume``; and in two parts side by side.
Ends with 1 unless all folders have the same files with the same bytes, the poison is named, and the codes are 3.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import soundfile

from tools.checks.kill_runs import compare

_RATE_HZ = 16_000

#: Loaded by every Python of the check: the poison, for processes that are not the first of a run.
_POISON = """
import multiprocessing, os, signal
_open = os.open
def _poisoned(path, *how, **more):
    if os.fsdecode(path).endswith("poison.wav") and multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return _open(path, *how, **more)
os.open = _poisoned
"""


class Check:
    """Folders of recordings and of results, and what was found wrong."""

    def __init__(self, folder: Path, args: argparse.Namespace) -> None:
        self.folder = folder
        self.args = args
        self.wrong: list[str] = []
        self.chance = random.Random(0)
        (folder / "sitecustomize.py").write_text(_POISON)
        paths = [str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        own = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
        self.environment = {**os.environ, **own}

    def start(self, results: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a run."""
        run = [sys.executable, "-m", "yamjit", "classify", "recordings", "-o", results, "--quiet", "--windows"]
        run += ["--format", "csv", "--model", self.args.model, *arguments]
        return subprocess.Popen(run, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True)

    def conclude(self, what: str, run: subprocess.Popen[str], code: int, named: str, results: str | None) -> None:
        """Wait for the end of a run, and compare its results with those of one process."""
        told = run.communicate()[1]
        if run.returncode != code or named not in told:
            self.wrong.append(f"{what}: ended with {run.returncode}: {told}")
        if results is not None:
            self.wrong += [f"{what}: differs: {name}" for name in compare(self.folder / "whole", self.folder / results)]


def workers_of(process: int) -> list[psutil.Process]:
    """Return the processes of workers, which are new ones or copies of one that has loaded all."""
    found = []
    for one in psutil.Process(process).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line, above = " ".join(one.cmdline()), " ".join(one.parent().cmdline())
            if "spawn_main" in line or ("forkserver" in line and "forkserver" in above):
                found.append(one)
    return found


def kill_now_and_then(run: subprocess.Popen[str], results: Path, seconds: float, chance: random.Random) -> int:
    """Kill a worker of a run every few seconds, once there are results, until it is over; return how many."""
    kills = 0
    while run.poll() is None and not any(results.rglob("*.csv")):
        time.sleep(0.05)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(seconds)
            return kills
        if workers := workers_of(run.pid):
            with contextlib.suppress(psutil.Error):
                chance.choice(workers).kill()
                kills += 1


@contextlib.contextmanager
def cluster(check: Check, port: int) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Give the process of a scheduler that has two workers, and its address."""
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"cwd": check.folder, "env": check.environment, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "dask"]
    options = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = subprocess.Popen([*dask, "scheduler", *options, "--port", str(port)], **quiet)  # type: ignore[call-overload]
    own = ["--nworkers", "2", "--nthreads", "1", "--memory-limit", "0"]
    workers = subprocess.Popen([*dask, "worker", address, *options, *own], **quiet)  # type: ignore[call-overload]
    try:
        yield scheduler, address
    finally:
        for one in (workers, scheduler):
            one.send_signal(signal.SIGTERM)
            try:
                one.wait(30)
            except subprocess.TimeoutExpired:
                for child in psutil.Process(one.pid).children(recursive=True):
                    child.kill()
                one.kill()
                one.wait()


def make_recordings(folder: Path, count: int, seconds: float) -> None:
    """Write recordings, every 100th of which is not audio."""
    generator = np.random.default_rng(0)
    noise = generator.standard_normal(int(_RATE_HZ * (seconds + 10))).astype(np.float32)
    for number in range(count):
        path = folder / f"day-{number % 7}" / f"{number:04}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 100 == 99:
            path.write_bytes(b"no audio")
            continue
        first = int(generator.integers(10 * _RATE_HZ))
        length = int(_RATE_HZ * seconds * generator.uniform(0.1, 1))
        soundfile.write(path, 0.05 * noise[first : first + length], _RATE_HZ)


def whole(check: Check) -> None:
    """Classify with one process, then add the poison."""
    start = time.monotonic()
    check.conclude("one process", check.start("whole"), 3, "", None)
    soundfile.write(check.folder / "recordings" / "poison.wav", np.zeros(_RATE_HZ), _RATE_HZ)
    print(f"one process: {time.monotonic() - start:.1f} s", flush=True)


def killed_workers(check: Check) -> None:
    """Kill workers of a run that has started them."""
    start = time.monotonic()
    run = check.start("local", "--engine", "dask", "--jobs", "2")
    kills = kill_now_and_then(run, check.folder / "local", check.args.kill_every, check.chance)
    check.conclude("two workers", run, 3, "poison.wav: the worker that read it was killed", "local")
    print(f"two workers, {kills} of them killed, and by the poison: {time.monotonic() - start:.1f} s", flush=True)


def killed_scheduler(check: Check) -> None:
    """Kill a scheduler when a third of the results are there, and go on with another one."""
    goal = check.args.files // 3
    with cluster(check, check.args.port) as (scheduler, address):
        run = check.start("lost", "--engine", "dask", "--scheduler", address)
        while run.poll() is None and sum(1 for _ in (check.folder / "lost").rglob("*.csv")) < goal:
            time.sleep(0.05)
        scheduler.kill()
        check.conclude("a killed scheduler", run, 1, "the scheduler is gone", None)
    done = sum(1 for _ in (check.folder / "lost").rglob("*.csv"))
    with cluster(check, check.args.port + 1) as (_, address):
        run = check.start("lost", "--resume", "--engine", "dask", "--scheduler", address)
        check.conclude("another scheduler", run, 3, "poison.wav: the worker that read it was killed", "lost")
    print(f"a scheduler was killed after {done} results, another one did the rest", flush=True)


def side_by_side(check: Check) -> None:
    """Classify in two parts at a time, by processes that the poison kills."""
    parts = [check.start("parts", "--jobs", "2", "--shard", f"{number}/2") for number in (1, 2)]
    for part in parts:
        check.conclude("a part", part, 3, "", None)
    check.wrong += [f"parts: differs: {name}" for name in compare(check.folder / "whole", check.folder / "parts")]
    print("two parts side by side", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run all, compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60, help="length of the longest recording")
    parser.add_argument("--kill-every", type=float, default=5.0)
    parser.add_argument("--port", type=int, default=18786)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        check = Check(Path(name), args)
        make_recordings(Path(name, "recordings"), args.files, args.seconds)
        for step in (whole, killed_workers, killed_scheduler, side_by_side):
            step(check)
        results = sum(1 for _ in Path(name, "whole").rglob("*.csv"))
    print(f"{args.files} recordings and the poison, {results} results; {len(check.wrong)} differences")
    print("\n".join(check.wrong[:20]), end="")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
