"""What libraries are proven by: plan files that are accepted and refused, and digests, with what is right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.support.damaged_plans import damaged_plans
from tests.support.plan_files import written
from tests.support.two_heads import two_heads
from tools.checks.library_jobs import CHECK_PLAN, DIGEST, TURN, Bytes, Call, Job
from tools.checks.module_engines import unsigned
from yamjit.compiled.from_graph import compile_model
from yamjit.kernels.memory import ALIGNMENT
from yamjit.kernels.plan_file.layout import HEADER_BYTES, Fault, Field
from yamjit.kernels.plan_file.xxh64 import xxh64
from yamjit.kernels.prepared.preparation import prepare
from yamjit.kernels.program import Program
from yamjit.kernels.vectors.target import TARGETS

__all__ = ["digest_job", "plan_jobs", "turn_job"]

#: Bytes that digests are of: none, less and more than is taken at once, and many.
_SIZES = (*range(100), 1000, 4096)


def plan_jobs(family: str) -> Iterator[tuple[Job, list[Bytes]]]:
    """Yield calls of what libraries for a family have once for all lowerings, and the result of each call."""
    whole = written(two_heads(classes=9, width=0.125), family)
    files = [(whole, (Fault.NONE, 0, 0, 0)), *damaged_plans(whole)]
    buffers = [np.full(32, 0x55, np.uint8), *(np.frombuffer(content, np.uint8) for content, _ in files)]
    calls = [_call(CHECK_PLAN, number, len(content), 4) for number, (content, _) in enumerate(files, 1)]
    calls.append(_call(CHECK_PLAN, 1, len(whole) - ALIGNMENT, 4, offset=8))
    found = [*(found for _, found in files), (Fault.NOT_ALIGNED, 0, 0, 8)]
    yield Job("check_plan", tuple(buffers), tuple(calls)), [np.array(row, np.int64).view(np.uint8) for row in found]
    yield digest_job()


def digest_job() -> tuple[Job, list[Bytes]]:
    """Return calls that compute digests, and the result of each."""
    content = np.random.default_rng(3).integers(0, 256, max(_SIZES), np.uint8)
    calls = [_call(DIGEST, 1, size, 1) for size in _SIZES]
    digests = [np.array([xxh64(content[:size].tobytes())], np.uint64).view(np.uint8) for size in _SIZES]
    return Job("digest", (np.zeros(8, np.uint8), content), tuple(calls)), digests


def turn_job() -> tuple[Job, list[Bytes]]:
    """Return the call that turns a plan file for WebAssembly to inputs that are seen as uint8, and the turned file."""
    model = compile_model(two_heads(classes=9, width=0.125))
    program = model.plan.program
    assert isinstance(program, Program), "of a model that was made from a graph"
    content = np.frombuffer(written(model, "wasm"), np.uint8)
    turned, prepared = content.copy(), prepare(program, unsigned(TARGETS["wasm-relaxed"]))
    header = content[:HEADER_BYTES].view(np.int64)
    for field, part in ((Field.STEPS_AT, prepared.steps), (Field.CONSTANTS_AT, prepared.constants)):
        turned[header[field] :][: part.nbytes] = part.view(np.uint8).ravel()
    return Job("turn", (content,), (Call(TURN, ((0, 0),), 0, content.size),)), [turned]


def _call(entry: int, buffer: int, size: int, cells: int, offset: int = 0) -> Call:
    return Call(entry, ((buffer, offset), (-1, size), (0, 0)), 0, cells)
