"""The operators that are read: a record each in the file of their family, and this table of all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from yamjit.tflite.graph import Op
from yamjit.tflite.operators.arrangement import CONCATENATION, EXPAND_DIMS, SLICE, SQUEEZE, TRANSPOSE
from yamjit.tflite.operators.binary import ADD, DIV, MAXIMUM, MINIMUM, MUL, SUB
from yamjit.tflite.operators.movers import GATHER, PAD, RESHAPE, SPLIT, STRIDED_SLICE
from yamjit.tflite.operators.pointwise import (
    DEQUANTIZE,
    EXP,
    LOG,
    LOGISTIC,
    QUANTIZE,
    RELU,
    RELU6,
    RELU_0_TO_1,
    RELU_N1_TO_1,
    RSQRT,
    SOFTMAX,
    SQRT,
    TANH,
)
from yamjit.tflite.operators.pooling import AVERAGE_POOL_2D, MAX_POOL_2D
from yamjit.tflite.operators.products import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.reduce import MEAN
from yamjit.tflite.operators.shapes import SHAPE_OPERATORS
from yamjit.tflite.operators.spectrum import COMPLEX_ABS, RFFT2D

__all__ = ["OPERATORS"]

OPERATORS: Mapping[Op, Record] = MappingProxyType(
    {
        record.op: record
        for record in (
            *(CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED),
            *(AVERAGE_POOL_2D, MAX_POOL_2D, MEAN),
            *(ADD, DIV, MAXIMUM, MINIMUM, MUL, SUB),
            *(DEQUANTIZE, EXP, LOG, LOGISTIC, QUANTIZE, RSQRT, SOFTMAX, SQRT, TANH),
            *(RELU, RELU6, RELU_0_TO_1, RELU_N1_TO_1),
            *(GATHER, PAD, RESHAPE, SPLIT, STRIDED_SLICE),
            *(CONCATENATION, EXPAND_DIMS, SLICE, SQUEEZE, TRANSPOSE),
            *(COMPLEX_ABS, RFFT2D),
            *SHAPE_OPERATORS,
        )
    }
)
