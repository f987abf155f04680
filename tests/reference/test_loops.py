"""The reference loops against their definitions, the goldens, and a TFLite runtime's reference kernels."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import arithmetic, ops
from reference.cases import edge_problems, random_problems
from reference.problems import PROBLEMS, ConvProblem, FullyConnectedProblem, MeanProblem, Problem, load, save
from reference.runtime import KERNELS, Runtime, runtime_available
from reference.waveforms import golden_waveforms
from tests.support.synthetic import synthetic_yamnet
from tools.make_goldens import GOLDENS, OFFICIAL_TENSORS, digest, golden_model, runtime_answer
from yamjit.tflite.graph import Graph, Op, Operator, Padding, Tensor
from yamjit.tflite.reader import read_graph
from yamjit.tflite.writer import write_graph

Array = npt.NDArray[Any]

needs_runtime = [
    pytest.mark.runtime,
    pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)"),
]


def runtime(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that compares with a runtime."""
    for mark in needs_runtime:
        test = mark(test)
    return test


# The primitives against exact fractions.


def nearest(value: Fraction, tie: str) -> int:
    """Round exactly; `tie` says where halves go: up, or away from zero."""
    below = math.floor(value)
    rest = value - below
    if rest == Fraction(1, 2):
        return below + 1 if tie == "up" or value > 0 else below
    return below + (rest > Fraction(1, 2))


int32 = st.integers(-(2**31) + 1, 2**31 - 1)
normal_multiplier = st.integers(2**30, 2**31 - 1)
right_shift = st.integers(0, 31)


@given(int32, st.integers(0, 2**31 - 1))
def test_high_mul_rounds_to_nearest_halves_up(a: int, b: int) -> None:
    expected = nearest(Fraction(2 * a * b, 2**32), "up")
    assert arithmetic.saturating_rounding_doubling_high_mul(a, b) == expected


def test_high_mul_saturates_in_its_one_corner() -> None:
    assert arithmetic.saturating_rounding_doubling_high_mul(-(2**31), -(2**31)) == 2**31 - 1
    assert arithmetic.saturating_rounding_doubling_high_mul(-(2**31), 2**31 - 1) == -(2**31) + 1


@given(int32, right_shift)
def test_divide_by_pot_rounds_halves_away_from_zero(x: int, exponent: int) -> None:
    assert arithmetic.rounding_divide_by_pot(x, exponent) == nearest(Fraction(x, 2**exponent), "away")


@given(st.floats(-(2.0**52), 2.0**52))
def test_round_half_away(value: float) -> None:
    assert arithmetic.round_half_away(value) == nearest(Fraction(value), "away")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.49999999999999994, 0), (-0.49999999999999994, 0), (0.5, 1), (-0.5, -1), (2.5, 3), (-2.5, -3)],
)
def test_round_half_away_at_the_edges(value: float, expected: int) -> None:
    assert arithmetic.round_half_away(value) == expected


@given(st.floats(2.0**-31, 2.0**16))
def test_quantized_multiplier_is_the_nearest_of_31_bits(real: float) -> None:
    multiplier, shift = arithmetic.quantize_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    unit = Fraction(2) ** (shift - 31)
    assert abs(multiplier * unit - Fraction(real)) <= unit / 2


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (1.0, (2**30, 1)),
        (0.5, (2**30, 0)),
        (1 - 2.0**-40, (2**30, 1)),  # the mantissa rounds up to one
        (2.0**-32, (2**30, -31)),
        (2.0**-33, (0, 0)),
        (2.0**15, (2**30, 16)),
    ],
)
def test_quantized_multiplier_at_the_edges(real: float, expected: tuple[int, int]) -> None:
    assert arithmetic.quantize_multiplier(real) == expected


def test_shifting_an_accumulator_out_of_int32_is_refused() -> None:
    assert arithmetic.multiply_by_quantized_multiplier(2**29, 2**30, 1) == 2**29
    with pytest.raises(OverflowError, match="leaves int32"):
        arithmetic.multiply_by_quantized_multiplier(2**30, 2**30, 1)


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        ("NONE", 0.1, 5, (-128, 127)),
        ("RELU", 0.1, 5, (5, 127)),
        ("RELU", 0.1, -128, (-128, 127)),
        ("RELU6", 6 / 255, -128, (-128, 127)),
        ("RELU6", 0.1, -128, (-128, -68)),
        ("RELU6", 4.0, 0, (0, 2)),  # 1.5 rounds away from zero
        ("RELU_N1_TO_1", 0.4, 3, (0, 6)),  # so does 2.5
        ("RELU_N1_TO_1", 0.001, 0, (-128, 127)),
    ],
)
def test_activation_range(activation: str, scale: float, zero_point: int, expected: tuple[int, int]) -> None:
    assert arithmetic.activation_range(activation, float(np.float32(scale)), zero_point) == expected


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3))
def test_same_padding_covers_the_image_and_puts_the_odd_row_last(
    size: int, filter_size: int, stride: int, dilation: int
) -> None:
    span = arithmetic.window_span(filter_size, dilation)
    count = arithmetic.output_size("SAME", size, filter_size, stride, dilation)
    before = arithmetic.padding_before("SAME", size, filter_size, stride, dilation)
    after = max(0, (count - 1) * stride + span - size - before)
    assert count == math.ceil(size / stride)
    assert after - before in (0, 1)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3))
def test_valid_windows_lie_inside_the_image(size: int, filter_size: int, stride: int, dilation: int) -> None:
    span = arithmetic.window_span(filter_size, dilation)
    starts = [start for start in range(0, size, stride) if start + span <= size]
    if starts:
        assert arithmetic.output_size("VALID", size, filter_size, stride, dilation) == len(starts)
    assert arithmetic.padding_before("VALID", size, filter_size, stride, dilation) == 0


# The theorem: one shift of 64 bits stands for both roundings.


def both_roundings(acc: int, bias: int, multiplier: int, shift: int, offset: int, low: int, high: int) -> int:
    scaled = arithmetic.multiply_by_quantized_multiplier(acc + bias, multiplier, shift)
    return arithmetic.clamp(scaled + offset, low, high)


@given(
    st.integers(-(2**30), 2**30),
    st.integers(-(2**30), 2**30 - 1),
    normal_multiplier,
    right_shift,
    st.integers(-128, 127),
    st.integers(0, 255),
)
def test_one_shift_equals_two_roundings(acc: int, bias: int, multiplier: int, shift: int, low: int, below: int) -> None:
    offset = max(low - below, -128)
    assert arithmetic.is_collapsible(-shift, offset, low)
    arguments = (acc, bias, multiplier, -shift, offset, low, 127)
    assert arithmetic.requantize_collapsed(*arguments) == both_roundings(*arguments)


@pytest.mark.parametrize("shift", [0, 1, 2, 5, 9, 30, 31])
@pytest.mark.parametrize("multiplier", [2**30, 2**30 + 1, 3 * 2**29, 2**31 - 1])
def test_one_shift_equals_two_roundings_around_every_threshold(shift: int, multiplier: int) -> None:
    """Zero, the ends, and all accumulators at which an output can change, with neighbours on both sides."""
    thresholds = {0, 2**31 - 2, -(2**31) + 2}
    for output in range(-3, 257):
        threshold = ((2 * output - 1) * 2 ** (30 + shift)) // multiplier
        thresholds.update(threshold + near for near in range(-2, 4))
    for acc in thresholds:
        if abs(acc) >= 2**31 - 1:
            continue
        for bias in (0, 1, -1):
            arguments = (acc, bias, multiplier, -shift, -128, -128, 127)
            assert arithmetic.requantize_collapsed(*arguments) == both_roundings(*arguments), arguments


@given(int32, normal_multiplier, st.integers(-128, 127))
def test_without_right_shift_one_shift_is_exact_for_any_clamp(acc: int, multiplier: int, offset: int) -> None:
    assert arithmetic.is_collapsible(0, offset, -128)
    arguments = (acc, 0, multiplier, 0, offset, -128, 127)
    assert arithmetic.requantize_collapsed(*arguments) == both_roundings(*arguments)


def test_the_condition_of_the_theorem_is_needed() -> None:
    """A negative half that is not clamped away: two roundings go away from zero, one shift goes up."""
    acc, bias, multiplier, shift, offset, low, high = -2, 0, 2**30, -1, 0, -128, 127
    assert not arithmetic.is_collapsible(shift, offset, low)
    assert both_roundings(acc, bias, multiplier, shift, offset, low, high) == -1
    assert arithmetic.requantize_collapsed(acc, bias, multiplier, shift, offset, low, high) == 0


def test_sixty_four_bits_hold_the_collapsed_sum() -> None:
    for acc in (2**31 - 1, -(2**31)):
        arithmetic.requantize_collapsed(acc, 0, 2**31 - 1, -31, -128, -128, 127)


def test_accumulator_bound() -> None:
    """65,536 products of the extremes stay within int32; see the bound in the README."""
    worst = 127 * (127 + 128)
    assert (2**16) * worst < 2**31
    assert (2**31 - 1) // worst == 66_311


# The goldens, which need no runtime.


@pytest.mark.parametrize("kind", PROBLEMS)
def test_loops_give_the_golden_answers(kind: str) -> None:
    rows, origin = load(GOLDENS / f"{kind}.npz")
    assert len(rows) >= 25
    assert "reference kernels" in origin
    for problem, expected in rows:
        np.testing.assert_array_equal(problem.answer(), expected, err_msg=problem.name)


def test_golden_convolutions_reach_the_edges() -> None:
    """The kept problems do exercise what they are kept for."""
    rows, _ = load(GOLDENS / "conv.npz")
    problems = [problem for problem, _ in rows if isinstance(problem, ConvProblem)]
    shifts = {shift for problem in problems for shift in problem.multipliers()[1]}
    assert min(shifts) == -31
    assert max(shifts) > 0
    assert {problem.padding for problem in problems} == {"SAME", "VALID"}
    assert {problem.depthwise for problem in problems} == {False, True}
    assert {problem.input.shape[3] for problem in problems} >= set(range(1, 18))
    for extreme in (-128, 127):
        assert any(problem.input_zero_point == extreme for problem in problems)
        assert any((answer == extreme).any() for _, answer in rows)


def test_one_and_two_roundings_both_occur_in_the_goldens() -> None:
    """Were every accumulator far from a tie, equal answers would prove little."""
    rows, _ = load(GOLDENS / "conv.npz")
    differing = 0
    for problem, expected in rows:
        assert isinstance(problem, ConvProblem)
        if problem.filter.any() or problem.bias is None:
            continue
        for channel, acc in enumerate(problem.bias.tolist()):
            once = arithmetic.round_half_away(acc * float(problem.filter_scale[channel]))
            once = arithmetic.clamp(once + problem.output_zero_point, -128, 127)
            differing += once != expected[0, 0, 0, channel]
    assert differing > 10


def test_problems_survive_the_disk(tmp_path: Path) -> None:
    chosen = [problem for problem in random_problems(7, 60) if isinstance(problem, FullyConnectedProblem)]
    assert any(problem.bias is None for problem in chosen)
    save(tmp_path / "fully_connected.npz", chosen, [problem.answer() for problem in chosen], "loops")
    rows, origin = load(tmp_path / "fully_connected.npz")
    assert origin == "loops"
    for (problem, expected), before in zip(rows, chosen, strict=True):
        assert vars(problem).keys() == vars(before).keys()
        for name, value in vars(before).items():
            np.testing.assert_array_equal(getattr(problem, name), value)
        np.testing.assert_array_equal(problem.answer(), expected)


@pytest.fixture(scope="module")
def chain() -> Mapping[str, Array]:
    with np.load(GOLDENS / "chain.npz") as file:
        return dict(file)


def test_the_synthetic_model_is_that_of_the_goldens(chain: Mapping[str, Array]) -> None:
    found = hashlib.sha256(golden_model()).hexdigest()
    assert found == str(chain["model_sha256"]), "the model has changed: run python -m tools.make_goldens"


@pytest.mark.slow
@pytest.mark.parametrize("waveform", ["chirp", "zeros"])
def test_loops_give_every_tensor_of_the_golden_chain(chain: Mapping[str, Array], waveform: str) -> None:
    """From the patch to the scores of a whole network, layer by layer."""
    graph = synthetic_yamnet(seed=0, width=0.125)
    at = chain["waveforms"].tolist().index(waveform)
    golden = dict(zip(chain["tensors"].tolist(), chain["digests"][at], strict=True))
    patch = graph.tensor("patch")
    values: dict[int, Array] = {patch.index: chain["patch"][at].reshape(patch.shape)}
    compared = 0
    for operator in graph.operators:
        if operator.inputs[0] not in values:
            continue  # the float front end
        output = graph.tensors[operator.outputs[0]]
        values[output.index] = evaluate(graph, operator, values)
        if output.dtype == np.int8:
            assert digest(values[output.index]) == golden[output.name].tobytes().hex(), output.name
            compared += 1
    assert compared == 30  # 27 convolutions, mean, logits, scores


# The float operators and those that move data, against NumPy.


def test_rfft_is_numpys_to_the_last_bits_of_float32() -> None:
    rng = np.random.default_rng(0)
    frames = rng.uniform(-1, 1, (2, 1, 400)).astype(np.float32)
    found = ops.rfft_2d(frames, (1, 512))
    expected = np.fft.rfft(frames.astype(np.float64), 512)
    assert found.shape == (2, 1, 257)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2.0**-24 * np.abs(expected).max())
    np.testing.assert_array_equal(ops.rfft_2d(frames, (1, 256)), ops.rfft_2d(frames[..., :256], (1, 256)))


def test_complex_abs_rounds_once() -> None:
    values = np.array([3 + 4j, -1e-30j, 1e30 + 1e30j, 0], np.complex64)
    np.testing.assert_array_equal(ops.complex_abs(values), np.hypot(values.real, values.imag, dtype=np.float32))


def test_float_matrix_product_runs_in_order_with_the_bias_last() -> None:
    """In another order, or with the bias first, the sum would be another."""
    row = np.array([[1, 2**24, 1, -(2**24)]], np.float32)
    ones = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(ops.fully_connected_f32(row, ones, np.array([0.5], np.float32)), [[0.5]])
    np.testing.assert_array_equal(ops.fully_connected_f32(row[:, ::-1], ones, None), [[2]])


def test_data_moves_as_in_numpy() -> None:
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    indices = np.array([[2, 0], [1, 2]], np.int32)
    paddings = np.array([[0, 0], [1, 2], [3, 0]], np.int32)
    np.testing.assert_array_equal(ops.strided_slice(values, (1, 0, 4), (3, 4, 0), (1, 2, -2)), values[1:3, ::2, 4:0:-2])
    np.testing.assert_array_equal(
        ops.strided_slice(values, (9, 1, 0), (9, 1, 5), (1, 1, 1), begin_mask=3, end_mask=3), values
    )
    np.testing.assert_array_equal(ops.reshape(values, (5, -1, 2)), values.reshape(5, -1, 2))
    for axis in range(3):
        np.testing.assert_array_equal(ops.gather(values, indices, axis), np.take(values, indices, axis))
    np.testing.assert_array_equal(ops.pad(values, paddings), np.pad(values, paddings))
    for found, expected in zip(ops.split(values, 1, 2), np.split(values, 2, 1), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fill"):
        ops.reshape(np.zeros(6), (4, 2))
    with pytest.raises(ValueError, match="not a multiple of 4"):
        ops.split(np.zeros((2, 6)), 1, 4)
    with pytest.raises(OverflowError):
        ops.quantize_s8(np.array([3e9], np.float32), 1.0, 0)


# The runtime.


def test_kernel_sets_have_names() -> None:
    with pytest.raises(ValueError, match=r"'fast'; accepted: reference, optimised, xnnpack"):
        Runtime(b"", kernels="fast")


def test_a_missing_runtime_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reference.runtime._RUNTIMES", (("no_such_module", "no-such-distribution"),))
    assert not runtime_available()
    with pytest.raises(ImportError, match="pip install ai-edge-litert"):
        Runtime(b"")


@runtime
@pytest.mark.parametrize("kind", PROBLEMS)
def test_the_runtime_gives_the_golden_answers(kind: str) -> None:
    for problem, expected in load(GOLDENS / f"{kind}.npz")[0]:
        np.testing.assert_array_equal(runtime_answer(problem), expected, err_msg=problem.name)


@runtime
def test_the_runtime_gives_the_golden_chain(chain: Mapping[str, Array]) -> None:
    """Of the front end only the patches are compared: no cell flips."""
    runtime = Runtime(golden_model())
    for at, waveform in enumerate(golden_waveforms().values()):
        values = runtime.record(waveform, names=chain["tensors"].tolist())
        for name, expected in zip(chain["tensors"], chain["digests"][at], strict=True):
            assert digest(values[name]) == expected.tobytes().hex(), name


@runtime
@pytest.mark.model
def test_the_runtime_gives_the_hashes_of_the_official_model(official_model_path: Path) -> None:
    golden = json.loads((GOLDENS / "official.json").read_text())
    assert hashlib.sha256(official_model_path.read_bytes()).hexdigest() == golden["model_sha256"]
    runtime = Runtime(official_model_path)
    for name, waveform in golden_waveforms().items():
        values = runtime.record(waveform, names=list(OFFICIAL_TENSORS.values()))
        found = {key: digest(values[index]) for key, index in OFFICIAL_TENSORS.items()}
        assert found == golden["int8_sha256"][name], name


@runtime
def test_loops_equal_the_runtime_at_the_edges() -> None:
    compare_with_runtime(list(edge_problems()))


@runtime
@pytest.mark.parametrize("seed", range(4))
def test_loops_equal_the_runtime_on_random_problems(seed: int) -> None:
    compare_with_runtime(list(random_problems(seed, 120)))


def compare_with_runtime(problems: list[Problem]) -> None:
    for problem in problems:
        np.testing.assert_array_equal(problem.answer(), runtime_answer(problem), err_msg=problem.name)


#: Operators of the quantized YAMNet; `test_float_loops` has the others.
_OF_YAMNET = (
    *(Op.RESHAPE, Op.GATHER, Op.STRIDED_SLICE, Op.MUL, Op.PAD, Op.RFFT2D, Op.COMPLEX_ABS, Op.FULLY_CONNECTED, Op.LOG),
    *(Op.QUANTIZE, Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.MEAN, Op.LOGISTIC, Op.SPLIT, Op.DEQUANTIZE),
)


@pytest.mark.slow
@runtime
def test_loops_equal_the_runtime_on_every_operator_of_a_whole_model() -> None:
    """Each operator is fed what the runtime itself recorded, so that no deviation adds up."""
    graph = synthetic_yamnet(seed=1, classes=40, width=0.01)
    runtime = Runtime(write_graph(graph))
    recorded = runtime.record(golden_waveforms()["chirp"], names=range(len(graph.tensors)))
    values = {index: value for index, value in recorded.items() if isinstance(index, int)}
    seen = set()
    for operator in graph.operators:
        seen.add(operator.op)
        expected = values[operator.outputs[0]]
        some, found = evaluate_some_rows(graph, operator, values)
        if operator.op == Op.RFFT2D:
            tolerance = 2.0**-23 * np.abs(expected[some]).max()
            np.testing.assert_allclose(found, expected[some], rtol=0, atol=tolerance)
        elif operator.op == Op.LOG:  # C's logf may be off by a unit in the last place
            np.testing.assert_array_max_ulp(found, expected[some], maxulp=1)
        else:
            np.testing.assert_array_equal(found, expected[some], err_msg=str(operator), strict=True)
    assert seen == set(_OF_YAMNET)


@runtime
def test_loops_equal_the_runtime_on_the_head_of_trained_models(real_model_path: Path) -> None:
    """MEAN, FULLY_CONNECTED, LOGISTIC and QUANTIZE with real scales and weights."""
    operators = {operator.op: operator for operator in read_graph(real_model_path).operators}  # the last of each kind
    (log_mel,), (patch,) = operators[Op.QUANTIZE].inputs, operators[Op.QUANTIZE].outputs
    (grid, _), (embedding,) = operators[Op.MEAN].inputs, operators[Op.MEAN].outputs
    (_, weights, bias), (logits,) = operators[Op.FULLY_CONNECTED].inputs, operators[Op.FULLY_CONNECTED].outputs
    (scores,) = operators[Op.LOGISTIC].outputs
    runtime = Runtime(real_model_path)
    values = runtime.record(
        golden_waveforms()["chirp"], names=[log_mel, patch, grid, embedding, weights, bias, logits, scores]
    )
    scale, zero = {}, {}
    for index in (patch, grid, embedding, weights, logits):
        info = runtime.tensor(index)
        scale[index], zero[index] = info.scales, int(info.zero_points[0])
    found = ops.quantize_s8(values[log_mel], float(scale[patch][0]), zero[patch])
    np.testing.assert_array_equal(found, values[patch])
    mean = MeanProblem("", values[grid], scale[grid][0], zero[grid], scale[embedding][0], zero[embedding])
    np.testing.assert_array_equal(mean.answer(), values[embedding])
    dense = FullyConnectedProblem(
        "", values[embedding].reshape(1, -1), values[weights], values[bias], scale[embedding][0], zero[embedding],
        scale[weights], 0, scale[logits][0], zero[logits],
    )  # fmt: skip
    np.testing.assert_array_equal(dense.answer(), values[logits])
    table = arithmetic.logistic_table(float(scale[logits][0]), zero[logits])
    np.testing.assert_array_equal(ops.logistic_s8(values[logits], table), values[scores])


@runtime
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("threads", [1, 2])
def test_every_kernel_set_runs(kernels: str, threads: int) -> None:
    """Scores of other kernels than the reference are near, no more."""
    model = write_graph(synthetic_yamnet(seed=0, classes=30, width=0.05))
    waveform = golden_waveforms()["tremolo"]
    (scores,) = Runtime(model, kernels=kernels, threads=threads).run(waveform)
    (expected,) = Runtime(model).run(waveform)
    assert scores.shape == (1, 30)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=0 if kernels == "reference" else 0.3)


@runtime
def test_tensors_are_found_by_name_and_by_index() -> None:
    runtime = Runtime(golden_model())
    waveform = golden_waveforms()["noise"]
    everything = runtime.record(waveform)
    info = runtime.tensor("embedding")
    by_index = runtime.record(waveform, names=[info.index])
    np.testing.assert_array_equal(by_index[info.index], everything["embedding"])
    assert info.zero_points.tolist() == [-128]
    assert runtime.tensors[info.index].name == "embedding"
    with pytest.raises(LookupError, match="0 tensors are called 'no such'"):
        runtime.record(waveform, names=["no such"])


@runtime
def test_xnnpack_keeps_no_inner_tensors() -> None:
    runtime = Runtime(golden_model(), kernels="xnnpack")
    with pytest.raises(LookupError, match="was not kept"):
        runtime.record(golden_waveforms()["noise"], names=["layer5"])


# An operator of a graph by the loops.


def evaluate(graph: Graph, operator: Operator, values: Mapping[int, Array]) -> Array:
    """Return the first output of an operator."""
    inputs: list[Any] = [values.get(index, graph.tensors[index].data) for index in operator.inputs]
    return EVALUATORS[operator.op](graph, operator, inputs)


def evaluate_some_rows(graph: Graph, operator: Operator, values: Mapping[int, Array]) -> tuple[slice, Array]:
    """Evaluate the slow float operators on their first frames only; return which, and their output."""
    if operator.op not in (Op.RFFT2D, Op.COMPLEX_ABS, Op.FULLY_CONNECTED, Op.LOG):
        return slice(None), evaluate(graph, operator, values)
    some = slice(0, 3)
    source = operator.inputs[0]
    return some, evaluate(graph, operator, {**values, source: values[source][some]})


def scale_and_zero_point(tensor: Tensor) -> tuple[np.float32, int]:
    assert tensor.quantization is not None
    return tensor.quantization.scale[0], int(tensor.quantization.zero_point[0])


def ends(graph: Graph, operator: Operator) -> tuple[np.float32, int, np.float32, int]:
    """Return scale and zero point of the first input and of the output."""
    source, result = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    return (*scale_and_zero_point(source), *scale_and_zero_point(result))


def evaluate_conv(graph: Graph, operator: Operator, inputs: list[Array]) -> Array:
    options: Any = operator.options
    weights = graph.tensors[operator.inputs[1]].quantization
    assert weights is not None
    input_scale, input_zero_point, output_scale, output_zero_point = ends(graph, operator)
    return ConvProblem(
        str(operator),
        operator.op == Op.DEPTHWISE_CONV_2D,
        inputs[0],
        inputs[1],
        inputs[2],
        input_scale=input_scale,
        input_zero_point=input_zero_point,
        filter_scale=weights.scale,
        output_scale=output_scale,
        output_zero_point=output_zero_point,
        activation=options.activation.name,
        padding=Padding(options.padding).name,
        stride=(options.stride_h, options.stride_w),
        dilation=(options.dilation_h, options.dilation_w),
    ).answer()


def evaluate_fully_connected(graph: Graph, operator: Operator, inputs: list[Array]) -> Array:
    if inputs[0].dtype == np.float32:
        return ops.fully_connected_f32(*inputs)
    options: Any = operator.options
    weights = graph.tensors[operator.inputs[1]].quantization
    assert weights is not None
    input_scale, input_zero_point, output_scale, output_zero_point = ends(graph, operator)
    return FullyConnectedProblem(
        str(operator),
        inputs[0].reshape(-1, inputs[1].shape[1]),
        inputs[1],
        inputs[2],
        input_scale=input_scale,
        input_zero_point=input_zero_point,
        filter_scale=weights.scale,
        filter_zero_point=0,
        output_scale=output_scale,
        output_zero_point=output_zero_point,
        activation=options.activation.name,
    ).answer()


def evaluate_mean(graph: Graph, operator: Operator, inputs: list[Array]) -> Array:
    return MeanProblem(str(operator), inputs[0], *ends(graph, operator)).answer()


def evaluate_logistic(graph: Graph, operator: Operator, inputs: list[Array]) -> Array:
    scale, zero_point, _, output_zero_point = ends(graph, operator)
    return ops.logistic_s8(inputs[0], arithmetic.logistic_table(float(scale), zero_point, output_zero_point))


def evaluate_quantize(graph: Graph, operator: Operator, inputs: list[Array]) -> Array:
    scale, zero_point = scale_and_zero_point(graph.tensors[operator.outputs[0]])
    return ops.quantize_s8(inputs[0], float(scale), zero_point)


def evaluate_dequantize(graph: Graph, operator: Operator, inputs: list[Array]) -> Array:
    scale, zero_point = scale_and_zero_point(graph.tensors[operator.inputs[0]])
    return ops.dequantize_s8(inputs[0], float(scale), zero_point)


EVALUATORS: dict[Op, Callable[[Graph, Operator, list[Array]], Array]] = {
    Op.STRIDED_SLICE: lambda _graph, _operator, inputs: ops.strided_slice(
        inputs[0], *(bound.tolist() for bound in inputs[1:])
    ),
    Op.RESHAPE: lambda _graph, _operator, inputs: ops.reshape(inputs[0], inputs[1].tolist()),
    Op.GATHER: lambda _graph, _operator, inputs: ops.gather(inputs[0], inputs[1]),
    Op.MUL: lambda _graph, _operator, inputs: ops.mul(*inputs),
    Op.PAD: lambda _graph, _operator, inputs: ops.pad(*inputs),
    Op.RFFT2D: lambda _graph, _operator, inputs: ops.rfft_2d(inputs[0], tuple(inputs[1].tolist())),
    Op.COMPLEX_ABS: lambda _graph, _operator, inputs: ops.complex_abs(*inputs),
    Op.LOG: lambda _graph, _operator, inputs: ops.log(*inputs),
    Op.SPLIT: lambda _graph, _operator, inputs: ops.split(inputs[1], int(inputs[0]), 1)[0],
    Op.CONV_2D: evaluate_conv,
    Op.DEPTHWISE_CONV_2D: evaluate_conv,
    Op.FULLY_CONNECTED: evaluate_fully_connected,
    Op.MEAN: evaluate_mean,
    Op.LOGISTIC: evaluate_logistic,
    Op.QUANTIZE: evaluate_quantize,
    Op.DEQUANTIZE: evaluate_dequantize,
}
