"""Runs killed at random moments and resumed, compared with one that was left alone.

    python -m tools.checks.kill_runs --model starter --kills 20

Makes recordings of 0.2 to 2 s, some of which are not audio; classifies them once without interruption, and once
killed with SIGKILL again and again. Each kill comes when a random number of results is there, and up to 50 ms later.
Ends with 1 unless both folders have the same files with the same bytes. With --beside, the results lie among the
recordings.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

__all__ = ["compare", "killed_run", "make_recordings", "whole_run"]

_RATE_HZ = 16_000
_FAILURES = {0, 3}


def make_recordings(folder: Path, count: int, seed: int) -> None:
    """Write `count` recordings below `folder`, every 25th of which is not audio."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        path = folder / f"day-{number % 7}" / f"{number:04}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 25 == 24:
            path.write_bytes(b"no audio")
            continue
        time_s = np.arange(int(_RATE_HZ * generator.uniform(0.2, 2))) / _RATE_HZ
        tone = np.sin(2 * np.pi * generator.uniform(100, 4000) * time_s)
        soundfile.write(path, 0.3 * tone + 0.05 * generator.standard_normal(len(time_s)), _RATE_HZ)


def command(recordings: Path, results: Path, arguments: list[str]) -> list[str]:
    """Return the command that starts a run, or goes on with one."""
    run = [sys.executable, "-m", "yamjit", "classify", str(recordings), "-o", str(results), "--resume", "--quiet"]
    return [*run, "--windows", "--format", "jsonl", *arguments]


def whole_run(recordings: Path, results: Path, arguments: list[str]) -> None:
    """Let a run go on to its end."""
    done = subprocess.run(command(recordings, results, arguments), stderr=subprocess.PIPE, check=False)
    if done.returncode not in _FAILURES:
        raise SystemExit(f"the run ended with {done.returncode}: {done.stderr.decode()}")


def killed_run(recordings: Path, results: Path, arguments: list[str], kills: int, chance: random.Random) -> int:
    """Start a run again and again, kill it `kills` times, let it end; return how many files were left unfinished."""
    total = sum(1 for _ in recordings.rglob("*.wav")) * 24 // 25
    unfinished = 0
    for goal in sorted(chance.randrange(total) for _ in range(kills)):
        process = subprocess.Popen(command(recordings, results, arguments), stderr=subprocess.DEVNULL)
        while process.poll() is None and _count(results) <= goal:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            print("a run was over before it was killed")
        unfinished += sum(1 for _ in results.rglob(".yamjit-partial-*"))
    whole_run(recordings, results, arguments)
    return unfinished


def compare(one: Path, other: Path) -> list[str]:
    """Return what differs between two folders, hidden files and all."""
    found = [
        {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()} for folder in (one, other)
    ]
    only = [str(name) for name in found[0].keys() ^ found[1].keys()]
    both = found[0].keys() & found[1].keys()
    return sorted(only + [str(name) for name in both if found[0][name].read_bytes() != found[1][name].read_bytes()])


def _count(results: Path) -> int:
    return sum(".yamjit." in name for _, folders, names in os.walk(results) for name in (*folders, *names))


def main() -> int:
    """Run both, compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--beside", action="store_true", help="results among the recordings")
    args = parser.parse_args()
    arguments = ["--model", args.model, "--jobs", str(args.jobs)]
    with tempfile.TemporaryDirectory() as name:
        recordings, whole = Path(name, "recordings"), Path(name, "whole")
        killed = recordings if args.beside else Path(name, "killed")
        make_recordings(recordings, args.files, args.seed)
        shutil.copytree(recordings, Path(name, "kept"))
        start = time.monotonic()
        whole_run(recordings, recordings if args.beside else whole, arguments)
        took = time.monotonic() - start
        if args.beside:  # the names in the results are to be the same
            recordings.rename(whole)
            Path(name, "kept").rename(recordings)
        unfinished = killed_run(recordings, killed, arguments, args.kills, random.Random(args.seed))
        differences = compare(whole, killed)
        results = sum(1 for path in whole.rglob("*.jsonl"))
    print(
        f"{args.files} recordings, {results} results, {took:.1f} s uninterrupted; {args.kills} kills, "
        f"which left {unfinished} files unfinished; {len(differences)} files differ"
    )
    print("\n".join(differences[:20]), end="")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
