"""The operators that are read: a record each in the file of their family, and this table of all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from yamjit.tflite.graph import Op
from yamjit.tflite.operators.activations import (
    HARD_SWISH,
    LEAKY_RELU,
    PRELU,
    RELU,
    RELU6,
    RELU_0_TO_1,
    RELU_N1_TO_1,
)
from yamjit.tflite.operators.arrangement import CONCATENATION, EXPAND_DIMS, SLICE, SQUEEZE, TRANSPOSE
from yamjit.tflite.operators.binary import ADD, DIV, MAXIMUM, MINIMUM, MUL, SQUARED_DIFFERENCE, SUB
from yamjit.tflite.operators.blocks import BATCH_TO_SPACE_ND, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND, SPACE_TO_DEPTH
from yamjit.tflite.operators.movers import GATHER, PAD, RESHAPE, SPLIT, STRIDED_SLICE
from yamjit.tflite.operators.parts import MIRROR_PAD, PACK, SPLIT_V, TILE, UNPACK
from yamjit.tflite.operators.pointwise import (
    ABS,
    DEQUANTIZE,
    EXP,
    L2_NORMALIZATION,
    LOG,
    LOG_SOFTMAX,
    LOGISTIC,
    NEG,
    QUANTIZE,
    RSQRT,
    SOFTMAX,
    SQRT,
    SQUARE,
    TANH,
)
from yamjit.tflite.operators.pooling import AVERAGE_POOL_2D, MAX_POOL_2D
from yamjit.tflite.operators.products import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.reduce import MEAN, REDUCE_MAX, REDUCE_MIN, SUM
from yamjit.tflite.operators.resizing import RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR
from yamjit.tflite.operators.shapes import SHAPE_OPERATORS
from yamjit.tflite.operators.spectrum import AUDIO_SPECTROGRAM, COMPLEX_ABS, IMAG, MFCC, REAL, RFFT2D

__all__ = ["OPERATORS"]

OPERATORS: Mapping[Op, Record] = MappingProxyType(
    {
        record.op: record
        for record in (
            *(CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED),
            *(AVERAGE_POOL_2D, MAX_POOL_2D, MEAN, REDUCE_MAX, REDUCE_MIN, SUM),
            *(ADD, DIV, MAXIMUM, MINIMUM, MUL, SQUARED_DIFFERENCE, SUB),
            *(ABS, DEQUANTIZE, EXP, LOG, LOGISTIC, NEG, QUANTIZE, RSQRT, SQRT, SQUARE, TANH),
            *(L2_NORMALIZATION, LOG_SOFTMAX, SOFTMAX),
            *(MIRROR_PAD, PACK, SPLIT_V, TILE, UNPACK),
            *(BATCH_TO_SPACE_ND, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND, SPACE_TO_DEPTH),
            *(HARD_SWISH, LEAKY_RELU, PRELU, RELU, RELU6, RELU_0_TO_1, RELU_N1_TO_1),
            *(RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR),
            *(GATHER, PAD, RESHAPE, SPLIT, STRIDED_SLICE),
            *(CONCATENATION, EXPAND_DIMS, SLICE, SQUEEZE, TRANSPOSE),
            *(AUDIO_SPECTROGRAM, COMPLEX_ABS, IMAG, MFCC, REAL, RFFT2D),
            *SHAPE_OPERATORS,
        )
    }
)
