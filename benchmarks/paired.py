"""Everything that is measured, as ratios of paired runs: ``python -m benchmarks.paired``.

Machines are shared and noisy, so every round runs all contenders one after the other, and what counts is the median
over the rounds of each contender's time divided by that of LiteRT's default (XNNPACK) in the same round. Answers are
checked before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import distributions
from pathlib import Path

import benchmarks.contenders as everyone
from benchmarks.contenders import Contender, InProcess
from benchmarks.inputs import model, prepare
from benchmarks.processes import cold_seconds, import_ms, memory_mb
from benchmarks.roofline import limit_loop, multiply_adds
from tools.checks.lowerings import compiled_lowering, environment, own_lowering, runnable_lowerings

BASELINE = "LiteRT xnnpack"

#: What takes longer is run once, in the first round.
PATIENCE_S = 3.0

#: Patches that the network is given at once where it is held against the machine's limit.
BATCH = 16


@dataclass(frozen=True)
class Row:
    """A contender in a case: its median, and how many times the baseline's speed that is in paired runs."""

    contender: str
    median: float
    ratio: float | None


@dataclass(frozen=True)
class Table:
    """A case."""

    case: str
    title: str
    unit: str
    rows: list[Row]


# -- Cases ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """What a case is measured with."""

    folder: Path
    contenders: Sequence[Contender]
    rounds: int


def _latency(case: str, title: str) -> Callable[[Setting], Table]:
    def measure(setting: Setting) -> Table:
        return _paired(case, title, case, setting, setting.rounds, repeats=5)

    return measure


def _recording(threads: int) -> Callable[[Setting], Table]:
    def measure(setting: Setting) -> Table:
        title = f"file of 10 min, a window every 0.48 s, {threads} thread{'s' if threads > 1 else ''}"
        question = f"recording {threads}"
        some = setting if threads == 1 else replace(setting, contenders=_with_two_threads(setting))
        return _paired(question, title, question, some, setting.rounds // 6, repeats=1)

    return measure


def _with_two_threads(setting: Setting) -> list[Contender]:
    """Return who takes part where there are two threads, in order.

    A runtime may share out the work within its network, or a user may run two interpreters. Two threads of
    tflite-runtime take several times as long as one, a minute for the file of 10 min, and are left out.
    """
    found: list[Contender] = []
    for contender in setting.contenders:
        if isinstance(contender, InProcess):
            found.append(contender)
            if contender.name == BASELINE:
                found.append(everyone.two_interpreters(contender))
    return found


def _paired(case: str, title: str, question: str, setting: Setting, rounds: int, repeats: int) -> Table:
    """Run paired rounds; a contender's time in a round is the least of `repeats`."""
    times: dict[str, list[float]] = {contender.name: [] for contender in setting.contenders}
    for turn in range(max(3, rounds)):
        for contender in setting.contenders:
            if turn == 0 or times[contender.name][0] < PATIENCE_S:
                times[contender.name].append(contender.seconds(question, repeats))
    return _table(case, title, "ms", {name: [1e3 * time for time in own] for name, own in times.items()})


def _threads(setting: Setting) -> Table:
    """Hold two threads against one, a pair of runs after the other."""
    rows = []
    for contender in _with_two_threads(setting):
        if contender.name.startswith(("yamjit numba", BASELINE)):
            one: list[float] = []
            two: list[float] = []
            for _ in range(max(5, setting.rounds // 3)):
                one.append(contender.seconds("recording 1"))
                two.append(contender.seconds("recording 2"))
            ratio = statistics.median(a / b for a, b in zip(one, two, strict=True))
            rows.append(Row(contender.name, ratio, None))
    return Table("threads", "file of 10 min: speed of two threads", "times that of one", rows)


def _cold(setting: Setting) -> Table:
    """Run new processes, with all caches warm."""
    names = [contender.name for contender in setting.contenders if isinstance(contender, InProcess)]
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(max(3, setting.rounds // 4)):
        for name in names:
            times[name].append(1e3 * cold_seconds(name, setting.folder))
    return _table("cold", "cold process, file of one window to scores", "ms", times)


def _import(setting: Setting) -> Table:
    names = [name for name in ("yamjit numba", BASELINE) if name in _names(setting)]
    rows = [Row(name.split()[0], import_ms(name, max(5, setting.rounds // 4)), None) for name in names]
    return Table("import", "import, beyond NumPy's", "ms", rows)


def _memory(setting: Setting) -> Table:
    rows = []
    for contender in setting.contenders:
        if isinstance(contender, InProcess):
            for threads in (1, 2) if contender.name == "yamjit numba" else (1,):
                whole, more = memory_mb(contender.name, setting.folder, f"recording {threads}")
                name = contender.name + (f", {threads} threads" if threads > 1 else "")
                rows += [Row(name, more, None), Row(f"{name}, with interpreter and libraries", whole, None)]
    return Table("memory", "peak memory for the file of 10 min, beyond libraries", "MB", rows)


def _roofline(setting: Setting) -> Table:
    """Alternate bare dot products and the network at a batch of 16."""
    import numpy as np

    import yamjit
    from yamjit.kernels.backends import NumbaBackend
    from yamjit.kernels.workspace import ResultLayout

    classifier = yamjit.load(setting.folder / "model.tflite", backend="numba")
    patches = np.repeat(np.load(setting.folder / "patch.npy")[None], BATCH, axis=0)
    loop, products = limit_loop()
    backend, program, workspace = NumbaBackend(), classifier.plan.program, classifier.plan.program.workspace(BATCH)
    nothing, results = ResultLayout([]), np.empty((BATCH, 0), np.int8)
    runs: dict[str, Callable[[], object]] = {
        "limit": loop,
        "kernels": lambda: backend.run(program, workspace, patches, nothing, results, 0),
        "network": lambda: classifier.network.run(patches),
    }
    for run in runs.values():
        run()
    one_process = InProcess("limit", runs)  # type: ignore[arg-type]
    giga = dict.fromkeys(runs, BATCH * multiply_adds(classifier.plan) / 1e9) | {"limit": products / 1e9}
    rounds = [{name: giga[name] / one_process.seconds(name, 3) for name in runs} for _ in range(2 * setting.rounds)]
    speed = {name: statistics.median(found[name] for found in rounds) for name in runs}
    share = {name: 100 * statistics.median(found[name] / found["limit"] for found in rounds) for name in runs}
    rows = [
        Row("bare dot products", speed["limit"], None),
        Row(f"network, batches of {BATCH}", speed["network"], None),
        Row("network, share of the limit in %", share["network"], None),
        Row("its kernels without checks and conversions, share in %", share["kernels"], None),
    ]
    return Table("roofline", f"int8 multiply-adds, lowering {compiled_lowering()}", "G/s", rows)


def _lowered(setting: Setting) -> Table:
    """Let a process without AVX-512 measure the window case: ours on AVX2 next to LiteRT's optimised kernels."""
    if "avx2" not in runnable_lowerings() or own_lowering() == "avx2":
        return Table("avx2", "AVX2 lowering: is this machine's own, or does not run here", "ms", [])
    file = setting.folder / "avx2.json"
    arguments = ["--cases", "window,network", "--rounds", str(setting.rounds), "--lowering", "avx2"]
    command = [sys.executable, "-m", "benchmarks.paired", *arguments, "--json", str(file)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    tables = json.loads(file.read_text())["tables"]
    rows = [
        Row(f"{row['contender']}, {table['case']}", row["median"], row["ratio"])
        for table in tables
        for row in table["rows"]
        if row["contender"] in ("yamjit numba", "LiteRT optimised", BASELINE)
    ]
    return Table("avx2", "yamjit compiled for AVX2 alone (the runtimes still use all of the machine)", "ms", rows)


CASES: dict[str, Callable[[Setting], Table]] = {
    "window": _latency("window", "one window of 0.975 s, waveform to scores"),
    "network": _latency("network", "network alone, patch to scores"),
    "front-end": _latency("front end", "front end alone, waveform to patch"),
    "recording-1": _recording(1),
    "recording-2": _recording(2),
    "threads": _threads,
    "roofline": _roofline,
    "avx2": _lowered,
    "cold": _cold,
    "import": _import,
    "memory": _memory,
}

#: Cases that time contenders of this process, whose answers are checked first.
_CHECKED = {"window", "network", "front-end", "recording-1", "recording-2", "threads"}


# -- Tables -----------------------------------------------------------------------------------------------------


def _names(setting: Setting) -> list[str]:
    return [contender.name for contender in setting.contenders]


def _table(case: str, title: str, unit: str, times: dict[str, list[float]]) -> Table:
    rows = []
    for name, own in times.items():
        ratios = [base / mine for base, mine in zip(times.get(BASELINE, []), own, strict=False)]
        rows.append(Row(name, statistics.median(own), statistics.median(ratios) if ratios else None))
    return Table(case, title, unit, rows)


def _markdown(table: Table) -> Iterator[str]:
    compared = any(row.ratio is not None for row in table.rows)
    yield f"| {table.title} | {table.unit} |" + (f" times the speed of {BASELINE} |" if compared else "")
    yield "|---|---:|" + ("---:|" if compared else "")
    for row in table.rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        yield f"| {row.contender} | {_digits(row.median)} |" + (f" {ratio} |" if compared else "")


def _digits(value: float) -> str:
    """Return three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()


def _versions() -> list[str]:
    wanted = ("numpy", "numba", "llvmlite", "ai-edge-litert")
    installed = {(distribution.name or "").lower(): distribution.version for distribution in distributions()}
    found = [f"{name} {installed[name]}" for name in wanted if name in installed]
    return [f"Python {platform.python_version()}", *found, *_old_runtime_version()]


def _old_runtime_version() -> list[str]:
    python = os.environ.get(everyone.OLD_RUNTIME_PYTHON)
    if not python:
        return []
    code = "from importlib.metadata import version; print(version('tflite-runtime'), version('numpy'))"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return [f"tflite-runtime {found[0]} (with numpy {found[1]})"]


def _model() -> str:
    found = model()
    return found.known.name if found.known else f"{found.path}, SHA-256 {found.sha256}"


def _machine() -> str:
    parts = [_model(), _processor(), f"{os.cpu_count()} cores", f"lowering {compiled_lowering()}", *_versions()]
    return ", ".join(parts)


# -- Command line -----------------------------------------------------------------------------------------------


def main() -> None:
    """Check every contender, run the rounds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="paired rounds of the short cases (default: 30)")
    parser.add_argument("--cases", default=",".join(CASES), help="default: %(default)s")
    parser.add_argument("--lowering", help=f"of yamjit's kernels: {', '.join(runnable_lowerings())}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    args = parser.parse_args()
    unknown = set(cases := args.cases.split(",")) - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if args.lowering and args.lowering != compiled_lowering():
        sys.exit(subprocess.run([sys.executable, "-m", "benchmarks.paired", *sys.argv[1:]], env=_told(args)).returncode)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        _run(Path(folder), cases, args)


def _told(args: argparse.Namespace) -> dict[str, str]:
    """Return an environment in which Numba compiles for a lowering."""
    return {**os.environ, **environment(args.lowering)}


def _run(folder: Path, cases: Sequence[str], args: argparse.Namespace) -> None:
    print(_machine(), flush=True)
    contenders = everyone.load_all(folder)
    if _CHECKED & set(cases):
        by_name = {contender.name: contender for contender in contenders}
        judge = by_name.get("LiteRT reference", by_name["yamjit numpy"])
        for contender in contenders:
            everyone.check(contender, judge)
    tables = []
    for case in cases:
        table = CASES[case](Setting(folder, contenders, args.rounds))
        print("\n" + "\n".join(_markdown(table)), flush=True)
        tables.append(table)
    if args.json:
        args.json.write_text(json.dumps({"machine": _machine(), "tables": [asdict(t) for t in tables]}, indent=1))


if __name__ == "__main__":
    main()
