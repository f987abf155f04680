"""When a recording began, by the header of its file: GUANO, Wildlife Acoustics, AudioMoth, RecordingStart, bext."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeAlias

from yamjit.audio.dated_names import zone_of
from yamjit.audio.grammars import Grammar
from yamjit.audio.scanning import grammar_of
from yamjit.signatures import FLAC_MARK

__all__ = ["ReadAt", "time_in_header"]

#: Returns up to a number of bytes of a file, given an offset and that number.
ReadAt: TypeAlias = Callable[[int, int], bytes]

#: Greatest number of chunks that are looked at, and of those that are read.
_MOST_CHUNKS, _MOST_READ = 1_000, 16
#: Bytes that are read of each; of a file that has no chunks, in which a comment may have been kept, as many.
_READ_BYTES = 2**16

#: Years in which recordings are made. A clock that was never set starts before them.
_YEARS = range(1990, 2100)

#: ISO 8601, with or without the signs between its numbers.
_STAMP = (
    rb"(?i)([0-9]{4})-?([0-9]{2})-?([0-9]{2})[T ]([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    rb"[ ]?(Z|UTC|GMT|[+-][0-9]{1,2}(?::?[0-9]{2})?)?"
)
_GUANO = rb"(?im)^(?:\xef\xbb\xbf)?[ \t]*timestamp[ \t]*:[ \t]*([^\n]*)"
#: In a comment, by Frontier Labs, and in segments that `yamjit.segments` cut out.
_RECORDING_START = rb"(?is)RecordingStart=[ ]*(.{10,40})"
#: AudioMoth writes a sentence, in UTC where it names no zone.
_AUDIO_MOTH = (
    rb"Recorded at ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))? ([0-9]{2})/([0-9]{2})/([0-9]{4})"
    rb"(?: \(UTC([+-][0-9]{1,2}(?::[0-9]{2})?)?\))? (?:by [A-Za-z]*Moth|during deployment) "
)
#: Date and time of day of a broadcast extension, whatever separates their numbers, and where they are.
_BROADCAST = rb"(?s)([0-9]{4}).([0-9]{2}).([0-9]{2})([0-9]{2}).([0-9]{2}).([0-9]{2})"
_BROADCAST_PLACE = 320
#: Kinds of blocks of a FLAC file.
_FLAC_APPLICATION, _FLAC_COMMENT = 2, 4
#: Identifier of the time among the entries of Wildlife Acoustics.
_WILDLIFE_TIME = 5


def time_in_header(read_at: ReadAt, size: int) -> tuple[datetime, str] | None:
    """Return when a recording began, by the header of its file, and what says so; None if nothing does.

    `read_at` returns up to a number of bytes from an offset on; the samples are not read. The time is aware if the
    header states its offset from UTC, else naive: what a clock showed where it was recorded.
    """
    try:
        return _find(read_at, size)
    except OSError:  # the decoder meets it as well, and reports it
        return None


def _find(read_at: ReadAt, size: int) -> tuple[datetime, str] | None:
    head = read_at(0, 32)
    if head.startswith(FLAC_MARK):
        chunks = list(islice(_flac_chunks(read_at), _MOST_READ))
    elif (grammar := grammar_of(head)) is not None:
        chunks = list(islice(_chunks(read_at, size, grammar), _MOST_READ))
    else:
        chunks = [(b"LIST", read_at(0, _READ_BYTES))]
    for source, wanted, reader in _READERS:
        for name, body in chunks:
            if name == wanted and (moment := reader(body)) is not None:
                return moment, source
    return None


def _chunks(read_at: ReadAt, size: int, grammar: Grammar) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and contents of the chunks that may tell a time, and step over the others as their sizes say."""
    place = grammar.head
    wide: dict[bytes, bytes] = {}
    for _ in range(_MOST_CHUNKS):
        header = read_at(place, grammar.chunk_head)
        if len(header) < grammar.chunk_head:
            return
        name, length = grammar.chunk(header)
        place += grammar.chunk_head
        if name == grammar.data:
            claimed = grammar.claimed(wide, length)
            if claimed is None:
                return
            length = claimed
        if not 0 <= length <= size - place:
            return
        if name in _DATED:
            yield name, read_at(place, min(length, _READ_BYTES))
        elif name == b"ds64":
            wide[name] = read_at(place, min(length, 64))
        end = place + length
        place = end + -end % grammar.align
        # What pads a chunk of odd length may be missing.
        if place != end and read_at(end, 4) in _DATED:
            place = end


def _flac_chunks(read_at: ReadAt) -> Iterator[tuple[bytes, bytes]]:
    """Yield the comments of a FLAC file, and the chunks of a WAV file that were kept in it."""
    from yamjit.audio.flac import metadata_blocks

    for kind, place, length in metadata_blocks(read_at, len(FLAC_MARK)):
        body = read_at(place, min(length, _READ_BYTES)) if kind & 0x7F in (_FLAC_COMMENT, _FLAC_APPLICATION) else b""
        if kind & 0x7F == _FLAC_COMMENT:
            yield b"LIST", body
        elif body[:4] == b"riff" and body[4:8] in _DATED:
            yield body[4:8], body[12:]


def _guano(body: bytes) -> datetime | None:
    match = re.search(_GUANO, body)
    return None if match is None else _stamp(match[1].strip(b" \t\r\0"))


def _wildlife_acoustics(body: bytes) -> datetime | None:
    """Return the time among entries: a number of two bytes, a length of four, and what it counts."""
    place = 0
    for _ in range(_MOST_CHUNKS):
        if place + 6 > len(body):
            return None
        end = place + 6 + int.from_bytes(body[place + 2 : place + 6], "little")
        if int.from_bytes(body[place : place + 2], "little") == _WILDLIFE_TIME:
            return _stamp(body[place + 6 : end].strip(b" \0"))
        place = end
    return None


def _audio_moth(body: bytes) -> datetime | None:
    match = re.search(_AUDIO_MOTH, body)
    if match is None:
        return None
    hour, minute, second, fraction, day, month, year, offset = match.groups()
    return _moment((year, month, day, hour, minute, second), fraction, offset or b"UTC")


def _recording_start(body: bytes) -> datetime | None:
    match = re.search(_RECORDING_START, body)
    return None if match is None else _stamp(match[1])


def _broadcast(body: bytes) -> datetime | None:
    match = re.match(_BROADCAST, body[_BROADCAST_PLACE:])
    return None if match is None else _moment(match.groups(), None, None)


def _stamp(text: bytes) -> datetime | None:
    match = re.match(_STAMP, text)
    return None if match is None else _moment(match.groups()[:6], match[7], match[8])


def _moment(parts: tuple[bytes | None, ...], fraction: bytes | None, offset: bytes | None) -> datetime | None:
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    zone = None if offset is None else zone_of(offset.decode("ascii").upper())
    if year not in _YEARS or (zone is None and offset is not None):
        return None
    try:
        return datetime(year, month, day, hour, minute, second, int((fraction or b"0").ljust(6, b"0")[:6]), zone)
    except ValueError:
        return None


#: What may tell a time, the names of chunks that hold it, and how; the surest come first.
_READERS: tuple[tuple[str, bytes, Callable[[bytes], datetime | None]], ...] = (
    ("GUANO", b"guan", _guano),
    ("Wildlife Acoustics", b"wamd", _wildlife_acoustics),
    ("AudioMoth", b"LIST", _audio_moth),
    ("RecordingStart", b"LIST", _recording_start),
    ("bext", b"bext", _broadcast),
)
_DATED = {chunk for _, chunk, _ in _READERS}
