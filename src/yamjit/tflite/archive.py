"""The files that go with a model: a zip archive after the FlatBuffer."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from yamjit.errors import LimitError, ModelError
from yamjit.spec import DEFAULT_LIMITS, Limits

__all__ = ["MAX_FILES", "archive_start", "read_archive"]

#: Most files that an archive may hold.
MAX_FILES = 256

_END_RECORD = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_SIGNATURE = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
#: A directory entry has 46 bytes, and a name of perhaps a hundred.
_MAX_DIRECTORY_BYTES = MAX_FILES * 1024
_ENCRYPTED = 0x1 | 0x40
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_NAME = 255
#: Fewer zero bytes than this may follow a FlatBuffer, to align it.
_PADDING = 16
#: Errors that zipfile raises for an archive that is damaged or that it cannot read; RuntimeError is also for newer
#: versions and methods of compression.
_FAULTS = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError, OSError, struct.error)


def read_archive(data: bytes, start: int, *, limits: Limits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """Read the files of the zip archive that follows a FlatBuffer; `start` is the FlatBuffer's end.

    A few zero bytes may come between, and at the end a small table of the FlatBuffer to which nothing in it leads. An
    archive that is cut, damaged, encrypted, or has names that occur twice or are paths is refused with a `ModelError`;
    one that unpacks to more than `Limits.archive_bytes`, whatever sizes it states, with a `LimitError`.
    """
    rest = len(data) - start
    if rest < _PADDING and (not any(data[start:]) or _is_table(data, start)):
        return {}
    _check_end_record(data, start)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, data, start)
            return _unpack(archive, entries, limits)
    except _FAULTS as error:
        raise ModelError(f"the zip archive is damaged: {str(error)[:200]}", offset=start) from error


def _is_table(data: bytes, start: int) -> bool:
    """Return whether the last bytes are a table of the FlatBuffer: its layout stands before them and has their size."""
    if len(data) - start < 4:
        return False
    layout = start - int(struct.unpack_from("<i", data, start)[0])
    return 8 <= layout <= start - 4 and struct.unpack_from("<H", data, layout + 2)[0] == len(data) - start


def archive_start(data: bytes, end: int) -> int:
    """Return the start of the archive after a model whose known part ends at `end`, or the end of the data."""
    position = len(data) - _END_RECORD.size
    if position < end or data[position : position + 4] != _END_SIGNATURE:
        return len(data)
    _check_end_record(data, end)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return max(end, min((entry.header_offset for entry in archive.infolist()), default=position))
    except _FAULTS as error:
        raise ModelError(f"the zip archive is damaged: {str(error)[:200]}", offset=end) from error


def _check_end_record(data: bytes, start: int) -> None:
    """Check the archive's last record, before `zipfile` goes by its numbers."""
    position = len(data) - _END_RECORD.size
    if position < start or data[position : position + 4] != _END_SIGNATURE:
        reason = f"the {len(data) - start} bytes after the model are not a zip archive, or it is cut or has a comment"
        raise ModelError(reason, offset=start)
    _, disk, first_disk, here, total, size, _, comment = _END_RECORD.unpack_from(data, position)
    locator = position - _ZIP64_LOCATOR_BYTES
    if disk or first_disk or here != total or comment or data[locator : locator + 4] == _ZIP64_SIGNATURE:
        raise ModelError("the zip archive is in parts, in zip64 format, or has a comment", offset=position)
    if total > MAX_FILES or size > _MAX_DIRECTORY_BYTES:
        raise LimitError(f"the zip archive lists {total} files in {size} bytes; at most {MAX_FILES} files")


def _check_entries(entries: list[zipfile.ZipInfo], data: bytes, start: int) -> None:
    names = set()
    for entry in entries:
        name = entry.orig_filename
        if not 0 < len(name) <= _MAX_NAME or name in (".", "..") or any(c in "/\\:" or ord(c) < 32 for c in name):
            raise ModelError(f"associated file {name[:80]!r} has a name that is a path or too long", offset=start)
        if name in names:
            raise ModelError(f"associated file {name!r} occurs twice", offset=start)
        names.add(name)
        if entry.flag_bits & _ENCRYPTED:
            raise ModelError(f"associated file {name!r} is encrypted", offset=start)
        if entry.compress_type not in _METHODS:
            raise ModelError(
                f"associated file {name!r} has compression method {entry.compress_type}, not 0 or 8",
                offset=start,
            )
        if not start <= entry.header_offset < len(data):
            raise ModelError(f"associated file {name!r} lies outside the archive", offset=start)
    first = min((entry.header_offset for entry in entries), default=start)
    if first - start >= _PADDING or any(data[start:first]):
        raise ModelError(f"{first - start} bytes lie between the model and its zip archive", offset=start)


def _unpack(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], limits: Limits) -> dict[str, bytes]:
    claimed = sum(entry.file_size for entry in entries)
    if claimed > limits.archive_bytes:
        raise LimitError(
            f"{len(entries)} files claim {claimed} bytes; at most {limits.archive_bytes} (limit archive_bytes)"
        )
    files = {}
    left = limits.archive_bytes
    for entry in entries:
        with archive.open(entry) as file:
            content = file.read(left + 1)
            if len(content) <= left:
                # The checksum is only compared where the end is reached.
                content += file.read(1)
        left -= len(content)
        if left < 0:
            raise LimitError(f"associated files unpack to more than {limits.archive_bytes} bytes (limit archive_bytes)")
        if len(content) != entry.file_size:
            raise ModelError(f"associated file {entry.orig_filename!r} has {len(content)} bytes, not {entry.file_size}")
        files[entry.orig_filename] = content
    return files
