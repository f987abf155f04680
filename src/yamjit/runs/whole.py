"""Results that are written as a whole, or not at all."""

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

__all__ = ["is_of_the_disk", "remove_result", "whole_file", "whole_folder", "writing"]

#: Errors that every other recording would meet as well.
_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})

#: A disk with fewer free bytes is full.
_FULL_BYTES = 2**16


@contextlib.contextmanager
def whole_file(
    path: Path, *, seeks: bool = False, synced: bool = True, kept: Callable[[Path], None] | None = None
) -> Iterator[BinaryIO]:
    """Give a file to write to, as `yamjit.writing.whole_file` does; what cannot be written is an `OutputError`."""
    try:
        with naming(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
        with yamjit.writing.whole_file(path, seeks=seeks, synced=synced, kept=kept) as file:
            yield file
    except OSError as error:
        if error.filename != str(path) or isinstance(error, BrokenPipeError):
            raise
        raise _refusal(path, error) from error


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to, which appears at `path` once it is whole; a former one stays until then.

    An `OutputError` is raised if it cannot be made, or the former one contains recordings.
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
    """Remove a result, if it exists: a file, or a folder of segments; one with recordings is an `OutputError`."""
    with writing(path):
        if path.is_dir() and not path.is_symlink():
            _refuse_recordings(path)
        _remove(path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an `OSError` into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{str(path)!r}: cannot be written: {describe(error)}")


def is_of_the_disk(error: BaseException) -> bool:
    """Return whether the cause of an error is a disk that cannot be written to by anybody."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _OF_THE_DISK:
            return True
        cause = cause.__cause__
    return False


@contextlib.contextmanager
def _telling_of_full_disks(path: Path, folder: Path) -> Iterator[None]:
    """Say that the disk is full where libsndfile only says "System error"."""
    try:
        yield
    except AudioError:
        with writing(path):
            if shutil.disk_usage(folder).free < _FULL_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise


def _refuse_recordings(folder: Path) -> None:
    """Refuse to remove a folder of segments if somebody has put a recording in it."""
    for _, _, names in os.walk(folder):
        for name in names:
            if is_named_like_audio(name) and not is_segment(name) and not name.startswith("."):
                raise OutputError(f"{str(folder)!r}: is not replaced, because {name!r} in it is not a segment: move it")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
