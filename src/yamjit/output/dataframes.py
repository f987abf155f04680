"""Rows as data frames of pandas and Polars, tables of Arrow, and lists of a Hugging Face pipeline.

The columns are the fields of `Row`, then ``utc_offset_s``; ``channel`` is null where channels were mixed. ``time`` is
the time on the wall where it was recorded, a timestamp without a zone, and ``utc_offset_s`` how many seconds that is
ahead of UTC; null where they are not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yamjit.clock import wall_time
from yamjit.errors import DependencyError
from yamjit.installing import how_to_install
from yamjit.keywords import explained
from yamjit.output.cells import plain
from yamjit.results import Row

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["arrow_schema", "arrow_table", "to_arrow", "to_hf", "to_pandas", "to_polars"]

#: Types of the columns: in pandas, Polars, Arrow.
_TYPES = {
    "file": ("str", "String", "string"),
    "start_s": ("float64", "Float64", "float64"),
    "end_s": ("float64", "Float64", "float64"),
    "label": ("str", "String", "string"),
    "score": ("float64", "Float64", "float64"),
    "class_index": ("int64", "Int32", "int32"),
    "audioset_id": ("str", "String", "string"),
    "channel": ("Int64", "Int32", "int32"),
    "head": ("str", "String", "string"),
    "time": ("datetime64[us]", "Datetime", "timestamp"),
    "utc_offset_s": ("Int32", "Int32", "int32"),
}


@explained
def to_pandas(rows: Iterable[Row]) -> Any:
    """Return rows as a ``pandas.DataFrame``.

    Raises
    ------
    DependencyError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise _missing("pandas", "pandas") from error
    return pandas.DataFrame(_columns(rows), columns=list(_TYPES)).astype({name: t[0] for name, t in _TYPES.items()})


@explained
def to_polars(rows: Iterable[Row]) -> Any:
    """Return rows as a ``polars.DataFrame``.

    Raises
    ------
    DependencyError
        If Polars is not installed.
    """
    try:
        import polars
    except ImportError as error:
        raise _missing("polars", "polars") from error
    schema = {name: getattr(polars, t[1]) for name, t in _TYPES.items()} | {"time": polars.Datetime("us")}
    return polars.DataFrame(_columns(rows), schema=schema)


@explained
def to_arrow(rows: Iterable[Row]) -> Any:
    """Return rows as a ``pyarrow.Table``.

    Raises
    ------
    DependencyError
        If pyarrow is not installed.
    """
    return arrow_table(rows, arrow_schema())


@explained
def to_hf(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as a Hugging Face audio classification pipeline does: ``[{"score": ..., "label": ...}, ...]``."""
    return [{"score": row.score, "label": row.label} for row in rows]


def arrow_schema() -> Any:
    """Return the columns as a ``pyarrow.Schema``."""
    try:
        import pyarrow
    except ImportError as error:
        raise _missing("pyarrow", "parquet") from error
    units = {"timestamp": ("us",)}
    return pyarrow.schema([(name, getattr(pyarrow, t[2])(*units.get(t[2], ()))) for name, t in _TYPES.items()])


def arrow_table(rows: Iterable[Row], schema: Any) -> Any:
    """Return rows as a ``pyarrow.Table`` of a schema that `arrow_schema` gave."""
    import pyarrow

    return pyarrow.Table.from_pydict(_columns(rows), schema=schema)


def _columns(rows: Iterable[Row]) -> dict[str, list[Any]]:
    columns = list(zip(*((*row[:-1], *wall_time(row.time)) for row in rows), strict=True)) or [()] * len(_TYPES)
    return {
        name: [plain(value) for value in column] if types[0] == "str" else list(column)
        for (name, types), column in zip(_TYPES.items(), columns, strict=True)
    }


def _missing(library: str, extra: str) -> DependencyError:
    return DependencyError(f"this needs {library}: {how_to_install(f'yamjit[{extra}]')}")
