"""Results that are in their place as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import yamjit.writing
from yamjit.disk import describe
from yamjit.errors import AudioError, OutputError
from yamjit.runs.inputs import is_named_like_audio
from yamjit.runs.naming import is_segment
from yamjit.writing import naming, partial_beside

__all__ = ["PlaceError", "is_of_the_disk", "remove_result", "whole_file", "whole_folder", "writing"]

#: What no other recording would be spared.
_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})

#: Where fewer are free, a disk is full.
_FULL_BYTES = 2**16


class PlaceError(OutputError):
    """The result of one recording cannot be written to its place; others may well be."""


@contextlib.contextmanager
def whole_file(path: Path, *, seeks: bool = False, kept: Callable[[Path], None] | None = None) -> Iterator[BinaryIO]:
    """Give a file to write to that is at `path` once it is whole, see `yamjit.writing.whole_file`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        with naming(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
        with yamjit.writing.whole_file(path, seeks=seeks, kept=kept) as file:
            yield file
    except OSError as error:
        if error.filename != str(path) or isinstance(error, BrokenPipeError):
            raise
        raise _refusal(path, error) from error


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to that is at `path` once all is in it; what is there stays until then, or after an error.

    Raises
    ------
    OutputError
        If it cannot be made, or recordings lie in the one that is there.
    """
    partial, former = partial_beside(path), partial_beside(path)
    try:
        with writing(path):
            partial.mkdir(parents=True)
        with _telling_of_full_disks(path, partial):
            yield partial
        with writing(path):
            if os.path.lexists(path):
                _refuse_recordings(path)
                path.rename(former)
            try:
                partial.rename(path)
            except OSError:
                if os.path.lexists(former):
                    former.rename(path)
                raise
            _remove(former)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_result(path: Path) -> None:
    """Remove a result, if it is there: a file, or a folder of segments without recordings.

    Raises
    ------
    OutputError
    """
    with writing(path):
        if path.is_dir() and not path.is_symlink():
            _refuse_recordings(path)
        _remove(path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the system into `OutputError`."""
    try:
        yield
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{str(path)!r}: cannot be written: {describe(error)}")


def is_of_the_disk(error: BaseException) -> bool:
    """Return whether an error has its cause in a disk that takes nothing more, from anybody."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _OF_THE_DISK:
            return True
        cause = cause.__cause__
    return False


@contextlib.contextmanager
def _telling_of_full_disks(path: Path, folder: Path) -> Iterator[None]:
    """Say that the disk is full where libsndfile says no more than "System error"."""
    try:
        yield
    except AudioError:
        with writing(path):
            if shutil.disk_usage(folder).free < _FULL_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise


def _refuse_recordings(folder: Path) -> None:
    """Refuse to remove a folder of segments that somebody has put a recording in."""
    for _, _, names in os.walk(folder):
        for name in names:
            if is_named_like_audio(name) and not is_segment(name) and not name.startswith("."):
                raise OutputError(f"{str(folder)!r}: is not written over, since {name!r} in it is no segment: move it")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
