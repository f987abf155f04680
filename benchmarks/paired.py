"""Everything that is measured, as ratios of paired runs: ``python -m benchmarks.paired``.

Machines are shared and noisy, so every round runs all contenders one after the other, each in a process of its own,
and what counts is the median over the rounds of each contender's time divided by that of LiteRT's default (XNNPACK) in
the same round. Answers are checked before anything is timed. yamjit is asked by its public calls.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.cases import CASES, Setting
from benchmarks.field import Field, open_field
from benchmarks.inputs import prepare
from benchmarks.levels import level_lines, measure_levels
from benchmarks.tables import machine, markdown, processor, processor_has
from tools.checks.lowerings import compiled_lowering, environment, fast_backend, runnable_lowerings

_LEVELS = "levels"

#: Cases by name, in the order of their tables, and those that take long and are measured where they are asked for.
_ALL = (_LEVELS, *CASES)
_LONG = ("jobs",)


def main() -> None:
    """Check every contender, run the rounds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12, help="paired rounds of the short cases (default: 12)")
    usual = ",".join(case for case in _ALL if case not in _LONG)
    parser.add_argument("--cases", default=usual, help=f"all, or some of {', '.join(_ALL)} (default: all but jobs)")
    backend = fast_backend()
    lowerings = runnable_lowerings(backend)
    parser.add_argument("--lowering", help=f"of yamjit's kernels, in all cases but levels: {', '.join(lowerings)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    args = parser.parse_args()
    cases = _ALL if args.cases == "all" else args.cases.split(",")
    if unknown := set(cases) - set(_ALL):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if args.lowering and args.lowering not in lowerings:
        parser.error(f"--lowering {args.lowering}: this machine runs {', '.join(lowerings)}")
    if args.lowering and args.lowering != compiled_lowering(backend):
        told = {**os.environ, **environment(args.lowering), **environment(args.lowering, backend)}
        sys.exit(subprocess.run([sys.executable, "-m", "benchmarks.paired", *sys.argv[1:]], env=told).returncode)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        _run(Path(folder), cases, args)


def _run(folder: Path, cases: Sequence[str], args: argparse.Namespace) -> None:
    with open_field(folder) as field:
        told = _machine(field)
        print(told, *(f"{name}: {reason}" for name, reason in field.absent.items()), sep="\n", flush=True)
        found = {"machine": told, "processor": processor(), "has": processor_has(), "cores": os.cpu_count()}
        found |= {"lowering": compiled_lowering(fast_backend()), "rounds": args.rounds, "absent": field.absent}
        tables = []
        for case in cases:
            if case == _LEVELS:
                levels = list(measure_levels(folder, args.rounds))
                print("\n" + "\n".join(level_lines(levels)), flush=True)
                found["levels"] = [asdict(level) for level in levels]
            else:
                table = CASES[case](Setting(folder, field, args.rounds))
                print("\n" + "\n".join(markdown(table)), flush=True)
                tables.append(asdict(table))
    if args.json:
        args.json.write_text(json.dumps({**found, "tables": tables}, indent=1))


def _machine(field: Field) -> str:
    versions: dict[str, str] = {}
    for contender in field.present.values():
        for name, version in contender.versions.items():
            versions.setdefault(name, version)
    return machine(versions)


if __name__ == "__main__":
    main()
