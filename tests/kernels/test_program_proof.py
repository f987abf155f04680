"""What the proof of a program refuses, and that what it accepts touches nothing beside its memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.backends import FAST_BACKENDS
from tests.support.float_graphs import FLOAT_GRAPHS, OPTIMISED_GRAPHS
from tests.support.graphs import dequantize
from tests.support.hybrid import HYBRID_GRAPHS
from tests.support.int8_graphs import INT8_GRAPHS
from tests.support.programs import OneOperator, pooling_program
from tests.support.spectral_graphs import SPECTRAL_GRAPHS, stft_model
from tests.support.synthetic import synthetic_yamnet
from yamjit.errors import ModelError
from yamjit.kernels import load_backend
from yamjit.kernels.memory import ALIGNMENT, aligned_bytes
from yamjit.kernels.program import Column, Program, StepOp, scratch_layout
from yamjit.kernels.program_proof import prove_program
from yamjit.kernels.step_kernels import KERNELS
from yamjit.kernels.workspace import ResultLayout, Workspace
from yamjit.plan import Plan, compile_plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(synthetic_yamnet())


_GEOMETRY = {
    Column.INPUT_H,
    Column.INPUT_W,
    Column.INPUT_C,
    Column.OUTPUT_H,
    Column.OUTPUT_W,
    Column.OUTPUT_C,
}
_TABLES = {Column.BIAS, Column.MULTIPLIER, Column.SHIFT, Column.OFFSET, Column.SCALE}
_SCALES = {Column.BIAS, Column.MULTIPLIER}
_KERNEL = {Column.KERNEL_H, Column.KERNEL_W}

#: Columns that say where a step reads and writes, and how much: a value far outside must be refused.
#: Every other column is harmless: it is not used by the step, or only changes which of its own cells are read
#: (strides and padding, which kernels hold against the image), or what is computed from them.
PROTECTED = {
    StepOp.QUANTIZE: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_GEOMETRY},
    StepOp.LOOKUP: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_GEOMETRY},
    StepOp.MEAN: {Column.INPUT, Column.OUTPUT, *_TABLES, *_GEOMETRY},
    StepOp.POINTWISE: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_TABLES, *_GEOMETRY},
    StepOp.DEPTHWISE: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_TABLES, *_GEOMETRY, *_KERNEL},
    StepOp.CONV: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_TABLES, *_GEOMETRY, *_KERNEL},
    StepOp.MAX_POOL: {Column.INPUT, Column.OUTPUT, *_GEOMETRY},
    StepOp.CONV_F32: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, Column.BIAS, *_GEOMETRY, *_KERNEL},
    StepOp.DEPTHWISE_F32: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, Column.BIAS, *_GEOMETRY, *_KERNEL},
    StepOp.DEPTHWISE_FROM_BIAS: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, Column.BIAS, *_GEOMETRY, *_KERNEL},
    StepOp.POINTWISE_F32: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, Column.BIAS, *_GEOMETRY},
    StepOp.CONV_HYBRID: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_SCALES, *_GEOMETRY, *_KERNEL},
    StepOp.DEPTHWISE_HYBRID: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_SCALES, *_GEOMETRY, *_KERNEL},
    StepOp.POINTWISE_HYBRID: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_SCALES, *_GEOMETRY},
    StepOp.ROWS_HYBRID: {Column.INPUT, Column.OUTPUT, Column.WEIGHTS, *_SCALES, *_GEOMETRY},
}
#: The others have places and sizes, a constant if they read one, and a second operand.
PROTECTED |= {
    op: {Column.INPUT, Column.OUTPUT, *_GEOMETRY, *(kernel.reads & {Column.WEIGHTS} if not kernel.other else ())}
    for op, kernel in KERNELS.items()
    if op not in PROTECTED
}

FAR = (-(2**62), -(2**31), -64, -1, 2**31, 2**40, 2**62)


def alone(program: Program, rows: npt.NDArray[np.int64], pairs: tuple[int, ...] = ()) -> Program:
    """Return some rows of a program as a program."""
    return replace(program, steps=rows, patchwise=0, kept=(), pairs=pairs)


def corrupted(program: Program, step: int, column: Column, value: int) -> Program:
    """Return one step of a program as a program, with one number in it changed."""
    rows = program.steps[step : step + 1].copy()
    rows[0, column] = value
    return alone(program, rows)


def program_with(plan: Plan, op: StepOp) -> Program:
    """Return a program in which a step does this."""
    if op in plan.program.steps[:, Column.OP]:
        return plan.program
    return FURTHER[op]


def further_programs() -> dict[int, Program]:
    """Return programs by step operations that the int8 network does not have."""
    found: dict[int, Program] = {
        int(StepOp.MAX_POOL): pooling_program(),
        int(StepOp.COMPLEX_ABS): compile_plan(stft_model(frames=2)).program,
    }
    kinds = (FLOAT_GRAPHS, OPTIMISED_GRAPHS, HYBRID_GRAPHS, INT8_GRAPHS, SPECTRAL_GRAPHS)
    for graph in (*chain.from_iterable(kind.values() for kind in kinds), dequantize()):
        program = OneOperator(graph).program
        found |= dict.fromkeys(program.steps[:, Column.OP].tolist(), program)
    return found


FURTHER = further_programs()


def first_of(program: Program, op: StepOp) -> int:
    return int(np.flatnonzero(program.steps[:, Column.OP] == op)[-1])


def test_the_proof_holds_for_real_programs(plan: Plan) -> None:
    prove_program(plan.program)


def test_pairs_are_proved(plan: Plan) -> None:
    first = plan.program.pairs[0]
    rows = plan.program.steps.copy()
    rows[first + 1, Column.INPUT] = plan.program.arena_bytes
    roomy = replace(plan.program, arena_bytes=2 * plan.program.arena_bytes)
    with pytest.raises(ModelError, match="the next step does not read its output"):
        prove_program(replace(roomy, steps=rows))
    rows = plan.program.steps.copy()
    rows[first, Column.OUTPUT] = rows[first + 1, Column.INPUT] = plan.program.arena_bytes
    rows[first + 1, Column.OUTPUT] = rows[first, Column.INPUT]
    with pytest.raises(ModelError, match="the next step writes over its input"):
        prove_program(replace(roomy, steps=rows))


@pytest.mark.parametrize("op", list(StepOp))
def test_columns_that_place_memory_are_proved(plan: Plan, op: StepOp) -> None:
    program = program_with(plan, op)
    step = first_of(program, op)
    for column in PROTECTED[op]:
        for value in FAR:
            with pytest.raises(ModelError) as caught:
                prove_program(corrupted(program, step, column, value))
            assert caught.value.operator == f"step 0 {op.name}", (column, value)


@pytest.mark.parametrize("value", [-1, 23, 2**40])
def test_an_unknown_step_is_refused(plan: Plan, value: int) -> None:
    with pytest.raises(ModelError, match="step 0"):
        prove_program(corrupted(plan.program, 3, Column.OP, value))


def test_an_output_over_its_input_is_refused(plan: Plan) -> None:
    roomy = replace(plan.program, arena_bytes=2 * plan.program.arena_bytes)
    for step, row in enumerate(roomy.steps):
        with pytest.raises(ModelError, match="the output lies over the input"):
            prove_program(corrupted(roomy, step, Column.OUTPUT, int(row[Column.INPUT])))


@pytest.mark.parametrize(
    ("op", "column"),
    [
        (StepOp.QUANTIZE, Column.INPUT_C),
        (StepOp.LOOKUP, Column.INPUT_C),
        (StepOp.MEAN, Column.INPUT_C),
        (StepOp.DEPTHWISE, Column.INPUT_C),
        (StepOp.POINTWISE, Column.INPUT_H),
        (StepOp.POINTWISE, Column.INPUT_W),
    ],
)
def test_outputs_that_outrun_inputs_are_refused(plan: Plan, op: StepOp, column: Column) -> None:
    """Kernels take one size of both from either: an input that is shorter would be read past its end."""
    steps = [i for i, row in enumerate(plan.program.steps) if row[Column.OP] == op and row[column] > 1]
    assert steps
    for step in steps:
        shorter = int(plan.program.steps[step, column]) - 1
        with pytest.raises(ModelError, match=f"{column.name.lower()} and .* must be equal"):
            prove_program(corrupted(plan.program, step, column, shorter))


def test_memory_that_is_too_small_is_refused(plan: Plan) -> None:
    program = plan.program
    with pytest.raises(ModelError, match=f"of {program.arena_bytes - ALIGNMENT}"):
        prove_program(replace(program, arena_bytes=program.arena_bytes - ALIGNMENT))
    with pytest.raises(ModelError, match=f"of {program.constants.size - ALIGNMENT}"):
        prove_program(replace(program, constants=program.constants[:-ALIGNMENT]))


def test_unaligned_memory_is_refused(plan: Plan) -> None:
    for step, row in enumerate(plan.program.steps):
        for column in (Column.INPUT, Column.OUTPUT):
            for off in (1, 4, 32):
                with pytest.raises(ModelError, match=column.name.lower()):
                    prove_program(corrupted(plan.program, step, column, int(row[column]) + off))


@pytest.mark.parametrize("op", list(StepOp))
def test_columns_that_a_kernel_does_not_read_are_zero(plan: Plan, op: StepOp) -> None:
    program, reads = program_with(plan, op), KERNELS[op].reads
    step = first_of(program, op)
    for column in list(Column)[Column.WEIGHTS :]:
        if column not in reads and column not in _GEOMETRY:
            with pytest.raises(ModelError, match=f"step 0 {op.name}: {column.name.lower()} must be 0"):
                prove_program(corrupted(program, step, column, 3000))


@pytest.mark.parametrize(
    ("op", "column", "value"),
    [
        (StepOp.CONV, Column.INPUT_ZERO_POINT, 128),
        (StepOp.QUANTIZE, Column.OUTPUT_ZERO_POINT, -129),
        (StepOp.MEAN, Column.ACTIVATION_MIN, -129),
        (StepOp.MEAN, Column.ACTIVATION_MAX, 128),
        (StepOp.POINTWISE, Column.ACTIVATION_MIN, 127),
        (StepOp.POINTWISE, Column.ROUNDING, 3),
        (StepOp.MEAN, Column.OUTPUT_H, 2),
        (StepOp.LOOKUP, Column.INPUT_W, 2),
        (StepOp.POINTWISE, Column.INPUT_H, -1),
    ],
)
def test_values_outside_their_domain_are_refused(plan: Plan, op: StepOp, column: Column, value: int) -> None:
    changed = corrupted(plan.program, first_of(plan.program, op), column, value)
    if (column, value) == (Column.ACTIVATION_MIN, 127):
        changed.steps[0, Column.ACTIVATION_MAX] = 126
    if value == -1:  # with the others, the number of bytes is positive
        changed.steps[0, [Column.INPUT_W, Column.OUTPUT_H, Column.OUTPUT_W]] = -1
    with pytest.raises(ModelError, match=f"step 0 {op.name}"):
        prove_program(changed)


def test_what_is_kept_of_patchwise_steps_is_proved(plan: Plan) -> None:
    program, last = plan.program, plan.program.patchwise - 1
    with pytest.raises(ModelError, match=f"step {last} .* which is not kept"):
        prove_program(replace(program, kept=()))
    for kept in ((0,), (last + 1,), (-1,)):
        with pytest.raises(ModelError, match="cannot be patchwise"):
            prove_program(replace(program, kept=kept))
    for count in (-1, len(program.steps) + 1):
        with pytest.raises(ModelError, match="cannot be patchwise"):
            prove_program(replace(program, patchwise=count, kept=()))
    with pytest.raises(ModelError, match="writes over what is kept for each patch"):
        prove_program(replace(program, kept=tuple(range(1, last + 1))))


def changes(program: Program, steps: slice, pairs: tuple[int, ...]) -> Iterator[Program]:
    """Yield some steps as a program, with one number of the first or the last of them changed to one near or far."""
    for changed in sorted({0, len(program.steps[steps]) - 1}):
        row = program.steps[steps][changed]
        for column in Column:
            near = (int(row[column]) + off for off in (-1, 1, 2, -64, 64, 128))
            for value in (*FAR, *near, 0, 1, 7, program.arena_bytes):
                rows = program.steps[steps].copy()
                rows[changed, column] = value
                yield alone(program, rows, pairs)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST_BACKENDS)
def test_what_the_proof_accepts_is_harmless(plan: Plan, name: str) -> None:
    """Change every number of every step and of some pairs: what is not refused touches nothing beside its memory."""
    backend = load_backend(name)
    program = plan.program
    guard = 4096
    memory = aligned_bytes(2 * program.arena_bytes + 2 * guard)
    constants = program.constants.copy()
    patches, layout = np.full((2, program.arena_bytes), 0x55, np.int8), ResultLayout([])
    pairs = [changes(program, slice(index, index + 2), (0,)) for index in (program.pairs[0], *program.pairs[-2:])]
    steps = [changes(program, slice(index, index + 1), ()) for index in range(len(program.steps))]
    accepted = refusals = 0
    for changed in chain(*pairs, *steps):
        try:
            prove_program(changed)
        except ModelError:
            refusals += 1
            continue
        accepted += 1
        memory[:guard] = memory[-guard:] = 0x55
        scratch = aligned_bytes(scratch_layout(changed.steps).size + 2 * guard)
        scratch[:guard] = scratch[-guard:] = 0x55
        workspace = Workspace(memory[guard:-guard], scratch[guard:-guard], capacity=2)
        backend.run(changed, workspace, patches, layout, np.empty((2, 0), np.int8), 0)
        for array in (memory, scratch):
            assert (array[:guard] == 0x55).all(), changed.steps
            assert (array[-guard:] == 0x55).all(), changed.steps
    np.testing.assert_array_equal(program.constants, constants)
    assert accepted > 1000
    assert refusals > 1000
