"""Parts of a dataset: Parquet files of bounded size, each with what was found in many recordings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from yamjit.errors import DependencyError, OutputError
from yamjit.installing import how_to_install
from yamjit.output.cells import plain

__all__ = ["Part", "Parts", "check_reader", "part_without"]

#: Rows of a part and of a row group, of results and of arrays: a part of embeddings has about 40 MB, a group 16 MB
#: in memory. A part is closed at the end of the recording that fills it, or in its middle at twice as many rows.
_ROWS, _GROUP = 2**20, 2**17
_ARRAY_ROWS, _ARRAY_GROUP = 2**18, 2**14


class Part(NamedTuple):
    """A part: its name, and its number of rows."""

    name: str
    rows: int


class Parts:
    """Writes tables one after the other to parts; a context manager, which leaves nothing of a part that is not closed.

    `place` says where the next part is, `whole` gives a file that appears there once it is whole. Parts get `said`,
    texts by name, in their metadata.
    """

    def __init__(
        self,
        place: Callable[[], Path],
        whole: Callable[[Path], AbstractContextManager[BinaryIO]],
        said: dict[str, str],
    ) -> None:
        self._place, self._whole = place, whole
        self._said = said
        self._open: ExitStack = ExitStack()
        self._writer: Any = None
        self._held: list[Any] = []
        self._held_rows = self._rows = 0
        #: Parts that were closed since `take`.
        self._closed: list[Part] = []

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._writer is not None:
            with suppress(Exception):
                self._writer.close()
        self._open.__exit__(*(error if error[0] is not None else (GeneratorExit, GeneratorExit(), None)))

    @property
    def is_full(self) -> bool:
        """Whether the part that is open has its rows."""
        return self._writer is not None and self._rows >= self._most

    def add(self, path: Path) -> Part:
        """Append the table in a Parquet file, which may be empty; return its rows, and the part where they begin."""
        if not path.stat().st_size:
            return Part("", 0)
        import pyarrow

        try:
            with _parquet().ParquetFile(path) as file:
                if self._writer is None:
                    self._begin(file.schema_arrow)
                begun = Part(self._name, int(file.metadata.num_rows))
                for group in _groups(file):
                    self._take(group)
        except pyarrow.ArrowException as error:
            raise OutputError(f"{str(path)!r}: is damaged: remove it, and --resume makes it again") from error
        return begun

    def take(self) -> list[Part]:
        """Close the part that is open; return those that were closed since the last time."""
        if self._writer is not None:
            self._end()
        closed, self._closed = self._closed, []
        return closed

    def _begin(self, schema: Any) -> None:
        is_array = not {"codes", "values"}.isdisjoint(schema.names)
        self._most, self._group = (_ARRAY_ROWS, _ARRAY_GROUP) if is_array else (_ROWS, _GROUP)
        said = {name.encode(): plain(text).encode() for name, text in self._said.items()}
        self._schema = schema.with_metadata({**(schema.metadata or {}), **said})
        path = self._place()
        file = self._open.enter_context(self._whole(path))
        self._writer = _parquet().ParquetWriter(file, self._schema, compression="zstd")
        self._name = path.name

    def _take(self, table: Any) -> None:
        while table.num_rows:
            if self._writer is None:
                self._begin(self._schema)
            room = 2 * self._most - self._rows
            self._hold(table[:room])
            table = table[room:]
            if self._rows == 2 * self._most:
                self._end()

    def _hold(self, table: Any) -> None:
        self._held.append(table.replace_schema_metadata(self._schema.metadata))
        self._held_rows += table.num_rows
        self._rows += table.num_rows
        if self._held_rows >= self._group:
            self._write()

    def _write(self) -> None:
        import pyarrow

        if self._held_rows:
            self._writer.write_table(pyarrow.concat_tables(self._held), row_group_size=self._group)
        self._held, self._held_rows = [], 0

    def _end(self) -> None:
        self._write()
        self._writer.close()
        self._open.close()
        self._closed.append(Part(self._name, self._rows))
        self._writer, self._rows = None, 0


def check_reader() -> None:
    """Refuse to begin without pyarrow."""
    _parquet()


def part_without(path: Path, files: Collection[str], to: BinaryIO) -> int:
    """Copy a part, without the rows of some recordings, to a file; return the number of rows."""
    import pyarrow
    from pyarrow import compute

    parquet = _parquet()
    left_out = pyarrow.array(sorted(map(plain, files)), pyarrow.string())
    rows = 0
    with (
        parquet.ParquetFile(path) as file,
        parquet.ParquetWriter(to, file.schema_arrow, compression="zstd") as writer,
    ):
        for table in _groups(file):
            kept = table.filter(compute.invert(compute.is_in(table["file"], left_out)))
            rows += kept.num_rows
            if kept.num_rows:
                writer.write_table(kept)
    return rows


def _groups(file: Any) -> Iterator[Any]:
    return (file.read_row_group(group) for group in range(file.num_row_groups))


def _parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise DependencyError(f"Parquet needs pyarrow: {how_to_install('yamjit[parquet]')}") from error
    return parquet
