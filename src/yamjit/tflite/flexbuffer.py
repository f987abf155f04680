"""A FlexBuffer with a map of numbers, as custom operators have their options: read and written.

Every offset leads towards the beginning of the bytes, and every place is checked before it is read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

__all__ = ["read_flexbuffer", "write_flexbuffer"]

#: Types of values by their codes, as `struct` calls them for a width of 1, 2, 4 and 8 bytes; then those that an offset
#: leads to.
_INT, _UINT, _FLOAT, _MAP, _BOOL = 1, 2, 3, 9, 26
_FORMATS = {_INT: "bhiq", _UINT: "BHIQ", _FLOAT: "  fd", _BOOL: "BHIQ"}
_INDIRECT = {6: _INT, 7: _UINT, 8: _FLOAT}

#: Entries of a map, and bytes of a key, far above those of any operator.
_MOST_ENTRIES, _LONGEST_KEY = 64, 64


def read_flexbuffer(data: bytes) -> dict[str, int | float]:
    """Return the numbers of the map that a FlexBuffer is, by their keys.

    Other entries are left out. A `ValueError` is raised for bytes that hold anything but a map.
    """
    if len(data) < 3:
        raise ValueError(f"a FlexBuffer has at least 3 bytes, found {len(data)}")
    kind, width = data[-2] >> 2, data[-1]
    if kind != _MAP or width not in (1, 2, 4, 8):
        raise ValueError("a map is accepted")
    place = _follow(data, len(data) - 2 - width, width)
    width = 1 << (data[-2] & 3)
    count = _number(data, place - width, width, _UINT)
    if count > _MOST_ENTRIES:
        raise ValueError(f"{count} entries are more than {_MOST_ENTRIES}")
    keys = _follow(data, place - 3 * width, width)
    key_width = int(_number(data, place - 2 * width, width, _UINT))
    found = {}
    for index in range(int(count)):
        (packed,) = _bytes(data, place + int(count) * width + index, 1)
        kind, at, size = packed >> 2, place + index * width, width
        if kind in _INDIRECT:
            kind, at, size = _INDIRECT[kind], _follow(data, at, width), 1 << (packed & 3)
        if kind in _FORMATS:
            found[_key(data, _follow(data, keys + index * key_width, key_width))] = _number(data, at, size, kind)
    return found


def write_flexbuffer(values: Mapping[str, int]) -> bytes:
    """Return a FlexBuffer with a map of integers, each of 8 bytes."""
    names = sorted(values)
    written = b"".join(name.encode() + b"\0" for name in names)
    written += bytes(-len(written) % 8)
    keys, starts, key = len(written) + 8, [], 0
    for index, name in enumerate(names):
        starts.append(keys + 8 * index - key)
        key += len(name) + 1
    place = keys + 8 * len(names) + 24
    written += struct.pack(f"<{1 + len(names)}Q", len(names), *starts)
    written += struct.pack(f"<3Q{len(names)}q", place - 24 - keys, 8, len(names), *(values[name] for name in names))
    written += bytes([_INT << 2 | 3] * len(names))
    written += bytes(-len(written) % 8)
    return written + struct.pack("<QBB", len(written) - place, _MAP << 2 | 3, 8)


def _bytes(data: bytes, place: int, size: int) -> bytes:
    if place < 0 or place + size > len(data):
        raise ValueError(f"{size} bytes at {place} are not among the {len(data)} that there are")
    return data[place : place + size]


def _number(data: bytes, place: int, width: int, kind: int) -> int | float:
    form = _FORMATS[kind][(1, 2, 4, 8).index(width)] if width in (1, 2, 4, 8) else " "
    if form == " ":
        raise ValueError(f"numbers of {width} bytes are not accepted here")
    number: int | float = struct.unpack(f"<{form}", _bytes(data, place, width))[0]
    return number


def _follow(data: bytes, place: int, width: int) -> int:
    """Return the place that an offset leads back to."""
    return place - int(_number(data, place, width, _UINT))


def _key(data: bytes, place: int) -> str:
    _bytes(data, place, 1)
    end = data.find(b"\0", place, place + _LONGEST_KEY)
    if end < 0:
        raise ValueError(f"a key at {place} does not end within {_LONGEST_KEY} bytes")
    return data[place:end].decode("ascii", "replace")
