"""A command from nothing to its answer, ten seconds of sound in a new process: ``python -m benchmarks.cold``.

Each round starts every contender once, in an order that is turned by one from round to round, so that what else the
machine does falls on all alike. Counted are the time from start to end, the processor's time, and the largest resident
memory. This module imports no NumPy: Linux counts what a process held before it became another program.

Answers are compared before anything is timed. Everything warm has been read by then, and lies in the system's cache.
"""

from __future__ import annotations

import argparse
import array
import math
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__: list[str] = []

RATE_HZ, SECONDS = 16_000, 10

#: Who the others are compared with, and how far its kernels' scores may be from yamjit's.
BASELINE, TOLERANCE = "LiteRT, a script", 0.02


class Contender(NamedTuple):
    """A command; with `cache`, its folder of caches, and whether that is emptied before each run."""

    command: Sequence[str]
    cache: Path | None = None
    emptied: bool = False


class Run(NamedTuple):
    """What a process took."""

    wall_ms: float
    processor_ms: float
    memory_mb: float


def contenders(python: str, wav: Path, folder: Path, model: str | None, program: str | None) -> dict[str, Contender]:
    """Return who takes part, by name; without a model, yamjit runs its starter, and LiteRT does not take part."""
    script = Path(python).with_name("yamjit")
    yamjit = [str(script)] if script.exists() else [python, "-m", "yamjit"]  # a checkout that is not installed

    def classify(named: str) -> list[str]:
        return [*yamjit, "classify", str(wav), "--model", named]

    found = {
        "python -c pass": Contender([python, "-c", "pass"]),
        "import numpy": Contender([python, "-c", "import numpy"]),
        "import numpy, soundfile": Contender([python, "-c", "import numpy, soundfile"]),
        "yamjit --version": Contender([*yamjit, "--version"]),
        "yamjit classify, starter": Contender(classify("starter"), folder / "warm"),
        "yamjit classify, starter, nothing cached": Contender(classify("starter"), folder / "new", emptied=True),
    }
    if model:
        alone = str(Path(__file__).with_name("litert_alone.py"))
        found["yamjit classify"] = Contender(classify(model), folder / "warm")
        found["yamjit classify, nothing cached"] = Contender(classify(model), folder / "new", emptied=True)
        found[BASELINE] = Contender([python, alone, model, str(wav)])
    if program:
        found["C program"] = Contender([*program.split(), str(wav)])
    return found


def run(contender: Contender) -> Run:
    """Run a contender once.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    if contender.emptied and contender.cache is not None:
        shutil.rmtree(contender.cache, ignore_errors=True)
    environment = {**os.environ, **({} if contender.cache is None else {"YAMJIT_CACHE": str(contender.cache)})}
    start = time.perf_counter()
    process = subprocess.Popen(contender.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall_ms = 1e3 * (time.perf_counter() - start)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, contender.command)
    unit = 1e6 if sys.platform == "darwin" else 1e3 / 1.024  # bytes there, KiB elsewhere
    return Run(wall_ms, 1e3 * (usage.ru_utime + usage.ru_stime), usage.ru_maxrss / unit)


def measure(everyone: dict[str, Contender], rounds: int) -> dict[str, list[Run]]:
    """Return the runs of every contender, as many as there are rounds; one more comes first and does not count."""
    names = list(everyone)
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found = run(everyone[name])
            if number:
                runs[name].append(found)
    return runs


def check(everyone: dict[str, Contender]) -> None:
    """Compare the highest scores that are printed with those of LiteRT.

    Raises
    ------
    ValueError
        If one is further off than XNNPACK is known to be.
    """
    wanted = _scores(everyone[BASELINE])
    for name in ("yamjit classify", "yamjit classify, nothing cached"):
        found = _scores(everyone[name])
        if len(found) != len(wanted) or max(abs(a - b) for a, b in zip(found, wanted, strict=True)) > TOLERANCE:
            raise ValueError(f"{name}: highest scores {found}, LiteRT has {wanted}")


def _scores(contender: Contender) -> list[float]:
    environment = {**os.environ, **({} if contender.cache is None else {"YAMJIT_CACHE": str(contender.cache)})}
    done = subprocess.run(contender.command, check=True, capture_output=True, text=True, env=environment)
    return [float(score) for score in re.findall(r"^ +(\d\.\d+) ", done.stdout, re.MULTILINE)]


def report(runs: dict[str, list[Run]]) -> str:
    """Return a table in Markdown: medians, and the median over the rounds of the ratio to LiteRT's time."""

    def median(name: str, of: Callable[[Run], float]) -> float:
        return statistics.median(map(of, runs[name]))

    lines = ["| process | ms | of the processor, ms | memory, MB | times LiteRT's time |", "|---|---:|---:|---:|---:|"]
    for name, mine in runs.items():
        ratio = ""
        if BASELINE in runs:
            pairs = zip(mine, runs[BASELINE], strict=True)
            ratio = f"{statistics.median(own.wall_ms / their.wall_ms for own, their in pairs):.2f}"
        wall, processor, memory = (median(name, lambda one, of=of: one[of]) for of in range(3))  # type: ignore[misc]
        lines.append(f"| {name} | {wall:.0f} | {processor:.0f} | {memory:.0f} | {ratio} |")
    return "\n".join(lines)


def write_sound(path: Path) -> None:
    """Write ten seconds of tones over noise that comes and goes: 16 kHz, mono, 16 bits."""
    noise = random.Random(0)
    samples = array.array("h")
    for place in range(RATE_HZ * SECONDS):
        seconds = place / RATE_HZ
        tones = sum(0.05 * math.sin(2 * math.pi * hz * seconds) for hz in (220, 950, 3100))
        samples.append(int(20_000 * (tones + noise.gauss(0, 0.02 + 0.1 * math.sin(0.7 * seconds) ** 2))))
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="runs of each contender (default: 20)")
    parser.add_argument(
        "--python", default=sys.executable, help="of an environment with yamjit and ai-edge-litert (default: this one)"
    )
    parser.add_argument(
        "--model", default=os.environ.get("YAMJIT_MODEL"), help="model of both (default: $YAMJIT_MODEL)"
    )
    parser.add_argument("--program", help="the C program that takes part, with its arguments before the recording")
    parser.add_argument("--only", default="", help="those whose name holds one of these words, as in 'classify,LiteRT'")
    args = parser.parse_args()
    model = None if args.model == "starter" else args.model
    with tempfile.TemporaryDirectory() as name:
        wav = Path(name) / "ten_seconds.wav"
        write_sound(wav)
        everyone = contenders(args.python, wav, Path(name), model, args.program)
        if model:
            check(everyone)
        chosen = {who: how for who, how in everyone.items() if any(word in who for word in args.only.split(","))}
        print(report(measure(chosen, args.rounds)))
    version = [
        args.python,
        "-c",
        "import platform, numpy; print('Python', platform.python_version() + ', numpy', numpy.__version__)",
    ]
    print(f"\n{os.cpu_count()} cores, {platform.machine()}, {subprocess.check_output(version, text=True).strip()}")


if __name__ == "__main__":
    main()
