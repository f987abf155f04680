"""Paths and file objects, opened for decoders: only regular files by path, and no exception from a callback."""

from __future__ import annotations

import bisect
import io
import itertools
import os
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from yamjit import checks
from yamjit.disk import describe, is_remote, open_regular
from yamjit.errors import AudioError, AudioNotFoundError, InputError, LimitError, YamjitError
from yamjit.remote import open_remote, shown
from yamjit.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yamjit.audio.limits import AudioLimits

__all__ = ["OpenedFile", "Piece", "can_seek", "object_name", "open_object", "open_path", "reading_failed"]

#: Bytes, or the part of a file from one offset to another.
Piece: TypeAlias = "bytes | tuple[int, int]"

_CHUNK_BYTES = 2**20


class FileCallbacks:
    """A seekable binary file object from `start` on, or pieces of it, as a decoder in C reads it.

    No exception may leave a callback: the first one is kept in `fault`, and the file appears to end there. The decoder
    sees the pieces one after the other: bytes, or parts of the file from one offset to another.
    """

    def __init__(self, file: BinaryIO, start: int, pieces: Sequence[Piece]) -> None:
        self.fault: Exception | None = None
        self._file = file
        self._start = start
        self._pieces = pieces
        lengths = (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces)
        self._ends = list(itertools.accumulate(lengths))
        self._position = 0
        self.size = self._ends[-1] if pieces else 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` bytes from the start, the position or the end; return the new position."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if origin + offset >= 0:  # else it stays where it is, as a descriptor does
            self._position = origin + offset
        return self._position

    def tell(self) -> int:
        """Return the position, in bytes from the start."""
        return self._position

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes."""
        parts = []
        place = bisect.bisect_right(self._ends, self._position)
        while count > 0 and place < len(self._pieces):
            piece, end = self._pieces[place], self._ends[place]
            data = self._read_piece(piece, end - self._position, count)
            parts.append(data)
            self._position += len(data)
            count -= len(data)
            if self._position < end:
                break
            place += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_piece(self, piece: Piece, left: int, count: int) -> bytes:
        """Return up to `count` bytes of a piece, of which `left` have not been read."""
        if isinstance(piece, bytes):
            return piece[len(piece) - left :][:count]
        count = min(count, left)
        try:
            self._file.seek(self._start + piece[1] - left)
            return bytes(self._file.read(count))[:count]
        except Exception as error:  # noqa: BLE001 - a stranger's object; kept for the caller
            self.fault = self.fault or error
            return b""


class OpenedFile:
    """A file to be decoded, as a decoder gets at it: it begins at the current position of `file`, which can seek.

    `name`, for messages, is one line. An `owned` file was opened here, and is closed here, with its descriptor; `path`
    is known for those that were opened by path. `size` is in bytes; `callbacks` is what a decoder reads.
    """

    def __init__(
        self, name: str, file: Any, *, owned: bool, path: str | bytes | os.PathLike[str] | None = None
    ) -> None:
        self.name = name
        self.path = path
        #: Something else that is closed with this file.
        self.closed_with: Any = None
        self._file = file
        self._owned = owned
        self._start = file.tell()
        self.size = max(0, file.seek(0, io.SEEK_END) - self._start)
        self.callbacks = FileCallbacks(file, self._start, ((0, self.size),))
        file.seek(self._start)

    def handle(self, pieces: Sequence[Piece] | None = None) -> int | FileCallbacks:
        """Return the file from its start, or pieces of it (see `FileCallbacks`), for libsndfile.

        The whole of a file that was opened by path is given as its descriptor, anything else as callbacks: a Ctrl-C
        during a callback is lost, so descriptors are used where they are portable.
        """
        self._begin(((0, self.size),) if pieces is None else pieces)
        return int(self._file.fileno()) if pieces is None and self._owned and os.name != "nt" else self.callbacks

    def read_at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset` on, fewer at the end; any error becomes `OSError`."""
        try:
            self._file.seek(self._start + offset)
            return bytes(self._file.read(count))[:count]
        except Exception as error:
            raise OSError(str(error)) from error

    @property
    def unread(self) -> int:
        """Number of bytes that libsndfile has not taken yet."""
        taken = self.callbacks.tell() or (self._file.tell() - self._start if self._owned else 0)
        return self.callbacks.size - taken

    def raise_fault(self) -> None:
        """Raise what went wrong while a decoder read the file, as an `AudioError`."""
        if self.callbacks.fault is not None:
            raise reading_failed(self.name, self.callbacks.fault) from self.callbacks.fault

    def rewind(self) -> None:
        """Go back to the start of the whole file."""
        self._begin(((0, self.size),))

    def _begin(self, pieces: Sequence[Piece]) -> None:
        fault = self.callbacks.fault
        self.callbacks = FileCallbacks(self._file, self._start, pieces)
        self.callbacks.fault = fault
        self._file.seek(self._start)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self.closed_with is not None:
            self.closed_with.close()
        if self._owned and not self._file.closed:
            descriptor = self._file.fileno()
            self._file.close()
            os.close(descriptor)


def open_path(path: str | os.PathLike[str], limits: AudioLimits | None = None) -> OpenedFile:
    """Open a regular file, or raise `AudioError`; pipes and devices are passed as open file objects.

    An address, such as ``s3://bucket/a.wav``, is opened by fsspec; see `open_object` for what cannot seek.
    """
    if is_remote(path):
        return _open_address(os.fspath(path), limits)
    path = checks.path(path, "a recording", AudioError)
    name = printable(str(path))
    try:
        descriptor = open_regular(path, otherwise="; open it and pass the file object")
    except (OSError, ValueError) as error:
        kind = AudioNotFoundError if isinstance(error, FileNotFoundError) else AudioError
        raise kind(f"{name}: cannot be opened: {describe(error)}") from error
    # A file object that owned its descriptor would warn of a recording that is still open when the program ends.
    return OpenedFile(name, io.FileIO(descriptor, closefd=False), owned=True, path=path)


def _open_address(address: str, limits: AudioLimits | None) -> OpenedFile:
    from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS

    name = printable(shown(address))
    try:
        file = open_remote(address)
    except OSError as error:
        kind = AudioNotFoundError if isinstance(error, FileNotFoundError) else AudioError
        raise kind(f"{name}: cannot be opened: {describe(error)}") from None  # whose chain may tell secrets
    try:
        opened = open_object(file, limits or DEFAULT_AUDIO_LIMITS, name)
    except BaseException:
        file.close()
        raise
    opened.closed_with = file
    return opened


def open_object(file: Any, limits: AudioLimits, known_as: str | None = None) -> OpenedFile:
    """Take a binary file object, from its current position; one that cannot seek is read into memory first.

    Raises `InputError` if it was opened as text, `LimitError` if more than ``limits.buffered_bytes`` would be read into
    memory, `AudioError` if reading fails.
    """
    name = known_as or object_name(file)
    if isinstance(file, io.TextIOBase):
        raise InputError(f"{name}: is open as text; open it in binary mode (standard input: sys.stdin.buffer)")
    try:
        if not can_seek(file):
            return OpenedFile(name, _buffer(file, name, limits.buffered_bytes), owned=False)
        return OpenedFile(name, file, owned=False)
    except YamjitError:
        raise
    except Exception as error:  # a stranger's object raises what it likes
        raise AudioError(f"{name}: cannot be read: {describe(error)}") from error


def reading_failed(name: str, error: Exception) -> AudioError:
    """Return the error that a file object failed to be read."""
    return AudioError(f"{name}: reading the file object failed: {type(error).__name__}: {describe(error)}")


def object_name(file: Any) -> str:
    """Return the name of a file object for messages, in one line."""
    name = getattr(file, "name", None)
    name = os.fsdecode(name) if isinstance(name, bytes) else name
    return printable(name) if isinstance(name, str) and name else "<file object>"


def can_seek(file: Any) -> bool:
    """Return whether a file object can go to any place of its file: a pipe cannot."""
    return bool(file.seekable()) if hasattr(file, "seekable") else hasattr(file, "seek")


def _buffer(file: Any, name: str, limit: int) -> io.BytesIO:
    buffer = io.BytesIO()
    while chunk := file.read(_CHUNK_BYTES):
        if buffer.tell() + len(chunk) > limit:
            raise LimitError(
                f"{name}: holds more than {limit} bytes (limit buffered_bytes) and cannot seek; save it to a file first"
            )
        buffer.write(chunk)
    buffer.seek(0)
    return buffer
