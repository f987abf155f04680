"""Arrays of numbers over time, such as embeddings: written to a file as they come, in constant memory."""

from __future__ import annotations

import csv
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.clock import Clock, iso, wall_time
from yamjit.errors import DependencyError, InputError
from yamjit.installing import how_to_install
from yamjit.output.cells import plain
from yamjit.output.writer import text_stream
from yamjit.writing import temporary_file

__all__ = ["ARRAY_FORMATS", "ArrayWriter", "Slab"]


class Slab(NamedTuple):
    """Some rows of an array of a recording [shape of values=(n, k), of times_s=(n,)].

    Each row describes `length_s` seconds of sound from its second on; `channel` is None where the channels were mixed.
    `clock` tells date and time of each second. `features` is the name of what the values are, empty for embeddings and
    spectra; files but for npy, which has no place for it, say it. `model` is the SHA-256 of the model's file, which npz
    and Parquet say. With `quantization`, scale and zero point, the values are codes, uint8, of which Parquet makes a
    column ``codes``: ``scale * (code - zero_point)`` in float32 is what they stand for.
    """

    file: str
    times_s: npt.NDArray[np.float64]
    length_s: float
    channel: int | None
    values: npt.NDArray[Any]
    clock: Clock = Clock()
    features: str = ""
    model: str = ""
    quantization: tuple[float, int] | None = None

    def wall_times(self) -> tuple[npt.NDArray[np.datetime64], list[int | None]]:
        """Return date and time of each row where it was recorded, in microseconds, and how far ahead of UTC that is.

        The second is in seconds; NaT and None where they are not known.
        """
        if type(self.clock) is Clock and len(self.times_s):
            times, offsets = self._at(self.times_s[[0, -1]])
            # Else a change of the zone's offset is among them, or the end of the calendar.
            if offsets[0] == offsets[1] and np.isnat(times[0]) == np.isnat(times[1]):
                passed = np.rint(self.times_s * 1e6).astype("timedelta64[us]")
                return times[0] + (passed - passed[0]), offsets[:1] * len(passed)
        return self._at(self.times_s)

    def _at(self, seconds: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.datetime64], list[int | None]]:
        found = [wall_time(self.clock.at(second)) for second in seconds.tolist()]
        return np.array([time for time, _ in found], "datetime64[us]"), [offset for _, offset in found]


class ArrayWriter(ABC):
    """Writes slabs to a binary file; a context manager."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @abstractmethod
    def add(self, slab: Slab) -> None:
        """Write some rows."""

    @abstractmethod
    def _close(self) -> None:
        """Write what comes after all rows."""


class _Npy(ArrayWriter):
    """One array of float32 in the order of time, in NumPy's format; only an npz holds several channels."""

    _shape = (0, 0)
    _channel: int | None = None

    def __enter__(self) -> _Npy:
        self._head()
        return self

    def add(self, slab: Slab) -> None:
        if self._shape[0] and slab.channel != self._channel:
            raise InputError(f"{slab.file}: an npy file holds one channel; npz, csv and parquet hold several")
        self._channel = slab.channel
        self._shape = (self._shape[0] + len(slab.values), slab.values.shape[1])
        self._file.write(np.ascontiguousarray(slab.values, "<f4").tobytes())

    def _head(self) -> None:
        """Write the header, which has room for any number of rows."""
        header = {"descr": "<f4", "fortran_order": False, "shape": self._shape}
        text = repr(header).ljust(117) + "\n"
        self._file.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())

    def _close(self) -> None:
        self._file.seek(0)
        self._head()
        self._file.seek(0, 2)


class _Npz(ArrayWriter):
    """Arrays by name in NumPy's archive: values, times_s, channels (-1 where they were mixed), length_s.

    And times, on the wall where it was recorded, with utc_offsets_s: NaT and NaN where they are not known; features,
    the name of what the values are, where they have one; and file and model, where a model computed them.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._values = temporary_file()  # closed on exit
        self._npy = _Npy(self._values)
        self._times: list[npt.NDArray[np.float64]] = [np.empty(0)]
        self._channels: list[npt.NDArray[np.int32]] = [np.empty(0, np.int32)]
        self._walls: list[npt.NDArray[np.datetime64]] = [np.empty(0, "datetime64[us]")]
        self._offsets: list[npt.NDArray[np.float64]] = [np.empty(0)]
        self._length_s = 0.0
        self._named: dict[str, npt.NDArray[np.str_]] = {}

    def __enter__(self) -> _Npz:
        self._npy.__enter__()
        return self

    def add(self, slab: Slab) -> None:
        self._npy.add(slab._replace(channel=None))
        self._times.append(slab.times_s)
        self._channels.append(np.full(len(slab.times_s), -1 if slab.channel is None else slab.channel, np.int32))
        times, offsets = slab.wall_times()
        self._walls.append(times)
        self._offsets.append(np.array(offsets, np.float64))
        self._length_s = slab.length_s
        said = {"features": slab.features, **({"file": slab.file, "model": slab.model} if slab.model else {})}
        self._named = {name: np.array(plain(text)) for name, text in said.items() if text}

    def _close(self) -> None:
        self._npy.__exit__()
        others = {
            "times_s": np.concatenate(self._times),
            "channels": np.concatenate(self._channels),
            "length_s": np.float64(self._length_s),
            "times": np.concatenate(self._walls),
            "utc_offsets_s": np.concatenate(self._offsets),
            **self._named,
        }
        with self._values, zipfile.ZipFile(self._file, "w") as archive:
            self._values.seek(0)
            with archive.open(zipfile.ZipInfo("values.npy"), "w", force_zip64=True) as member:
                while chunk := self._values.read(2**20):
                    member.write(chunk)
            for name, value in others.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                    np.lib.format.write_array(member, np.asanyarray(value))


class _Csv(ArrayWriter):
    """One line for each row: file, start, end, channel, time, and a column for each number."""

    _begun = False

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._stream = text_stream(file)
        self._writer = csv.writer(self._stream, lineterminator="\n")

    def add(self, slab: Slab) -> None:
        if not self._begun:
            prefix = f"{slab.features}_" if slab.features else "v"
            columns = (f"{prefix}{index}" for index in range(slab.values.shape[1]))
            self._writer.writerow(["file", "start_s", "end_s", "channel", "time", *columns])
            self._begun = True
        channel = "" if slab.channel is None else slab.channel
        for start, values in zip(slab.times_s.tolist(), slab.values, strict=True):
            times = f"{start:.6f}", f"{start + slab.length_s:.6f}"
            time = iso(slab.clock.at(start))
            self._writer.writerow([slab.file, *times, channel, time, *(f"{value:.8g}" for value in values.tolist())])

    def _close(self) -> None:
        self._stream.detach()  # which flushes


class _Parquet(ArrayWriter):
    """A typed table; the numbers are a list of fixed size."""

    _table: Any = None

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise DependencyError(f"Parquet needs pyarrow: {how_to_install('yamjit[parquet]')}") from error
        self._arrow = pyarrow
        self._new_table: Callable[..., Any] = parquet.ParquetWriter

    def add(self, slab: Slab) -> None:
        arrow = self._arrow
        size = slab.values.shape[1]
        flat = arrow.array(np.ascontiguousarray(slab.values).reshape(-1))
        said = {"features": slab.features, "model": slab.model}
        if slab.quantization is not None:
            said |= dict(zip(("scale", "zero_point"), map(repr, slab.quantization), strict=True))
        count = len(slab.times_s)
        times, offsets = slab.wall_times()
        batch = arrow.table(
            {
                "file": arrow.array([plain(slab.file)] * count, arrow.string()),
                "start_s": arrow.array(slab.times_s, arrow.float64()),
                "end_s": arrow.array(slab.times_s + slab.length_s, arrow.float64()),
                "channel": arrow.array([slab.channel] * count, arrow.int32()),
                "time": arrow.array(times, arrow.timestamp("us")),
                "utc_offset_s": arrow.array(offsets, arrow.int32()),
                "codes" if slab.quantization else "values": arrow.FixedSizeListArray.from_arrays(flat, size),
            }
        )
        batch = batch.replace_schema_metadata({name: text for name, text in said.items() if text} or None)
        if self._table is None:
            self._table = self._new_table(self._file, batch.schema)
        self._table.write_table(batch)

    def _close(self) -> None:
        if self._table is not None:
            self._table.close()


#: Opens a writer to a binary file, by the name of the format, which is also its suffix.
ARRAY_FORMATS: dict[str, Callable[[BinaryIO], ArrayWriter]] = {
    "npy": _Npy,
    "npz": _Npz,
    "csv": _Csv,
    "parquet": _Parquet,
}
