"""What ``import yamjit`` costs beyond ``import numpy``: ``python -m tools.import_cost``.

Cold processes in pairs; the median of the differences counts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

_CLOCK = "import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"


def seconds(module: str) -> float:
    """Return how long a fresh interpreter takes to import `module`."""
    run = subprocess.run(
        [sys.executable, "-c", _CLOCK.format(module=module)], check=True, capture_output=True, text=True
    )
    return float(run.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15, help="paired runs (default: 15)")
    args = parser.parse_args()
    pairs = [(seconds("numpy"), seconds("numpy, yamjit")) for _ in range(args.pairs)]
    numpy_ms, both_ms = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    more_ms = 1e3 * statistics.median(both - numpy for numpy, both in pairs)
    print(f"import numpy {numpy_ms:.1f} ms, numpy and yamjit {both_ms:.1f} ms: {more_ms:+.1f} ms (median of pairs)")


if __name__ == "__main__":
    main()
