"""Operators lowered one at a time and run by each backend, against the reference loops: from scales to int8."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reference.cases import edge_problems, random_problems
from reference.problems import ConvProblem, FullyConnectedProblem, Problem
from tests.support import graphs
from tests.support.backends import BACKENDS
from tests.support.float_graphs import operation
from tests.support.programs import OneOperator, program_of
from tools.make_goldens import operator_graph
from yamjit.errors import ModelError
from yamjit.kernels import load_backend
from yamjit.kernels.program import Column, Rounding, StepOp
from yamjit.kernels.workspace import ResultLayout
from yamjit.plan.lowering import Alias, Step, lower
from yamjit.tflite.graph import Activation, Graph, Op
from yamjit.tflite.operators.binary import AddOptions

GUARD_VALUE = 0x55
SEED = 3


def readable(problem: Problem) -> bool:
    """Whether a file may hold it: int8 weights have zero point 0."""
    return not isinstance(problem, FullyConnectedProblem) or problem.filter_zero_point == 0


PROBLEMS = {problem.name: problem for problem in (*edge_problems(), *random_problems(SEED, 150)) if readable(problem)}


def refusal(problem: Problem) -> str | None:
    """Return what the message must say where there is no kernel for a problem."""
    if overflows(problem):
        return "could overflow 32 bits"
    return None


def overflows(problem: Problem) -> bool:
    """Whether some input could overflow an accumulator: those in the cases are far inside or far outside."""
    if isinstance(problem, ConvProblem | FullyConnectedProblem) and problem.bias is not None:
        return int(np.abs(problem.bias.astype(np.int64)).max()) > 2**31 - 2**10
    return False


# -- A step as a program ----------------------------------------------------------------------------------------


def run(step: Step, x: npt.NDArray[Any], size: int, backend: str) -> npt.NDArray[np.int8]:
    """Run a step over a batch [shape=(n, ...)] in memory that is checked; returns [shape=(n, size)]."""
    n = len(x)
    program = program_of(step, x[0].nbytes, size)
    workspace = program.workspace(n + 1)
    workspace.arena[:] = GUARD_VALUE
    output = int(program.steps[0, Column.OUTPUT])
    layout = ResultLayout([(0, output, size)])
    results = np.empty((n, size), np.int8)
    load_backend(backend).run(program, workspace, x, layout, results, 0)
    given = workspace.tensor(0, n, x.shape[1:], x.dtype)
    assert (given == x).all() or (given.view(np.uint8) == GUARD_VALUE).all()  # a copy, unless it is read where it is
    rest = np.ones(workspace.arena.size, bool)
    rest[: x.nbytes] = False
    rest[output * (n + 1) : output * (n + 1) + n * size] = False
    assert (workspace.arena[rest] == GUARD_VALUE).all()
    return results


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_lowered_operator_gives_the_reference_answer(name: str, backend: str) -> None:
    problem = PROBLEMS[name]
    graph = operator_graph(problem)
    message = refusal(problem)
    if message is not None:
        with pytest.raises(ModelError, match=message) as caught:
            lower(graph, graph.operators[0])
        assert caught.value.operator == str(graph.operators[0])
        return
    answer, steps = problem.answer(), lower(graph, graph.operators[0])
    # A batch of two, the second one turned round: patches must not see each other.
    x = np.stack([problem.input, problem.input[..., ::-1]])
    if len(steps) > 1:  # several images, one after the other
        out = OneOperator(graph).run(load_backend(backend), x)
    else:
        (step,) = steps
        assert isinstance(step, Step)
        out = run(step, x, answer.size, backend)
    np.testing.assert_array_equal(out[0].reshape(answer.shape), answer)


# -- What it is lowered to --------------------------------------------------------------------------------------


def lowered(graph: Graph) -> Step:
    (step,) = lower(graph, graph.operators[0])
    assert isinstance(step, Step)
    return step


@pytest.mark.parametrize(
    ("graph", "op", "rounding"),
    [
        (graphs.conv2d_s8(activation=Activation.RELU6), StepOp.CONV, Rounding.ONE_SHIFT),
        (graphs.conv2d_s8(activation=Activation.NONE), StepOp.CONV, Rounding.ONE_SHIFT),  # the type clamps
        (graphs.conv2d_s8(output_quantized=(6 / 255, -127)), StepOp.CONV, Rounding.TWICE),
        (
            graphs.conv2d_s8(output_quantized=(0.1, 5), activation=Activation.RELU),
            StepOp.CONV,
            Rounding.ONE_SHIFT,
        ),
        (
            graphs.conv2d_s8(output_quantized=(0.1, 5), activation=Activation.RELU_N1_TO_1),
            StepOp.CONV,
            Rounding.TWICE,
        ),
        (graphs.conv2d_s8(weight_scales=2.0, output_quantized=(1.0, -128)), StepOp.CONV, Rounding.ONE_SHIFT),
        (
            graphs.conv2d_s8((1, 2, 2, 1), 2, (1, 1), weight_scales=4.0, input_quantized=(1.0, -128)),
            StepOp.POINTWISE,
            Rounding.TWICE,  # factors of 1 or more shift to the left
        ),
        (graphs.conv2d_s8(kernel=(1, 1)), StepOp.POINTWISE, Rounding.ONE_SHIFT),
        (graphs.conv2d_s8(kernel=(1, 1), stride=(2, 2)), StepOp.CONV, Rounding.ONE_SHIFT),
        (graphs.depthwise_s8(), StepOp.DEPTHWISE, Rounding.ONE_SHIFT),
        (graphs.fully_connected_s8(), StepOp.POINTWISE, Rounding.REAL),
        (graphs.fully_connected_s8(output_quantized=(0.3, -128)), StepOp.POINTWISE, Rounding.REAL),
        (graphs.mean_s8(), StepOp.MEAN, Rounding.TWICE),
    ],
)
def test_kernels_and_roundings(graph: Graph, op: StepOp, rounding: Rounding) -> None:
    step = lowered(graph)
    assert step.op == op
    assert step.columns[Column.ROUNDING] == rounding


@pytest.mark.parametrize("graph", [graphs.split(), graphs.reshape(dtype=np.int8)])
def test_moving_nothing_is_an_alias(graph: Graph) -> None:
    operator = graph.operators[0]
    assert lower(graph, operator) == (Alias(graph.inputs[0], graph.outputs[0]),)


def huge_bias() -> Graph:
    return graphs.conv2d_s8((1, 1, 1, 1), 2, (1, 1), weights=np.ones((2, 1, 1, 1)), bias=[0, 2**31 - 100])


def long_left_shift() -> Graph:
    """Sums that fit 32 bits, but not once they are shifted to the left by 12."""
    return graphs.conv2d_s8(
        (1, 1, 1, 1024), 2, (1, 1), weight_scales=2.0**12, input_quantized=(1.0, -128), output_quantized=(1.0, -128)
    )


def sum_with_a_constant(size: int) -> Graph:
    b, quantized = graphs.GraphBuilder(), graphs.quantization(0.1)
    source, output = (b.activation((1, size), np.int8, quantized) for _ in range(2))
    b.operator(Op.ADD, [source, b.constant(np.zeros((1, size), np.int8), quantized)], output, AddOptions())
    return b.build([source], [output])


PLANE = operation(Op.RFFT2D, [((4, 8), np.float32), np.array([4, 8], np.int32)], ((4, 5), np.complex64))
LENGTH = operation(Op.SHAPE, [((4, 5), np.float32)], ((2,), np.int32))


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (graphs.conv2d_s8((1, 4, 4, 64), 8, (3, 3), dilation=(100, 100)), "more than 16777216 weights"),
        (PLANE, "a transform of 4 rows at once is not supported"),
        (LENGTH, "is not part of a network"),
        (sum_with_a_constant(2**15), "a constant of 32768 int8 values is larger than 16384"),
        (graphs.depthwise_s8((257, 5, 5, 8)), "257 images are more than 256"),
        (huge_bias(), "the accumulator of channel 1 could overflow 32 bits"),
        (long_left_shift(), "could overflow 32 bits"),
    ],
)
def test_what_has_no_kernel_is_refused_by_name(graph: Graph, message: str) -> None:
    operator = graph.operators[0]
    with pytest.raises(ModelError, match=message) as caught:
        lower(graph, operator)
    assert caught.value.operator == f"operator 0 {operator.op.name}"
    assert "\n" not in str(caught.value)
