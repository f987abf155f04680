"""Embeddings and other features that ``yamjit embed`` has written, read back: the same float32 values, bit for bit."""

from __future__ import annotations

import functools
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.disk import describe, open_regular
from yamjit.errors import DependencyError, InputError, LimitError, YamjitError
from yamjit.installing import how_to_install
from yamjit.keywords import explained
from yamjit.reprs import brief_repr

__all__ = ["EmbeddingTable", "read_embeddings"]

#: Length of a window of YAMNet, and the time from one to the next by default, of a file that says neither.
_WINDOW_S, _HOP_S = 0.975, 0.48

_SUFFIXES = (".parquet", ".npz", ".npy")

#: How much larger than the file the arrays in an npz may be.
_MOST_UNPACKED = 200


@brief_repr
@dataclass(frozen=True, eq=False, repr=False)
class EmbeddingTable:
    """Embeddings of windows, or another feature of them, of any number of recordings.

    Parameters
    ----------
    numbers : np.ndarray [shape=(n, size), uint8 or float32]
        Codes if there is a `quantization`, else values.
    quantization : (float, int) or None
        Scale and zero point of codes.
    files : tuple of str
        Names of the recordings.
    file_index : np.ndarray [shape=(n,), int32]
        Which of them each row is of.
    start_s, end_s : np.ndarray [shape=(n,), float64]
        Time of each window, in seconds from the start of its recording.
    channels : np.ndarray [shape=(n,), int32]
        Channel of the recording, from 0; -1 where they were mixed.
    times : np.ndarray [shape=(n,), datetime64[us]]
        When each window begins, by the clock on the wall where it was recorded; NaT if that is not known.
    utc_offsets_s : np.ndarray [shape=(n,), float64]
        Seconds that this is ahead of UTC; NaN if that is not known.
    model : str
        SHA-256 of the model's file; empty if the files do not say it.
    features : str
        Name of the feature; empty for embeddings.
    """

    numbers: npt.NDArray[Any]
    quantization: tuple[float, int] | None
    files: tuple[str, ...]
    file_index: npt.NDArray[np.int32]
    start_s: npt.NDArray[np.float64]
    end_s: npt.NDArray[np.float64]
    channels: npt.NDArray[np.int32]
    times: npt.NDArray[np.datetime64]
    utc_offsets_s: npt.NDArray[np.float64]
    model: str = ""
    features: str = ""

    def __len__(self) -> int:
        return len(self.numbers)

    @functools.cached_property
    def values(self) -> npt.NDArray[np.float32]:
        """The values, as the model gave them, (n, size) float32."""
        values = self.numbers.astype(np.float32, copy=self.quantization is not None)
        if self.quantization is not None:
            scale, zero_point = self.quantization
            values -= np.float32(zero_point)
            values *= np.float32(scale)
        return values


@explained
def read_embeddings(*paths: str | os.PathLike[str], hop_s: float = _HOP_S) -> EmbeddingTable:
    """Read what ``yamjit embed`` has written: datasets, Parquet and NumPy files, and folders of them.

    Parameters
    ----------
    paths : path
        A dataset, a ``.parquet``, ``.npz`` or ``.npy`` file, or a folder, in which these are found at every depth.
    hop_s : float
        Time from one window to the next in ``.npy`` files, which do not say it.

    Returns
    -------
    EmbeddingTable
        Its `values` are those that the model gave. A recording without a name has that of its file.

    Raises
    ------
    InputError
        If a file cannot be read, or its content is something else, or of another model than that of the others.
    DependencyError
        If pyarrow, which reads Parquet, is not installed.

    Examples
    --------
    >>> table = yamjit.read_embeddings("dataset")
    >>> table.values.shape, table.files[table.file_index[0]], table.start_s[0]
    """
    hop_s = checks.number(hop_s, "hop_s", 0, above=True, kind="seconds")
    places = [checks.path(path, "paths") for path in paths]
    tables = [table for place in places for file in _found(place) for table in _read(file, hop_s)]
    if not tables:
        raise InputError(f"{', '.join(repr(str(place)) for place in places)}: there is no embedding to be read")
    return _joined(tables)


def _found(path: Path) -> Iterator[Path]:
    if not os.path.isdir(path):  # noqa: PTH112 - a name may be too long for Path.is_dir
        yield path
        return
    for parent, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        yield from (Path(parent, name) for name in sorted(names) if name.endswith(_SUFFIXES) and name[0] not in "._")


def _read(path: Path, hop_s: float) -> Iterator[EmbeddingTable]:
    suffix = path.suffix.lower()
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            if suffix not in _SUFFIXES:
                raise InputError(
                    f"{str(path)!r}: embeddings are read from .parquet, .npz and .npy files, and from folders"
                )
            if suffix == ".parquet":
                yield from _parquet(path, file)
            else:
                yield _npz(path, file) if suffix == ".npz" else _npy(path, file, hop_s)
    except YamjitError:
        raise
    except (OSError, ValueError, KeyError, EOFError, TypeError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(f"{str(path)!r}: is not a file of embeddings that can be read: {describe(error)}") from error


def _npy(path: Path, file: BinaryIO, hop_s: float) -> EmbeddingTable:
    values = np.load(file, allow_pickle=False)
    starts = np.arange(len(values), dtype=np.float64) * hop_s
    return _checked(path, values, starts, starts + _WINDOW_S, {})


def _npz(path: Path, file: BinaryIO) -> EmbeddingTable:
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        if sum(one.file_size for one in archive.infolist()) > max(2**20, _MOST_UNPACKED * size):
            raise LimitError(f"{str(path)!r}: its arrays are more than {_MOST_UNPACKED} times as large as the file")
    file.seek(0)
    with np.load(file, allow_pickle=False) as kept:
        found = {name: kept[name] for name in kept.files}
    starts = found["times_s"].astype(np.float64)
    return _checked(path, found["values"], starts, starts + float(found["length_s"]), found)


def _checked(path: Path, values: Any, start_s: Any, end_s: Any, found: dict[str, Any]) -> EmbeddingTable:
    """Return a table of one recording, from arrays that may be anything."""
    if values.ndim != 2 or values.dtype.kind != "f" or start_s.shape != values.shape[:1]:
        raise ValueError(f"its values are {values.dtype} of shape {values.shape}, not a row of numbers for each window")
    n = len(values)
    name = str(found.get("file", path.name.removesuffix(path.suffix).removesuffix(".yamjit")))
    return EmbeddingTable(
        np.ascontiguousarray(values, np.float32),
        None,
        (name,),
        np.zeros(n, np.int32),
        start_s,
        end_s,
        np.array(found.get("channels", np.full(n, -1)), np.int32).reshape(n),
        np.array(found.get("times", np.full(n, "NaT")), "datetime64[us]").reshape(n),
        np.array(found.get("utc_offsets_s", np.full(n, np.nan)), np.float64).reshape(n),
        str(found.get("model", "")),
        str(found.get("features", "")),
    )


def _parquet(path: Path, opened: BinaryIO) -> Iterator[EmbeddingTable]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DependencyError(f"Parquet needs pyarrow: {how_to_install('yamjit[parquet]')}") from error
    try:
        with parquet.ParquetFile(opened) as file:
            said = {name.decode(): text.decode() for name, text in (file.schema_arrow.metadata or {}).items()}
            for group in range(file.num_row_groups):
                yield _table(file.read_row_group(group).combine_chunks(), said)
    except pyarrow.ArrowException as error:
        raise InputError(f"{str(path)!r}: is not a Parquet file that can be read: {describe(error)}") from error


def _table(rows: Any, said: dict[str, str]) -> EmbeddingTable:
    coded = "codes" in rows.column_names
    column = rows["codes" if coded else "values"].combine_chunks()
    numbers = column.flatten().to_numpy(zero_copy_only=False).reshape(rows.num_rows, column.type.list_size)
    if numbers.dtype != (np.uint8 if coded else np.float32):
        raise ValueError(f"its numbers are {numbers.dtype}")
    names = rows["file"].combine_chunks().dictionary_encode()
    times = rows["time"].to_numpy().astype("datetime64[us]")
    return EmbeddingTable(
        numbers,
        (float(said["scale"]), int(said["zero_point"])) if coded else None,
        tuple(names.dictionary.to_pylist()),
        names.indices.to_numpy(zero_copy_only=False).astype(np.int32),
        rows["start_s"].to_numpy(),
        rows["end_s"].to_numpy(),
        rows["channel"].fill_null(-1).to_numpy().astype(np.int32),
        times,
        rows["utc_offset_s"].to_numpy().astype(np.float64),
        said.get("model", ""),
        said.get("features", ""),
    )


def _joined(tables: list[EmbeddingTable]) -> EmbeddingTable:
    """Return all rows in one table; of tables in codes and others, all in values."""
    kinds = {(one.numbers.shape[1], one.model, one.features) for one in tables}
    for part, what in enumerate(("numbers of values for a window", "models", "features")):
        if len(told := sorted({str(kind[part]) for kind in kinds})) > 1:
            raise InputError(
                f"embeddings of different {what} are given: {', '.join(name or 'none named' for name in told)}"
            )
    quantization = {one.quantization for one in tables}
    coded = len(quantization) == 1
    numbers = [one.numbers if coded else one.values for one in tables]
    numbering: dict[str, int] = {}
    indices = [
        np.array([numbering.setdefault(name, len(numbering)) for name in one.files], np.int32)[one.file_index]
        for one in tables
    ]
    columns = ("start_s", "end_s", "channels", "times", "utc_offsets_s")
    rest: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in tables]) for name in columns}
    kept = quantization.pop() if coded else None
    _, model, features = kinds.pop()
    return EmbeddingTable(
        np.concatenate(numbers), kept, tuple(numbering), np.concatenate(indices), model=model, features=features, **rest
    )
