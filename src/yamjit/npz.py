"""Arrays in an ``.npz``: written with the same bytes for the same arrays, read from files that anyone may have made.

What is read is checked before memory is taken, and nothing in it is evaluated.
"""

from __future__ import annotations

import io
import math
import re
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError, ModelError
from yamjit.spec import Limits
from yamjit.tflite.archive import read_archive

__all__ = ["MOST_BYTES", "read_arrays", "write_arrays"]

#: Largest file that is read, and most that its arrays may take.
MOST_BYTES = 64 * 2**20

_LIMITS = Limits(archive_bytes=MOST_BYTES)

#: How NumPy begins a file, before the header's length: 2 bytes in version 1, else 4.
_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    rb"\{'descr': '([<>|=][fiuU]\d{1,9})', 'fortran_order': (?:False|(True)), 'shape': \(([\d, ]{0,100})\), \} *\n?"
)
_MOST_HEADER = 1024


def write_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return arrays by their names as an ``.npz``, in their order."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            # The earliest time that a zip can hold: bytes must not depend on the clock.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), content.getvalue())
    return stream.getvalue()


def read_arrays(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an ``.npz``, numbers and texts, by their names.

    Raises `InputError` if it is not such a file, is damaged, or holds something else, and `LimitError`, before anything
    is unpacked, if the arrays would take more than `MOST_BYTES`.
    """
    try:
        members = read_archive(data, 0, limits=_LIMITS)
    except ModelError as error:
        raise InputError(error.reason) from error
    return {name.removesuffix(".npy"): _array(name, content) for name, content in members.items()}


def _array(name: str, content: bytes) -> npt.NDArray[Any]:
    version = content[6:8]
    start = 10 if version == b"\x01\x00" else 12
    end = start + int.from_bytes(content[8:start], "little")
    header = _HEADER.fullmatch(content[start:end]) if end - start <= _MOST_HEADER else None
    if not content.startswith(_MAGIC) or version[1:] != b"\x00" or header is None:
        raise InputError(f"{name!r} is not an array of numbers or texts as numpy.save writes it")
    try:
        dtype = np.dtype(header[1].decode())
        shape = tuple(int(size) for size in header[3].replace(b",", b" ").split())
        if math.prod(shape) * dtype.itemsize != len(content) - end:
            raise ValueError(f"{len(content) - end} bytes for shape {shape} of {dtype}")
        if dtype.kind == "U" and np.any(np.frombuffer(content, f"{dtype.byteorder}u4", offset=end) > sys.maxunicode):
            raise ValueError("characters outside Unicode")
        array = np.frombuffer(content, dtype, offset=end)
        return array.reshape(shape, order="F" if header[2] else "C")
    except (ValueError, TypeError) as error:
        raise InputError(f"{name!r} is not a valid array: {str(error)[:200]}") from error
