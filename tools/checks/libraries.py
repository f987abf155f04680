"""Prove libraries that were built ahead of time: what their files are, and every bit that they compute.

::

    python -m tools.checks.libraries [FOLDER] [--platform linux-aarch64 ...] [--model FILE.tflite]

``FOLDER`` is what ``python -m tools.libraries`` wrote. Every shared library is looked into (`tools.checks.binaries`).
Then each that can be run here is loaded by ``library_harness.c``, in every way there is: by glibc's loader and musl's,
for Arm by QEMU, for Windows by Wine. The harness calls the entries of each lowering, between guard bytes, and all
memory is compared after every call with what code that is compiled here leaves (`tools.checks.library_jobs`). The exit
status is 1 if a file is not as it is to be or a bit differs, and 2 if something that runs a library is not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yamjit
from tests.support.synthetic import synthetic_yamnet
from tools.checks import evex
from tools.checks.binaries import faults
from tools.checks.library_jobs import (
    DoesNotRunError,
    Outcome,
    compare,
    log_mel_job,
    network_jobs,
    run_here,
    run_in,
)
from tools.checks.plan_jobs import plan_jobs
from tools.libraries.platforms import PLATFORMS, Platform
from yamjit.errors import YamjitError
from yamjit.kernels.vectors.processor import host_features, host_target
from yamjit.kernels.vectors.target import TARGETS
from yamjit.tflite.writer import write_graph

__all__ = ["WAYS", "Proof", "Way", "main"]

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
        target, here = TARGETS[lowering], host_target()
        for job, expected in zip(network_jobs(self._model, target), self._network, strict=True):
            yield compare(job, run_in(harness, job), expected)
        # Without fused multiply-adds, log-mel frames are rounded in other places.
        like = here if here.has_fma == target.has_fma else target
        frames = log_mel_job(self._model)
        yield compare(frames, run_in(harness, frames), run_here(frames, like))
        for job, expected in plan_jobs("arm" if target.multiplies_signed_bytes else "x86"):
            yield compare(job, run_in(harness, job), expected)


def _harness(way: Way, folder: Path, library: Path, lowering: str) -> list[str | Path]:
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
    calls, cells = sum(outcome.calls for outcome in outcomes), sum(outcome.cells for outcome in outcomes)
    different = sum(outcome.different for outcome in outcomes)
    return f"{calls} calls, {cells:,} cells, {different:,} bytes differ", different == 0, True


def _prove_avxvnni(report: _Report, proof: Proof, folder: Path, work: Path) -> None:
    """Run the instructions of "avxvnni" in the encoding of AVX-512 (`tools.checks.evex`)."""
    title, lowering, library = f"{_EVEX.platform}, {_EVEX.title}, {evex.STANDS_FOR}", evex.STANDS_FOR, work / "evex.so"
    if not TARGETS[evex.THROUGH].runs_on(host_features(), platform.machine()):
        report.lacks(title, "this processor has no AVX-512 VNNI")
    elif missing := _missing(_EVEX):
        report.lacks(title, missing)
    else:
        try:
            evex.write_library(folder, library)
            said, is_right, _ = _judged(proof, _EVEX, lowering, _harness(_EVEX, work, library, evex.THROUGH))
        except YamjitError as error:
            said, is_right = str(error), False
        report.tell(title, said, is_right)


def _inspected(built: Platform, folder: Path) -> tuple[str, bool]:
    """Return what is said of a platform's shared library, and whether it is as it is to be."""
    if built.shared is None:
        return "a static library alone, not looked into", True
    found = list(faults(folder / built.name / built.shared, built))
    return "; ".join(found) or "needs and shows what it is to", not found


def _missing(way: Way) -> str:
    commands = [command[0] for command in (way.compiler, way.runner) if command]
    absent = [command for command in commands if shutil.which(command) is None]
    return f"{', '.join(absent)} not found: apt-get install {way.packages}" if absent else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.checks.libraries", description="Prove libraries.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/libraries"), help="default: %(default)s")
    parser.add_argument("--platform", nargs="+", choices=PLATFORMS, help="default: all in the folder")
    parser.add_argument("--model", type=Path, help="the .tflite file (default: a synthetic one)")
    options = parser.parse_args(arguments)
    folder: Path = options.folder.resolve()
    names = options.platform or [name for name in PLATFORMS if (folder / name).is_dir()]
    if not names:
        return _refused(f"there is no library in {folder}; python -m tools.libraries builds them")
    if importlib.util.find_spec("lief") is None:
        return _refused("lief is not installed, which looks into libraries: pip install -e '.[libraries]'")
    report = _Report()
    for name in names:
        report.tell(name, *_inspected(PLATFORMS[name], folder))
    data = options.model.read_bytes() if options.model else write_graph(synthetic_yamnet())
    proof = Proof(yamjit.load(data, backend="numba"))
    unproven = {(name, lowering): None for name in names for lowering in PLATFORMS[name].lowerings}
    with tempfile.TemporaryDirectory() as work:
        for way in (way for way in WAYS if way.platform in names):
            if missing := _missing(way):
                report.lacks(f"{way.platform}, {way.title}", missing)
                continue
            library = folder / way.platform / str(PLATFORMS[way.platform].shared)
            for lowering in PLATFORMS[way.platform].lowerings:
                said, is_right, ran = _judged(proof, way, lowering, _harness(way, Path(work), library, lowering))
                report.tell(f"{way.platform}, {way.title}, {lowering}", said, is_right)
                if ran:
                    unproven.pop((way.platform, lowering), None)
        if (evex.PLATFORM.name, evex.STANDS_FOR) in unproven:
            _prove_avxvnni(report, proof, folder, Path(work))
    print(f"never run here: {', '.join(map(' '.join, unproven)) or 'none'}")
    return report.status


def _refused(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 1


class _Report:
    """Lines as they come, and the exit status that they amount to."""

    def __init__(self) -> None:
        self.status = 0

    def tell(self, title: str, said: str, is_right: bool) -> None:
        print(f"{'' if is_right else 'WRONG: '}{title}: {said}", flush=True)
        if not is_right:
            self.status = 1

    def lacks(self, title: str, missing: str) -> None:
        print(f"{title}: not run, {missing}", flush=True)
        self.status = self.status or 2


if __name__ == "__main__":
    sys.exit(main())
