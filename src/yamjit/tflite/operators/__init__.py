"""The operators that are read: a record each in the file of their family, and this table of all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from yamjit.tflite.graph import Op
from yamjit.tflite.operators.movers import GATHER, PAD, RESHAPE, SPLIT, STRIDED_SLICE
from yamjit.tflite.operators.pointwise import DEQUANTIZE, LOG, LOGISTIC, MUL, QUANTIZE
from yamjit.tflite.operators.pooling import MAX_POOL_2D
from yamjit.tflite.operators.products import CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.reduce import MEAN
from yamjit.tflite.operators.spectrum import COMPLEX_ABS, RFFT2D

__all__ = ["OPERATORS"]

OPERATORS: Mapping[Op, Record] = MappingProxyType(
    {
        record.op: record
        for record in (
            *(CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED),
            *(GATHER, PAD, RESHAPE, SPLIT, STRIDED_SLICE),
            *(DEQUANTIZE, LOG, LOGISTIC, MUL, QUANTIZE),
            *(COMPLEX_ABS, MAX_POOL_2D, MEAN, RFFT2D),
        )
    }
)
