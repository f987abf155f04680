"""Arrays in one file, with a digest that is verified before anything in it is used; the arrays are mapped, not copied.

The file: 8 bytes that name the format, 8 of the length of a header in JSON, the header, arrays at multiples of 64
bytes, and SHA-256 of all before.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from yamjit.disk import describe
from yamjit.errors import InputError

__all__ = ["read_container", "write_container"]

_MAGIC = b"YAMINDX1"
_MOST_HEADER = 2**20
_ALIGNMENT = 64
_DIGEST = 32
_CHUNK = 2**24


def write_container(file: BinaryIO, said: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write what is said, values of JSON, and arrays, by name."""
    listed = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    header = json.dumps({"said": said, "arrays": listed}, ensure_ascii=True).encode()
    digest, position = hashlib.sha256(), 0

    def write(data: Any) -> None:
        nonlocal position
        view = memoryview(data).cast("B")
        digest.update(view)
        file.write(view)
        position += len(view)

    write(_MAGIC + len(header).to_bytes(8, "little") + header)
    for array in arrays.values():
        write(b"\0" * (-position % _ALIGNMENT))
        if array.size:
            write(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    file.write(digest.digest())


def read_container(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return what is said and the arrays of a file, which must stay as it is meanwhile.

    An `InputError` is raised if it is not such a file, or not as it was written.
    """
    name = repr(os.fspath(path))
    try:
        with Path(path).open("rb") as file:
            if os.fstat(file.fileno()).st_size < len(_MAGIC) + 8 + _DIGEST:
                raise InputError(f"{name}: is not an index of yamjit")
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: cannot be read: {describe(error)}") from error
    if view[:8] != _MAGIC:
        raise InputError(f"{name}: is not an index of yamjit, or one of another version")
    data = memoryview(view)[:-_DIGEST]
    digest = hashlib.sha256()
    for start in range(0, len(data), _CHUNK):
        digest.update(data[start : start + _CHUNK])
    if digest.digest() != view[-_DIGEST:]:
        raise InputError(f"{name}: is damaged: its content does not have the digest that it says; make it again")
    try:
        return _parsed(data)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise InputError(f"{name}: is not an index that can be read: {describe(error)}") from error


def _parsed(data: memoryview) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    length = int.from_bytes(data[8:16], "little")
    if length > min(_MOST_HEADER, len(data) - 16):
        raise ValueError("its header is longer than the file")
    header = json.loads(bytes(data[16 : 16 + length]))
    position, arrays = 16 + length, {}
    for name, (kind, shape) in header["arrays"].items():
        dtype = np.dtype(kind)
        if dtype.hasobject or not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError(f"its array {name!r} is none of numbers")
        position += -position % _ALIGNMENT
        count = int(np.prod(shape, dtype=object)) if shape else 1
        if position + count * dtype.itemsize > len(data):
            raise ValueError(f"its array {name!r} ends after the file")
        arrays[name] = np.frombuffer(data, dtype, count, position).reshape(shape)
        position += count * dtype.itemsize
    return dict(header["said"]), arrays
