"""What walks look for in the bytes of a file: marks, chunks, tags, zeros, checksums."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from yamjit.audio.grammars import Grammar, riff_of

if TYPE_CHECKING:
    from yamjit.audio.opening import OpenedFile

__all__ = ["TAIL_BYTES", "after_tags", "crc", "grammar_of", "is_padding", "is_zero", "search", "tag_bytes"]

#: End of a file in which the last frame, and a tag after it, are looked for.
TAIL_BYTES = 2**17

#: Greatest number of tags in a row.
_MOST_TAGS = 1_000

_CHUNK_BYTES = 2**20

#: Zeros after the samples, up to a block of a disk, are padding.
_PADDING_BYTES = 4096


def grammar_of(head: bytes) -> Grammar | None:
    """Return the grammar of a file, given its first 32 bytes; None if it does not consist of chunks."""
    riff = riff_of(head)
    if riff is not None:
        return riff
    from yamjit.audio.other_grammars import other_grammar_of

    return other_grammar_of(head)


def search(file: OpenedFile, mark: bytes, start: int, end: int) -> Iterator[int]:
    """Yield where a mark is found in a file, from one offset to another, in constant memory.

    NumPy finds a few bytes several times as fast as `bytes.find`: reading samples takes no longer than that.
    """
    overlap = len(mark) - 1
    while end - start > overlap:
        data = file.read_at(start, min(_CHUNK_BYTES, end - start))
        array = np.frombuffer(data, np.uint8)
        places = np.flatnonzero(array[: max(0, len(array) - overlap)] == mark[0])
        for place, byte in enumerate(mark[1:], 1):
            places = places[array[places + place] == byte]
        yield from (places + start).tolist()
        if len(data) <= overlap:
            return
        start += len(data) - overlap


def tag_bytes(file: OpenedFile, place: int) -> int:
    """Return the length of the tag that begins at `place`, or 0: ID3v2, ID3v1, APE, Lyrics3."""
    head = file.read_at(place, 32)
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return min(10 + size + (10 if head[5] & 0x10 else 0), file.size - place)
    if head[:8] == b"APETAGEX" and len(head) == 32:
        is_header = head[23] & 0x20
        return min(32 + (int.from_bytes(head[12:16], "little") if is_header else 0), file.size - place)
    if head[:4] == b"TAG+" and file.size - place >= 227 + 128:
        return 227
    if head[:3] == b"TAG" and file.size - place >= 128:
        return 128
    if head[:11] == b"LYRICSBEGIN":
        text = file.read_at(place, 2**16)
        ends = [text.find(mark) + 9 for mark in (b"LYRICS200", b"LYRICSEND") if mark in text]
        return min(ends, default=0)
    return 0


def after_tags(file: OpenedFile, place: int) -> int:
    """Return where the tags that begin at `place` end; `place` itself if there is none."""
    for _ in range(_MOST_TAGS):
        size = tag_bytes(file, place) if place < file.size else 0
        if not size:
            break
        place += size
    return place


def is_zero(file: OpenedFile, start: int, end: int) -> bool:
    """Return whether there are only zeros between two offsets."""
    for place in range(start, end, _CHUNK_BYTES):
        if file.read_at(place, min(_CHUNK_BYTES, end - place)).strip(b"\0"):
            return False
    return True


def is_padding(file: OpenedFile, start: int, end: int) -> bool:
    """Return whether nothing lies between two offsets but a few zeros."""
    return end - start <= _PADDING_BYTES and is_zero(file, start, end)


def crc(data: bytes, bits: int, polynomial: int) -> int:
    """Return a cyclic redundancy check, highest bit first, beginning with 0: 0 for bytes that end with their own.

    The polynomial is written without its highest bit.
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
