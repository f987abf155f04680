"""Operators that make and take complex spectra: RFFT2D, COMPLEX_ABS."""

from __future__ import annotations

import math

from yamjit.tflite.graph import Op
from yamjit.tflite.node import COMPLEX64, FLOAT32, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = ["COMPLEX_ABS", "RFFT2D"]


def _rfft2d(node: Node) -> Inferred:
    node.check_arity(2)
    node.output(COMPLEX64)
    source = node.input(0, FLOAT32)
    lengths = node.integers(1)
    if len(lengths) != 2 or any(length < 1 or length & (length - 1) for length in lengths) or lengths[1] < 2:
        raise node.error(f"fft_length {lengths} should be two powers of two", node.inputs[1])
    if list(source.shape[-2:]) != lengths:
        raise node.error(f"input of shape {source.shape} should end with {lengths}", source)
    shape = (*source.shape[:-1], lengths[1] // 2 + 1)
    return Inferred(shape, math.prod(source.shape) * math.prod(lengths).bit_length())


def _complex_abs(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    return Inferred(node.input(0, COMPLEX64).shape)


RFFT2D = Record(Op.RFFT2D, versions=1, contract=_rfft2d, code=105, table=table("Rfft2dOptions"))

COMPLEX_ABS = Record(Op.COMPLEX_ABS, versions=1, contract=_complex_abs)
