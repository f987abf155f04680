"""What ``--jobs`` itself costs: recordings that are only slept for, by more processes than this machine has cores.

::

    python -m tools.checks.jobs_simulated --jobs 1 2 4 8 16 --ms 10

Prints for each number of processes which share of their time they sleep, from the first beginning to the last end, and
the CPU time of this process for each recording.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from yamjit.runs.inputs import Recording
from yamjit.runs.outcomes import outcomes

__all__ = ["main", "measure"]

#: Recordings for each process.
_EACH = 100


@dataclass(frozen=True)
class Sleep:
    """A job that takes `seconds`, and no processor."""

    seconds: float

    def __call__(self, recording: Recording) -> tuple[float, float]:
        """Sleep; return when that began and ended [s]."""
        began = time.monotonic()
        time.sleep(self.seconds)
        return began, time.monotonic()


def measure(processes: int, seconds: float) -> tuple[float, float]:
    """Return the share of their time that processes sleep, and this process's CPU time for a recording [s]."""
    todo = [Recording(f"{i}.wav", PurePath(f"{i}")) for i in range(_EACH * processes)]
    cpu_began = time.process_time()
    slept = [outcome.value for outcome in outcomes(todo, Sleep(seconds), processes) if outcome.value is not None]
    cpu_s = time.process_time() - cpu_began
    span = max(end for _, end in slept) - min(begin for begin, _ in slept)
    return sum(end - begin for begin, end in slept) / (processes * span), cpu_s / len(todo)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure each number of processes; return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--ms", type=float, default=10.0, help="milliseconds that a recording takes")
    args = parser.parse_args(argv)
    for processes in args.jobs:
        share, cpu_s = measure(processes, args.ms / 1000)
        print(f"{processes:3} processes: {share:6.1%}; {cpu_s * 1e3:.2f} ms of CPU for a recording", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
