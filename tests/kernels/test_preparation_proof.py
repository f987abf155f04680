"""Nothing that compiled code reads can be wrong: each column and each part of scratch memory is proved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import graphs
from tests.support.backends import FAST_BACKENDS
from tests.support.hybrid import HYBRID_GRAPHS
from tests.support.programs import OneOperator, pooling_program, program_of
from tests.support.synthetic import synthetic_yamnet
from yamjit.errors import ModelError
from yamjit.kernels import load_backend
from yamjit.kernels.backends import CompiledBackend, NumbaBackend
from yamjit.kernels.int8.preparation import prepare
from yamjit.kernels.int8.preparation_proof import REACH, prove_preparation, scratch_needs, uses_of
from yamjit.kernels.int8.prepared import Prepared, VectorOp
from yamjit.kernels.int8.uses import PLAIN_CONSTANTS, VECTOR_KERNELS
from yamjit.kernels.memory import ALIGNMENT, aligned_bytes, padded
from yamjit.kernels.program import Column, Program, StepOp
from yamjit.kernels.vectors.target import TARGETS, Target
from yamjit.kernels.workspace import PREPARED_COLUMNS, PreparedProgram, ResultLayout, ScratchLayout, Workspace
from yamjit.plan import compile_plan
from yamjit.plan.lowering import Step, lower
from yamjit.tflite.graph import Activation, Graph

COLUMNS = {column.name: column for column in Column} | {f"PACKED_{column.name}": column for column in Prepared}


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_plan(synthetic_yamnet()).program


@pytest.fixture(scope="module", params=["vectors", "plain"])
def prepared(request: pytest.FixtureRequest, program: Program) -> PreparedProgram:
    return prepare(program, TARGETS["plain"] if request.param == "vectors" else None)


def with_value(prepared: PreparedProgram, step: int, column: int, value: int) -> PreparedProgram:
    steps = prepared.steps.copy()
    steps[step, column] = value
    return replace(prepared, steps=steps)


def test_a_prepared_step_has_a_column_for_each_name() -> None:
    assert [*Column, *Prepared] == list(range(PREPARED_COLUMNS))


def telling_steps(program: Program, prepared: PreparedProgram) -> list[int]:
    """Return the first step of each operation, and those around the end of the patchwise ones."""
    ops = prepared.steps[:, Column.OP].tolist()
    return sorted({ops.index(op) for op in ops} | {program.patchwise - 1, program.patchwise})


def wrong_values(value: int) -> Iterator[int]:
    """Yield values that are near, negative, misaligned and far."""
    near = {0, 1, value - 1, value + 1, value - ALIGNMENT, value + ALIGNMENT}
    yield from (near | {-1, 2**40, -(2**40)}) - {value}


def test_every_column_is_named_once() -> None:
    assert sorted(COLUMNS.values()) == list(range(PREPARED_COLUMNS))


def test_no_vector_reaches_further_than_the_proof_says() -> None:
    """Beyond a tensor at the end of an arena, `Program.workspace` adds `ALIGNMENT` bytes."""
    assert max(4 * target.lanes for target in TARGETS.values()) == REACH <= ALIGNMENT


@pytest.mark.slow
def test_preparations_hold(program: Program, prepared: PreparedProgram) -> None:
    prove_preparation(program, prepared, False)
    ops = set(prepared.steps[:, Column.OP].tolist())
    assert ops & set(VECTOR_KERNELS) in ({op for op in VectorOp if op < VectorOp.POINTWISE_F32}, set())
    assert ops - set(VECTOR_KERNELS) <= set(StepOp)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_wrong_column_is_refused(program: Program, prepared: PreparedProgram, name: str) -> None:
    column = COLUMNS[name]
    for step in telling_steps(program, prepared):
        for value in wrong_values(int(prepared.steps[step, column])):
            with pytest.raises(ModelError):
                prove_preparation(program, with_value(prepared, step, column, value), False)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_wrong_column_of_a_pool_is_refused(name: str) -> None:
    pooling = pooling_program()
    prepared = prepare(pooling, TARGETS["plain"])
    for value in wrong_values(int(prepared.steps[0, COLUMNS[name]])):
        with pytest.raises(ModelError):
            prove_preparation(pooling, with_value(prepared, 0, COLUMNS[name], value), False)


@pytest.mark.parametrize("target", [None, "plain", "neon"])
@pytest.mark.parametrize("name", HYBRID_GRAPHS)
def test_a_wrong_column_of_a_hybrid_step_is_refused(name: str, target: str | None) -> None:
    program = OneOperator(HYBRID_GRAPHS[name]).program
    prepared = prepare(program, TARGETS[target] if target else None)
    signed = target == "neon"
    prove_preparation(program, prepared, signed)
    for column in COLUMNS.values():
        for value in wrong_values(int(prepared.steps[0, column])):
            with pytest.raises(ModelError):
                prove_preparation(program, with_value(prepared, 0, column, value), signed)


@pytest.mark.parametrize("part", ScratchLayout._fields)
def test_a_wrong_scratch_layout_is_refused(program: Program, prepared: PreparedProgram, part: str) -> None:
    layout = prepared.scratch
    needs, place = scratch_needs(uses_of(program, prepared)), layout._fields.index(part)
    wrong = {-ALIGNMENT, layout[place] + 1, layout[place] - 1, 2**40, -(2**40)}
    if part != "size":
        # One unit more than leaves room for what is touched.
        wrong.add((layout[place + 1] - needs[part] - REACH) // ALIGNMENT * ALIGNMENT + ALIGNMENT)
    if place:
        before = layout._fields[place - 1]
        wrong.add(padded(layout[place - 1] + needs[before] + REACH) - ALIGNMENT)
    for value in wrong:
        changed = replace(prepared, scratch=layout._replace(**{part: value}))
        with pytest.raises(ModelError, match="scratch memory"):
            prove_preparation(program, changed, False)


def test_wrong_arrays_are_refused(program: Program, prepared: PreparedProgram) -> None:
    steps, constants = prepared.steps, prepared.constants
    off = aligned_bytes(constants.size + 1)[1:]
    for changes in (
        {"steps": steps[:-1]},
        {"steps": steps[:, :-1]},
        {"steps": np.asfortranarray(steps)},
        {"steps": steps.astype(np.int32)},
        {"constants": constants[:-ALIGNMENT]},
        {"constants": aligned_bytes(constants.size + ALIGNMENT)},
        {"constants": constants.view(np.int8)},
        {"constants": off},
    ):
        with pytest.raises(ModelError, match="expected"):
            prove_preparation(program, replace(prepared, **changes), False)


def test_constants_of_plain_kernels_are_those_of_the_program(program: Program, prepared: PreparedProgram) -> None:
    step = next(i for i, row in enumerate(prepared.steps) if row[Column.OP] == StepOp.MEAN)
    constants = aligned_bytes(prepared.constants.size)
    constants[...] = prepared.constants
    constants[prepared.steps[step, Column.MULTIPLIER]] ^= 1
    with pytest.raises(ModelError, match=f"step {step}: multiplier differs from what the program has"):
        prove_preparation(program, replace(prepared, constants=constants), False)


def test_what_vector_kernels_do_not_read_is_left_out(program: Program, prepared: PreparedProgram) -> None:
    vectors = prepared.steps[:, Column.OP] >= VectorOp.POINTWISE
    raw = prepared.steps[:, Column.OP] == VectorOp.POINTWISE_RAW
    assert not prepared.steps[vectors][:, [Column.WEIGHTS, Column.BIAS]].any()
    assert not prepared.steps[vectors & ~raw][:, [*PLAIN_CONSTANTS]].any()
    assert prepared.constants.size < 1.5 * program.constants.size


def test_the_wrong_sign_is_refused(program: Program, prepared: PreparedProgram) -> None:
    with pytest.raises(ModelError, match="flip"):
        prove_preparation(program, prepared, True)


def test_a_preparation_of_another_program_is_refused(program: Program, prepared: PreparedProgram) -> None:
    for changes in ({"pairs": ()}, {"patchwise": 0, "kept": ()}):
        if prepared.steps[:, Prepared.PAIRED].any() or "pairs" not in changes:
            with pytest.raises(ModelError, match="is expected"):
                prove_preparation(replace(program, **changes), prepared, False)


# -- Random operators -------------------------------------------------------------------------------------------

sizes = st.integers(1, 9)
channels = st.sampled_from([1, 3, 4, 8, 16, 17, 32, 33, 64, 128, 512, 520])
kernels = st.sampled_from([(1, 1), (2, 3), (3, 3)])
strides = st.sampled_from([(1, 1), (2, 2), (1, 2)])
activations = st.sampled_from([Activation.NONE, Activation.RELU6])
images = st.tuples(st.just(1), sizes, sizes, channels)
random_graphs = st.one_of(
    st.builds(graphs.conv2d_s8, images, channels, kernel=kernels, stride=strides, activation=activations),
    st.builds(graphs.depthwise_s8, images, kernel=kernels, stride=strides, activation=activations),
    st.builds(graphs.fully_connected_s8, st.tuples(st.just(1), channels), channels, activation=activations),
    st.builds(graphs.mean_s8, images),
    st.builds(graphs.logistic_s8, st.tuples(st.just(1), channels)),
    st.builds(graphs.quantize, st.tuples(st.just(1), st.integers(1, 9000))),
)


@given(random_graphs, st.sampled_from([None, *TARGETS.values()]))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_preparations_of_random_operators_hold(graph: Graph, target: Target | None) -> None:
    operator = graph.operators[0]
    (step,) = lower(graph, operator)
    assert isinstance(step, Step)
    tensors = (graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))
    read, written = (int(np.prod(tensor.shape)) * tensor.dtype.itemsize for tensor in tensors)
    prepare(program_of(step, read, written), target)  # proves what it returns


# -- What the proof says of the kernels -------------------------------------------------------------------------


def tight_layout(needs: dict[str, int], guard: int) -> ScratchLayout:
    starts = [0]
    for part in ScratchLayout._fields[:-1]:
        starts.append(padded(starts[-1] + needs[part] + REACH) + guard)
    return ScratchLayout(*starts)


@pytest.mark.parametrize("name", FAST_BACKENDS)
def test_kernels_touch_no_more_scratch_memory_than_the_proof_says(program: Program, name: str) -> None:
    """The whole network in scratch memory whose parts are as small as may be, with guards between them."""
    backend = load_backend(name)
    assert isinstance(backend, CompiledBackend | NumbaBackend)
    prepared = prepare(program, backend.target())
    needs = scratch_needs(uses_of(program, prepared))
    layout = tight_layout(needs, guard=4096)
    scratch, beside = aligned_bytes(layout.size), np.ones(layout.size, bool)
    for part, start in zip(layout._fields[:-1], layout, strict=False):
        beside[start : start + needs[part] + REACH] = False
    scratch[beside] = 0x55

    roomy = program.workspace(4)
    tight = Workspace(program.workspace(4).arena, scratch, 4)
    patches = np.random.default_rng(1).normal(0, 3, (4, 96, 64)).astype(np.float32)
    nothing = ResultLayout([])
    for workspace, runs in ((roomy, prepared), (tight, replace(prepared, scratch=layout))):
        backend.run(runs, workspace, patches, nothing, np.empty((4, 0), np.int8), 0)
    assert (scratch[beside] == 0x55).all()
    np.testing.assert_array_equal(tight.arena, roomy.arena)
