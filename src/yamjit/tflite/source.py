"""The bytes of a model from any source: immutable, and never more than the limit."""

from __future__ import annotations

import os
from typing import BinaryIO, cast

from yamjit.disk import describe, open_regular
from yamjit.errors import InputError, LimitError, ModelError, ModelNotFoundError
from yamjit.signatures import folder_kind
from yamjit.spec import Limits

__all__ = ["Source", "read_source", "source_name"]

#: ``bytes``, any other object with a buffer (``bytearray``, ``memoryview``, ``mmap``, an array), a path, or a
#: file opened for reading bytes.
Source = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO


def read_source(source: Source, limits: Limits) -> bytes:
    """Return the bytes of `source`; what could change afterwards is copied.

    A file object is read from its position to its end, and at most `Limits.file_bytes`: more is a `LimitError`. A file
    that is missing, not readable, or not a regular file is a `ModelError`, another kind of source an `InputError`.
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_path(source, limits)
    if hasattr(source, "read") and not _has_buffer(source):
        return _read_stream(cast(BinaryIO, source), limits, _stream_name(source))
    return _copy_buffer(source, limits)


def source_name(source: Source) -> str | None:
    """Return the name of a model's file for messages; None for bytes."""
    if isinstance(source, (str, os.PathLike)):
        return repr(os.fspath(source))
    return _stream_name(source) if hasattr(source, "read") and not _has_buffer(source) else None


def _has_buffer(source: object) -> bool:
    """Tell whether `source` has bytes to look at; an ``mmap`` does, and can also be read like a file."""
    try:
        memoryview(source).release()  # type: ignore[arg-type]
    except TypeError:
        return False
    except (ValueError, BufferError):
        return True
    return True


def _copy_buffer(source: object, limits: Limits) -> bytes:
    if type(source) is bytes:
        _check_size(len(source), limits, "the model")
        return source
    try:
        with memoryview(source) as view:  # type: ignore[arg-type]
            _check_size(view.nbytes, limits, "the model")
            return view.tobytes()
    except TypeError:
        accepted = "bytes, a buffer, a path or a binary file object"
        raise InputError(f"a model is read from {accepted}, not from {type(source).__name__}") from None
    except (ValueError, BufferError) as error:
        raise ModelError(f"cannot read the buffer: {error}") from error


def _read_path(path: str | os.PathLike[str], limits: Limits) -> bytes:
    name = os.fspath(path)
    try:
        with os.fdopen(open_regular(name), "rb", buffering=0) as file:
            return _read_stream(file, limits, repr(name))
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"cannot read {name!r}: {describe(error)}") from error
    except OSError as error:
        if kind := folder_kind(name):
            raise ModelError(f"{name!r}: is {kind}") from error
        raise ModelError(f"cannot read {name!r}: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise ModelError(f"cannot read {name!r}: {error}") from error


def _read_stream(stream: BinaryIO, limits: Limits, name: str) -> bytes:
    wanted = limits.file_bytes + 1
    parts = []
    try:
        while wanted > 0 and (part := stream.read(min(wanted, 2**20))):
            if not isinstance(part, bytes):
                raise InputError(f"{name} is opened as text; a model is read from a binary file object")
            parts.append(part)
            wanted -= len(part)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise ModelError(f"cannot read {name}: {error}") from error
    _check_size(limits.file_bytes + 1 - wanted, limits, name)
    return b"".join(parts)


def _stream_name(stream: object) -> str:
    return repr(getattr(stream, "name", type(stream).__name__))


def _check_size(size: int, limits: Limits, name: str) -> None:
    if size > limits.file_bytes:
        raise LimitError(f"{name} has more than {limits.file_bytes} bytes (limit file_bytes)")
