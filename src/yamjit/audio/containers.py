"""Files of audio that libsndfile does not read: how they begin, and whether they are as long as they claim."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from yamjit.audio.scanning import after_tags
from yamjit.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Callable

    from yamjit.audio.opening import OpenedFile

__all__ = [
    "Container",
    "certain_kind",
    "cut_short",
    "libav_container",
    "more_streams",
    "refusal",
    "sndfile_container",
    "tells_end",
    "unused_bytes",
]


class Container(NamedTuple):
    """A kind of file.

    `demuxers` of libavformat, separated by commas, may read it; no others are tried, so that a list of other files or
    addresses is never followed.
    """

    name: str
    demuxers: str

    @property
    def tells_length(self) -> bool:
        """Whether its header states the duration; for others, libavformat guesses it from the bit rate."""
        return self.tells_sound_length or self.demuxers in ("matroska", "avi", "wav", "flv")

    @property
    def is_packets(self) -> bool:
        """Whether a file is nothing but packets, one after the other."""
        return self.demuxers in ("aac", "loas", "ac3,eac3", "dts")

    @property
    def tells_sound_length(self) -> bool:
        """Whether its header states the duration of the sound itself, to a packet."""
        return self.demuxers in ("mov", "wv", "tta", "ape", "tak")


_MP4 = Container("MP4/M4A/MOV", "mov")
#: Offset of a signature, its bytes, and which of its bits count; for files that only libav reads.
_LIBAV = (
    *((4, box, None, _MP4) for box in (b"ftyp", b"moov", b"mdat", b"moof", b"styp", b"wide", b"free", b"skip")),
    (0, b"\x1aE\xdf\xa3", None, Container("Matroska/WebM", "matroska")),
    (0, b"\xff\xf0", b"\xff\xf6", Container("AAC", "aac")),
    (0, b"\x56\xe0", b"\xff\xe0", Container("AAC in LOAS", "loas")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", None, Container("ASF/WMA", "asf")),
    (0, b"#!AMR", None, Container("AMR", "amr")),
    (0, b"wvpk", None, Container("WavPack", "wv")),
    (0, b"MAC ", None, Container("Monkey's Audio", "ape")),
    (0, b"\x0b\x77", None, Container("AC-3", "ac3,eac3")),
    (0, b"\x7f\xfe\x80\x01", None, Container("DTS", "dts")),
    (0, b"TTA1", None, Container("True Audio", "tta")),
    (0, b"tBaK", None, Container("TAK", "tak")),
    (0, b"MP+", None, Container("Musepack", "mpc")),
    (0, b"MPCK", None, Container("Musepack", "mpc8")),
    (0, b"DSD ", None, Container("DSF", "dsf")),
    (0, b"\x02dss", None, Container("DSS", "dss")),
    (0, b"\x03ds2", None, Container("DSS", "dss")),
    (0, b".RMF", None, Container("RealMedia", "rm")),
    (0, b"FLV\x01", None, Container("FLV", "flv")),
    (0, b"\0\0\x01\xba\x40", b"\xff\xff\xff\xff\xc0", Container("MPEG program stream", "mpeg")),
    (0, b"\0\0\x01\xba\x20", b"\xff\xff\xff\xff\xf0", Container("MPEG program stream", "mpeg")),
    (8, b"AVI ", None, Container("AVI", "avi")),
    (8, b"QLCM", None, Container("QCP", "qcp")),
)

#: An MPEG transport stream has this byte once per packet; lengths of packets, and where the first one begins.
_TRANSPORT = Container("MPEG transport stream", "mpegts")
_SYNC, _PACKETS = 0x47, ((188, 0), (192, 4))

#: Containers that libsndfile reads, but not with every encoding.
_SNDFILE = (
    (8, b"WAVE", None, Container("WAV", "wav")),
    (0, b"riff", None, Container("W64", "w64")),
    (8, b"AIFF", None, Container("AIFF", "aiff")),
    (8, b"AIFC", None, Container("AIFF", "aiff")),
    (0, b"caff", None, Container("CAF", "caf")),
    (0, b".snd", None, Container("AU", "au")),
    (0, b"OggS", None, Container("OGG", "ogg")),
)

#: Formats of WAV that libsndfile knows: integers, floats, the two encodings of telephones.
_WAV_PLAIN = (1, 3, 6, 7)

#: GUID before the properties of an ASF file.
_ASF_PROPERTIES = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"

_HEAD = 1024
#: Greatest number of parts of a container that are looked at, to find its end.
_MOST_PARTS = 100_000
#: Bytes of the header of an MP4 box that has a size of 64 bits.
_BOX_HEAD = 16


def libav_container(opened: OpenedFile) -> Container | None:
    """Return the kind of a file that libsndfile does not read; None for all others."""
    head = opened.read_at(after_tags(opened, 0), _HEAD)
    return _match(head, _LIBAV) or (_TRANSPORT if _is_transport_stream(head) else None)


def sndfile_container(opened: OpenedFile) -> Container | None:
    """Return the kind of a file that libsndfile reads if it knows the encoding; None if it certainly does."""
    head = opened.read_at(0, 22)
    if head[12:16] == b"fmt " and int.from_bytes(head[20:22], "little") in _WAV_PLAIN:
        return None
    return _match(head, _SNDFILE)


def certain_kind(head: bytes) -> str | None:
    """Return the name of the kind of file that four or more of the first bytes tell; None if they do not."""
    if head.startswith(b"ID3") and len(head) >= 10 and head[3] in (2, 3, 4) and max(head[6:10]) < 0x80:
        return "MP3 with an ID3 tag"
    if head.startswith(b"fLaC"):
        return "FLAC"
    found = _match(head, tuple(entry for entry in (*_LIBAV, *_SNDFILE) if len(entry[1]) >= 4))
    return found.name if found else None


def cut_short(opened: OpenedFile, container: Container) -> str | None:
    """Return, in words, how much of a file is missing according to its parts; None if nothing seems to be."""
    walk = _WALKS.get(container.demuxers)
    claimed, size = walk(opened) if walk else None, opened.size
    if claimed is None or claimed <= size:
        return None
    return f", after {size} of the {claimed} bytes that its header claims"


def more_streams(name: str, count: int, index: int) -> str:
    """Return the warning that a file holds more streams than the one that is read."""
    return f"{name}: holds {count} audio streams; number {index + 1} is read, the one that ffmpeg chooses"


def tells_end(opened: OpenedFile, container: Container) -> bool:
    """Return whether the header of a file that is whole states when its last packet ends."""
    if container.demuxers != "asf":
        return container.tells_length
    head = opened.read_at(0, 4_096)
    place = head.find(_ASF_PROPERTIES)
    return place >= 0 and len(head) > place + 88 and not head[place + 88] & 1  # else it was broadcast


def refusal(opened: OpenedFile, container: Container, reason: str) -> AudioError:
    """Return the error that a file cannot be read; for an MP4 file without its index, it says so."""
    with contextlib.suppress(OSError):
        if container.demuxers == "mov" and not _has_index(opened):
            reason = (
                "its index is missing (no box moov or moof): the recording was not finished, or its end was cut off"
            )
    return AudioError(f"{opened.name}: {container.name} that cannot be read: {reason}")


def unused_bytes(opened: OpenedFile, container: Container, used: int) -> int:
    """Return how many bytes of a file that consists of packets and tags are in neither."""
    if not container.is_packets:
        return 0
    size = opened.size
    tags = after_tags(opened, 0) + (128 if opened.read_at(max(0, size - 128), 3) == b"TAG" else 0)
    return max(0, size - tags - used)


def _match(head: bytes, table: tuple[tuple[int, bytes, bytes | None, Container], ...]) -> Container | None:
    for place, signature, mask, container in table:
        found = head[place : place + len(signature)]
        if mask is not None:
            found = bytes(byte & bits for byte, bits in zip(found, mask, strict=False))
        if found == signature:
            return container
    return None


def _is_transport_stream(head: bytes) -> bool:
    if _match(head, _SNDFILE):
        return False
    return any(head[first::length][:4] == bytes([_SYNC]) * 4 for length, first in _PACKETS)


def _end_of_parts(opened: OpenedFile, head_bytes: int, size_of: Callable[[bytes], int | None]) -> int | None:
    """Return where the last part of a file ends, None where that is not known.

    `size_of` returns the size of a part by its header of `head_bytes`: 0 if it is not one, None if it may go on to the
    end of the file.
    """
    place = 0
    for _ in range(_MOST_PARTS):
        size = size_of(opened.read_at(place, head_bytes))
        if not size:
            return None if size is None else place
        place += size
    return None


def _box_bytes(head: bytes) -> int | None:
    """Return the size of a box of MP4."""
    if len(head) < 8 or not head[4:8].isascii():
        return 0
    size = int.from_bytes(head[:4], "big")
    if size == 1 and len(head) == _BOX_HEAD:
        size = int.from_bytes(head[8:], "big")
    return size if size >= 8 else None


def _has_index(opened: OpenedFile) -> bool:
    place = 0
    for _ in range(_MOST_PARTS):
        head = opened.read_at(place, _BOX_HEAD)
        size = _box_bytes(head)
        place += size or 0
        if not size or place > opened.size:
            return False
        if head[4:8] in (b"moov", b"moof"):
            return True
    return False


def _chunk_bytes(head: bytes) -> int | None:
    """Return the size of a RIFF file, of which AVI has several in a row."""
    if not head.startswith(b"RIFF") or len(head) < 8:
        return 0
    size = int.from_bytes(head[4:8], "little")
    return None if size in (0, 2**32 - 1) else 8 + size


def _object_bytes(head: bytes) -> int | None:
    """Return the size of an object of ASF."""
    if len(head) < 24:
        return 0
    size = int.from_bytes(head[16:], "little")
    return size if size >= 24 else None


def _end_of_segment(opened: OpenedFile) -> int | None:
    place = 0
    for _ in range(8):
        head = opened.read_at(place, 12)
        if len(head) < 12:
            return None
        size, length = _ebml_number(head[4:])
        if size is None:
            return None
        place += 4 + length + size
        if head.startswith(b"\x18\x53\x80\x67"):
            return place
        if not head.startswith(b"\x1a\x45\xdf\xa3"):
            return None
    return None


def _ebml_number(data: bytes) -> tuple[int | None, int]:
    """Return a number of variable length, None where all its bits are set, and its length in bytes."""
    length = 9 - data[0].bit_length()
    if length > 8:
        return None, length
    number = int.from_bytes(data[:length], "big") & (1 << 7 * length) - 1
    return (None if number == (1 << 7 * length) - 1 else number), length


_WALKS: dict[str, Callable[[OpenedFile], int | None]] = {
    "mov": lambda opened: _end_of_parts(opened, _BOX_HEAD, _box_bytes),
    "matroska": _end_of_segment,
    "asf": lambda opened: _end_of_parts(opened, 24, _object_bytes),
    **dict.fromkeys(("avi", "wav", "qcp"), lambda opened: _end_of_parts(opened, 8, _chunk_bytes)),
}
