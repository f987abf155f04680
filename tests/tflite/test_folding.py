"""Graphs of any length become graphs of fixed shapes; what is computed of shapes and constants is the runtime's."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from reference.runtime import Runtime, runtime_available, runtime_module
from tests.support.graphs import GraphBuilder, quantization
from tests.support.synthetic import synthetic_yamnet
from yamjit.errors import LimitError, ModelError, YamjitError
from yamjit.spec import DEFAULT_LIMITS
from yamjit.tflite import Graph, Op, Operator, Quantization, read_graph, validate_graph, write_graph
from yamjit.tflite.constants import VALUES
from yamjit.tflite.folding import _Folding, fold_graph
from yamjit.tflite.graph import Arithmetic, Options
from yamjit.tflite.model_tables import open_model
from yamjit.tflite.operators import OPERATORS
from yamjit.tflite.operators.arrangement import ConcatenationOptions, SqueezeOptions
from yamjit.tflite.operators.binary import AddOptions, MulOptions, SubOptions
from yamjit.tflite.operators.movers import GatherOptions, ReshapeOptions, SplitOptions, StridedSliceOptions
from yamjit.tflite.operators.parts import PackOptions, SplitVOptions, UnpackOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.operators.shapes import SHAPE_OPERATORS, ShapeOptions
from yamjit.tflite.reader import _Reader

Array = npt.NDArray[Any]
needs_runtime = pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")


def i(*values: Any) -> Array:
    return np.array(values, np.int32)


def one(value: int) -> Array:
    return np.array(value, np.int32)


def f(*values: Any) -> Array:
    return np.array(values, np.float32)


class Problem(NamedTuple):
    """An operator of constants, and what it gives; None stands for what the runtime alone says."""

    op: Op
    inputs: Sequence[Array]
    outputs: Sequence[Array]
    options: Options | None = None


CUBE = np.arange(24, dtype=np.int32).reshape(2, 3, 4)

PROBLEMS = {
    "shape": Problem(Op.SHAPE, [np.zeros((3, 1, 5), np.float32)], [i(3, 1, 5)], ShapeOptions(2)),
    "rank": Problem(Op.RANK, [np.zeros((3, 1, 5), np.float32)], [one(3)]),
    "zeros": Problem(Op.ZEROS_LIKE, [i(7, 8)], [i(0, 0)]),
    "range": Problem(Op.RANGE, [one(1), one(8), one(3)], [i(1, 4, 7)]),
    "range down": Problem(Op.RANGE, [one(5), one(0), one(-2)], [i(5, 3, 1)]),
    "range of none": Problem(Op.RANGE, [one(0), one(0), one(1)], [np.zeros(0, np.int32)]),
    "fill": Problem(Op.FILL, [i(2, 3), one(9)], [np.full((2, 3), 9, np.int32)]),
    "add": Problem(Op.ADD, [CUBE[0], i(1, 2, 3, 4)], [CUBE[0] + i(1, 2, 3, 4)], AddOptions()),
    "sub": Problem(Op.SUB, [one(5), one(7)], [one(-2)], SubOptions()),
    "mul": Problem(Op.MUL, [f(23040.0), f(1 / 7680)], [f(23040.0) * f(1 / 7680)], MulOptions()),
    "maximum": Problem(Op.MAXIMUM, [one(5), one(7)], [one(7)]),
    "minimum": Problem(Op.MINIMUM, [i(5, -9), i(-7, 2)], [i(-7, -9)]),
    "floor div": Problem(Op.FLOOR_DIV, [i(7, -7, 7, -7, 6), i(2, 2, -2, -2, 3)], [i(3, -4, -4, 3, 2)]),
    "floor mod": Problem(Op.FLOOR_MOD, [i(7, -7, 7, -7), i(3, 3, -3, -3)], [i(1, 2, -2, -1)]),
    "cast": Problem(Op.CAST, [f(2.9, -2.9, 3.0)], [i(2, -2, 3)]),
    "cast to float": Problem(Op.CAST, [i(16_777_217, -3)], [f(16_777_216.0, -3.0)]),
    "ceil": Problem(Op.CEIL, [f(1.0000001, -1.5, 2.0)], [f(2.0, -1.0, 2.0)]),
    "floor": Problem(Op.FLOOR, [f(1.9, -1.5)], [f(1.0, -2.0)]),
    "round": Problem(Op.ROUND, [f(0.5, 1.5, 2.5, -0.5, 2.4)], [f(0.0, 2.0, 2.0, 0.0, 2.0)]),
    "neg": Problem(Op.NEG, [i(3, -4)], [i(-3, 4)]),
    "abs": Problem(Op.ABS, [f(3, -4)], [f(3, 4)]),
    "square": Problem(Op.SQUARE, [f(3, -4)], [f(9, 16)]),
    "sum": Problem(Op.SUM, [CUBE, i(1)], [CUBE.sum(1, np.int32)], ReducerOptions()),
    "product": Problem(Op.REDUCE_PROD, [i(3, 4, 5), i(0)], [one(60)], ReducerOptions()),
    "largest": Problem(Op.REDUCE_MAX, [CUBE, i(0, -1)], [CUBE.max((0, 2))], ReducerOptions()),
    "least": Problem(Op.REDUCE_MIN, [CUBE, i(2)], [CUBE.min(2, keepdims=True)], ReducerOptions(keep_dims=True)),
    "reshape": Problem(Op.RESHAPE, [CUBE, i(4, -1)], [CUBE.reshape(4, 6)], ReshapeOptions()),
    "reshape to a scalar": Problem(Op.RESHAPE, [i(7), np.zeros(0, np.int32)], [one(7)], ReshapeOptions()),
    "expand": Problem(Op.EXPAND_DIMS, [i(1, 2), one(-2)], [i([1, 2])]),
    "squeeze": Problem(Op.SQUEEZE, [i([1, 2])], [i(1, 2)], SqueezeOptions((0,))),
    "squeeze all": Problem(Op.SQUEEZE, [i([[[5]]])], [one(5)], SqueezeOptions()),
    "transpose": Problem(Op.TRANSPOSE, [CUBE, i(2, 0, 1)], [CUBE.transpose(2, 0, 1)]),
    "slice": Problem(Op.SLICE, [CUBE, i(0, 1, 2), i(1, -1, 2)], [CUBE[0:1, 1:, 2:4]]),
    "strided slice": Problem(
        Op.STRIDED_SLICE, [CUBE, i(0, 0, 3), i(2, 9, 0), i(1, 2, -2)], [CUBE[:, ::2, 3:0:-2]], StridedSliceOptions()
    ),
    "one of a shape": Problem(
        Op.STRIDED_SLICE, [i(6, 7), i(1), i(2), i(1)], [one(7)], StridedSliceOptions(shrink_axis_mask=1)
    ),
    "masked": Problem(
        Op.STRIDED_SLICE, [i(6, 7, 8), i(2), i(1), i(1)], [i(6, 7, 8)], StridedSliceOptions(begin_mask=1, end_mask=1)
    ),
    "gather": Problem(Op.GATHER, [CUBE, i([2, 0])], [CUBE[:, [[2, 0]]]], GatherOptions(axis=1)),
    "pack": Problem(Op.PACK, [one(0), one(7), one(2)], [i(0, 7, 2)], PackOptions(3)),
    "pack last": Problem(Op.PACK, [i(1, 2), i(3, 4)], [i([1, 3], [2, 4])], PackOptions(2, -1)),
    "unpack": Problem(Op.UNPACK, [i([1, 2], [3, 4])], [i(1, 3), i(2, 4)], UnpackOptions(2, 1)),
    "join": Problem(Op.CONCATENATION, [i(1), i(2, 3)], [i(1, 2, 3)], ConcatenationOptions()),
    "tile": Problem(Op.TILE, [i([1, 2]), i(2, 2)], [i([1, 2, 1, 2], [1, 2, 1, 2])]),
    "split": Problem(Op.SPLIT, [one(0), i(1, 2, 3, 4)], [i(1, 2), i(3, 4)], SplitOptions(2)),
    "split by all sizes": Problem(Op.SPLIT_V, [i([1, 2, 3]), i(2, 1), one(-1)], [i([1, 2]), i([3])], SplitVOptions(2)),
    "split by sizes": Problem(
        Op.SPLIT_V, [i(15_600, 64), i(0, 1, -1), one(0)], [np.zeros(0, np.int32), i(15_600), i(64)], SplitVOptions(3)
    ),
}


def of_constants(problem: Problem, *, given: bool = False) -> Graph:
    """Return the graph of a problem, whose outputs are constants; or take its inputs from the caller."""
    builder = GraphBuilder()
    add = (lambda value: builder.activation(value.shape, value.dtype)) if given else builder.constant
    inputs = [add(value) for value in problem.inputs]
    outputs = [builder.activation(value.shape, value.dtype) for value in problem.outputs]
    graph = builder.build([*(inputs if given else ()), builder.activation((1,))], outputs)
    operator = Operator(0, problem.op, tuple(inputs), tuple(outputs), problem.options)
    return replace(graph, operators=(operator,))


def computed(graph: Graph) -> list[Array | None]:
    folding = _Folding(graph, 15_600, DEFAULT_LIMITS)
    folding.fold()
    return [folding.tensors[index].data for index in graph.outputs]


def test_every_operator_of_constants_has_a_problem() -> None:
    assert {problem.op for problem in PROBLEMS.values()} | {Op.DEQUANTIZE} == set(VALUES)
    assert {record.op for record in SHAPE_OPERATORS} <= set(VALUES) <= set(OPERATORS)


@pytest.mark.parametrize("name", PROBLEMS)
def test_values_of_constants(name: str) -> None:
    problem = PROBLEMS[name]
    for value, wanted in zip(computed(of_constants(problem)), problem.outputs, strict=True):
        assert value is not None
        assert (value.dtype, value.shape, value.flags.writeable) == (wanted.dtype, wanted.shape, False)
        assert value.tobytes() == wanted.tobytes()


@pytest.mark.runtime
@needs_runtime
@pytest.mark.parametrize("name", [name for name, problem in PROBLEMS.items() if all(p.size for p in problem.outputs)])
def test_values_of_constants_are_those_of_the_runtime(name: str) -> None:
    problem = PROBLEMS[name]
    runtime = Runtime(write_graph(of_constants(problem, given=True)), kernels="optimised", inner=False)
    for value, wanted in zip(runtime.run(*problem.inputs, f(0.0)), problem.outputs, strict=True):
        assert (value.dtype, value.shape) == (wanted.dtype, wanted.shape)
        assert value.tobytes() == np.ascontiguousarray(wanted).tobytes()


WEIGHTS = np.arange(-12, 12, dtype=np.int8).reshape(4, 6) * np.int8(10)


@pytest.mark.parametrize(
    ("data", "scales"),
    [
        (WEIGHTS, quantization(0.1, 3)),
        (WEIGHTS, quantization([0.1, 0.2, 0.3, 0.7])),
        (WEIGHTS, quantization([0.1, 0.2, 0.3, 0.7, 1.1, 3.3], dimension=1)),
        (np.array([1.5, -0.1, 65504], np.float16), None),
    ],
)
@pytest.mark.runtime
@needs_runtime
def test_weights_are_made_float_as_the_runtime_does(data: Array, scales: Quantization | None) -> None:
    builder = GraphBuilder()
    shape = (1, data.shape[-1])
    source, weights = builder.activation(shape), builder.constant(data, scales)
    real = builder.operator(Op.DEQUANTIZE, [weights], builder.activation(data.shape), version=5)
    total = builder.operator(
        Op.ADD, [source, real], builder.activation((*data.shape[:-1], data.shape[-1])), AddOptions()
    )
    data_ = write_graph(builder.build([source], [total]))
    (wanted,) = Runtime(data_, inner=False).run(np.zeros(shape, np.float32))
    graph = read_graph(data_)
    assert [operator.op for operator in graph.operators] == [Op.ADD]
    found = graph.tensors[graph.operators[0].inputs[1]].data
    assert found is not None
    np.testing.assert_array_equal(found, wanted.reshape(found.shape))


# -- Graphs of any length -----------------------------------------------------------------------------------------


def any_length() -> Graph:
    """Return a graph that pads a recording to whole frames of 400 samples, and gives the logarithm of each sample."""
    builder = GraphBuilder()

    def number(op: Op, *inputs: int, options: Options | None = None) -> int:
        return builder.operator(op, inputs, builder.activation((), np.int32), options)

    samples = builder.activation((-1,), name="samples")
    zero, one_, frame = (builder.constant(np.int32(value)) for value in (0, 1, 400))
    shape = builder.operator(Op.SHAPE, [samples], builder.activation((1,), np.int32), ShapeOptions(2))
    ends = [builder.constant(i(value)) for value in (0, 1, 1)]
    length = number(Op.STRIDED_SLICE, shape, *ends, options=StridedSliceOptions(shrink_axis_mask=1))
    rest = number(Op.FLOOR_MOD, number(Op.NEG, length), frame)
    pads = builder.operator(Op.PACK, [zero, rest], builder.activation((2,), np.int32), PackOptions(2))
    pairs = builder.operator(Op.EXPAND_DIMS, [pads, zero], builder.activation((1, 2), np.int32))
    padded = builder.operator(Op.PAD, [samples, pairs], builder.activation((-1,)))
    count = number(Op.FLOOR_DIV, number(Op.ADD, length, rest, options=AddOptions()), frame)
    frames = builder.operator(Op.PACK, [count, frame], builder.activation((2,), np.int32), PackOptions(2))
    cut = builder.operator(Op.RESHAPE, [padded, frames], builder.activation((-1, 400)), ReshapeOptions())
    order = builder.operator(Op.RANGE, [zero, count, one_], builder.activation((-1,), np.int32))
    taken = builder.operator(Op.GATHER, [cut, order], builder.activation((-1, 400)), GatherOptions())
    logs = builder.operator(Op.LOG, [taken], builder.activation((-1, 400), name="logs"))
    return builder.build([samples], [logs])


def test_a_graph_of_any_length_is_read_as_that_of_one_window() -> None:
    graph = read_graph(write_graph(any_length()))
    assert [operator.op for operator in graph.operators] == [Op.RESHAPE, Op.RESHAPE, Op.LOG]
    assert [graph.tensors[operator.outputs[0]].shape for operator in graph.operators] == [(39, 400)] * 3
    assert graph.tensors[graph.inputs[0]].shape == (15_600,)
    assert [tensor.index for tensor in graph.tensors] == list(range(len(graph.tensors)))
    assert fold_graph(graph) is graph


@pytest.mark.parametrize("samples", [400, 401, 799])
def test_a_graph_is_folded_for_other_lengths(samples: int) -> None:
    graph = fold_graph(any_length(), samples=samples)
    validate_graph(graph)
    assert graph.tensors[graph.outputs[0]].shape == (-(-samples // 400), 400)
    assert (Op.PAD in [operator.op for operator in graph.operators]) is bool(samples % 400)


def test_graphs_of_fixed_shapes_stay_as_they_are(small_model_path: Path) -> None:
    for graph in (read_graph(small_model_path), synthetic_yamnet(seed=0, width=0.125)):
        assert fold_graph(graph) is graph


@pytest.mark.parametrize(
    ("declared", "wanted"),
    [
        ((-1,), (15_600,)),
        ((1, -1), (1, 15_600)),
        ((-1, -1), (1, 15_600)),
        ((-1, 15_600), (1, 15_600)),
        ((-1, 1024), (1, 1024)),
        ((-1, 96, 64), (1, 96, 64)),
        ((-1, -1, 64), (1, 96, 64)),
        ((-1, 64), (1, 64)),
        ((5360,), (5360,)),
    ],
)
def test_an_input_is_that_of_one_window(declared: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    builder = GraphBuilder()
    source = builder.activation(declared)
    graph = builder.build([source], [builder.operator(Op.LOG, [source], builder.activation(declared))])
    read = read_graph(write_graph(graph))
    assert [tensor.shape for tensor in read.tensors] == [wanted, wanted]


def test_a_size_that_the_file_names_is_taken() -> None:
    builder = GraphBuilder()
    source = builder.activation((5, 1))
    graph = builder.build([source], [builder.operator(Op.LOG, [source], builder.activation((-1, -1)))])
    assert read_graph(write_graph(graph)).tensors[1].shape == (5, 1)


# -- What is refused ----------------------------------------------------------------------------------------------


def chain(*problems: Problem, data: bool = False) -> Graph:
    """Return a graph of operators, each of the one before it and of constants."""
    builder = GraphBuilder()
    source = builder.activation((4,), np.int32 if data else np.float32)
    value = source
    for index, problem in enumerate(problems):
        inputs = [builder.constant(constant) for constant in problem.inputs]
        if index or data:
            inputs[0] = value
        value = builder.operator(problem.op, inputs, builder.activation((-1,), np.int32), problem.options)
    return builder.build([source], [value])


HUGE = 2**31 - 1
REFUSED: list[tuple[str, Sequence[Problem], type[YamjitError], str]] = [
    ("long range", [Problem(Op.RANGE, [one(0), one(HUGE), one(1)], ())], LimitError, "values of shape"),
    ("no step", [Problem(Op.RANGE, [one(0), one(1), one(0)], ())], ModelError, "a step other than 0"),
    ("large fill", [Problem(Op.FILL, [i(HUGE, HUGE), one(1)], ())], LimitError, "values of shape"),
    ("negative fill", [Problem(Op.FILL, [i(-2, -2), one(1)], ())], ModelError, "negative dimension"),
    ("large tile", [Problem(Op.TILE, [i(1), i(HUGE)], ())], LimitError, "values of shape"),
    (
        "wide sum",
        [Problem(Op.ADD, [i(*range(3000)), i(*([k] for k in range(3000)))], (), AddOptions())],
        LimitError,
        "values of shape",
    ),
    ("division", [Problem(Op.FLOOR_DIV, [one(1), one(0)], ())], ModelError, "divisor other than 0"),
    ("shapes", [Problem(Op.ADD, [i(1, 2), i(1, 2, 3)], (), AddOptions())], ModelError, "cannot be computed"),
    ("reshape", [Problem(Op.RESHAPE, [i(1, 2), i(3, -1)], (), ReshapeOptions())], ModelError, "cannot be computed"),
    ("axis", [Problem(Op.EXPAND_DIMS, [i(1), one(7)], ())], ModelError, "cannot be computed"),
    ("index", [Problem(Op.GATHER, [i(1), i(7)], (), GatherOptions())], ModelError, "cannot be computed"),
    ("types", [Problem(Op.MAXIMUM, [i(1), f(1)], ())], ModelError, "types int32 and float32 differ"),
    ("declared", [Problem(Op.CEIL, [f(1)], ())], ModelError, "type int32 should be float32"),
    ("fused", [Problem(Op.MUL, [i(1), i(1)], (), MulOptions(1))], ModelError, "fused activation"),  # type: ignore[arg-type]
    (
        "parts",
        [Problem(Op.SPLIT_V, [i(1, 2), i(1, 2), one(0)], (), SplitVOptions(1))],
        ModelError,
        "outputs|do not add up",
    ),
    ("nothing left", [Problem(Op.NEG, [i(1)], ())], ModelError, "there are no operators|output"),
    (
        "long chain",
        [Problem(Op.TILE, [i(1), i(2**22)], ()), *[Problem(Op.NEG, [i(1)], ())] * 50],
        LimitError,
        "values of constants are to be computed",
    ),
]


@pytest.mark.parametrize(
    ("problems", "error", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused(problems: Sequence[Problem], error: type[YamjitError], message: str) -> None:
    data = write_graph(chain(*problems))
    started = time.monotonic()
    tracemalloc.start()
    with pytest.raises(error, match=message):
        read_graph(data)
    assert tracemalloc.get_traced_memory()[1] < 2**28
    tracemalloc.stop()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("record", SHAPE_OPERATORS, ids=lambda record: record.op.name)
def test_what_depends_on_the_samples_is_refused(record: Any) -> None:
    problem = next(problem for problem in PROBLEMS.values() if problem.op == record.op)
    builder = GraphBuilder()
    inputs = [builder.activation(value.shape, value.dtype) for value in problem.inputs]
    outputs = [builder.activation(value.shape, value.dtype) for value in problem.outputs]
    graph = builder.build(inputs, outputs)
    graph = replace(graph, operators=(Operator(0, problem.op, tuple(inputs), tuple(outputs), problem.options),))
    message = "there are no operators" if problem.op in (Op.SHAPE, Op.RANK, Op.ZEROS_LIKE) else "depends on the samples"
    with pytest.raises(ModelError, match=message):
        read_graph(write_graph(graph))


def test_quantized_constants_are_not_taken_for_numbers() -> None:
    builder = GraphBuilder()
    source = builder.activation((4,), np.int8, quantization(0.5))
    constant = builder.constant(np.ones(4, np.int8), quantization(0.5))
    joined = builder.operator(
        Op.CONCATENATION,
        [constant, source],
        builder.activation((8,), np.int8, quantization(0.5)),
        ConcatenationOptions(),
    )
    graph = builder.build([source], [joined])
    assert fold_graph(graph) is graph


# -- A published file ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dynamic_path(test_data: Path) -> Path:
    path = test_data / "models" / "yamnet_dynamic_hybrid.tflite"
    if not path.exists():
        pytest.skip("yamnet_dynamic_hybrid is not at hand")
    return path


@pytest.mark.recordings
def test_yamnet_of_any_length_is_read(dynamic_path: Path) -> None:
    graph = read_graph(dynamic_path)
    assert len(graph.operators) == 44
    assert [graph.tensors[index].shape for index in graph.outputs] == [(1, 521), (1, 1024), (96, 64)]
    assert {tensor.dtype.name for tensor in graph.tensors if tensor.data is None} == {"float32", "complex64"}
    assert graph.arithmetic is Arithmetic.OPTIMISED


@pytest.mark.parametrize(("op", "arithmetic"), [(Op.CEIL, Arithmetic.OPTIMISED), (Op.FLOOR, Arithmetic.REFERENCE)])
def test_kernels_are_those_that_a_runtime_has(op: Op, arithmetic: Arithmetic) -> None:
    builder = GraphBuilder()
    source = builder.activation((4,))
    number = builder.operator(op, [builder.constant(f(0.5))], builder.activation((1,)))
    total = builder.operator(Op.ADD, [source, number], builder.activation((4,)), AddOptions())
    data = write_graph(builder.build([source], [total]))
    graph = read_graph(data)
    assert [operator.op for operator in graph.operators] == [Op.ADD]
    assert graph.arithmetic is arithmetic
    if runtime_available():
        if op == Op.CEIL:
            with pytest.raises((ValueError, RuntimeError), match="CEIL"):
                Runtime(data, inner=False)
        else:
            Runtime(data, inner=False)


@pytest.mark.recordings
@pytest.mark.runtime
@needs_runtime
@pytest.mark.parametrize("samples", [15_600, 15_599, 15_601, 23_280, 100_000])
def test_what_is_folded_of_yamnet_is_what_the_runtime_computes(dynamic_path: Path, samples: int) -> None:
    folding = _Folding(
        _Reader(*open_model(dynamic_path.read_bytes(), DEFAULT_LIMITS), DEFAULT_LIMITS).read(), samples, DEFAULT_LIMITS
    )
    written = {index for operator in folding._graph.operators for index in operator.outputs}
    folding.fold()
    module = runtime_module()
    interpreter = module.Interpreter(
        str(dynamic_path),
        experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.resize_tensor_input(0, [samples])
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.zeros(samples, np.float32))
    interpreter.invoke()
    folded = 0
    for tensor in folding.tensors:
        if tensor.index not in written:
            continue
        wanted = interpreter.get_tensor(tensor.index)
        assert tensor.shape == wanted.shape
        if tensor.data is not None:
            folded += 1
            assert tensor.data.dtype == wanted.dtype
            np.testing.assert_array_equal(tensor.data, wanted)
    assert folded == 60
