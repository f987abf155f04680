"""Every error that yamjit raises on purpose.

::

    YamjitError
    ├── ModelError            the bytes are not a model that can be run exactly
    │   └── ModelNotFoundError  no such file, or no model at hand (also a ``FileNotFoundError``)
    ├── AudioError            the audio cannot be read or is not usable
    │   └── AudioNotFoundError  no such file (also a ``FileNotFoundError``)
    ├── LimitError            a named limit would be exceeded
    ├── InputError            an argument is wrong (also a ``ValueError``)
    ├── OutputError           results cannot be written
    ├── DependencyError       an optional package is missing (also an ``ImportError``)
    └── DownloadError         a file could not be fetched, or is not the one that was asked for

Whatever bytes, audio or arguments come in, nothing else comes out: ``except yamjit.YamjitError`` is enough.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

__all__ = [
    "AudioError",
    "AudioNotFoundError",
    "ClusterError",
    "DependencyError",
    "DownloadError",
    "InputError",
    "LimitError",
    "ModelError",
    "ModelNotFoundError",
    "OutputError",
    "YamjitError",
]


class YamjitError(Exception):
    """Base class of all errors of this package."""


class ModelError(YamjitError):
    """The bytes are not a model that can be run exactly.

    Parameters
    ----------
    reason : str
        What was found and what is accepted.
    operator : str, optional
        The operator concerned, such as ``"operator 16 CONV_2D"``.
    tensor : str, optional
        The tensor concerned, such as ``"tensor 33 'conv/weights'"``.
    offset : int, optional
        Byte offset in the file where the fault lies.
    file : str, optional
        Name of the model's file, for messages.
    """

    def __init__(
        self,
        reason: str,
        *,
        operator: str | None = None,
        tensor: str | None = None,
        offset: int | None = None,
        file: str | None = None,
    ) -> None:
        self.reason = reason
        self.operator = operator
        self.tensor = tensor
        self.offset = offset
        self.file = file
        where = [part for part in (operator, tensor) if part]
        if offset is not None:
            where.append(f"byte {offset}")
        super().__init__(": ".join(part for part in (file, ", ".join(where), reason) if part))


class ModelNotFoundError(ModelError, FileNotFoundError):
    """There is no such file; or no model is at hand, and none could be fetched."""

    errno = errno.ENOENT


class AudioError(YamjitError):
    """The audio cannot be read or is not usable."""


class AudioNotFoundError(AudioError, FileNotFoundError):
    """There is no such file."""

    errno = errno.ENOENT


class LimitError(YamjitError):
    """A named limit would be exceeded; nothing was allocated."""


class InputError(YamjitError, ValueError):
    """An argument is wrong; the message says what was found and what is accepted."""


class OutputError(YamjitError):
    """Results cannot be written; the message says where and why."""


class DependencyError(YamjitError, ImportError):
    """An optional package is missing; the message names the extra that installs it."""


class ClusterError(YamjitError, ConnectionError):
    """The workers of a cluster cannot be reached, or cannot do what they are asked."""


class DownloadError(YamjitError):
    """A file could not be fetched, or is not the one that was asked for."""


@contextlib.contextmanager
def of_model_file(file: str | None) -> Iterator[None]:
    """Have errors about a model name its file, unless they do already or `file` is None."""
    try:
        yield
    except ModelError as error:
        if file is None or error.file:
            raise
        where = {"operator": error.operator, "tensor": error.tensor, "offset": error.offset}
        raise type(error)(error.reason, **where, file=file) from error  # type: ignore[arg-type]
    except LimitError as error:
        if file is None or str(error).startswith(file):
            raise
        raise LimitError(f"{file}: {error}") from error
