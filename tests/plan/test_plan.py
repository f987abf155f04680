"""Graph to plan: the seam, what is refused and how, names, memory, and the proof of every range."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.ops import max_pool_2d_s8
from tests.support.backends import BACKENDS
from tests.support.cuts import without_front_end
from tests.support.graphs import Dice, GraphBuilder, quantization
from tests.support.synthetic import synthetic_yamnet
from yamjit.errors import LimitError, ModelError
from yamjit.kernels.memory import ALIGNMENT, padded
from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.program_proof import prove_program
from yamjit.network import Network
from yamjit.plan import Plan, compile_plan
from yamjit.plan.arena import Lifetime, assign_offsets
from yamjit.plan.front_end import read_front_end
from yamjit.plan.lowering import Step, lower
from yamjit.plan.seam import find_seam
from yamjit.plan.yamnet_front_end import yamnet_front_end
from yamjit.spec import Limits
from yamjit.tflite import validate_graph
from yamjit.tflite.graph import Activation, Graph, Op, Operator, Tensor
from yamjit.tflite.operators.arrangement import SqueezeOptions
from yamjit.tflite.operators.binary import AddOptions, MulOptions
from yamjit.tflite.operators.movers import GatherOptions, ReshapeOptions, StridedSliceOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.products import Conv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions


@pytest.fixture(scope="module")
def graph() -> Graph:
    return synthetic_yamnet(seed=0, width=0.125)


@pytest.fixture(scope="module")
def plan(graph: Graph) -> Plan:
    return compile_plan(graph)


# -- Graphs with something changed ------------------------------------------------------------------------------


def the(graph: Graph, op: Op, which: int = 0) -> Operator:
    return [operator for operator in graph.operators if operator.op == op][which]


def with_operator(graph: Graph, operator: Operator, **changes: Any) -> Graph:
    operators = list(graph.operators)
    operators[operator.index] = replace(operator, **changes)
    return replace(graph, operators=tuple(operators))


def with_operators(graph: Graph, operators: Sequence[Operator]) -> Graph:
    return replace(graph, operators=tuple(replace(o, index=i) for i, o in enumerate(operators)))


def with_tensor(graph: Graph, index: int, **changes: Any) -> Graph:
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], **changes)
    return replace(graph, tensors=tuple(tensors))


def with_constant(graph: Graph, index: int, change: Callable[[npt.NDArray[Any]], None]) -> Graph:
    data = np.array(graph.tensors[index].data)
    change(data)
    data.setflags(write=False)
    return with_tensor(graph, index, data=data, shape=data.shape)


def with_tensors(graph: Graph, *tensors: Tensor) -> tuple[Graph, list[int]]:
    """Return the graph with more tensors, and their indices."""
    start = len(graph.tensors)
    numbered = tuple(replace(tensor, index=start + i) for i, tensor in enumerate(tensors))
    return replace(graph, tensors=graph.tensors + numbered), [tensor.index for tensor in numbered]


def inserted(graph: Graph, at: int, op: Op, inputs: Sequence[int], like: Tensor, **more: Any) -> Graph:
    """Insert an operator before position `at`; its output is one more tensor, `like` another one."""
    graph, (output,) = with_tensors(graph, replace(like, name="inserted", data=None))
    operator = Operator(at, op, tuple(inputs), (output,), **more)
    return with_operators(graph, [*graph.operators[:at], operator, *graph.operators[at:]])


def rewired(graph: Graph, operator: Operator, old: int, new: int) -> Graph:
    return with_operator(graph, operator, inputs=tuple(new if i == old else i for i in operator.inputs))


def tiny_model(
    *,
    samples: int = 40,
    frame: int = 8,
    hop: int = 4,
    n_fft: int = 16,
    bands: int = 6,
    frames: int | None = None,
    stacked: int = 1,
    patch: tuple[int, ...] | None = None,
    quantized: tuple[int, ...] | None = None,
    flat_logits: bool = False,
    batched: bool = False,
) -> Graph:
    """Return a model with few numbers of its own: a front end, a convolution, a mean, two classes.

    Parameters
    ----------
    frames : int, optional
        Fewer than the samples have room for.
    stacked : int
        Rows of magnitudes that the mel matrix takes at once.
    patch, quantized : tuple of int, optional
        Shape of the input of QUANTIZE, and of the convolution.
    flat_logits : bool
        Whether logits lose their leading axis.
    batched : bool
        Whether frames have a leading axis of size 1, and the offset is added by an operator of its own.
    """
    b = GraphBuilder()
    dice = Dice(5)
    count = frames or 1 + (samples - frame) // hop

    def add(op: Op, inputs: Sequence[int], shape: Sequence[int], options: Any = None, dtype: Any = np.float32) -> int:
        return b.operator(op, inputs, b.activation(shape, dtype), options)

    def ints(*values: int) -> int:
        return b.constant(np.array(values, np.int32))

    waveform = b.activation((samples,), name="waveform")
    places = hop * np.arange(count)[:, None] + np.arange(frame)
    lead: tuple[int, ...] = (1,) if batched else ()
    x = add(Op.GATHER, [waveform, b.constant(places.astype(np.int32))], (count, frame), GatherOptions())
    if batched:
        x = add(Op.EXPAND_DIMS, [x, ints(0)], (1, count, frame))
    window = b.constant(dice.uniform(0.1, 1.0, frame).astype(np.float32))
    x = add(Op.MUL, [window, x], (*lead, count, frame), MulOptions())
    if n_fft != frame:
        pads = b.constant(np.array([*[[0, 0] for _ in (*lead, 0)], [0, n_fft - frame]], np.int32))
        x = add(Op.PAD, [x, pads], (*lead, count, n_fft))
    x = add(Op.RESHAPE, [x, ints(*lead, count, 1, n_fft)], (*lead, count, 1, n_fft))
    bins = n_fft // 2 + 1
    x = add(Op.RFFT2D, [x, ints(1, n_fft)], (*lead, count, 1, bins), dtype=np.complex64)
    if batched:
        x = add(Op.SQUEEZE, [x], (1, count, bins), SqueezeOptions((2,)), np.complex64)
    else:
        x = add(Op.RESHAPE, [x, ints(count, bins)], (count, bins), dtype=np.complex64)
    x = add(Op.COMPLEX_ABS, [x], (*lead, count, bins))
    mel = b.constant(dice.uniform(0.0, 1.0, bands * bins * stacked).reshape(bands, -1).astype(np.float32))
    rows = count // stacked
    offset = b.constant(np.full(bands, 0.01, np.float32))
    if batched:
        x = add(Op.FULLY_CONNECTED, [x, mel], (rows, bands), FullyConnectedOptions())
        x = add(
            Op.ADD,
            [add(Op.RESHAPE, [x, ints(1, rows, bands)], (1, rows, bands)), offset],
            (1, rows, bands),
            AddOptions(),
        )
        x = add(Op.RESHAPE, [x, ints(rows, bands)], (rows, bands))
    else:
        x = add(Op.FULLY_CONNECTED, [x, mel, offset], (rows, bands), FullyConnectedOptions())
    x = add(Op.LOG, [x], (rows, bands))
    shape = patch or (1, rows, bands)
    if shape != (rows, bands):
        x = add(Op.RESHAPE, [x, ints(*shape)], shape)
    image = quantized or (1, rows, bands, 1)
    scale = quantization(0.05, 10)
    x = b.operator(Op.QUANTIZE, [x], b.activation(shape, np.int8, scale, "quantized"))
    x = b.operator(Op.RESHAPE, [x, ints(*image)], b.activation(image, np.int8, scale, "image"))
    weights = b.constant(dice.int8(4, 1, 1, 1), quantization(np.full(4, 0.01)))
    shape = (*image[:3], 4)
    y = b.activation(shape, np.int8, quantization(0.05, -128), "conv")
    x = b.operator(Op.CONV_2D, [x, weights], y, Conv2DOptions(activation=Activation.RELU6))
    pooled = (image[0], 1, 1, 4)
    y = b.activation(pooled, np.int8, quantization(0.05, -128), "mean")
    x = b.operator(Op.MEAN, [x, ints(1, 2)], y, ReducerOptions(keep_dims=True))
    size = 4 * image[0]
    weights = b.constant(dice.int8(2, size), quantization(0.01))
    y = b.activation((1, 2), np.int8, quantization(0.1, 0), "logits")
    x = b.operator(Op.FULLY_CONNECTED, [x, weights], y, FullyConnectedOptions())
    ends: tuple[int, ...] = (1, 2)
    if flat_logits:
        ends = (2,)
        x = b.operator(Op.RESHAPE, [x, ints(2)], b.activation(ends, np.int8, quantization(0.1, 0), "flat"))
    x = b.operator(Op.LOGISTIC, [x], b.activation(ends, np.int8, quantization(1 / 256, -128), "scores/int8"))
    x = b.operator(Op.DEQUANTIZE, [x], b.activation(ends, name="scores"))
    return b.build([waveform], [x])


def pooled_model() -> Graph:
    """Return the tiny model with a MAX_POOL_2D after its convolution."""
    graph = tiny_model()
    conv, mean = the(graph, Op.CONV_2D), the(graph, Op.MEAN)
    image, options = graph.tensors[conv.outputs[0]], Pool2DOptions(filter_height=3, filter_width=2)
    pooled = inserted(graph, mean.index, Op.MAX_POOL_2D, conv.outputs, image, options=options)
    return rewired(pooled, the(pooled, Op.MEAN), image.index, len(graph.tensors))


def refused(graph: Graph, message: str, operator: Operator | str | None, *, valid: bool = True) -> None:
    """Check that a graph that may be read is not compiled, and that the error says which operator and why."""
    if valid:
        validate_graph(graph)
    with pytest.raises(ModelError, match=message) as caught:
        compile_plan(graph)
    assert caught.value.operator == (None if operator is None else str(operator))
    assert "\n" not in str(caught.value)


def in_the_network(graph: Graph, message: str, operator: Operator | str, *, valid: bool = True) -> None:
    """Check that a spectrum is part of the network, and which operator is why it makes no front end."""
    with pytest.raises(ModelError, match=message) as caught:
        read_front_end(graph, find_seam(graph))
    assert caught.value.operator == str(operator)
    if valid:
        validate_graph(graph)
        plan = compile_plan(graph)
        assert plan.front_end is None
        assert StepOp.RFFT in plan.program.steps[:, Column.OP]


# -- The seam ---------------------------------------------------------------------------------------------------


def test_the_seam_is_at_quantize(graph: Graph) -> None:
    seam = find_seam(graph)
    assert [str(operator) for operator in seam.front_end] == [str(operator) for operator in graph.operators[:13]]
    assert seam.patch == graph.operators[13].inputs[0]
    assert seam.network == graph.operators[13:]


def test_a_model_that_takes_patches_has_no_front_end(graph: Graph, plan: Plan) -> None:
    patches = without_front_end(graph)
    validate_graph(patches)
    seam = find_seam(patches)
    assert seam.front_end == ()
    assert read_front_end(patches, seam) is None
    found = compile_plan(patches)
    assert found.front_end is yamnet_front_end(float_patch=False)
    assert found.patch_shape == plan.patch_shape == (96, 64)
    np.testing.assert_array_equal(found.program.steps, plan.program.steps)
    np.testing.assert_array_equal(found.program.constants, plan.program.constants)


def test_front_end_constants_are_those_of_the_file(graph: Graph, plan: Plan) -> None:
    found = plan.front_end
    assert found is not None
    assert (found.window_samples, found.hop_length, found.n_fft) == (15_600, 160, 512)
    assert (found.frame_length, found.n_frames) == (400, 96)
    np.testing.assert_array_equal(found.window, graph.tensor("hann").data)
    np.testing.assert_array_equal(found.mel_basis, graph.tensor("mel").data)
    np.testing.assert_array_equal(found.log_offset, graph.tensor("log_offset").data)


@pytest.mark.parametrize(
    ("geometry", "n_frames"),
    [
        ({}, 9),
        ({"hop": 3, "samples": 41}, 12),
        ({"hop": 8}, 5),
        ({"hop": 11, "samples": 41}, 4),
        ({"n_fft": 8}, 9),
        ({"patch": (9, 6)}, 9),
        ({"patch": (1, 9, 6, 1)}, 9),
        ({"flat_logits": True}, 9),
    ],
)
def test_other_models_have_numbers_of_their_own(geometry: dict[str, Any], n_frames: int) -> None:
    graph = tiny_model(**geometry)
    validate_graph(graph)
    found = compile_plan(graph)
    assert found.front_end is not None
    assert found.front_end.hop_length == geometry.get("hop", 4)
    assert found.front_end.n_fft == geometry.get("n_fft", 16)
    assert found.front_end.frame_length == 8
    assert found.front_end.n_frames == n_frames
    assert found.patch_shape == (n_frames, 6)
    assert found.quantized_patch.step == 0
    for slot in (found.quantized_patch, *found.slots.values()):
        assert found.slots[slot.name].shape == slot.shape
    sizes = {name: int(np.prod(slot.shape)) for name, slot in found.slots.items()}
    assert sizes["quantized"] == sizes["image"] == n_frames * 6
    assert (sizes["conv"], sizes["mean"], sizes["logits"], sizes["scores/int8"]) == (n_frames * 6 * 4, 4, 2, 2)
    assert found.heads[0].scores.shape == found.heads[0].logits.shape == (2,)


def test_frames_may_be_a_batch_of_one_and_the_offset_an_operator() -> None:
    found, expected = (compile_plan(tiny_model(batched=batched)).front_end for batched in (True, False))
    assert found is not None
    assert expected is not None
    for one, other in zip(dataclasses.astuple(found), dataclasses.astuple(expected), strict=True):
        np.testing.assert_array_equal(one, other)


# -- Refusals: the seam -----------------------------------------------------------------------------------------


def test_a_model_of_int8_quantizes_what_it_is_given(graph: Graph) -> None:
    start = the(graph, Op.QUANTIZE).index
    headless = with_operators(replace(graph, inputs=graph.operators[start].outputs), graph.operators[start + 1 :])
    np.testing.assert_array_equal(compile_plan(headless).program.steps, compile_plan(graph).program.steps)


def test_a_model_with_two_inputs_is_refused(graph: Graph) -> None:
    waveform = graph.tensors[graph.inputs[0]]
    more, (second,) = with_tensors(graph, replace(waveform, name="another"))
    more = replace(more, inputs=(*graph.inputs, second))
    refused(more, "a model with one input is accepted, this one has 2", None)


def test_a_stray_operator_is_refused(graph: Graph) -> None:
    log = the(graph, Op.LOG)
    stray = inserted(graph, log.index, Op.LOG, log.inputs, graph.tensors[log.outputs[0]])
    refused(stray, "is not computed from the patch", "operator 11 LOG")


def test_floats_behind_the_network_are_steps(graph: Graph) -> None:
    output = graph.outputs[0]
    more = inserted(graph, len(graph.operators), Op.LOG, [output], graph.tensors[output])
    plan = compile_plan(replace(more, outputs=more.operators[-1].outputs))
    assert [StepOp(op) for op in plan.program.steps[-3:, Column.OP]] == [StepOp.LOOKUP, StepOp.DEQUANTIZE, StepOp.LOG]
    (head,) = plan.heads
    assert (head.scores, head.scores.dtype) == (head.logits, np.float32)


def test_two_ways_to_quantize_are_part_of_the_network(graph: Graph) -> None:
    mul = the(graph, Op.MUL)
    squared = with_operator(graph, mul, inputs=(mul.inputs[0], mul.inputs[0]))
    in_the_network(squared, "has 2 inputs that are not constants, one is accepted", mul)


# -- Refusals: the front end ------------------------------------------------------------------------------------


def one_place_moved(indices: npt.NDArray[Any]) -> None:
    indices[50, 3] += 1


def first_frame_dropped(indices: npt.NDArray[Any]) -> None:
    indices += 1
    np.minimum(indices, 194, out=indices)


def frames_backwards(indices: npt.NDArray[Any]) -> None:
    indices[...] = indices[::-1].copy()


def all_frames_alike(indices: npt.NDArray[Any]) -> None:
    indices[...] = indices[0]


@pytest.mark.parametrize("change", [one_place_moved, first_frame_dropped, frames_backwards, all_frames_alike])
def test_irregular_frames_are_part_of_the_network(graph: Graph, change: Callable[[npt.NDArray[Any]], None]) -> None:
    crooked = with_constant(graph, the(graph, Op.GATHER).inputs[1], change)
    in_the_network(crooked, "not cut into frames at a constant hop", "operator 0 STRIDED_SLICE")


def test_a_slice_that_turns_the_waveform_round_is_part_of_the_network(graph: Graph) -> None:
    operator = the(graph, Op.STRIDED_SLICE)

    def backwards(stride: npt.NDArray[Any]) -> None:
        stride[...] = -1

    turned = with_constant(graph, operator.inputs[3], backwards)
    turned = with_operator(turned, operator, options=StridedSliceOptions(begin_mask=1, end_mask=1))
    in_the_network(turned, "not cut into frames at a constant hop", operator)


@pytest.mark.parametrize("op", [Op.MUL, Op.FULLY_CONNECTED])
def test_a_fused_activation_in_the_front_end_is_part_of_the_network(graph: Graph, op: Op) -> None:
    operator = the(graph, op)
    assert operator.options is not None
    fused = with_operator(graph, operator, options=replace(operator.options, activation=Activation.RELU))  # type: ignore[call-arg]
    in_the_network(fused, "a fused activation is not accepted in the front end", operator)


@pytest.mark.parametrize("pads", [[[0, 0], [56, 56]], [[0, 0], [112, 0]]])
def test_padding_at_the_wrong_place_is_part_of_the_network(graph: Graph, pads: list[list[int]]) -> None:
    pad = the(graph, Op.PAD)

    def move(paddings: npt.NDArray[Any]) -> None:
        paddings[...] = pads

    in_the_network(with_constant(graph, pad.inputs[1], move), "padded with zeros at their end", pad)


def negative_weight(values: npt.NDArray[Any]) -> None:
    values[3, 20] = -0.5


def no_offset(values: npt.NDArray[Any]) -> None:
    values[7] = 0.0


@pytest.mark.parametrize(("position", "change"), [(1, negative_weight), (2, no_offset)])
def test_logarithms_of_what_may_not_be_positive_are_part_of_the_network(
    graph: Graph, position: int, change: Callable[[npt.NDArray[Any]], None]
) -> None:
    mel = the(graph, Op.FULLY_CONNECTED)
    changed = with_constant(graph, mel.inputs[position], change)
    in_the_network(changed, "mel weights must be >= 0 and log offsets > 0", mel)


def huge_weights(values: npt.NDArray[Any]) -> None:
    values[3] = 1e36


def huge_window(values: npt.NDArray[Any]) -> None:
    values[...] = 1e15


@pytest.mark.parametrize(("op", "change"), [(Op.FULLY_CONNECTED, huge_weights), (Op.MUL, huge_window)])
def test_sums_that_may_be_infinite_are_refused(
    graph: Graph, op: Op, change: Callable[[npt.NDArray[Any]], None]
) -> None:
    operator = the(graph, op)
    constant = next(i for i in operator.inputs if graph.tensors[i].data is not None)
    with pytest.raises(ModelError, match="so large that sums may not be finite"):
        compile_plan(with_constant(graph, constant, change))


def test_a_mel_sum_without_offset_is_part_of_the_network(graph: Graph) -> None:
    mel = the(graph, Op.FULLY_CONNECTED)
    in_the_network(with_operator(graph, mel, inputs=mel.inputs[:2]), "log offsets > 0", mel)


@pytest.mark.parametrize(("op", "found"), [(Op.LOG, "QUANTIZE"), (Op.COMPLEX_ABS, None), (Op.MUL, "operator 4 PAD")])
def test_a_missing_stage_is_part_of_the_network(graph: Graph, op: Op, found: str | None) -> None:
    missing = the(graph, op)
    reader = next(o for o in graph.operators if missing.outputs[0] in o.inputs)
    data = next(i for i in missing.inputs if graph.tensors[i].data is None)
    shorter = rewired(graph, reader, missing.outputs[0], data)
    shorter = with_operators(shorter, [o for o in shorter.operators if o.index != missing.index])
    if found is None:  # complex numbers cannot go on: no such file can be read
        with pytest.raises(ModelError, match="type complex64 should be"):
            validate_graph(shorter)
        found = "operator 9 FULLY_CONNECTED"
        in_the_network(shorter, f"{op.name} is expected at this place", found, valid=False)
    else:
        in_the_network(shorter, f"{op.name} is expected at this place", found)


def test_another_stage_after_the_logarithm_is_part_of_the_network(graph: Graph) -> None:
    log, reshape = the(graph, Op.LOG), the(graph, Op.RESHAPE, 4)
    assert reshape.inputs[0] == log.outputs[0]
    output = graph.tensors[log.outputs[0]]
    more, (factor,) = with_tensors(graph, replace(output, name="factor", data=np.ones(output.shape, np.float32)))
    more = inserted(more, reshape.index, Op.MUL, [log.outputs[0], factor], output, options=MulOptions())
    more = rewired(more, more.operators[reshape.index + 1], log.outputs[0], more.operators[reshape.index].outputs[0])
    in_the_network(more, "is not expected after the logarithm", "operator 12 MUL")


def test_frames_that_do_not_reach_the_end_are_part_of_the_network() -> None:
    """Whoever cuts audio by windows would cut more frames than the model takes."""
    graph = tiny_model(frames=7)
    in_the_network(graph, "7 frames are cut where 9 fit", the(graph, Op.GATHER))


def test_a_mel_matrix_over_several_frames_is_part_of_the_network() -> None:
    graph = tiny_model(samples=36, frames=8, stacked=2)
    in_the_network(graph, "mel bands per frame are accepted", the(graph, Op.FULLY_CONNECTED))


@pytest.mark.parametrize("patch", [(1, 6, 9), (1, 27, 2), (2, 27), (54,)])
def test_a_patch_that_is_not_frames_by_bands_is_refused(patch: tuple[int, ...]) -> None:
    graph = tiny_model(patch=patch)
    refused(graph, r"a patch of \(9, 6\) is accepted, found", the(graph, Op.QUANTIZE))


def test_a_window_across_frames_is_part_of_the_network() -> None:
    """As many frames as samples in a frame: a window of one column weights frames, not samples."""
    graph = tiny_model(samples=36, frames=8)
    mul = the(graph, Op.MUL)
    column = np.array(graph.tensors[mul.inputs[0]].data).reshape(8, 1)
    graph = with_tensor(graph, mul.inputs[0], data=column, shape=column.shape)
    in_the_network(graph, "a window of 8 samples does not fit its frames", mul)


# -- Refusals: the network --------------------------------------------------------------------------------------


def test_padding_inside_the_network_is_a_step(graph: Graph) -> None:
    conv = the(graph, Op.CONV_2D)
    source = graph.tensors[conv.inputs[0]]
    pads = np.array([[0, 0], [0, 1], [0, 0], [0, 0]], np.int32)
    more, (paddings,) = with_tensors(graph, Tensor(0, "pads", (4, 2), np.dtype(np.int32), data=pads))
    more = inserted(more, conv.index, Op.PAD, [conv.inputs[0], paddings], replace(source, shape=(1, 97, 64, 1)))
    padded = more.operators[conv.index].outputs[0]
    (step,) = lower(more, more.operators[conv.index])
    assert isinstance(step, Step)
    assert (step.op, step.output, step.columns[Column.INPUT_ZERO_POINT]) == (StepOp.MOVE, padded, 16)


@pytest.mark.parametrize(("name", "logits"), [("scores/int8", "logits"), ("logits", "logits")])
def test_scores_may_be_integers_or_logits(graph: Graph, name: str, logits: str) -> None:
    (head,) = compile_plan(replace(graph, outputs=(graph.tensor(name).index,))).heads
    assert (head.name, head.scores.name, head.logits.name) == (name, name, logits)


def test_scores_without_logistic_are_their_own_logits(graph: Graph) -> None:
    last = the(graph, Op.DEQUANTIZE)
    (head,) = compile_plan(with_operator(graph, last, inputs=(graph.tensor("logits").index,))).heads
    assert head.scores == head.logits
    assert head.scores.name == "logits"


def constant_like(tensor: Tensor) -> Tensor:
    data = np.zeros(tensor.shape, np.int8)
    data.setflags(write=False)
    return replace(tensor, name="constant", data=data)


@pytest.mark.parametrize("op", [Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.MEAN, Op.FULLY_CONNECTED, Op.LOGISTIC])
def test_a_constant_in_the_place_of_a_value_is_refused(graph: Graph, op: Op) -> None:
    operator = next(o for o in graph.operators if o.op == op and graph.tensors[o.outputs[0]].dtype == np.int8)
    more, (constant,) = with_tensors(graph, constant_like(graph.tensors[operator.inputs[0]]))
    refused(rewired(more, operator, operator.inputs[0], constant), "is not computed from the patch", operator)


def test_a_reshaped_constant_is_refused(graph: Graph) -> None:
    reshape = the(graph, Op.RESHAPE, -1)
    more, (constant,) = with_tensors(graph, constant_like(graph.tensors[reshape.inputs[0]]))
    at = len(graph.operators)
    more = inserted(more, at, Op.RESHAPE, [constant, reshape.inputs[1]], graph.tensors[reshape.outputs[0]])
    refused(more, "is not computed from the patch", f"operator {at} RESHAPE")


def test_an_accumulator_that_could_overflow_is_refused(graph: Graph) -> None:
    conv = the(graph, Op.CONV_2D)

    def enlarge(bias: npt.NDArray[Any]) -> None:
        bias[2] = -(2**31) + 1000

    huge = with_constant(graph, conv.inputs[2], enlarge)
    refused(huge, "accumulator of channel 2 could overflow 32 bits", conv, valid=False)


def test_activations_beyond_the_limit_are_refused(graph: Graph, plan: Plan) -> None:
    size = plan.program.arena_bytes
    assert compile_plan(graph, limits=Limits(arena_bytes=size)).program.arena_bytes == size
    with pytest.raises(LimitError, match=f"{size} bytes a patch, arena_bytes is {size - 1}"):
        compile_plan(graph, limits=Limits(arena_bytes=size - 1))


# -- Names ------------------------------------------------------------------------------------------------------


def test_every_int8_tensor_has_a_slot(graph: Graph, plan: Plan) -> None:
    computed = [i for o in graph.operators for i in o.outputs if graph.tensors[i].dtype == np.int8]
    assert set(plan.slots) == {graph.tensors[index].name for index in computed}
    for index in computed:
        tensor = graph.tensors[index]
        slot = plan.slots[tensor.name]
        assert slot.shape == tensor.shape[1:]
        assert tensor.quantization is not None
        assert np.float32(slot.scale) == tensor.quantization.scale[0]
        assert slot.zero_point == tensor.quantization.zero_point[0]


def test_what_comes_out_is_named(graph: Graph, plan: Plan) -> None:
    (head,) = plan.heads
    assert (head.name, head.scores.name, head.logits.name) == ("scores", "scores/int8", "logits")
    assert (head.scores.scale, head.scores.zero_point) == (1 / 256, -128)
    assert plan.embedding is not None
    assert plan.embedding.name == "embedding"
    assert plan.quantized_patch.name == graph.tensors[the(graph, Op.QUANTIZE).outputs[0]].name


def test_a_chain_of_aliases_is_one_memory(graph: Graph, plan: Plan) -> None:
    quantize, reshape, split = graph.operators[13:16]
    first, second, third = (plan.slots[graph.tensors[o.outputs[0]].name] for o in (quantize, reshape, split))
    assert first.offset == second.offset == third.offset
    assert first.step == second.step == third.step == 0
    assert [slot.shape for slot in (first, second, third)] == [(96, 64), (96, 64, 1), (96, 64, 1)]


def test_aliases_keep_memory_alive(graph: Graph) -> None:
    """A tensor that is read through an alias long after it was written is not written over until then."""
    log = without_front_end(graph)
    last = len(log.operators) - 4
    assert log.operators[last].op == Op.MEAN
    early = log.tensor("layer1")
    size = int(np.prod(early.shape))
    more, (sizes,) = with_tensors(log, Tensor(0, "sizes", (2,), np.dtype(np.int32), data=np.array([1, size], np.int32)))
    more = inserted(more, last, Op.RESHAPE, [early.index, sizes], replace(early, shape=(1, size)))
    alias = more.operators[last].outputs[0]
    table = replace(more.tensors[alias], quantization=quantization(1 / 256, -128))
    at = len(more.operators)
    more = inserted(more, at, Op.LOGISTIC, [alias], table)
    more = inserted(more, at + 1, Op.DEQUANTIZE, more.operators[at].outputs, replace(table, quantization=None))
    scores = more.operators[at + 1].outputs[0]
    more = with_tensor(more, scores, dtype=np.dtype(np.float32))
    more = replace(more, outputs=(*more.outputs, scores))
    validate_graph(more)
    found = compile_plan(more)
    assert len(found.heads) == 2
    assert found.heads[1].logits.offset == found.slots["layer1"].offset
    kept = range(found.slots["layer1"].offset, found.slots["layer1"].offset + size)
    rows = found.program.steps[found.slots["layer1"].step + 1 :]
    for row in rows[:-1]:
        written = int(np.prod(row[[Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C]]))
        start = int(row[Column.OUTPUT])
        assert start + written <= kept.start or kept.stop <= start


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_network_with_a_pool_runs(backend: str) -> None:
    pooled = pooled_model()
    validate_graph(pooled)
    patches = np.array([Dice(seed).uniform(-5, 5, 54).reshape(9, 6) for seed in range(3)], np.float32)
    found = Network(compile_plan(pooled), backend).run(patches, tensors=("conv", "inserted")).tensors
    expected = max_pool_2d_s8(
        found["conv"], filter_size=(3, 2), quantized_activation_min=-128, quantized_activation_max=127
    )
    np.testing.assert_array_equal(found["inserted"], expected)
    assert not np.array_equal(found["inserted"], found["conv"])


def test_tensors_of_one_name_are_numbered(graph: Graph) -> None:
    for name in ("layer2", "layer3", "patch"):
        graph = with_tensor(graph, graph.tensor(name).index, name="twin")
    found = compile_plan(graph)
    assert {"twin", "twin#1", "twin#2"} <= set(found.slots)
    assert [found.slots[name].shape[2] for name in ("twin", "twin#1", "twin#2")] == [1, 8, 8]
    assert [found.slots[name].step for name in ("twin", "twin#1", "twin#2")] == [0, 2, 3]


def test_numbers_do_not_run_into_names(graph: Graph) -> None:
    """A tensor may be called like the second of another name: none is lost."""
    names = {"layer1": "twin", "layer2": "twin#1", "layer3": "twin"}
    for old, new in names.items():
        graph = with_tensor(graph, graph.tensor(old).index, name=new)
    assert len(compile_plan(graph).slots) == 33


# -- The arena --------------------------------------------------------------------------------------------------

lifetimes = st.lists(
    st.builds(
        lambda size, first, length: Lifetime(size, first, first + length),
        st.integers(1, 1000),
        st.integers(0, 12),
        st.integers(0, 6),
    ),
    max_size=14,
)


@given(lifetimes)
def test_tensors_that_live_together_do_not_overlap(tensors: list[Lifetime]) -> None:
    offsets, total = assign_offsets(tensors)
    assert len(offsets) == len(tensors)
    for i, (one, start) in enumerate(zip(tensors, offsets, strict=True)):
        assert start >= 0
        assert start % ALIGNMENT == 0
        assert start + one.size <= total
        for other, at in zip(tensors[:i], offsets[:i], strict=True):
            together = any(other.first <= step <= other.last for step in range(one.first, one.last + 1))
            assert one.overlaps(other) == other.overlaps(one) == together
            assert not together or start + one.size <= at or at + other.size <= start
    steps = range(max((t.last for t in tensors), default=0) + 1)
    least = max(sum(padded(t.size) for t in tensors if t.first <= step <= t.last) for step in steps)
    assert least <= total <= sum(padded(t.size) for t in tensors)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128])
def test_sizes_are_padded(size: int) -> None:
    assert padded(size) % ALIGNMENT == 0
    assert size <= padded(size) < size + ALIGNMENT


def test_the_arena_of_a_chain_is_its_two_largest_neighbours(plan: Plan) -> None:
    """Every layer needs its input and its output, a pair what it passes on as well; little more fits beside them."""
    assert [Column(9), Column(12)] == [Column.INPUT_H, Column.OUTPUT_H]
    sizes = []
    for row in plan.program.steps:
        width = 4 if row[Column.OP] == StepOp.QUANTIZE else 1
        read, written = (int(np.prod(row[[column, column + 1, column + 2]])) for column in (9, 12))
        sizes.append((padded(read * width), padded(written)))
    least = max(read + written for read, written in sizes)
    least = max(least, *(sum(sizes[index]) + sizes[index + 1][1] for index in plan.program.pairs))
    assert 0 < plan.program.patchwise < len(sizes)
    beside = sum(sizes[0]) + sizes[plan.program.patchwise - 1][1]
    assert least <= plan.program.arena_bytes <= 1.1 * (least + beside)


def test_depthwise_steps_make_pairs_with_the_pointwise_ones_behind_them(plan: Plan) -> None:
    ops = [StepOp(row[Column.OP]) for row in plan.program.steps]
    assert len(plan.program.pairs) == 13
    for index in plan.program.pairs:
        assert (ops[index], ops[index + 1]) == (StepOp.DEPTHWISE, StepOp.POINTWISE)


def test_patchwise_steps_keep_what_is_read_after_them(plan: Plan) -> None:
    """The last one's output, and its input where it makes a pair with the next step."""
    last = plan.program.patchwise - 1
    assert plan.program.kept == ((last - 1, last) if last in plan.program.pairs else (last,))


def test_products_of_few_weights_after_one_of_many_run_patch_after_patch_as_well() -> None:
    """As in networks that compute a Fourier transform by a product, before their convolutions."""
    builder = GraphBuilder()
    given, tensor = builder.activation((4, 64), np.float32), builder.activation((4, 64), np.float32)
    builder.operator(Op.SQRT, [given], tensor)
    for inputs, outputs, rows in ((64, 128, 4), (8, 8, 64), (512, 16, 1)):
        seen = builder.activation((rows, inputs), np.float32)
        builder.operator(Op.RESHAPE, [tensor], seen, ReshapeOptions((rows, inputs)))
        tensor = builder.activation((rows, outputs), np.float32)
        weights = builder.constant(np.ones((outputs, inputs), np.float32))
        builder.operator(Op.FULLY_CONNECTED, [seen, weights], tensor, FullyConnectedOptions())
    program = compile_plan(builder.build([given], [tensor])).program
    assert program.steps[:, Column.OP].tolist() == [StepOp.SQRT, *[StepOp.POINTWISE_F32] * 3]
    assert program.patchwise == 3


def test_what_two_steps_read_makes_no_pair(graph: Graph, plan: Plan) -> None:
    depthwise = the(graph, Op.DEPTHWISE_CONV_2D)
    table = replace(graph.tensors[depthwise.outputs[0]], quantization=quantization(1 / 256, -128))
    more = inserted(graph, depthwise.index + 2, Op.LOGISTIC, depthwise.outputs, table)
    program = compile_plan(more).program
    assert len(program.pairs) == len(plan.program.pairs) - 1
    assert plan.program.pairs[0] not in program.pairs


def test_programs_are_read_only(plan: Plan) -> None:
    for array in (plan.program.steps, plan.program.constants):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert plan.program.constants.ctypes.data % ALIGNMENT == 0


def test_workspaces_are_private_and_aligned(plan: Plan) -> None:
    one, other = plan.program.workspace(3), plan.program.workspace(3)
    assert one.arena.size == 3 * plan.program.arena_bytes + ALIGNMENT
    assert not np.shares_memory(one.arena, other.arena)
    assert not np.shares_memory(one.scratch, other.scratch)
    for array in (one.arena, one.scratch):
        assert array.ctypes.data % ALIGNMENT == 0


def test_what_two_steps_read_is_refused_as_a_pair(graph: Graph) -> None:
    depthwise = the(graph, Op.DEPTHWISE_CONV_2D)
    table = replace(graph.tensors[depthwise.outputs[0]], quantization=quantization(1 / 256, -128))
    program = compile_plan(inserted(graph, depthwise.index + 2, Op.LOGISTIC, depthwise.outputs, table)).program
    first = next(i for i, row in enumerate(program.steps) if row[Column.OP] == StepOp.DEPTHWISE)
    with pytest.raises(ModelError, match="more than the next step reads its output"):
        prove_program(replace(program, pairs=(first, *program.pairs)))
