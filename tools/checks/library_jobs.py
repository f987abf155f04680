"""What libraries are proven by: calls of their entries, run in a process of their own, and what is right.

The network runs over patches that overlap, one or three at a time, once for its results and once for every tensor, and
log-mel frames are computed. What each call leaves in memory is compared with what the same call leaves here.
"""

from __future__ import annotations

import functools
import math
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import yamjit
from tests.support.synthetic import probe_signals
from tools.checks.object_files import compiled
from tools.libraries.bitcode import Function
from yamjit.kernels.log_mel.compiled import LOG_MEL
from yamjit.kernels.log_mel.packing import make_tables
from yamjit.kernels.log_mel.tables import Field
from yamjit.kernels.machine_code import native
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.memory import aligned_bytes
from yamjit.kernels.prepared.preparation import prepare
from yamjit.kernels.program import Program
from yamjit.kernels.steps.compiled import RUN_STEPS
from yamjit.kernels.vectors.processor import host_target
from yamjit.kernels.vectors.target import Target
from yamjit.kernels.workspace import ResultLayout

__all__ = [
    "CHECK_PLAN",
    "DIGEST",
    "TURN",
    "Call",
    "DoesNotRunError",
    "Job",
    "Outcome",
    "compare",
    "log_mel_job",
    "network_jobs",
    "run_here",
    "run_in",
]

Bytes = npt.NDArray[np.uint8]

#: Entries by the numbers that the harness knows them by.
_RUN_STEPS, _LOG_MEL, CHECK_PLAN, DIGEST, TURN = range(5)
_ENTRIES = {_RUN_STEPS: RUN_STEPS, _LOG_MEL: LOG_MEL}
_MOST_ARGUMENTS, _DOES_NOT_RUN = 18, 3

#: Patches at once, and frames from one patch to the next.
_CAPACITIES = (1, 3)
_PACE = 40


class Call(NamedTuple):
    """A call of an entry.

    Parameters
    ----------
    entry : int
        Its number in the harness.
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


class DoesNotRunError(Exception):
    """The machine lacks an instruction of a lowering."""


# -- What is run ------------------------------------------------------------------------------------------------


def network_jobs(model: yamjit.Classifier, target: Target) -> Iterator[Job]:
    """Yield runs of a network over patches that overlap, one or several at a time, for its results and all tensors."""
    program = model.plan.program
    assert isinstance(program, Program), "of a model that was made from a graph"
    prepared = prepare(program, target)
    scratch, last = prepared.scratch, len(prepared.steps)
    offsets = [(-1, place) for place in (scratch.accumulators, scratch.image, scratch.panel, scratch.border)]
    frames = np.concatenate([model.front_end.frames(signal) for signal in probe_signals().values()])
    pace = _PACE * frames.strides[0]
    count = (len(frames) - model.plan.patch_shape[0]) // _PACE + 1
    every = [slot for head in model.plan.heads for slot in (head.scores, head.logits)], [*model.plan.slots.values()]
    for title, slots in zip(("results", "all tensors"), every, strict=True):
        layout = ResultLayout((slot.step, slot.offset, math.prod(slot.shape)) for slot in slots)
        results = np.zeros(count * layout.width, np.uint8)
        for capacity in _CAPACITIES:
            workspace = program.workspace(capacity)
            parts = (
                prepared.steps,
                prepared.constants,
                workspace.scratch,
                workspace.arena,
                frames,
                layout.table,
                results,
            )
            places = [(0, 0), (-1, 0), (-1, last), (1, 0), (3, 0), (2, 0), *offsets, (-1, capacity)]
            places += [(4, 0), (-1, pace), (-1, count), (5, 0), (-1, len(layout.table)), (6, 0), (-1, layout.width)]
            yield Job(
                f"run_steps, {capacity} at once, {title}",
                tuple(part.view(np.uint8).ravel() for part in parts),
                (Call(_RUN_STEPS, tuple(places), 6, results.size),),
            )


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


def run_here(job: Job, target: Target) -> list[Bytes]:
    """Run a job in this process, by code that is compiled here for a target; returns the result of every call."""
    buffers = []
    for content in job.buffers:
        buffers.append(aligned_bytes(content.size))
        buffers[-1][...] = content
    results = []
    for call in job.calls:
        places = [buffers[buffer].ctypes.data if buffer >= 0 else 0 for buffer, _ in call.arguments]
        numbers = (place + value for place, (_, value) in zip(places, call.arguments, strict=True))
        if _loaded(call.entry, target)(*numbers):
            raise RuntimeError(f"{job.title}: stopped")
        results.append(buffers[call.result].copy())
    return results


@functools.cache
def _loaded(number: int, target: Target) -> Callable[..., int | None]:
    entry = _ENTRIES[number]
    if target == host_target():
        return LoadedEntry(entry)
    code = native.ObjectCode(compiled(entry, target))
    return native.load(code, Function(entry, target.name).symbol, entry.arguments)


def run_in(harness: Sequence[str | Path], job: Job) -> list[Bytes]:
    """Run a job by a command that starts a harness, such as ``library_harness.c``; returns the result of every call.

    Raises
    ------
    DoesNotRunError
        If the machine does not run the lowering.
    RuntimeError
        If a call stops or writes beside its buffers.
    """
    numbers = [len(job.buffers), len(job.calls), *(buffer.size for buffer in job.buffers)]
    for call in job.calls:
        unused = [(-1, 0)] * (_MOST_ARGUMENTS - len(call.arguments))
        numbers += [call.entry, call.result, *np.ravel([*call.arguments, *unused]).tolist()]
    data = np.array(numbers, "<i8").tobytes() + b"".join(buffer.tobytes() for buffer in job.buffers)
    run = subprocess.run(harness, input=data, capture_output=True)
    if run.returncode == _DOES_NOT_RUN:
        raise DoesNotRunError
    if run.returncode:
        raise RuntimeError(f"{job.title}: {run.stderr.decode().strip() or f'status {run.returncode}'}")
    ends = np.cumsum([job.buffers[call.result].size for call in job.calls])[:-1]
    return np.split(np.frombuffer(run.stdout, np.uint8), ends)


def compare(job: Job, found: Sequence[Bytes], expected: Sequence[Bytes]) -> Outcome:
    """Count what differs."""
    different = sum(np.count_nonzero(one != other) for one, other in zip(found, expected, strict=True))
    return Outcome(job.title, len(job.calls), sum(call.cells for call in job.calls), int(different))
