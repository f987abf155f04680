"""FLAC streams: where each begins, and which samples its first and last frame hold, whatever its header counts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from yamjit.audio.layout import MOST_PARTS, Layout, Part
from yamjit.audio.scanning import TAIL_BYTES, after_tags, crc, search
from yamjit.signatures import FLAC_MARK

if TYPE_CHECKING:
    from yamjit.audio.opening import OpenedFile

__all__ = ["StreamInfo", "lay_out_flac", "metadata_blocks"]

_INFO_BYTES = 34
#: Length of the mark and of the header of the first block, which is always STREAMINFO.
_HEAD_BYTES = len(FLAC_MARK) + 4
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
#: Greatest number of blocks before the first frame, and of places where the last frame may begin.
_MOST_BLOCKS, _MOST_TRIES = 1_000, 8


class StreamInfo(NamedTuple):
    """The 34 bytes of the block STREAMINFO."""

    data: bytes

    @property
    def block(self) -> int:
        """Samples in each frame, if all frames have the same number."""
        return int.from_bytes(self.data[:2], "big")

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        return int.from_bytes(self.data[10:13], "big") >> 4

    @property
    def total(self) -> int:
        """Samples in the stream, 0 if that is not known."""
        return int.from_bytes(self.data[13:18], "big") & 0xF_FFFF_FFFF

    def with_total(self, total: int) -> bytes:
        """Return the block with another number of samples."""
        word = int.from_bytes(self.data[13:18], "big") >> 36 << 36 | total
        return self.data[:13] + word.to_bytes(5, "big") + self.data[18:]


def lay_out_flac(file: OpenedFile, *, thorough: bool = False) -> Layout:
    """Return the layout of a file that holds a FLAC stream, or several that were joined.

    `thorough` searches all of the file in any case, in a tenth of the time of decoding it. Otherwise, a stream that
    ends as its header says is taken for the only one; so is one joined to another of the same length.
    """
    first = next(_heads(file, 0, min(file.size, TAIL_BYTES)), None)
    if first is None:
        return Layout()
    if not thorough:
        part, _ = _lay_out_stream(file, first, file.size, alone=True)
        tail = max(first + 1, file.size - TAIL_BYTES)
        counts = StreamInfo(file.read_at(first + _HEAD_BYTES, _INFO_BYTES)).total > 0
        if counts and part == Part() and not list(_heads(file, tail, file.size)):
            return Layout(searched=False)
    starts = list(itertools.islice(_heads(file, 0, file.size), MOST_PARTS))
    ends = [*starts[1:], file.size]
    alone = len(starts) == 1
    streams = [_lay_out_stream(file, start, end, alone=alone) for start, end in zip(starts, ends, strict=True)]
    cut = any(cut for _, cut in streams)
    return Layout(tuple(part for part, _ in streams), ("its last frame is cut or missing",) if cut else ())


def metadata_blocks(read_at: Callable[[int, int], bytes], place: int) -> Iterator[tuple[int, int, int]]:
    """Yield the kind of each block of metadata from `place` on, where its content is, and its length.

    The highest bit of the last one's kind is set.
    """
    for _ in range(_MOST_BLOCKS):
        header = read_at(place, 4)
        if len(header) < 4:
            return
        place, length = place + 4, int.from_bytes(header[1:], "big")
        yield header[0], place, length
        if header[0] & 0x80:
            return
        place += length


def _heads(file: OpenedFile, start: int, end: int) -> Iterator[int]:
    """Yield where streams begin between two offsets."""
    for place in search(file, FLAC_MARK, start, end):
        if file.read_at(place + len(FLAC_MARK), 4) in (b"\0\0\0\x22", b"\x80\0\0\x22"):
            yield place


def _lay_out_stream(file: OpenedFile, start: int, end: int, *, alone: bool) -> tuple[Part, bool]:
    """Return a stream, and whether its last frame is not whole, if nothing counts its frames."""
    info = StreamInfo(file.read_at(start + _HEAD_BYTES, _INFO_BYTES))
    if len(info.data) < _INFO_BYTES:
        return Part(), False
    whole_end, end = end, _before_tags(file, start, end)
    first = _first_frame(file, info, start, end)
    after = _after_last_frame(file, info, start, end)
    frames = after - first if first is not None and after is not None and after > first else None
    steady = first == 0 and frames is not None
    if end == whole_end and (info.total == 0 or (steady and frames == info.total)):
        return Part(None if alone else ((start, end),), steady=steady), info.total == 0 and after is None
    head = file.read_at(start, _HEAD_BYTES) + info.with_total(frames if steady and frames and info.total else 0)
    pieces = (head, (start + len(head), end))
    return Part(pieces, steady=steady, claimed=info.total or None), info.total == 0 and after is None


def _before_tags(file: OpenedFile, start: int, end: int) -> int:
    """Return where the tags at the end of a stream begin."""
    tail = file.read_at(max(start, end - TAIL_BYTES), end - max(start, end - TAIL_BYTES))
    base = end - len(tail)
    for mark in re.finditer(rb"ID3[\x02-\x04]|APETAGEX|TAG", tail):
        place = base + mark.start()
        if after_tags(file, place) == end:
            return base + mark.start()
    return end


def _first_frame(file: OpenedFile, info: StreamInfo, start: int, end: int) -> int | None:
    """Return the number of the first sample of a stream."""
    for kind, place, length in metadata_blocks(file.read_at, start + len(FLAC_MARK)):
        if kind & 0x80:
            frame = _frame(file.read_at(place + length, 16), info)
            return None if frame is None else frame[0]
    return None


def _after_last_frame(file: OpenedFile, info: StreamInfo, start: int, end: int) -> int | None:
    """Return the number of the sample that would follow a stream; None unless its last frame is whole."""
    first = max(start, end - TAIL_BYTES)
    tail = file.read_at(first, end - first)
    tries = 0
    for sync in reversed([found.start() for found in _SYNC.finditer(tail)]):
        frame = _frame(tail[sync : sync + 16], info)
        if frame is not None:
            if crc(tail[sync:], 16, 0x8005) == 0:
                return sum(frame)
            tries += 1
            if tries == _MOST_TRIES:
                break
    return None


def _frame(head: bytes, info: StreamInfo) -> tuple[int, int] | None:
    """Return the number of the first sample of a frame, and how many it holds; None if this is not a frame."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8 or head[3] & 1 or head[3] >> 4 > 10:
        return None
    block_code, rate_code = head[2] >> 4, head[2] & 15
    number, place = _number(head)
    extra = {6: 1, 7: 2}.get(block_code, 0)
    block = _block(block_code, head[place : place + extra])
    place += extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if number is None or block is None or rate_code == 15 or place >= len(head) or crc(head[: place + 1], 8, 0x07):
        return None
    return (number if head[1] & 1 else number * info.block), block


def _block(code: int, extra: bytes) -> int | None:
    if code == 1:
        return 192
    if 2 <= code <= 5:
        return 576 << (code - 2)
    if code in (6, 7):
        return int.from_bytes(extra, "big") + 1
    return 256 << (code - 8) if code >= 8 else None


def _number(head: bytes) -> tuple[int | None, int]:
    """Return the number of a frame, which is written as in UTF-8, and where its bytes end."""
    lead = head[4]
    if lead < 0x80:
        return lead, 5
    more = 7 - (lead ^ 0xFF).bit_length()
    tail = head[5 : 5 + more]
    if not 1 <= more <= 6 or len(tail) < more or any(byte & 0xC0 != 0x80 for byte in tail):
        return None, 5
    number = lead & (0x3F >> more)
    for byte in tail:
        number = number << 6 | byte & 0x3F
    return number, 5 + more
