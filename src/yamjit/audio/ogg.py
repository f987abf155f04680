"""Ogg: a walk over pages, which tells the links of a chain apart and reads what their last pages say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yamjit.audio.flac import StreamInfo
from yamjit.audio.layout import MOST_PARTS, Layout, Part
from yamjit.audio.scanning import after_tags, crc, is_padding
from yamjit.signatures import FLAC_MARK, OGG_MARK

if TYPE_CHECKING:
    from yamjit.audio.opening import OpenedFile, Piece

__all__ = ["lay_out_ogg"]

_HEAD_BYTES = 27
_MOST_BYTES = _HEAD_BYTES + 255 + 255 * 255
_CHUNK_BYTES = 2**20
_CONTINUED, _FIRST, _LAST = 1, 2, 4
#: Beginnings of the first packet of a stream of sound.
_FLAC = b"\x7fFLAC"
_CODECS = (b"\x01vorbis", b"OpusHead", _FLAC, b"Speex   ")
#: Greatest number of pages of FLAC that are kept apart: a day, at one page a frame.
_MOST_BODIES = 2**20
#: Granule position of a page on which no packet ends.
_NO_POSITION = 2**64 - 1


@dataclass(slots=True)
class _Stream:
    """One stream of sound in a link."""

    codec: bytes
    #: The first packet.
    head: bytes
    #: For FLAC: where the contents of its pages are, which make up a FLAC file.
    bodies: list[Piece] = field(default_factory=list)
    sequence: int = 0
    position: int = 0
    first_position: int | None = None
    missing: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Link:
    """The pages from one group of first pages to the next one."""

    start: int
    end: int
    #: Serial numbers and streams.
    streams: dict[int, _Stream] = field(default_factory=dict)
    body: bool = False

    @property
    def sound(self) -> _Stream | None:
        return next((stream for stream in self.streams.values() if stream.codec), None)


def lay_out_ogg(file: OpenedFile) -> Layout:
    """Return the layout of an Ogg file."""
    links: list[_Link] = []
    end, skipped = 0, 0
    for place, page in _pages(file):
        if place > end and not is_padding(file, end, place) and not _are_tags(file, end, place):
            skipped += place - end
        end = place + len(page)
        if len(links) >= MOST_PARTS:
            skipped += len(page)
            continue
        if page[5] & _FIRST and (not links or links[-1].body):
            links.append(_Link(place, end))
        if links:
            links[-1].end = end
            _enter(links[-1], place, page)
    links = [link for link in links if link.sound is not None]
    if not links:
        return Layout()
    remarks = _remarks(links, skipped, cut=end < file.size and not _are_tags(file, end, file.size))
    lost = bool(skipped) or any(link.sound.missing for link in links if link.sound)
    alone = len(links) == 1 and links[0].start == 0 and (not remarks or links[0].end == file.size)
    return Layout(tuple(_part(file, link, alone=alone) for link in links), remarks, lost)


def _pages(file: OpenedFile) -> Iterator[tuple[int, bytes]]:
    """Yield where each page begins, and the page; pages that are not whole are left out."""
    base, data, place = 0, file.read_at(0, _CHUNK_BYTES), 0
    while True:
        if len(data) - place < _MOST_BYTES and base + len(data) < file.size:
            base += place
            more = file.read_at(base, _CHUNK_BYTES)
            if len(more) <= len(data) - place:
                return
            data, place = more, 0
        if data[place : place + 4] != OGG_MARK:
            found = data.find(OGG_MARK, place)
            if found < 0:
                if base + len(data) >= file.size:
                    return
                found = len(data) - len(OGG_MARK) + 1
            place = found
            continue
        if len(data) - place < _HEAD_BYTES:
            return
        segments = data[place + 26]
        size = _HEAD_BYTES + segments + sum(data[place + _HEAD_BYTES : place + _HEAD_BYTES + segments])
        if data[place + 4] or len(data) - place < size:
            place += len(OGG_MARK)
            continue
        if data.find(OGG_MARK, place + 4, place + size) >= 0 and not _is_sound(data[place : place + size]):
            place += len(OGG_MARK)  # it is cut, and what seems to be its content holds another page
            continue
        yield base + place, data[place : place + size]
        place += size


def _is_sound(page: bytes) -> bool:
    """Return whether the checksum of a page is right."""
    return crc(page[:22] + bytes(4) + page[26:], 32, 0x04C1_1DB7) == int.from_bytes(page[22:26], "little")


def _are_tags(file: OpenedFile, start: int, end: int) -> bool:
    start = after_tags(file, start)
    return start >= end or is_padding(file, start, end)


def _enter(link: _Link, place: int, page: bytes) -> None:
    serial = int.from_bytes(page[14:18], "little")
    number = int.from_bytes(page[18:22], "little")
    position = int.from_bytes(page[6:14], "little")
    if page[5] & _FIRST:
        body = page[_HEAD_BYTES + page[26] :]
        codec = next((codec for codec in _CODECS if body.startswith(codec)), b"")
        link.streams[serial] = _Stream(codec, body, sequence=number)
        return
    link.body = True
    stream = link.streams.get(serial)
    if stream is None:
        return
    if stream.codec == _FLAC and len(stream.bodies) < _MOST_BODIES:
        stream.bodies.append((place + _HEAD_BYTES + page[26], place + len(page)))
    stream.missing += max(0, number - stream.sequence - 1)
    stream.sequence = number
    stream.ended = bool(page[5] & _LAST)
    if position not in (0, _NO_POSITION):
        stream.position = position
        if stream.first_position is None:
            stream.first_position = position


def _remarks(links: list[_Link], skipped: int, *, cut: bool) -> tuple[str, ...]:
    sounds = [link.sound for link in links if link.sound]
    remarks = []
    if missing := sum(stream.missing for stream in sounds):
        remarks.append(f"{missing} of its pages are missing, according to their numbers")
    if skipped:
        remarks.append(f"{skipped} bytes between its pages are not pages and were skipped")
    if cut:
        remarks.append("its last page is cut")
    unended = sum(not stream.ended for stream in sounds)
    if unended and not cut:
        remarks.append("the last page of a stream is missing: it was cut, or never finished")
    return tuple(remarks)


def _part(file: OpenedFile, link: _Link, *, alone: bool) -> Part:
    stream = link.sound
    assert stream is not None
    if stream.codec == _FLAC:
        return _native(stream)
    return Part(None if alone else ((link.start, link.end),), steady=False, counted=_counted(stream))


def _native(stream: _Stream) -> Part:
    """Return a stream of FLAC as the FLAC file that it is without its pages: libsndfile reads only that."""
    place = stream.head.find(FLAC_MARK)
    info = StreamInfo(stream.head[place + 8 : place + 42])
    head = stream.head[place : place + 8] + info.with_total(0)
    return Part((head, *stream.bodies), steady=False, claimed=info.total or None, counted=_counted(stream))


def _counted(stream: _Stream) -> tuple[int, int] | None:
    """Return the number of samples that a stream holds, and their rate, if its beginning is there."""
    body = stream.head
    first = stream.first_position
    if first is None or first > 48_000 * 60 or stream.missing:
        return None
    if stream.codec == b"OpusHead" and len(body) >= 12:
        return max(0, stream.position - int.from_bytes(body[10:12], "little")), 48_000
    if stream.codec == b"\x01vorbis" and len(body) >= 16:
        return stream.position, max(1, int.from_bytes(body[12:16], "little"))
    if stream.codec == _FLAC:
        return stream.position, max(1, StreamInfo(body[body.find(FLAC_MARK) + 8 :]).rate)
    return None
