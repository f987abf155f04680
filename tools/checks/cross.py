"""Prove the kernels for 64-bit Arm on another machine: compile them across, emulate them, compare every bit.

::

    python -m tools.checks.cross [--processor cortex-a76 cortex-a72] [--model FILE.tflite]

Object files are compiled for each processor (`tools.checks.cross_compile`), which ``cross_harness.c`` runs under QEMU:
every step of the network, over one patch and over three, then all steps in one call, and log-mel frames. What each call
leaves in memory is compared with what the same call leaves here. That takes Debian's packages ``qemu-user``,
``gcc-aarch64-linux-gnu`` and ``libc6-dev-arm64-cross``; without them the exit status is 2. It is 1 if a bit differs.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import yamjit
from tests.support.synthetic import probe_signals, synthetic_yamnet
from tools.checks.cross_compile import compile_for, inspect
from tools.libraries.bitcode import OF_ALL, Function
from yamjit.kernels.int8.preparation import prepare
from yamjit.kernels.log_mel.tables import Field, make_tables
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.memory import aligned_bytes
from yamjit.kernels.program import Column
from yamjit.kernels.vectors.processor import host_target
from yamjit.kernels.vectors.target import TARGETS, Target
from yamjit.tflite.writer import write_graph

__all__ = [
    "Call",
    "Job",
    "Outcome",
    "check",
    "compare",
    "link",
    "log_mel_job",
    "main",
    "missing",
    "network_jobs",
    "run_emulated",
    "run_here",
]

Bytes = npt.NDArray[np.uint8]

_QEMU, _GCC = "qemu-aarch64", "aarch64-linux-gnu-gcc"
_PACKAGES = {_QEMU: "qemu-user", _GCC: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"}
_PROCESSORS = {target.cpu: target for target in TARGETS.values() if target.machine == "aarch64"}
_HERE = tuple(LoadedEntry(entry) for entry in OF_ALL)
_RUN_STEPS, _LOG_MEL = range(2)
_MOST_ARGUMENTS = 12

#: Patches at once.
_BATCHES = (1, 3)


class Call(NamedTuple):
    """A call of an entry.

    Parameters
    ----------
    entry : int
        Its place in the table of entries.
    arguments : tuple of (int, int)
        Each the number of a buffer and an offset into it, or -1 and an integer.
    result : int
        The buffer that is compared afterwards.
    cells : int
        How many values of it the call computes.
    """

    entry: int
    arguments: tuple[tuple[int, int], ...]
    result: int
    cells: int


@dataclass(frozen=True)
class Job:
    """Calls that follow each other, and what the buffers hold before."""

    title: str
    buffers: tuple[Bytes, ...]
    calls: tuple[Call, ...]


class Outcome(NamedTuple):
    """What was compared; `different` counts bytes, anywhere in the results."""

    title: str
    calls: int
    cells: int
    different: int


# -- What is run ------------------------------------------------------------------------------------------------


def network_jobs(model: yamjit.Classifier, target: Target) -> Iterator[Job]:
    """Yield every step of a network by itself, and all of them in one call, for batches of several sizes."""
    program = model.plan.program
    prepared = prepare(program, target)
    scratch, capacity, last = prepared.scratch, max(_BATCHES), len(prepared.steps)
    buffers = prepared.steps.view(np.uint8).ravel(), prepared.constants, np.zeros(scratch.size, np.uint8)
    offsets = [(-1, place) for place in (scratch.accumulators, scratch.image, scratch.panel, scratch.border)]

    def call(first: int, last: int, patches: int) -> Call:
        row = prepared.steps[last - 1]
        cells = patches * math.prod(int(row[c]) for c in (Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C))
        span = [(0, 0), (-1, first), (-1, last), (1, 0), (3, 0), (2, 0)]
        return Call(_RUN_STEPS, (*span, *offsets, (-1, capacity), (-1, patches)), 3, cells)

    for patches in _BATCHES:
        workspace = program.workspace(capacity)
        place = workspace.tensor(model.plan.patch_offset, patches, model.plan.patch_shape, np.float32)
        place[...] = [model.front_end.frames(signal) for signal in list(probe_signals().values())[:patches]]
        whole = (*buffers, workspace.arena)
        steps = tuple(call(step, step + 1, patches) for step in range(last))
        yield Job(f"run_steps, {patches} at once, each step", whole, steps)
        yield Job(f"run_steps, {patches} at once, all steps", whole, (call(0, last, patches),))


def log_mel_job(model: yamjit.Classifier) -> Job:
    """Return calls for fewer and more frames than are computed at once."""
    constants = model.front_end.constants
    tables = make_tables(constants)
    samples = np.concatenate(list(probe_signals().values()))
    frames = (1, 2, 3, (samples.size - constants.window.size) // constants.hop_length + 1)
    out = np.zeros(max(frames) * len(constants.log_offset), np.float32)
    scratch = np.zeros(tables.view(np.int64)[Field.SCRATCH_SIZE], np.uint8)
    buffers = (tables, samples.view(np.uint8), scratch, out.view(np.uint8))
    calls = [
        Call(_LOG_MEL, ((0, 0), (1, 0), (-1, count), (2, 0), (3, 0)), 3, count * len(constants.log_offset))
        for count in frames
    ]
    return Job("log_mel", buffers, tuple(calls))


# -- Where it is run --------------------------------------------------------------------------------------------


def run_here(job: Job) -> list[Bytes]:
    """Run a job in this process; returns the result of every call."""
    buffers = []
    for content in job.buffers:
        buffers.append(aligned_bytes(content.size))
        buffers[-1][...] = content
    results = []
    for call in job.calls:
        places = [buffers[buffer].ctypes.data if buffer >= 0 else 0 for buffer, _ in call.arguments]
        _HERE[call.entry](*(place + value for place, (_, value) in zip(places, call.arguments, strict=True)))
        results.append(buffers[call.result].copy())
    return results


def run_emulated(job: Job, program: Path, processor: str) -> list[Bytes]:
    """Run a job in the harness; returns the result of every call.

    Raises
    ------
    RuntimeError
        If a call stops or writes beside its buffers.
    """
    numbers = [len(job.buffers), len(job.calls), *(buffer.size for buffer in job.buffers)]
    for call in job.calls:
        unused = [(-1, 0)] * (_MOST_ARGUMENTS - len(call.arguments))
        numbers += [call.entry, call.result, *np.ravel([*call.arguments, *unused]).tolist()]
    data = np.array(numbers, "<i8").tobytes() + b"".join(buffer.tobytes() for buffer in job.buffers)
    run = subprocess.run([_QEMU, "-cpu", processor, program], input=data, capture_output=True)
    if run.returncode:
        raise RuntimeError(f"{job.title}: {run.stderr.decode().strip() or f'status {run.returncode}'}")
    ends = np.cumsum([job.buffers[call.result].size for call in job.calls])[:-1]
    return np.split(np.frombuffer(run.stdout, np.uint8), ends)


def link(folder: Path, target: Target) -> Path:
    """Make a program of the harness and the object files of a target in a folder."""
    program, harness = folder / "harness", Path(__file__).with_name("cross_harness.c")
    names = [f"-D{entry.name}={Function(entry, target.name).symbol}" for entry in OF_ALL]
    subprocess.run([_GCC, "-O2", "-static", *names, "-o", program, harness, *sorted(folder.glob("*.o"))], check=True)
    return program


def compare(job: Job, found: Sequence[Bytes], expected: Sequence[Bytes]) -> Outcome:
    """Count what differs."""
    different = sum(np.count_nonzero(one != other) for one, other in zip(found, expected, strict=True))
    return Outcome(job.title, len(job.calls), sum(call.cells for call in job.calls), int(different))


def missing() -> list[str]:
    """Return the packages to install."""
    return [package for program, package in _PACKAGES.items() if shutil.which(program) is None]


# -- Command line -----------------------------------------------------------------------------------------------


def check(model: yamjit.Classifier, places: Mapping[Target, Path]) -> Iterator[tuple[str, list[Outcome]]]:
    """Run everything and yield a description and the outcomes of each processor.

    Parameters
    ----------
    model : Classifier
    places : mapping of Target to Path
        The folder of each target's object files.
    """
    here = host_target()
    # Without fused multiply-adds, log-mel frames are rounded in other places.
    last = [log_mel_job(model)] if here.has_fma else []
    expected = [run_here(job) for job in (*network_jobs(model, here), *last)]
    for target, place in places.items():
        program = link(place, target)
        outcomes = [
            compare(job, run_emulated(job, program, target.cpu), wanted)
            for job, wanted in zip((*network_jobs(model, target), *last), expected, strict=True)
        ]
        yield f"{target.cpu}: {inspect(place)}", outcomes


def _table(title: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield title
    yield f"  {'':36}{'calls':>7}{'cells':>14}{'bytes that differ':>20}"
    for name, calls, cells, different in outcomes:
        yield f"  {name:36}{calls:7,}{cells:14,}{different:20,}"
    yield ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.checks.cross", description="Prove the kernels for Arm.")
    parser.add_argument("--processor", nargs="+", choices=_PROCESSORS, default=list(_PROCESSORS), help="default: all")
    parser.add_argument("--model", type=Path, help="the .tflite file (default: a synthetic one)")
    options = parser.parse_args(arguments)
    if missing():
        parser.error(f"needs QEMU and a compiler for Arm: apt-get install {' '.join(missing())}")
    data = options.model.read_bytes() if options.model else write_graph(synthetic_yamnet())
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        places = compile_for([_PROCESSORS[name] for name in options.processor], Path(folder))
        for title, outcomes in check(yamjit.load(data, backend="numba"), places):
            print("\n".join(_table(title, outcomes)), flush=True)
            different += sum(outcome.different for outcome in outcomes)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
