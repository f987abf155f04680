"""What a file holds, as its own walk finds it: parts that a decoder reads one after the other, and what is amiss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from yamjit.audio.opening import OpenedFile, Piece

__all__ = ["MOST_PARTS", "Layout", "Part", "after_tags", "is_padding", "is_zero", "search", "tag_bytes"]

#: Files that are joined in one, and the like, beyond which nobody looks: what follows counts as lost.
MOST_PARTS = 10_000
#: Tags in a row.
_MOST_TAGS = 1_000

_CHUNK_BYTES = 2**20

#: Zeros after the samples, up to a block of a disk: no samples.
_PADDING_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Part:
    """What one decoder reads, from start to end.

    Parameters
    ----------
    pieces : tuple of bytes or (int, int), optional
        As in `FileCallbacks`; None for the file as it is.
    steady : bool
        Whether a decoder that jumps to a frame gets to that frame.
    claimed : int, optional
        How many frames the header claims, where the decoder is not shown that number.
    cut : (int, int), optional
        How many bytes of samples there are, and how many the header claims, where these are more.
    counted : (int, int), optional
        How many frames there are by what the walk counted, and their rate.
    estimated : bool
        Whether the decoder's number of frames is an estimate, that may be far too large.
    """

    pieces: tuple[Piece, ...] | None = None
    steady: bool = True
    claimed: int | None = None
    cut: tuple[int, int] | None = None
    counted: tuple[int, int] | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a file.

    Parameters
    ----------
    parts : tuple of Part
        At least one.
    remarks : tuple of str
        What is amiss, in words, without the name of the file.
    lost : bool
        Whether something that may be sound is in none of the parts.
    searched : bool
        Whether it is certain that nothing was joined to the file; else that is found out where the decoder ends.
    """

    parts: tuple[Part, ...] = (Part(),)
    remarks: tuple[str, ...] = ()
    lost: bool = False
    searched: bool = True


def search(file: OpenedFile, mark: bytes, start: int, end: int) -> Iterator[int]:
    """Yield where a mark lies in a file, from one offset to another; memory does not grow with its length.

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
    """Return how many bytes a tag takes that begins at `place`, or 0: ID3v2, ID3v1, APE, Lyrics3."""
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
    """Return where the tags end that begin at `place`: there, if none does."""
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
