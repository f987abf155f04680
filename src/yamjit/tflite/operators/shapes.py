"""Operators that converters compute shapes with: SHAPE, RANGE, PACK, CAST, FLOOR_DIV, and the like.

They are computed when a graph is read, where they follow from shapes and constants, see `yamjit.tflite.folding`. None
of them is left then: one that depends on the samples is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from yamjit.tflite.graph import Op, Options
from yamjit.tflite.node import Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.schema import Table, table

__all__ = ["SHAPE_OPERATORS", "PackOptions", "ShapeOptions", "SplitVOptions", "UnpackOptions"]


@dataclass(frozen=True, slots=True)
class ShapeOptions(Options):
    """Options of ``SHAPE``: the code of its output's type."""

    out_type: int = 0


@dataclass(frozen=True, slots=True)
class PackOptions(Options):
    """Options of ``PACK``."""

    values_count: int = 0
    axis: int = 0


@dataclass(frozen=True, slots=True)
class UnpackOptions(Options):
    """Options of ``UNPACK``."""

    num: int = 0
    axis: int = 0


@dataclass(frozen=True, slots=True)
class SplitVOptions(Options):
    """Options of ``SPLIT_V``."""

    num_splits: int = 0


def _refused(node: Node) -> Inferred:
    raise node.error("depends on the samples; it is computed where it follows from shapes and constants alone")


def _record(
    op: Op, versions: int, code: int = 0, fields: str = "", options: type[Options] | None = None, name: str = ""
) -> Record:
    known: Table | None = table(name or f"{op.name.title().replace('_', '')}Options", fields) if code else None
    return Record(op, versions, _refused, code=code, table=known, options=options)


def _reduction(op: Op, versions: int) -> Record:
    return _record(op, versions, 27, "keep_dims:bool", ReducerOptions, "ReducerOptions")


SHAPE_OPERATORS = (
    _record(Op.SHAPE, 1, 55, "out_type:byte", ShapeOptions),
    _record(Op.RANK, 1, 86),
    _record(Op.RANGE, 2, 73),
    _record(Op.FILL, 4, 68),
    _record(Op.ZEROS_LIKE, 1, 67),
    _record(Op.PACK, 4, 59, "values_count:int; axis:int", PackOptions),
    _record(Op.UNPACK, 4, 64, "num:int; axis:int", UnpackOptions),
    _record(Op.TILE, 3, 51),
    _record(Op.SPLIT_V, 2, 79, "num_splits:int", SplitVOptions),
    _record(Op.CAST, 7, 37, "in_data_type:byte; out_data_type:byte"),
    _record(Op.CEIL, 1),
    _record(Op.FLOOR, 1),
    _record(Op.ROUND, 1),
    _record(Op.FLOOR_DIV, 3, 65),
    _record(Op.FLOOR_MOD, 3, 72),
    _record(Op.NEG, 1, 42),
    _record(Op.ABS, 5, 78),
    _record(Op.SQUARE, 1, 66),
    _reduction(Op.SUM, 2),
    _reduction(Op.REDUCE_PROD, 2),
    _reduction(Op.REDUCE_MAX, 3),
    _reduction(Op.REDUCE_MIN, 3),
)
