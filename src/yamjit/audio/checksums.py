"""Cyclic redundancy checks, as FLAC and Ogg write them: highest bit first, beginning with 0."""

from __future__ import annotations

import functools

__all__ = ["crc"]


def crc(data: bytes, bits: int, polynomial: int) -> int:
    """Return the checksum of `data`: 0 of bytes that end with their own.

    Parameters
    ----------
    data : bytes
    bits : int >= 8
        Length of the checksum.
    polynomial : int
        The generator, without its highest bit.
    """
    table, found, mask, shift = _table(bits, polynomial), 0, (1 << bits) - 1, bits - 8
    for byte in data:
        found = (found << 8 & mask) ^ table[found >> shift ^ byte]
    return found


@functools.cache
def _table(bits: int, polynomial: int) -> tuple[int, ...]:
    """Return what each byte adds."""
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial | 1 << bits if value >> bits - 1 else 0)
        table.append(value)
    return tuple(table)
