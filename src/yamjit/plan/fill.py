"""Products of rows that zeros fill up, as before a Fourier transform: they read the rows without the zeros."""

from __future__ import annotations

import dataclasses

import numpy as np

from yamjit.kernels.program import Column, StepOp
from yamjit.plan.lowering import Step
from yamjit.plan.positions import NOTHING
from yamjit.tflite.node import FLOAT32

__all__ = ["without_fill"]

#: The runtime quantizes this many values of a row at a time, and rounds those that are left over in another way.
_AT_A_TIME = 8


def without_fill(product: Step, writer: Step) -> Step:
    """Return a product of rows that reads what `writer` reads, if that only puts zeros around each row.

    The result has the same bits: a finite weight times 0 is 0 or -0, which changes no sum that began with 0, and ranges
    of values that are quantized together include 0 anyway.
    """
    if product.op not in (StepOp.POINTWISE_F32, StepOp.ROWS_HYBRID) or writer.op != StepOp.MOVE:
        return product
    rows = product.columns[Column.INPUT_H] * product.columns[Column.INPUT_W]
    width = product.columns[Column.INPUT_C]
    starts = np.asarray(writer.constants[Column.WEIGHTS])[:, np.newaxis]
    offsets = np.arange(0, writer.columns[Column.OUTPUT_C], FLOAT32.itemsize)
    places = np.where(starts == NOTHING, NOTHING, starts + offsets).reshape(rows, width)
    filled = (places == NOTHING).all(axis=0)
    places = places[:, ~filled]
    if not np.array_equal(places.reshape(-1), np.arange(0, writer.columns[Column.INPUT_C], FLOAT32.itemsize)):
        return product
    inputs = places.shape[1]
    if product.op == StepOp.ROWS_HYBRID and (inputs % _AT_A_TIME or width % _AT_A_TIME):
        return product
    columns = {**product.columns, Column.INPUT_C: inputs}
    constants = {**product.constants, Column.WEIGHTS: np.asarray(product.constants[Column.WEIGHTS])[~filled]}
    return dataclasses.replace(product, input=writer.input, columns=columns, constants=constants)
