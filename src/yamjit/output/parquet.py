"""Parquet: a typed table for archives; its columns are `Row`'s fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yamjit.errors import DependencyError
from yamjit.output.dataframes import arrow_schema, arrow_table
from yamjit.output.writer import TableWriter

if TYPE_CHECKING:
    from yamjit.results import Row

__all__ = ["ParquetWriter"]

#: Rows that are written together.
_GROUP = 16_384


class ParquetWriter(TableWriter):
    """Writes groups of rows to a stream of bytes, which can be read once the writer is closed; needs pyarrow."""

    def __init__(self, stream: Any, *, several_heads: bool = False) -> None:
        super().__init__(stream, several_heads=several_heads)
        self._schema = arrow_schema()
        self._rows: list[Row] = []

    def _open(self) -> None:
        try:
            from pyarrow.parquet import ParquetWriter as File
        except ImportError as error:
            raise DependencyError("this pyarrow was built without Parquet") from error
        self._file = File(self._stream, self._schema)

    def _row(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == _GROUP:
            self._write_group()

    def _write_group(self) -> None:
        self._file.write_table(arrow_table(self._rows, self._schema))
        self._rows = []

    def _close(self) -> None:
        if self._rows:
            self._write_group()
        self._file.close()
