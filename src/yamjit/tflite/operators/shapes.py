"""Operators that converters compute shapes with: SHAPE, RANGE, CAST, FLOOR_DIV, and the like.

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

__all__ = ["SHAPE_OPERATORS", "ShapeOptions"]


@dataclass(frozen=True, slots=True)
class ShapeOptions(Options):
    """Options of ``SHAPE``: the code of its output's type."""

    out_type: int = 0


def _refused(node: Node) -> Inferred:
    raise node.error("depends on the samples; it is computed where it follows from shapes and constants alone")


def _record(
    op: Op, versions: int, code: int = 0, fields: str = "", options: type[Options] | None = None, name: str = ""
) -> Record:
    known: Table | None = table(name or f"{op.name.title().replace('_', '')}Options", fields) if code else None
    return Record(op, versions, _refused, code=code, table=known, options=options)


SHAPE_OPERATORS = (
    _record(Op.SHAPE, 1, 55, "out_type:byte", ShapeOptions),
    _record(Op.RANK, 1, 86),
    _record(Op.RANGE, 2, 73),
    _record(Op.FILL, 4, 68),
    _record(Op.ZEROS_LIKE, 1, 67),
    _record(Op.CAST, 7, 37, "in_data_type:byte; out_data_type:byte"),
    _record(Op.CEIL, 1),
    _record(Op.FLOOR, 1),
    _record(Op.ROUND, 1),
    _record(Op.FLOOR_DIV, 3, 65),
    _record(Op.FLOOR_MOD, 3, 72),
    _record(Op.REDUCE_PROD, 2, 27, "keep_dims:bool", ReducerOptions, "ReducerOptions"),
)
