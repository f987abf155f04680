"""Paths and file objects, opened for libsndfile: by path only regular files, no exception from a callback."""

from __future__ import annotations

import io
import os
import stat
from typing import TYPE_CHECKING, Any, BinaryIO

from yamjit import checks
from yamjit.audio.limits import one_line
from yamjit.errors import AudioError, AudioNotFoundError, InputError, LimitError, YamjitError

if TYPE_CHECKING:
    from yamjit.audio.limits import AudioLimits

__all__ = ["OpenedFile", "describe_os_error", "object_name", "open_object", "open_path"]

_CHUNK_BYTES = 2**20


class FileCallbacks:
    """A seekable binary file object as libsndfile reads it, from where it stands to its end.

    No exception may leave a callback: the first one is kept in `fault`, and the file seems to end there.

    Parameters
    ----------
    file : binary file object
        Seekable.
    tag : bytes
        What seems to come before.
    """

    def __init__(self, file: BinaryIO, tag: bytes = b"") -> None:
        self.fault: Exception | None = None
        self._file = file
        self._tag = tag
        self.start = file.tell()
        self._position = 0
        self.size = len(tag) + max(0, file.seek(0, io.SEEK_END) - self.start)
        file.seek(self.start)

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
        tag = self._tag[self._position : self._position + count]
        rest = count - len(tag)
        try:
            self._file.seek(self.start + max(0, self._position - len(self._tag)))
            data = tag + bytes(self._file.read(rest))[:rest]
        except Exception as error:  # noqa: BLE001 - of a foreign object, kept for the caller
            self.fault = self.fault or error
            return b""
        self._position += len(data)
        return data


class OpenedFile:
    """A file to be decoded, and how libsndfile gets at it.

    Parameters
    ----------
    name : str
        For messages, in one line.
    file : binary file object
        Seekable.
    owned : bool
        Whether it was opened here, and is to be closed here.
    path : path, optional
        Where it lies, if it was opened by path.
    """

    def __init__(
        self, name: str, file: Any, *, owned: bool, path: str | bytes | os.PathLike[str] | None = None
    ) -> None:
        self.name = name
        self.path = path
        self.callbacks = FileCallbacks(file)
        self._file = file
        self._owned = owned

    @property
    def handle(self) -> int | FileCallbacks:
        """The descriptor of a file opened by path, else the callbacks.

        A Ctrl-C that falls into a callback is lost, so descriptors are used where they are portable.
        """
        return int(self._file.fileno()) if self._owned and os.name != "nt" else self.callbacks

    def head(self, size: int = 16) -> bytes:
        """Return the first bytes; the file stands at its start afterwards."""
        data = self.callbacks.read(size)
        self.rewind()
        return data

    def tagged(self, tag: bytes) -> FileCallbacks:
        """Return the file as it would be with `tag` before it."""
        self._file.seek(self.callbacks.start)
        self.callbacks = FileCallbacks(self._file, tag)
        return self.callbacks

    def rewind(self) -> None:
        """Go back to the start."""
        self.callbacks.seek(0)
        if self._owned:
            self._file.seek(0)

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._file.close()


def open_path(path: str | os.PathLike[str]) -> OpenedFile:
    """Open the regular file at `path`.

    Raises
    ------
    AudioError
        If it is missing, not readable, or no regular file; a named pipe or a device does not block.
    """
    path = checks.path(path, "a recording")
    name = one_line(str(path))
    # O_NONBLOCK: opening a named pipe must not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        raise (AudioNotFoundError if missing else AudioError)(
            f"{name}: cannot be opened: {describe_os_error(error)}"
        ) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(mode) else "a pipe, socket or device; open it and pass the file object"
        raise AudioError(f"{name}: is no regular file but {kind}")
    return OpenedFile(name, io.FileIO(descriptor), owned=True, path=path)


def open_object(file: Any, limits: AudioLimits) -> OpenedFile:
    """Take a binary file object, from where it stands; one that cannot seek is read into memory first.

    Raises
    ------
    InputError
        If it was opened as text.
    LimitError
        If it cannot seek and holds more than ``limits.buffered_bytes``.
    AudioError
        If reading it fails.
    """
    name = object_name(file)
    if isinstance(file, io.TextIOBase):
        raise InputError(f"{name}: is open as text; open it in binary mode (standard input: sys.stdin.buffer)")
    try:
        if not _can_seek(file):
            return OpenedFile(name, _buffer(file, name, limits.buffered_bytes), owned=False)
        return OpenedFile(name, file, owned=False)
    except YamjitError:
        raise
    except Exception as error:  # of a foreign object
        raise AudioError(f"{name}: cannot be read: {describe_os_error(error)}") from error


def describe_os_error(error: Exception) -> str:
    """Return the reason alone, in one line, without the file name."""
    return one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def object_name(file: Any) -> str:
    """Return the name of a file object for messages, in one line."""
    name = getattr(file, "name", None)
    return one_line(name) if isinstance(name, str) and name else "<file object>"


def _can_seek(file: Any) -> bool:
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
