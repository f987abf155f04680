"""Libraries that were built ahead of time, proven: what their files are, and every bit that they compute.

A library is loaded by ``library_harness.c``, in every way there is here, a module of WebAssembly by
``module_harness.mjs`` and ``module_harness.py``. What the calls of `tools.checks.library_jobs`
leave in memory is compared with what code that is compiled here leaves, and what those of `tools.checks.plan_jobs` find
with what is right.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yamjit
from tools.checks import emulation, evex
from tools.checks.binaries import faults, module_faults, traces
from tools.checks.library_jobs import (
    DoesNotRunError,
    Outcome,
    compare,
    log_mel_job,
    network_jobs,
    run_here,
    run_in,
)
from tools.checks.module_engines import ENGINES, Engine
from tools.checks.plan_jobs import digest_job, plan_jobs, turn_job
from tools.libraries.bitcode import MODULES
from tools.libraries.platforms import PLATFORMS, STATIC, Platform
from yamjit.errors import YamjitError
from yamjit.kernels.vectors.processor import host_features, host_target
from yamjit.kernels.vectors.target import TARGETS, Target

__all__ = ["WAYS", "Proof", "Way", "harness", "missing", "prove"]

_HARNESS = Path(__file__).with_name("library_harness.c")

_X86 = ("qemu-x86_64", "-cpu")
_ARM, _ARM_C = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-cpu"), ("aarch64-linux-gnu-gcc",)


class Way(NamedTuple):
    """How a platform's library is run here.

    Parameters
    ----------
    title : str
    platform : str
    compiler : tuple of str
        Command that compiles the harness.
    runner : tuple of str
        Command that starts it.
    packages : str
        Debian's packages that both are from.
    runs : frozenset of str or None
        Lowerings that the processor runs; None if it is this machine's.
    """

    title: str
    platform: str
    compiler: tuple[str, ...]
    runner: tuple[str, ...]
    packages: str
    runs: frozenset[str] | None

    def is_to_run(self, lowering: str) -> bool:
        """Return whether the processor has what a lowering wants."""
        if self.runs is not None:
            return lowering in self.runs
        return TARGETS[lowering].runs_on(host_features(), platform.machine())


_ARM_PACKAGES = "qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
_BOTH, _OLDER = frozenset({"neon-dot", "neon"}), frozenset({"neon"})

WAYS = (
    Way("glibc", "linux-x86_64", ("cc",), (), "gcc", None),
    Way("musl", "linux-x86_64", ("musl-gcc",), (), "musl-tools", None),
    Way("Haswell", "linux-x86_64", ("cc",), (*_X86, "Haswell"), "gcc qemu-user", frozenset({"avx2", "plain"})),
    Way("Nehalem", "linux-x86_64", ("cc",), (*_X86, "Nehalem"), "gcc qemu-user", frozenset({"plain"})),
    Way("Cortex-A76", "linux-aarch64", _ARM_C, (*_ARM, "cortex-a76"), _ARM_PACKAGES, _BOTH),
    Way("Cortex-A72", "linux-aarch64", _ARM_C, (*_ARM, "cortex-a72"), _ARM_PACKAGES, _OLDER),
    Way("Linux 4.4", "linux-aarch64", _ARM_C, (*_ARM, "cortex-a76", "-r", "4.4.0"), _ARM_PACKAGES, _OLDER),
    Way("Cortex-A76, glibc", "android-arm64", _ARM_C, (*_ARM, "cortex-a76"), _ARM_PACKAGES, _BOTH),
    Way("Wine", "windows-x86_64", ("x86_64-w64-mingw32-gcc",), ("wine",), "gcc-mingw-w64-x86-64 wine64", None),
)

_TILES = Way("tiles emulated", "linux-x86_64", ("cc",), (), "gcc", frozenset({emulation.LOWERING}))
_EVEX = Way("EVEX's encoding", evex.PLATFORM.name, ("cc",), (), "gcc", frozenset({evex.STANDS_FOR}))


class Proof:
    """What a model's kernels leave in memory, computed here.

    Parameters
    ----------
    model : Classifier
    """

    def __init__(self, model: yamjit.Classifier) -> None:
        self._model = model
        here = host_target()
        self._network = [run_here(job, here) for job in network_jobs(model, here)]

    def outcomes(self, lowering: str, harness: Sequence[str | Path]) -> Iterator[Outcome]:
        """Yield how a lowering compares; raises `DoesNotRunError` if it does not run here."""
        target = TARGETS[lowering]
        yield from self._of_entries(target, harness)
        for job, expected in plan_jobs(target.family):
            yield compare(job, run_in(harness, job), expected)

    def outcomes_of_module(self, name: str, engine: Engine, harness: Sequence[str | Path]) -> Iterator[Outcome]:
        """Yield how a module of WebAssembly compares, in an engine that runs it exactly."""
        functions = MODULES[name]
        target = engine.target(functions["run_steps"].lowering)
        yield from self._of_entries(target, harness)
        jobs = [digest_job(), *([turn_job()] if "turn" in functions else [])]
        for job, expected in jobs:
            yield compare(job, run_in(harness, job), expected)

    def _of_entries(self, target: Target, harness: Sequence[str | Path]) -> Iterator[Outcome]:
        for job, expected in zip(network_jobs(self._model, target), self._network, strict=True):
            yield compare(job, run_in(harness, job), expected)
        # Without fused multiply-adds, log-mel frames are rounded in other places, and alike in all such lowerings.
        here = host_target()
        like = here if here.has_fma == target.has_fma else TARGETS["plain"]
        frames = log_mel_job(self._model)
        yield compare(frames, run_in(harness, frames), run_here(frames, like))


def harness(way: Way, folder: Path, library: Path, lowering: str) -> list[str | Path]:
    """Return the command that runs a lowering of a library."""
    program = folder / f"{way.platform}-{way.title.replace(' ', '-')}.exe"
    if not program.exists():
        subprocess.run([*way.compiler, "-O2", "-o", program, _HARNESS], check=True)
    return [*way.runner, program, library, lowering]


def _judged(proof: Proof, way: Way, lowering: str, harness: Sequence[str | Path]) -> tuple[str, bool, bool]:
    """Return what is said of a lowering, whether it is as it is to be, and whether it ran."""
    try:
        outcomes = list(proof.outcomes(lowering, harness))
    except DoesNotRunError:
        return "does not run on this processor", not way.is_to_run(lowering), False
    if not way.is_to_run(lowering):
        return "says that it runs on this processor", False, False
    return *_counted(outcomes), True


def _counted(outcomes: Sequence[Outcome]) -> tuple[str, bool]:
    """Return what is said of outcomes, and whether nothing differs."""
    calls, cells = sum(outcome.calls for outcome in outcomes), sum(outcome.cells for outcome in outcomes)
    different = sum(outcome.different for outcome in outcomes)
    return f"{calls} calls, {cells:,} cells, {different:,} bytes differ", different == 0


def _prove_modules(report: _Report, proof: Proof, platform: Platform, folder: Path) -> set[str]:
    """Run the modules of a platform in every engine there is here; return the lowerings that ran."""
    ran = set()
    for engine in ENGINES:
        if lacking := engine.missing():
            report.lacks(f"{platform.name}, {engine.title}", lacking)
            continue
        for name in platform.modules:
            title, lowering = f"{platform.name}, {engine.title}, {name}", MODULES[name]["run_steps"].lowering
            if reason := engine.refuses(lowering):
                report.tell(title, reason, True)
                continue
            harness = engine.harness(folder / platform.name / name)
            report.tell(title, *_counted(list(proof.outcomes_of_module(name, engine, harness))))
            ran.add(lowering)
    return ran


def _prove_avxvnni(report: _Report, proof: Proof, folder: Path, work: Path) -> None:
    """Run the instructions of "avxvnni" in the encoding of AVX-512 (`tools.checks.evex`)."""
    title, lowering, library = f"{_EVEX.platform}, {_EVEX.title}, {evex.STANDS_FOR}", evex.STANDS_FOR, work / "evex.so"
    if not TARGETS[evex.THROUGH].runs_on(host_features(), platform.machine()):
        report.lacks(title, "this processor has no AVX-512 VNNI")
    elif lacking := missing(_EVEX):
        report.lacks(title, lacking)
    else:
        try:
            evex.write_library(folder, library)
            said, is_right, _ = _judged(proof, _EVEX, lowering, harness(_EVEX, work, library, evex.THROUGH))
        except YamjitError as error:
            said, is_right = str(error), False
        report.tell(title, said, is_right)


def _prove_amx(report: _Report, proof: Proof, folder: Path, work: Path) -> None:
    """Run the shipped instructions of "amx", tiles by an emulator (`tools.checks.emulation`)."""
    title = f"{_TILES.platform}, {_TILES.title}, {emulation.LOWERING}"
    library = folder / _TILES.platform / str(PLATFORMS[_TILES.platform].shared)
    if lacking := missing(_TILES) or emulation.why_not_emulated():
        report.lacks(title, lacking)
        return
    loaded = ["env", *(f"{name}={value}" for name, value in emulation.preloaded().items())]
    command = [*loaded, *harness(_TILES, work, library, emulation.LOWERING), "emulated"]
    said, is_right, _ = _judged(proof, _TILES, emulation.LOWERING, command)
    report.tell(title, said, is_right)


def _inspected(built: Platform, folder: Path) -> tuple[str, bool]:
    """Return what is said of a platform's libraries, and whether they are as they are to be."""
    if built.modules:
        wrong = [fault for name in built.modules for fault in module_faults(folder / built.name / name)]
        return "; ".join(wrong) or "modules that import a memory and nothing else", not wrong
    found = list(traces(folder / built.name / STATIC))
    if built.shared is None:
        return "; ".join(found) or "a static library alone, which tells nothing of where it was built", not found
    found += faults(folder / built.name / built.shared, built)
    return "; ".join(found) or "needs and shows what it is to", not found


def missing(way: Way) -> str:
    """Return what a way needs that is not installed, and how to install it; empty if nothing is missing."""
    commands = [command[0] for command in (way.compiler, way.runner) if command]
    absent = [command for command in commands if shutil.which(command) is None]
    return f"{', '.join(absent)} not found: apt-get install {way.packages}" if absent else ""


def prove(names: Sequence[str], folder: Path, model: bytes) -> int:
    """Prove the libraries of platforms in a folder, with a model's file; return the exit status."""
    report = _Report()
    for name in names:
        report.tell(name, *_inspected(PLATFORMS[name], folder))
    proof = Proof(yamjit.load(model, backend="numba"))
    unproven = {(name, lowering): None for name in names for lowering in PLATFORMS[name].lowerings}
    with tempfile.TemporaryDirectory() as work:
        for platform in (PLATFORMS[name] for name in names if PLATFORMS[name].modules):
            for lowering in _prove_modules(report, proof, platform, folder):
                unproven.pop((platform.name, lowering), None)
        for way in (way for way in WAYS if way.platform in names):
            if lacking := missing(way):
                report.lacks(f"{way.platform}, {way.title}", lacking)
                continue
            library = folder / way.platform / str(PLATFORMS[way.platform].shared)
            for lowering in PLATFORMS[way.platform].lowerings:
                said, is_right, ran = _judged(proof, way, lowering, harness(way, Path(work), library, lowering))
                report.tell(f"{way.platform}, {way.title}, {lowering}", said, is_right)
                if ran:
                    unproven.pop((way.platform, lowering), None)
        if (evex.PLATFORM.name, evex.STANDS_FOR) in unproven:
            _prove_avxvnni(report, proof, folder, Path(work))
        if (_TILES.platform, emulation.LOWERING) in unproven:
            _prove_amx(report, proof, folder, Path(work))
    print(f"never run here: {', '.join(map(' '.join, unproven)) or 'none'}")
    return report.status


class _Report:
    """Lines as they come, and the exit status that they amount to."""

    def __init__(self) -> None:
        self.status = 0

    def tell(self, title: str, said: str, is_right: bool) -> None:
        print(f"{'' if is_right else 'WRONG: '}{title}: {said}", flush=True)
        if not is_right:
            self.status = 1

    def lacks(self, title: str, lacking: str) -> None:
        print(f"{title}: not run, {lacking}", flush=True)
        self.status = self.status or 2
