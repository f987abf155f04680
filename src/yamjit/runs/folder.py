"""A folder of results: a file for each recording, whole or not there, and the settings that made them."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from yamjit import writing
from yamjit.disk import describe, read_regular
from yamjit.errors import InputError, OutputError
from yamjit.runs.inputs import MANIFEST, Recording
from yamjit.writing import PARTIAL_PREFIX, naming

__all__ = ["Places", "ResultFolder", "whole_file", "whole_folder"]

#: What stands between the name of a recording and the suffix of its result.
_INFIX = ".yamjit"

_MOST_BYTES = 2**20


@contextlib.contextmanager
def whole_file(
    path: Path, *, seeks: bool = False, kept: Callable[[Path], None] | None = None
) -> Iterator[BinaryIO]:
    """Give a file to write to that is at `path` once it is whole, see `yamjit.writing.whole_file`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        with naming(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
        with writing.whole_file(path, seeks=seeks, kept=kept) as file:
            yield file
    except OSError as error:
        if error.filename != str(path) or isinstance(error, BrokenPipeError):
            raise
        raise _refusal(path, error) from error


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write to that is at `path` once all is in it, and not before; after an error it never is.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    partial = path.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with _writing(path):
            partial.mkdir(parents=True)
        yield partial
        with _writing(path):
            if path.is_dir():
                shutil.rmtree(path)
            partial.replace(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{str(path)!r}: cannot be written: {describe(error)}")


@dataclass(frozen=True, slots=True)
class Places:
    """Where results are in a folder.

    Parameters
    ----------
    folder : Path
    suffix : str
        Of the results, such as ".csv".
    """

    folder: Path
    suffix: str

    def target(self, recording: Recording) -> Path:
        """Return where the result of a recording is, or will be: ``<place>.yamjit<suffix>``."""
        place = self.folder / recording.place
        return place.with_name(f"{place.name}{_INFIX}{self.suffix}")


class ResultFolder:
    """A folder that a run writes a file per recording to, alone; a context manager.

    Parameters
    ----------
    path : path
        Made if it is not there.
    suffix : str
        Of the results, such as ".csv".
    settings : mapping of str to JSON values
        All that the results depend on, apart from the recordings.
    resume : bool
        Go on with what an earlier run with the same settings has left: a result that is there is whole, and stays,
        unless its recording has been changed since.
    overwrite : bool
        Remove what an earlier run has left.

    Raises
    ------
    InputError
        On entry, if the folder has results of other settings, or of the same and neither is asked for, or if another
        run is writing to it.
    OutputError
        If it cannot be written to.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        suffix: str,
        settings: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.places = Places(self.path, suffix)
        # As they come out of the file: tuples are lists, and so on.
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))
        self._resume = resume
        self._overwrite = overwrite
        self._lock: int | None = None

    def __enter__(self) -> ResultFolder:
        with _writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
        try:
            self._begin()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unlock()

    def has(self, recording: Recording) -> bool:
        """Return whether the result of a recording is there, and younger than the recording."""
        if not self._resume:
            return False
        try:
            return self.places.target(recording).stat().st_mtime_ns >= os.stat(recording.name).st_mtime_ns  # noqa: PTH116
        except OSError:
            return False

    def _begin(self) -> None:
        found = self._read_manifest()
        if found is not None and not self._overwrite:
            self._check_settings(found)
            if not self._resume:
                raise InputError(
                    f"{str(self.path)!r} has results of an earlier run: "
                    "--resume goes on with it, --overwrite makes them anew"
                )
        with _writing(self.path):
            self._clear(results=found is not None and self._overwrite)
        if found != self._settings:
            text = json.dumps(self._settings, indent=1, sort_keys=True, ensure_ascii=True) + "\n"
            with whole_file(self.path / MANIFEST) as file:
                file.write(text.encode())

    def _read_manifest(self) -> dict[str, Any] | None:
        path = self.path / MANIFEST
        try:
            found = json.loads(read_regular(path, _MOST_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise InputError(f"{str(path)!r}: is no list of settings: {describe(error)}") from error
        return found if isinstance(found, dict) else {}

    def _check_settings(self, found: dict[str, Any]) -> None:
        missing = object()
        names = sorted(found.keys() | self._settings.keys())
        differences = [
            f"{name} {found.get(name)!r} there, {self._settings.get(name)!r} now"
            for name in names
            if found.get(name, missing) != self._settings.get(name, missing)
        ]
        if differences:
            raise InputError(
                f"{str(self.path)!r} has results of other settings ({'; '.join(differences)}): "
                "choose another folder, or --overwrite"
            )

    def _clear(self, *, results: bool) -> None:
        """Remove what killed runs were writing, and results if asked; nothing else."""
        for parent, folders, names in os.walk(self.path):
            for name in names:
                if _is_to_go(name, results):
                    Path(parent, name).unlink(missing_ok=True)
            for name in [name for name in folders if _is_to_go(name, results)]:
                shutil.rmtree(Path(parent, name))
                folders.remove(name)

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _is_to_go(name: str, results: bool) -> bool:
    """Return whether what is in a folder of results was not finished or, if asked, is one: ``NAME.yamjit.SUFFIX``."""
    before, infix, after = name.rpartition(_INFIX + ".")
    return name.startswith(PARTIAL_PREFIX) or (results and bool(before and infix and after))


def _locked(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed or the process ends, on systems that can."""
    try:
        import fcntl
    except ImportError:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
            os.close(descriptor)
            raise InputError(f"{str(folder)!r}: another run is writing to it") from error
        # A file system without locks: whoever starts two runs there gets each result twice, whole.
    return descriptor
