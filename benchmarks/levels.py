"""Equal instruction sets: XNNPACK's time over yamjit's, both confined to one after the other.

    python -m benchmarks.levels

yamjit runs the lowering of that name, and LiteRT in a process that `benchmarks.confine` has confined. Samples of the
instructions that LiteRT ran say whether it kept to them. What this machine does not have is skipped by name.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.confine import LEVELS
from benchmarks.contenders import BASELINE, OURS, check
from benchmarks.field import start
from benchmarks.inputs import prepare
from benchmarks.tables import digits, machine
from benchmarks.worker import Absent, OtherProcess
from tools.checks.lowerings import fast_backend, runnable_lowerings

__all__ = ["QUESTIONS", "Level", "level_lines", "measure_levels"]

#: What is asked, by the name of its column: a window is asked by `classify`.
QUESTIONS = {
    "window": "window",
    "score_window": "score_window",
    "push": "push",
    "network": "network",
    "10 min": "recording 1",
}

TITLES = {"amx": "AMX", "avx512vnni": "AVX-512 VNNI", "avxvnni": "AVX-VNNI", "avx2": "AVX2"}

#: Instructions of this share may come from the C library, which has been asked before and copies memory.
_STRAY = 0.05


@dataclass(frozen=True)
class Level:
    """An instruction set: times of both, in ms, and the ratio of paired runs, by question; or why there are none."""

    level: str
    figures: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    #: How LiteRT was confined, or why it was not.
    confinement: str = ""
    #: Share of the instructions that were found running in LiteRT, by instruction set.
    seen: Mapping[str, float] = field(default_factory=dict)
    skipped: str = ""


def measure_levels(folder: Path, rounds: int, levels: Sequence[str] = tuple(LEVELS)) -> Iterator[Level]:
    """Measure one level after the other."""
    runnable = runnable_lowerings(fast_backend())
    for level in levels:
        if level not in runnable:
            yield Level(level, skipped="not on this machine")
            continue
        with_both: list[OtherProcess] = []
        try:
            with_both.append(start(OURS, folder, level))
            theirs, confinement = _confined(folder, level)
            with_both.append(theirs)
            check(theirs, with_both[0])
            figures = {name: _paired(*with_both, asked, rounds) for name, asked in QUESTIONS.items()}
            seen = _seen(theirs) if theirs.confinement else {}
            yield Level(level, figures, _judged(level, confinement, seen), seen)
        except Absent as error:
            yield Level(level, skipped=str(error))
        finally:
            for contender in with_both:
                contender.end()


def _confined(folder: Path, level: str) -> tuple[OtherProcess, str]:
    """Return LiteRT confined to a level, and how; else unconfined, and why."""
    try:
        found = start(BASELINE, folder, level)
    except Absent as error:
        return start(BASELINE, folder), f"unconfined: {error}"
    return found, found.confinement


def _paired(ours: OtherProcess, theirs: OtherProcess, question: str, rounds: int) -> tuple[float, float, float]:
    """Return both medians in ms, and the median ratio of runs in turns."""
    turns = max(3, rounds // 3) if question.startswith("recording") else rounds
    pairs = [(1e3 * ours.seconds(question), 1e3 * theirs.seconds(question)) for _ in range(turns)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return mine, other, statistics.median(b / a for a, b in pairs)


def _seen(theirs: OtherProcess) -> dict[str, float]:
    counts = {kind: sum(each.values()) for kind, each in theirs.instructions("window", 1.0).items()}
    return {kind: count / sum(counts.values()) for kind, count in counts.items()}


def _judged(level: str, confinement: str, seen: Mapping[str, float]) -> str:
    """Return how a runtime was confined, or that it did not keep to it."""
    beyond = [name for name in LEVELS[level] if seen.get(name, 0) > _STRAY]
    return f"unconfined: {seen[beyond[0]]:.0%} of its instructions are {beyond[0]}" if beyond else confinement


def level_lines(levels: Sequence[Level]) -> Iterator[str]:
    """Yield the lines of the table in Markdown, and of what was done for it."""
    yield f"| times the speed of {BASELINE}, same instructions | " + " | ".join(QUESTIONS) + " |"
    yield "|---|" + "---:|" * len(QUESTIONS)
    for one in levels:
        cells = [f"{one.figures[name][2]:.2f}" if one.figures else "" for name in QUESTIONS]
        note = f" ({one.skipped})" if one.skipped else " (unconfined)" if one.confinement.startswith("unconf") else ""
        yield f"| {TITLES[one.level]}{note} | " + " | ".join(cells) + " |"
    yield ""
    yield "| ms: yamjit, " + BASELINE + " | " + " | ".join(QUESTIONS) + " | how confined | instructions of LiteRT |"
    yield "|---|" + "---:|" * len(QUESTIONS) + "---|---|"
    for one in levels:
        if one.figures:
            cells = [f"{digits(mine)}, {digits(other)}" for mine, other, _ in one.figures.values()]
            seen = ", ".join(f"{share:.0%} {kind}" for kind, share in sorted(one.seen.items(), key=lambda kv: -kv[1]))
            yield f"| {TITLES[one.level]} | " + " | ".join(cells) + f" | {one.confinement} | {seen} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="paired rounds of the short cases (default: 15)")
    parser.add_argument("--levels", default=",".join(LEVELS), help="default: %(default)s")
    args = parser.parse_args()
    if unknown := set(chosen := args.levels.split(",")) - set(LEVELS):
        parser.error(f"no such level: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        print(machine({}), flush=True)
        print("\n" + "\n".join(level_lines(list(measure_levels(Path(folder), args.rounds, chosen)))))


if __name__ == "__main__":
    sys.exit(main())
