"""What the graph check refuses, operator by operator, and that the message says where and why."""

from __future__ import annotations

import dataclasses
import math
import random
import re
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import graphs
from tests.support.float_graphs import FLOAT_GRAPHS, operation
from tests.support.graphs import quantization
from tests.support.int8_graphs import INT8_GRAPHS
from tests.support.synthetic import synthetic_yamnet
from yamjit.errors import LimitError, ModelError
from yamjit.spec import Limits
from yamjit.tflite import Graph, Op, Operator, Quantization, Tensor, read_graph, validate_graph, write_graph
from yamjit.tflite.graph import Activation, Padding
from yamjit.tflite.operators import OPERATORS
from yamjit.tflite.operators.binary import MulOptions
from yamjit.tflite.operators.movers import GatherOptions, ReshapeOptions, SplitOptions, StridedSliceOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.shapes import SHAPE_OPERATORS
from yamjit.tflite.operators.spectrum import AudioSpectrogramOptions, MfccOptions

Edit = Callable[[Graph], Graph]
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def int32(*values: Any) -> np.ndarray[Any, Any]:
    return np.array(values, np.int32)


F = np.float32
SOUND: dict[str, Graph] = {
    **{f"float {name}": graph for name, graph in FLOAT_GRAPHS.items()},
    **{f"int8 {name}": graph for name, graph in INT8_GRAPHS.items()},
    "conv": graphs.conv2d_s8(),
    "conv valid": graphs.conv2d_s8((1, 9, 7, 2), stride=(2, 3), padding=Padding.VALID),
    "conv dilated": graphs.conv2d_s8((1, 9, 9, 2), dilation=(2, 2), activation=Activation.RELU_N1_TO_1),
    "conv one scale": graphs.conv2d_s8(weight_scales=0.01),
    "depthwise": graphs.depthwise_s8(),
    "depthwise multiplier": graphs.depthwise_s8((1, 5, 5, 3), depth_multiplier=2),
    "fully connected": graphs.fully_connected_s8(),
    "fully connected float": operation(
        Op.FULLY_CONNECTED, [((1, 5), F), np.ones((2, 5), F), np.ones(2, F)], ((1, 2), F), FullyConnectedOptions()
    ),
    "fully connected kept": operation(
        Op.FULLY_CONNECTED,
        [((2, 3, 5), F), np.ones((2, 5), F)],
        ((2, 3, 2), F),
        FullyConnectedOptions(keep_num_dims=True),
    ),
    "max pool": operation(
        Op.MAX_POOL_2D,
        [((1, 5, 4, 2), np.int8)],
        ((1, 2, 2, 2), np.int8),
        Pool2DOptions(Padding.VALID, 2, 2, 3, 2),
        quantization(0.5, 3),
    ),
    "mean": graphs.mean_s8(),
    "mean flat": graphs.mean_s8(keep_dims=False),
    "mean of all": graphs.mean_s8((2, 3), (0, 1), keep_dims=False),
    "logistic": graphs.logistic_s8(),
    "quantize": graphs.quantize(),
    "dequantize": graphs.dequantize(),
    "split": graphs.split(),
    "reshape": graphs.reshape(),
    "reshape int8": graphs.reshape(dtype=np.int8),
    "gather": operation(Op.GATHER, [((4, 3), F), int32([0, 3], [1, 1])], ((2, 2, 3), F), GatherOptions()),
    "gather last": operation(Op.GATHER, [((4, 3), F), int32(2)], ((4, 1), F), GatherOptions(axis=-1)),
    "mul": operation(Op.MUL, [((4, 1, 3), F), ((5, 1), F)], ((4, 5, 3), F), MulOptions()),
    "pad": operation(Op.PAD, [((4, 3), F), int32([0, 1], [2, 0])], ((5, 5), F)),
    "pad int8": operation(Op.PAD, [((4,), np.int8), int32([0, 1])], ((5,), np.int8), None, quantization(0.5, 3)),
    "log": operation(Op.LOG, [((4, 3), F)], ((4, 3), F)),
    "rfft2d": operation(Op.RFFT2D, [((4, 1, 8), F), int32(1, 8)], ((4, 1, 5), np.complex64)),
    "complex abs": operation(Op.COMPLEX_ABS, [((4, 5), np.complex64)], ((4, 5), F)),
    "real": operation(Op.REAL, [((4, 5), np.complex64)], ((4, 5), F)),
    "imag": operation(Op.IMAG, [((4, 5), np.complex64)], ((4, 5), F)),
    "audio spectrogram": operation(
        Op.AUDIO_SPECTROGRAM, [((20, 1), F)], ((1, 5, 5), F), AudioSpectrogramOptions(6, 3, True)
    ),
    "mfcc": operation(
        Op.MFCC, [((1, 3, 9), F), np.array(16000, np.int32)], ((1, 3, 4), F), MfccOptions(7000, 20, 5, 4)
    ),
    "slice": operation(
        Op.STRIDED_SLICE, [((9, 4), F), int32(1, 0), int32(9, 4), int32(3, 1)], ((3, 4), F), StridedSliceOptions()
    ),
}


def with_tensor(index: int, /, **changes: Any) -> Edit:
    def edit(graph: Graph) -> Graph:
        tensors = list(graph.tensors)
        tensors[index] = dataclasses.replace(tensors[index], **changes)
        return dataclasses.replace(graph, tensors=tuple(tensors))

    return edit


def with_constant(index: int, data: Any) -> Edit:
    return lambda graph: with_tensor(index, data=np.asarray(data, graph.tensors[index].dtype), shape=np.shape(data))(
        graph
    )


def with_values(index: int, function: Callable[[np.ndarray[Any, Any]], Any]) -> Edit:
    return lambda graph: with_constant(index, function(np.array(graph.tensors[index].data)))(graph)


def with_scale(index: int, *scale: float, zero_point: int = 0, dimension: int = 0) -> Edit:
    return with_tensor(index, quantization=quantization(scale, zero_point, dimension))


def with_operator(index: int = 0, /, **changes: Any) -> Edit:
    def edit(graph: Graph) -> Graph:
        operators = list(graph.operators)
        operators[index] = dataclasses.replace(operators[index], **changes)
        return dataclasses.replace(graph, operators=tuple(operators))

    return edit


def with_options(**changes: Any) -> Edit:
    def edit(graph: Graph) -> Graph:
        options: Any = graph.operators[0].options
        return with_operator(options=dataclasses.replace(options, **changes))(graph)

    return edit


def with_graph(**changes: Any) -> Edit:
    return lambda graph: dataclasses.replace(graph, **changes)


def both(*edits: Edit) -> Edit:
    def edit(graph: Graph) -> Graph:
        for one in edits:
            graph = one(graph)
        return graph

    return edit


@pytest.mark.parametrize("name", SOUND)
def test_sound(name: str) -> None:
    validate_graph(SOUND[name])
    read = read_graph(write_graph(SOUND[name]))
    assert read.operators == SOUND[name].operators


def test_every_operator_has_a_contract_and_a_test() -> None:
    assert all(op == record.op for op, record in OPERATORS.items())
    computed = {record.op for record in SHAPE_OPERATORS}  # by `fold_graph`, see test_folding.py
    assert {graph.operators[0].op for graph in SOUND.values()} == set(OPERATORS) - computed


REFUSED: list[tuple[str, Edit, str]] = [
    # Spectra.
    ("audio spectrogram", with_options(window_size=1), "window_size is 1; the input has 20 samples"),
    ("audio spectrogram", with_options(window_size=21), "window_size is 21; the input has 20 samples"),
    ("audio spectrogram", with_options(stride=0), "stride is 0"),
    ("audio spectrogram", with_options(stride=2**31), "stride is 2147483648"),
    ("audio spectrogram", with_tensor(0, shape=(20, 2)), r"of shape \(samples, 1\), are accepted, found \(20, 2\)"),
    ("audio spectrogram", with_tensor(0, shape=(20,)), r"are accepted, found \(20,\)"),
    ("mfcc", with_options(dct_coefficient_count=6), "6 coefficients of 5 bands"),
    ("mfcc", with_options(dct_coefficient_count=0), "0 coefficients of 5 bands"),
    ("mfcc", with_options(filterbank_channel_count=2**20), "4 coefficients of 1048576 bands"),
    ("mfcc", with_options(lower_frequency_limit=-1), "bands from -1 to 7000 Hz"),
    ("mfcc", with_options(lower_frequency_limit=7000), "bands from 7000 to 7000 Hz"),
    ("mfcc", with_options(upper_frequency_limit=8001), "up to 8001 Hz do not fit a sample rate of 16000 Hz"),
    ("mfcc", with_constant(1, -16000), "do not fit a sample rate of -16000 Hz"),
    ("mfcc", with_constant(1, [16000, 16000]), "one sample rate is accepted"),
    ("mfcc", with_tensor(0, shape=(1, 3, 1)), r"\(channels, frames, bins\) is accepted, found \(1, 3, 1\)"),
    # Convolutions.
    ("conv", with_options(stride_h=0), r"strides \(0, 1\)"),
    ("conv", with_options(stride_w=-1), r"strides \(1, -1\)"),
    ("conv", with_options(stride_h=10**9), "should be from 1 to 1024"),
    ("conv", with_options(dilation_h=0), r"dilations \(0, 1\)"),
    ("conv", with_options(dilation_w=INT32_MAX), "should be from 1 to 1024"),
    ("conv valid", with_options(dilation_h=900), "filter of 1801 pixels does not fit into 9"),
    ("conv", with_options(padding=Padding.VALID), r"declared shape \(1, 5, 5, 8\) should be \(1, 3, 3, 8\)"),
    ("conv", with_options(stride_h=2), r"declared shape \(1, 5, 5, 8\) should be \(1, 3, 5, 8\)"),
    ("conv", with_tensor(0, shape=(1, 5, 5, 3)), "filter of 4 channels on an input of 3"),
    ("conv", with_tensor(0, shape=(5, 5, 4)), "should have 4 dimensions"),
    ("conv", with_tensor(3, shape=(1, 5, 5, 9)), r"declared shape \(1, 5, 5, 9\) should be \(1, 5, 5, 8\)"),
    ("conv", with_tensor(3, shape=(1, 5, 5, 2**15)), "declared shape"),
    ("conv", with_tensor(0, dtype=np.dtype(F), quantization=None), "type int8 should be float32"),
    ("conv", with_tensor(3, dtype=np.dtype(np.int32), quantization=None), "type int32 should be int8"),
    ("conv", both(with_tensor(1, data=None), with_graph(inputs=(0, 1))), "tensor 1 .*has to be a constant"),
    ("conv", both(with_tensor(2, data=None), with_graph(inputs=(0, 2))), "tensor 2 .*has to be a constant"),
    ("conv", with_tensor(0, quantization=None), "tensor 0 .*needs one scale and one zero point"),
    ("conv", with_tensor(3, quantization=None), "tensor 3 .*needs one scale and one zero point"),
    ("conv", with_scale(0, *[0.1] * 5, dimension=1), "tensor 0 .*needs one scale and one zero point"),
    ("conv", with_tensor(1, quantization=None), "needs one scale, or one for each channel of dimension 0"),
    ("conv", with_scale(1, *[0.01] * 4, dimension=3), "needs one scale, or one for each channel of dimension 0"),
    ("conv", with_scale(1, 0.01, zero_point=1), "int8 weights need zero point 0"),
    ("conv", with_scale(1, 1e-12), "is not between 2\\^-31 and 2\\^16"),
    ("conv", with_scale(1, 1e6), "is not between 2\\^-31 and 2\\^16"),
    ("conv", with_tensor(2, quantization=None), "bias needs 8 scales"),
    ("conv", with_scale(2, *[1.0] * 8), "bias scale is not input scale"),
    ("conv one scale", with_scale(2, *[0.01] * 8), "bias needs 1 scales"),
    ("conv", with_constant(2, [0] * 7), r"8 scales .*shape \(7,\)"),
    ("conv one scale", with_constant(2, [0] * 7), r"bias of shape \(7,\) should be \(8,\)"),
    ("conv", with_tensor(2, dtype=np.dtype(F), data=np.zeros(8, F), quantization=None), "float32 should be int32"),
    ("conv", with_constant(2, [INT32_MAX] * 8), "sum of products and bias can overflow int32"),
    ("conv", with_constant(2, [0] * 7 + [INT32_MIN]), "sum of products and bias can overflow int32"),
    ("conv", with_operator(inputs=(0, -1, 2)), "input 1 is -1"),
    ("conv", with_operator(inputs=(-1, 1, 2)), "input 0 is -1"),
    ("conv", with_operator(inputs=(0,)), "1 inputs; the operator has 2 or 3"),
    ("conv", with_operator(inputs=(0, 1, 2, 2)), "4 inputs"),
    ("conv", with_operator(options=None), "Conv2DOptions are missing|options are NoneType instead of Conv2DOptions"),
    ("conv", with_operator(options=DepthwiseConv2DOptions()), "(instead of|takes) Conv2DOptions"),
    (
        "conv",
        both(
            with_options(activation=Activation.RELU6),
            with_scale(3, 1e-10),
            with_scale(0, 1e-10, zero_point=-128),
            with_operator(inputs=(0, 1)),
        ),
        "RELU6 is out of reach of the output's scale",
    ),
    ("depthwise", with_options(depth_multiplier=0), "with multiplier 0"),
    ("depthwise", with_options(depth_multiplier=2**30), "with multiplier 1073741824"),
    ("depthwise", with_options(depth_multiplier=-1), "with multiplier -1"),
    ("depthwise", with_options(stride_w=0), r"strides \(1, 0\)"),
    ("depthwise", with_tensor(0, shape=(1, 5, 5, 4)), "filter of 8 channels on 4"),
    ("depthwise", with_values(1, lambda x: np.concatenate([x, x])), "should begin with 1"),
    ("depthwise", with_scale(1, *[0.01] * 3, dimension=1), "one for each channel of dimension 3"),
    ("depthwise", with_operator(options=Conv2DOptions()), "(instead of|takes) DepthwiseConv2DOptions"),
    # Fully connected.
    ("fully connected", with_tensor(0, shape=(1, 15)), r"input of shape \(1, 15\) for weights of shape \(8, 16\)"),
    ("fully connected", with_values(1, lambda x: x.reshape(8, 16, 1)), r"should be \(units, depth\)"),
    ("fully connected", with_scale(1, *[0.01] * 16, dimension=1), "one for each channel of dimension 0"),
    ("fully connected", with_operator(inputs=(0, -1, 2)), "input 1 is -1"),
    (
        "fully connected float",
        with_tensor(1, dtype=np.dtype(np.int8), data=np.ones((2, 5), np.int8)),
        "has no quantization",
    ),
    ("fully connected float", with_constant(2, [1.0] * 3), r"bias of shape \(3,\) should be \(2,\)"),
    ("fully connected float", with_constant(2, [1.0, np.nan]), "tensor 2 .*constant holds NaN or infinity"),
    ("fully connected float", with_tensor(1, data=None), "is read before it is written"),
    ("fully connected kept", with_tensor(0, shape=(2, 5, 3)), r"input of shape \(2, 5, 3\)"),
    ("fully connected kept", with_tensor(3 - 1, shape=(6, 2)), r"declared shape \(6, 2\) should be \(2, 3, 2\)"),
    # Max pool.
    ("max pool", with_options(filter_height=0), r"filter \(0, 2\) should be at least 1 pixel high and wide"),
    ("max pool", with_options(filter_width=-1), r"filter \(3, -1\)"),
    ("max pool", with_options(filter_height=6), "filter of 6 pixels does not fit into 5"),
    ("max pool", with_options(filter_width=INT32_MAX), "at most 65536"),
    ("max pool", with_options(stride_h=0), r"strides \(0, 2\)"),
    ("max pool", with_options(padding=Padding.SAME), r"declared shape \(1, 2, 2, 2\) should be \(1, 3, 2, 2\)"),
    ("max pool", with_scale(1, 0.25, zero_point=3), "quantization differs"),
    ("max pool", with_scale(1, 0.5, zero_point=4), "quantization differs"),
    ("max pool", with_tensor(1, quantization=None), "needs one scale and one zero point"),
    ("max pool", with_tensor(0, shape=(5, 4, 2)), "should have 4 dimensions"),
    ("max pool", with_tensor(0, dtype=np.dtype(F), quantization=None), "type int8 should be float32"),
    ("max pool", with_operator(inputs=(0, 0)), "2 inputs; the operator has 1"),
    ("max pool", with_operator(options=None), "(instead of|takes) Pool2DOptions|Pool2DOptions are missing"),
    # Mean.
    ("mean", with_constant(1, [1, 4]), "axis 4 is outside rank 4"),
    ("mean", with_constant(1, [-5, 1]), "axis -5 is outside rank 4"),
    ("mean", with_constant(1, [1, -3]), r"axes \[1, 1\] are not distinct"),
    ("mean", with_constant(1, [[1, 2]]), "should be a vector"),
    ("mean", both(with_tensor(1, data=None), with_graph(inputs=(0, 1))), "has to be a constant"),
    ("mean", with_options(keep_dims=False), r"declared shape \(1, 1, 1, 8\) should be \(1, 8\)"),
    ("mean", with_scale(2, 1e-8), "input scale / output scale is not between"),
    ("mean", with_tensor(0, shape=(1, 4096, 4096, 1)), "can overflow int32"),
    ("mean", with_operator(inputs=(0, -1)), "input 1 is -1"),
    # Element by element.
    ("logistic", with_scale(1, 1 / 255, zero_point=-128), "scale and zero point should be 1/256 and -128"),
    ("logistic", with_scale(1, 1 / 256, zero_point=-127), "scale and zero point should be 1/256 and -128"),
    ("logistic", with_tensor(1, shape=(256,)), "declared shape"),
    ("logistic", with_scale(0, 1e5), "input scale \\* 2\\^11 is not between"),
    ("logistic", with_tensor(0, quantization=None), "needs one scale"),
    ("quantize", with_tensor(1, quantization=None), "tensor 1 .*needs one scale"),
    ("quantize", with_scale(1, *[0.1] * 64, dimension=1), "needs one scale"),
    (
        "quantize",
        with_tensor(0, dtype=np.dtype(np.int8), quantization=quantization(1e-30)),
        "input scale / output scale",
    ),
    ("int8 add", with_tensor(0, quantization=quantization(1e9)), "output's scale is too small"),
    ("int8 mul", with_tensor(0, quantization=quantization(1e20)), "scale \\* scale / output scale"),
    ("int8 maximum", with_tensor(0, quantization=quantization(0.1)), "quantization differs"),
    ("int8 tanh", with_tensor(1, quantization=quantization(0.1)), "scale and zero point should be 1/128 and 0"),
    ("int8 softmax", with_tensor(1, quantization=quantization(0.1)), "scale and zero point should be 1/256 and -128"),
    ("int8 softmax", with_tensor(0, quantization=quantization(1e-9)), "above 2\\^-26"),
    ("int8 softmax", with_tensor(0, shape=(1, 2**12)), "4096 exponentials can overflow"),
    ("int8 hard swish", with_tensor(0, quantization=quantization(1e3)), "should be below 1"),
    ("int8 leaky relu", with_options(alpha=-1.0), "input scale \\* alpha / output scale"),
    ("float leaky relu", with_options(alpha=np.inf), "alpha inf should be finite"),
    ("float prelu", with_tensor(1, shape=(2, 7), data=np.zeros((2, 7), F)), "do not go with"),
    ("float resize", with_options(align_corners=True, half_pixel_centers=True), "exclude each other"),
    ("float resize", with_constant(1, np.array([0, 3], np.int32)), "should be a height and a width"),
    ("float l2 normalization", with_options(activation=Activation.RELU), "a fused activation is not supported"),
    ("float tile", with_constant(1, np.array([0, 1, 1], np.int32)), "how often each axis"),
    ("float pack", with_options(values_count=2), "3 inputs; the operator has 2"),
    ("float unpack", with_options(axis=1), "dimension of 3 as 1 outputs"),
    ("float split by sizes", with_constant(1, np.array([2], np.int32)), "do not add up to 3"),
    ("float mirror pad", with_constant(1, np.array([[0, 4], [0, 0]], np.int32)), "should be from 0 to 3"),
    ("float space to batch", with_constant(1, np.array([2, 4], np.int32)), "not a multiple of the block 4"),
    ("float batch to space", with_constant(1, np.array([4, 3], np.int32)), "is not of blocks"),
    ("float space to depth", with_options(block_size=3), "is not of blocks of 3"),
    ("float depth to space", with_options(block_size=0), "should be at least 1"),
    ("quantize", with_operator(inputs=()), "0 inputs; the operator has 1"),
    ("dequantize", with_tensor(0, quantization=None), "needs one scale"),
    ("dequantize", with_tensor(1, dtype=np.dtype(np.int32)), "int32 should be float32"),
    ("dequantize", with_operator(outputs=()), "is not written by any operator"),
    ("log", with_tensor(0, dtype=np.dtype(np.int32)), "int32 should be float32"),
    ("complex abs", with_tensor(0, dtype=np.dtype(F)), "float32 should be complex64"),
    ("complex abs", with_tensor(1, dtype=np.dtype(np.complex64)), "complex64 should be float32"),
    ("mul", with_tensor(1, shape=(5, 2)), r"shapes \(4, 1, 3\) and \(5, 2\) do not go together"),
    ("mul", with_tensor(2, shape=(4, 5, 1)), "declared shape"),
    ("mul", with_operator(options=None), "instead of MulOptions|MulOptions are missing"),
    # Float32.
    ("float conv", with_tensor(1, dtype=np.dtype(np.int8), data=np.ones((9, 3, 3, 5), np.int8)), "has no quantization"),
    ("float conv", with_constant(2, [1.0] * 8), r"bias of shape \(8,\) should be \(9,\)"),
    ("float conv", with_tensor(3, shape=(1, 4, 3, 8)), "declared shape"),
    ("float depthwise multiplied", with_options(depth_multiplier=2), "filter of 6 channels on 2 with multiplier 2"),
    ("float average pool", with_options(filter_height=0), "at least 1 pixel"),
    ("float mean", with_tensor(2, shape=(7,)), r"declared shape \(7,\) should be \(1, 7\)"),
    ("float add", with_tensor(1, shape=(1, 3, 4, 2)), "do not go together"),
    ("float div", with_operator(options=None), "instead of DivOptions|DivOptions are missing"),
    ("float minimum", with_operator(inputs=(0,)), "1 inputs; the operator has 2"),
    ("float relu6", with_tensor(1, shape=(1, 19, 5)), "declared shape"),
    ("float softmax", with_options(beta=0.0), "beta 0.0 should be a finite number > 0"),
    ("float softmax", with_options(beta=float("nan")), "beta nan"),
    ("float softmax", both(with_tensor(0, shape=()), with_tensor(1, shape=())), "a scalar has no axis"),
    ("float squeeze", with_options(squeeze_dims=(1,)), r"axes \(1,\) .*are not all of size 1"),
    ("float squeeze", with_options(squeeze_dims=(4,)), "axis 4 is outside rank 4"),
    ("float expand dims", with_constant(1, 3), "axis 3 is outside rank 3"),
    ("float expand dims", with_constant(1, [0, 1]), "2 axes instead of one"),
    ("float slice", with_constant(1, [3, 0, 2]), "a slice of 2 from 3 on is not within 4"),
    ("float slice", with_constant(2, [0, -1, 1]), "a slice of 0 from 1 on"),
    ("float slice", with_constant(1, [1, 0]), "2 begins and 3 sizes for rank 3"),
    ("float transpose", with_constant(1, [2, 0, 0]), "are not those of rank 3"),
    ("float concatenation", with_options(axis=2), "axis 2 is outside rank 2"),
    ("float concatenation", with_options(axis=0), "do not go together along axis 0"),
    ("float concatenation", with_options(activation=Activation.RELU), "a fused activation is not supported"),
    # Rearranging.
    ("split", with_options(num_splits=0), "dimension of 1 in 0 parts"),
    ("split", with_options(num_splits=-1), "dimension of 1 in -1 parts"),
    ("split", with_options(num_splits=2), "1 outputs; the operator has 2 here"),
    ("split", with_options(num_splits=INT32_MAX), "1 outputs; the operator has 2147483647 here"),
    ("split", with_constant(0, 4), "axis 4 is outside rank 4"),
    ("split", with_constant(0, -5), "axis -5 is outside rank 4"),
    ("split", with_constant(0, [0, 1]), "2 axes instead of one"),
    ("split", both(with_tensor(0, data=None), with_graph(inputs=(0, 1))), "has to be a constant"),
    ("split", with_scale(2, 0.05, zero_point=16), "quantization differs from that of tensor 1"),
    ("split", with_operator(options=None), "instead of SplitOptions|SplitOptions are missing"),
    ("reshape", with_constant(1, [3, 5]), r"12 elements of shape \(2, 6\) do not fill shape \[3, 5\]"),
    ("reshape", with_constant(1, [-1, -1]), "at most one -1"),
    ("reshape", with_constant(1, [-1, 0]), "positive dimensions"),
    ("reshape", with_constant(1, [-1, 5]), r"do not fill shape \[-1, 5\]"),
    ("reshape", with_constant(1, [-3, -4]), "positive dimensions"),
    ("reshape", with_constant(1, [INT32_MIN, INT32_MAX]), "positive dimensions"),
    ("reshape", with_constant(1, [2**16, 2**16]), "do not fill"),
    ("reshape", with_constant(1, [[3, 4]]), "options are NoneType"),
    ("reshape", with_tensor(2, shape=(4, 3)), r"declared shape \(4, 3\) should be \(3, 4\)"),
    ("reshape", both(with_tensor(1, data=None), with_graph(inputs=(0, 1))), "has to be a constant"),
    ("reshape", with_operator(inputs=(0,)), "options are NoneType instead of ReshapeOptions"),
    ("reshape", with_operator(inputs=(0,), options=ReshapeOptions()), r"do not fill shape \[\]"),
    ("reshape", with_operator(inputs=(0,), options=ReshapeOptions((-1, -1))), "at most one -1"),
    ("reshape int8", with_scale(2, 0.048, zero_point=17), "quantization differs"),
    ("reshape int8", with_tensor(2, quantization=None), "tensor 2 .*needs one scale"),
    ("reshape", with_tensor(2, dtype=np.dtype(np.int32)), "type int32 should be float32"),
    ("gather", with_constant(1, [[0, 4], [1, 1]]), "indices should be from 0 to 3"),
    ("gather", with_constant(1, [[0, -1], [1, 1]]), "indices should be from 0 to 3"),
    ("gather", with_constant(1, [[0, INT32_MIN], [1, 1]]), "indices should be from 0 to 3"),
    ("gather", with_options(axis=2), "axis 2 is outside rank 2"),
    ("gather", with_options(axis=-3), "axis -3 is outside rank 2"),
    ("gather", with_options(batch_dims=1), "batch_dims 1 is not supported"),
    ("gather", both(with_tensor(1, data=None), with_graph(inputs=(0, 1))), "has to be a constant"),
    ("gather", with_tensor(2, shape=(4, 3)), "declared shape"),
    ("pad", with_constant(1, [[0, -1], [2, 0]]), "should not be negative"),
    ("pad", with_constant(1, [[0, INT32_MIN], [2, 0]]), "should not be negative"),
    ("pad", with_constant(1, [[0, INT32_MAX], [INT32_MAX, 0]]), r"should be \(2147483651, 2147483650\)"),
    ("pad", with_constant(1, [[0, 1]]), "for rank 2"),
    ("pad", with_constant(1, [0, 1]), "for rank 2"),
    ("pad int8", with_scale(2, 0.5, zero_point=4), "quantization differs"),
    ("rfft2d", with_constant(1, [1, 0]), "two powers of two"),
    ("rfft2d", with_constant(1, [1, 7]), "two powers of two"),
    ("rfft2d", with_constant(1, [1, 1]), "two powers of two"),
    ("rfft2d", with_constant(1, [-1, 8]), "two powers of two"),
    ("rfft2d", with_constant(1, [1, 2**30]), r"should end with \[1, 1073741824\]"),
    ("rfft2d", with_constant(1, [INT32_MIN, 8]), "two powers of two"),
    ("rfft2d", with_constant(1, [8]), "two powers of two"),
    ("rfft2d", with_tensor(0, shape=(8,)), r"should end with \[1, 8\]"),
    ("rfft2d", with_tensor(2, shape=(4, 1, 8)), r"declared shape \(4, 1, 8\) should be \(4, 1, 5\)"),
    ("slice", with_constant(3, [0, 1]), "strides should not be zero"),
    ("slice", with_constant(3, [-3, 1]), "is empty"),
    ("slice", with_constant(2, [1, 4]), "is empty"),
    ("slice", with_constant(1, [INT32_MAX, 0]), "is empty"),
    ("slice", with_constant(2, [INT32_MAX, INT32_MIN]), "is empty"),
    ("slice", with_constant(1, [1]), "1 begins, 2 ends and 2 strides"),
    ("slice", with_options(ellipsis_mask=3), "2 begins, ends and strides for rank 2"),
    ("slice", with_options(new_axis_mask=1), "2 begins, ends and strides for rank 2"),
    ("slice", with_options(end_mask=4), "2 begins, 2 ends and 2 strides, with masks"),
    ("slice", with_options(begin_mask=-1), "2 begins, 2 ends and 2 strides, with masks"),
    ("slice", with_options(shrink_axis_mask=1), r"declared shape \(3, 4\) should be \(4,\)"),
    ("slice", both(with_options(shrink_axis_mask=1), with_constant(1, [9, 0])), "index 9 with stride 3 is outside"),
    ("slice", with_constant(3, [4, 1]), r"declared shape \(3, 4\) should be \(2, 4\)"),
]


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    REFUSED,
    ids=[f"{name}: {message}" for name, _, message in REFUSED],
)
def test_refused(name: str, edit: Edit, message: str) -> None:
    graph = edit(SOUND[name])
    op = graph.operators[0].op.name
    for check in (validate_graph, lambda graph: read_graph(write_graph(graph))):
        with pytest.raises(ModelError, match=message) as caught:
            check(graph)
        assert caught.value.operator in (None, f"operator 0 {op}")
        assert caught.value.operator or caught.value.tensor


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("conv", with_operator(inputs=(0, 1))),
        ("conv", with_constant(2, [2**30] * 8)),
        ("depthwise", with_operator(inputs=(0, 1))),
        ("fully connected", with_operator(inputs=(0, 1, -1))),
        ("fully connected", with_tensor(0, shape=(4, 4))),
        ("fully connected float", with_operator(inputs=(0, 1, -1))),
        ("fully connected float", with_options(keep_num_dims=True)),
        ("mean", with_constant(1, [-2, -3])),
        ("mean", both(with_constant(1, 1), with_tensor(2, shape=(1, 1, 2, 8)))),
        ("split", with_constant(0, [-1])),
        ("reshape", with_constant(1, [-1, 4])),
        ("reshape", with_operator(inputs=(0,), options=ReshapeOptions((3, -1)))),
        ("reshape", with_operator(options=ReshapeOptions((7, 7)))),
        ("slice", both(with_constant(1, [-1, 0]), with_constant(2, [INT32_MIN, 4]), with_constant(3, [-3, 1]))),
        ("slice", both(with_constant(3, [4, 1]), with_tensor(4, shape=(2, 4)))),
        ("slice", both(with_options(begin_mask=3, end_mask=2), with_constant(1, [99, 99]))),
    ],
)
def test_accepted(name: str, edit: Edit) -> None:
    read = read_graph(write_graph(edit(SOUND[name])))
    assert read.operators == edit(SOUND[name]).operators


@pytest.mark.parametrize("name", SOUND)
def test_no_operand_but_the_bias_of_fully_connected_may_be_left_out(name: str) -> None:
    """TFLite refuses to prepare a convolution whose bias is -1; one without a bias has two inputs."""
    graph = SOUND[name]
    for position in range(len(graph.operators[0].inputs)):
        inputs = list(graph.operators[0].inputs)
        inputs[position] = -1
        left_out = with_operator(inputs=tuple(inputs))(graph)
        if position == 2 and graph.operators[0].op == Op.FULLY_CONNECTED:
            read_graph(write_graph(left_out))
            continue
        with pytest.raises(ModelError, match=f"operator 0 .*input {position} is -1"):
            read_graph(write_graph(left_out))


@pytest.mark.parametrize("name", SOUND)
def test_operand_counts_types_and_shapes_are_fixed(name: str) -> None:
    """Whatever is taken away or changed about one operand at a time, nothing but a named error comes out."""
    graph = SOUND[name]
    edits: list[Edit] = [with_operator(inputs=graph.operators[0].inputs[:-1])]
    edits += [
        with_operator(inputs=(*graph.operators[0].inputs, 0)),
        with_operator(outputs=()),
        with_operator(inputs=()),
    ]
    for tensor in graph.tensors:
        for dtype in (np.float32, np.int32, np.int8, np.complex64):
            data = None if tensor.data is None else tensor.data.astype(dtype)
            edits.append(with_tensor(tensor.index, dtype=np.dtype(dtype), data=data))
        for shape in ((), (1,), (2, 2), (1, 1, 1, 1), (1, 2, 3, 4, 5, 6), (2**20,)):
            edits.append(with_tensor(tensor.index, shape=shape, data=None))
    assert sum(is_refused(edit(graph)) for edit in edits) > len(edits) // 2


def is_refused(graph: Graph) -> bool:
    try:
        validate_graph(graph)
    except ModelError:
        return True
    return False


@pytest.fixture(scope="module")
def whole() -> Graph:
    return synthetic_yamnet(classes=10, width=0.0625)


QUANTIZE = 13
DATA_FLOW: list[tuple[str, Callable[[Graph], Graph], str]] = [
    ("operators reversed", lambda g: renumbered(g, list(g.operators)[::-1]), "is read before it is written"),
    ("operators exchanged", lambda g: renumbered(g, swapped(g.operators, 3, 9)), "is read before it is written"),
    ("operator missing", lambda g: renumbered(g, [*g.operators[:5], *g.operators[6:]]), "is read before it is written"),
    ("operator twice", lambda g: renumbered(g, [*g.operators[:5], *g.operators[4:]]), "is written twice"),
    ("output is an input", lambda g: with_operator(9, outputs=g.operators[9].inputs)(g), "is written twice"),
    ("output is a constant", with_operator(9, outputs=(1,)), "tensor 1 .*is a constant and written"),
    ("output is the graph's input", with_operator(9, outputs=(0,)), "is written twice"),
    ("output -1", with_operator(9, outputs=(-1,)), "operator 9 COMPLEX_ABS: output 0 is -1"),
    ("output too large", with_operator(9, outputs=(121,)), "output 0 is 121, which is none of the 121 tensors"),
    ("input -1", with_operator(9, inputs=(-1,)), "operator 9 COMPLEX_ABS: input 0 is -1"),
    ("input -2", with_operator(16, inputs=(32, 33, -2)), "operator 16 CONV_2D: input 2 is -2"),
    ("input too large", with_operator(9, inputs=(INT32_MAX,)), "input 0 is 2147483647"),
    ("input is its output", lambda g: with_operator(9, inputs=g.operators[9].outputs)(g), "is read before"),
    ("the same output twice", lambda g: with_operator(9, outputs=g.operators[9].outputs * 2)(g), "are not distinct"),
    ("inputs missing", with_operator(4, inputs=(10,)), "operator 4 MUL: 1 inputs; the operator has 2"),
    ("too many outputs", lambda g: with_operator(46, outputs=(120, 0))(g), "is written twice"),
    ("graph without inputs", with_graph(inputs=()), "the graph has no inputs"),
    ("graph without outputs", with_graph(outputs=()), "the graph has no outputs"),
    ("graph input -1", with_graph(inputs=(-1,)), "the graph's input -1 is none of"),
    ("graph output -1", with_graph(outputs=(-1,)), "the graph's output -1 is none of"),
    ("graph output too large", with_graph(outputs=(2**30,)), "the graph's output 1073741824 is none of"),
    ("graph input twice", with_graph(inputs=(0, 0)), "the graph's inputs are not distinct"),
    ("graph output twice", with_graph(outputs=(120, 120)), "the graph's outputs are not distinct"),
    ("graph input is a constant", with_graph(inputs=(0, 1)), "tensor 1 .*the graph's input is a constant"),
    ("graph output is a constant", with_graph(outputs=(1,)), "tensor 1 .*the graph's output is a constant"),
    ("graph output is its input", with_graph(outputs=(0,)), "is not written by any operator"),
    ("graph input is computed", with_graph(inputs=(0, 4)), "operator 0 .*tensor 4 .*is written twice"),
    ("no operators", with_graph(operators=()), "there are no operators"),
    ("op is now SPLIT", with_operator(17, op=Op.SPLIT, options=SplitOptions(1)), "operator 17 SPLIT"),
    ("op is now GATHER", with_operator(1, op=Op.GATHER, options=GatherOptions()), "operator 1 GATHER"),
    ("SPLIT into 2", with_operator(15, options=SplitOptions(2)), "operator 15 SPLIT: 1 outputs"),
    ("SPLIT into 0", with_operator(15, options=SplitOptions(0)), "operator 15 SPLIT"),
    ("SPLIT without options", with_operator(15, options=None), "operator 15 SPLIT: SplitOptions are missing"),
    ("SPLIT with other options", with_operator(15, options=MulOptions()), "operator 15 SPLIT: options have type 21"),
    ("scale 0", with_scale(28, 0.0, zero_point=16), "tensor 28 .*finite, positive, normal"),
    ("scale negative", with_scale(28, -0.05, zero_point=16), "finite, positive, normal"),
    ("scale NaN", with_scale(28, math.nan, zero_point=16), "finite, positive, normal"),
    ("scale infinite", with_scale(28, math.inf, zero_point=16), "finite, positive, normal"),
    ("scale denormal", with_scale(28, 1e-40, zero_point=16), "finite, positive, normal"),
    ("zero point 128", with_scale(28, 0.05, zero_point=128), "zero points of int8 must be from -128 to 127"),
    ("zero point -129", with_scale(28, 0.05, zero_point=-129), "zero points of int8 must be from -128 to 127"),
    ("zero point 2^40", with_scale(28, 0.05, zero_point=2**40), "zero points of int8 must be from -128 to 127"),
    ("zero point -2^63", with_scale(28, 0.05, zero_point=-(2**63)), "zero points of int8 must be from -128 to 127"),
    ("bias with a zero point", with_scale(34, 0.05, zero_point=1), "zero points of int32 must be from 0 to 0"),
    ("scales cut to 7", with_scale(33, *[0.01] * 7), "7 scales and 7 zero points|7 scales for dimension 0"),
    ("quantized_dimension 4", with_scale(33, 0.01, dimension=4), "quantized_dimension 4 is not in"),
    ("quantized_dimension -1", with_scale(33, 0.01, dimension=-1), "quantized_dimension -1 is not in"),
    ("quantized_dimension 1", with_scale(33, *[0.01] * 3, dimension=1), "one for each channel of dimension 0"),
    ("quantized float", with_scale(4, 0.01), "type float32 has no quantization"),
    ("dimension 65536", with_tensor(38, shape=(1, 48, 32, 65536)), "elements"),
    ("dimension 2^31 - 1", with_tensor(38, shape=(1, 48, 32, INT32_MAX)), "elements"),
    ("rank 64", with_tensor(38, shape=(1,) * 64), "rank 64 is more than 6"),
    ("dimension 0", with_tensor(38, shape=(1, 48, 32, 0)), "not positive"),
    ("dimension -2", with_tensor(38, shape=(-2, 48, 32, 8)), "not positive"),
    ("product overflows 32 bits", with_tensor(38, shape=(65536, 65536)), "4294967296 elements"),
    ("product overflows 63 bits", with_tensor(38, shape=(INT32_MAX,) * 3), "elements"),
]


def renumbered(graph: Graph, operators: Sequence[Operator]) -> Graph:
    items = tuple(dataclasses.replace(operator, index=index) for index, operator in enumerate(operators))
    return dataclasses.replace(graph, operators=items)


def swapped(items: Sequence[Operator], first: int, second: int) -> list[Operator]:
    result = list(items)
    result[first], result[second] = result[second], result[first]
    return result


@pytest.mark.slow
@pytest.mark.parametrize(("edit", "message"), [row[1:] for row in DATA_FLOW], ids=[row[0] for row in DATA_FLOW])
def test_what_others_fell_for(whole: Graph, edit: Edit, message: str) -> None:
    """Damage of which runtimes are known to have crashed, hung, or returned memory that nobody wrote."""
    content = write_graph(edit(whole))
    tracemalloc.start()
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        with pytest.raises((ModelError, LimitError), match=message):
            read_graph(content)
        seconds.append(time.thread_time() - started)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert min(seconds) < 1
    assert peak < 10e6


def test_hand_made_graphs_are_checked_as_files_are(whole: Graph) -> None:
    validate_graph(whole)
    for edit, message in (
        (with_tensor(5, index=7), "index is 7 instead of 5"),
        (with_tensor(5, dtype=np.dtype(np.float64)), "type float64 is not supported"),
        (with_tensor(5, data=np.zeros(3, np.int32)), r"constant is int32 of shape \(3,\)"),
        (with_tensor(5, data=np.zeros(2, np.int8)), r"constant is int8 of shape \(2,\) instead of int32"),
        (with_operator(5, index=7), "index is 7 instead of 5"),
        (
            with_tensor(28, quantization=Quantization(np.ones(1), np.zeros(1, np.int64))),
            "finite, positive, normal float32",
        ),
        (
            with_tensor(28, quantization=Quantization(np.ones(1, F), np.zeros(2, np.int64))),
            "1 scales and 2 zero points",
        ),
        (
            with_tensor(28, quantization=Quantization(np.ones(0, F), np.zeros(0, np.int64))),
            "0 scales",
        ),
    ):
        with pytest.raises(ModelError, match=message):
            validate_graph(edit(whole))


def test_limits_are_named(whole: Graph) -> None:
    for limits, name in (
        (Limits(tensors=120), "tensors"),
        (Limits(operators=46), "operators"),
        (Limits(rank=3), "rank"),
        (Limits(elements=15_599), "elements"),
        (Limits(multiply_adds=100_000), "multiply_adds"),
        (Limits(arena_bytes=100_000), "arena_bytes"),
    ):
        with pytest.raises(LimitError, match=f"limit {name}"):
            validate_graph(whole, limits=limits)


def test_multiply_adds_are_counted_exactly() -> None:
    graph = graphs.conv2d_s8((1, 9, 7, 2), stride=(2, 3), padding=Padding.VALID)
    windows = graph.tensors[3].shape[1] * graph.tensors[3].shape[2]
    count = windows * 8 * 3 * 3 * 2
    validate_graph(graph, limits=Limits(multiply_adds=count))
    with pytest.raises(LimitError, match=f"^{count} multiply-adds"):
        validate_graph(graph, limits=Limits(multiply_adds=count - 1))


def test_live_bytes_are_counted_exactly() -> None:
    graph = SOUND["dequantize"]
    validate_graph(graph, limits=Limits(arena_bytes=256 + 4 * 256))
    with pytest.raises(LimitError, match="activations of 1280 bytes"):
        validate_graph(graph, limits=Limits(arena_bytes=256 + 4 * 256 - 1))


def test_overflow_is_judged_by_the_weights() -> None:
    """A sum too long for the quick bound is accepted if these weights cannot overflow."""
    taps = 70_000
    for value, fits in ((1, True), (-128, False)):
        graph = graphs.fully_connected_s8((1, taps), 1, weights=np.full((1, taps), value), bias=[0])
        if fits:
            validate_graph(graph)
            continue
        with pytest.raises(ModelError, match="can overflow int32"):
            validate_graph(graph)


def test_messages_are_one_short_line(whole: Graph) -> None:
    tensors = list(whole.tensors)
    tensors[28] = dataclasses.replace(tensors[28], name="line\nbreak " * 3000, quantization=quantization(0.0))
    with pytest.raises(ModelError) as caught:
        read_graph(write_graph(dataclasses.replace(whole, tensors=tuple(tensors))))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert str(Tensor(3, "short", (), np.dtype(F))) == "tensor 3 'short'"


def random_graph(dice: random.Random) -> Graph:
    """Return a sound graph of one operator whose output shape takes some inferring."""
    kind = dice.choice(("conv", "depthwise", "slice", "mean", "pad", "gather", "split", "reshape"))
    if kind in ("conv", "depthwise"):
        dilation = (dice.randint(1, 2), dice.randint(1, 2))
        stride = (1, 1) if dilation != (1, 1) else (dice.randint(1, 4), dice.randint(1, 4))
        options: dict[str, Any] = {
            "kernel": (dice.randint(1, 4), dice.randint(1, 4)),
            "stride": stride,
            "dilation": dilation,
            "padding": dice.choice(list(Padding)),
        }
        shape = (1, dice.randint(8, 12), dice.randint(8, 12), dice.randint(1, 4))
        if kind == "conv":
            return graphs.conv2d_s8(shape, dice.randint(1, 5), **options)
        return graphs.depthwise_s8(shape, depth_multiplier=dice.randint(1, 2), **options)
    shape = tuple(dice.randint(1, 6) for _ in range(dice.randint(1, 4)))
    rank = len(shape)
    if kind == "mean":
        axes = dice.sample(range(rank), dice.randint(1, rank))
        return graphs.mean_s8(shape, axes, keep_dims=bool(dice.randrange(2)))
    if kind == "pad":
        paddings = np.array([[dice.randrange(3), dice.randrange(3)] for _ in shape], np.int32)
        return operation(Op.PAD, [(shape, F), paddings], (np.add(shape, paddings.sum(axis=1)).tolist(), F))
    if kind == "gather":
        axis = dice.randrange(-rank, rank)
        indices = np.array([dice.randrange(shape[axis]) for _ in range(4)], np.int32).reshape(
            dice.choice(((4,), (2, 2)))
        )
        output = np.take(np.empty(shape), indices, axis).shape
        return operation(Op.GATHER, [(shape, F), indices], (output, F), GatherOptions(axis))
    if kind == "split":
        axis = dice.randrange(-rank, rank)
        return operation(Op.SPLIT, [np.array(axis, np.int32), (shape, F)], (shape, F), SplitOptions(1))
    if kind == "reshape":
        target = list(dice.sample(shape, rank))
        output = list(target)
        if dice.randrange(2):
            target[dice.randrange(rank)] = -1
        return operation(Op.RESHAPE, [(shape, F), int32(*target)], (output, F))
    while True:
        begins, ends = ([dice.randint(-8, 8) for _ in shape] for _ in "12")
        strides = [dice.choice((-3, -2, -1, 1, 2, 3)) for _ in shape]
        begin_mask, end_mask = dice.randrange(2**rank), dice.randrange(2**rank)
        slices = tuple(
            slice(None if begin_mask >> i & 1 else begins[i], None if end_mask >> i & 1 else ends[i], strides[i])
            for i in range(rank)
        )
        output = np.empty(shape)[slices].shape
        if all(output):
            slicing = StridedSliceOptions(begin_mask, end_mask)
            constants = [int32(*values) for values in (begins, ends, strides)]
            return operation(Op.STRIDED_SLICE, [(shape, F), *constants], (output, F), slicing)


def test_inferred_shapes_are_right_for_random_problems() -> None:
    dice = random.Random(7)
    for _ in range(300):
        graph = random_graph(dice)
        validate_graph(graph)
        output = graph.tensors[graph.outputs[0]]
        wrong = (*output.shape[:-1], output.shape[-1] + 1) if output.shape else (2,)
        with pytest.raises(ModelError, match="declared shape"):
            validate_graph(with_tensor(output.index, shape=wrong)(graph))


@pytest.mark.runtime
def test_inferred_shapes_are_those_of_the_runtime() -> None:
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="no TFLite runtime")
    dice = random.Random(8)
    for _ in range(100):
        graph = random_graph(dice)
        output = graph.tensors[graph.outputs[0]]
        runner = interpreter.Interpreter(model_content=write_graph(graph))
        runner.allocate_tensors()
        detail = runner.get_output_details()[0]
        assert tuple(detail["shape"]) == output.shape, graph.operators[0]


def test_trained_models_with_one_change(real_model_path: Path) -> None:
    graph = read_graph(real_model_path)
    for at, message in ((14, "operator 14 RESHAPE"), (43, "operator 44 FULLY_CONNECTED|operator 43 MEAN")):
        with pytest.raises(ModelError, match=message):
            validate_graph(with_tensor(graph.operators[at].outputs[0], shape=(1, 1))(graph))
    assert re.match("operator 0 STRIDED_SLICE", str(graph.operators[0]))


@pytest.mark.parametrize(("op", "position"), [(Op.STRIDED_SLICE, 1), (Op.STRIDED_SLICE, 3)])
def test_lists_of_numbers_are_vectors_not_scalars(op: Op, position: int) -> None:
    graph = synthetic_yamnet(seed=0, classes=10, width=0.0625)
    operator = next(operator for operator in graph.operators if operator.op == op)
    tensor = graph.tensors[operator.inputs[position]]
    scalar = dataclasses.replace(tensor, shape=(), data=np.array(np.asarray(tensor.data).flat[0]))
    tensors = tuple(scalar if other is tensor else other for other in graph.tensors)
    with pytest.raises(ModelError, match=rf"{op.name}.*should be a vector"):
        validate_graph(dataclasses.replace(graph, tensors=tensors))
