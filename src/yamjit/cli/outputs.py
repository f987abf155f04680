"""Files that a command reads and files that it writes, known by the types of its arguments: none may be both."""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from yamjit.cli.destinations import check_suffix
from yamjit.cli.forms import check_folder, check_form
from yamjit.disk import describe, is_remote
from yamjit.errors import InputError, OutputError, YamjitError
from yamjit.remote import shown
from yamjit.spec import PACKAGED_MODELS
from yamjit.writing import check_writable

__all__ = ["Input", "Output", "Outputs", "Reads", "Writes"]

#: Name of a standard stream.
_STREAM = "-"

#: Parts of the names of files in a folder of results.
_RESULTS = (".yamjit.", "yamjit-run.json")


class Input(str):
    """Name of a file, a folder or a pattern that a command reads, see `Reads`."""

    what: str
    in_place: bool


class Output(str):
    """Name of a file that a command writes, see `Writes`."""

    what = ""
    suffixes: tuple[str, ...] = ()
    remote = False


class OutputFolder(Output):
    """Name of a folder or file that a command writes to; with `what`, of a folder."""


class Reads:
    """Type of an argument that names a file which is read: `what` it is, in messages, such as "a model".

    With `in_place`, the command changes the file, which may then be overwritten.
    """

    def __init__(self, what: str, *, in_place: bool = False) -> None:
        self.what = what
        self.in_place = in_place

    def __call__(self, text: str) -> Input:
        """Read the argument."""
        name = Input(text)
        name.what, name.in_place = self.what, self.in_place
        return name


class Writes:
    """Type of an argument that names a file to be written: `what` it is, and the suffixes of the forms it can have.

    With `folder`, it names a folder that `what` is written to, or without `what`, perhaps a file; with `remote`, it may
    be an address.
    """

    def __init__(self, what: str = "", *suffixes: str, folder: bool = False, remote: bool = False) -> None:
        self.what = what
        self.suffixes = suffixes
        self.folder = folder
        self.remote = remote

    def __call__(self, text: str) -> Output:
        """Read the argument."""
        if not text:
            raise argparse.ArgumentTypeError("an empty name is not the name of a file")
        if is_remote(text) and not self.remote:
            raise argparse.ArgumentTypeError(f"{shown(text)!r} is an address, and a file of this machine is accepted")
        name = OutputFolder(text) if self.folder else Output(text)
        name.what, name.suffixes = self.what, self.suffixes
        return name


class Outputs:
    """Files that a command writes, none of which it reads.

    The files that the command's arguments name are checked here; those that folders, patterns and tables among them
    stand for are given to `refuse` once they are known. A file that would be both read and written, or written twice,
    is refused with an `InputError`; one that cannot be written, with an `OutputError`.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._results = hasattr(args, "resume")
        self._files: dict[Any, str] = {}
        self._folders: list[str] = []
        self._addresses: set[str] = set()
        # A model that is changed keeps its suffix, whatever that is.
        changed = {Path(name).suffix.lower() for name in _values(vars(args).values(), Input) if name.in_place} - {""}
        for name in _values(vars(args).values(), Output):
            if name.suffixes and Path(name).suffix.lower() not in changed:
                check_form(name, name.what, name.suffixes)
            if isinstance(name, OutputFolder) and name.what and not is_remote(name):
                check_folder(name, name.what)
            self.add(name)
        check_suffix(args)
        if self._files and getattr(args, "model", _STREAM) in (None, *PACKAGED_MODELS):
            self._refuse_model(args.model)
        status = _status(_STREAM, 1)
        if status is not None and stat.S_ISREG(status.st_mode):
            self._files.setdefault(_identity(status), "standard output")
        for name in _values(vars(args).values(), Input):
            if not name.in_place:
                self.refuse([name], name.what)

    def add(self, name: Output) -> None:
        """Take a file or folder that is to be written."""
        if name == _STREAM:
            return
        if is_remote(name):
            self._addresses.add(name.rstrip("/"))
            return
        status = _status(name)
        if status is not None and stat.S_ISDIR(status.st_mode) and isinstance(name, OutputFolder):
            self._folders.append(os.path.realpath(name))
            return
        try:
            check_writable(Path(name), makes_folders=isinstance(name, OutputFolder))
        except OSError as error:
            raise OutputError(f"{str(name)!r}: cannot be written: {describe(error)}") from error
        if status is not None and stat.S_ISCHR(status.st_mode):
            return
        key = os.path.normcase(os.path.realpath(name)) if status is None else _identity(status)
        if key in self._files:
            raise InputError(f"{self._files[key]} and {str(name)!r} are the same file")
        self._files[key] = repr(str(name))

    def refuse(self, names: Iterable[str | os.PathLike[str]], what: str) -> None:
        """Refuse to overwrite files that are read, which are `what`, with an `InputError`."""
        for name in names if self._files or self._folders or self._addresses else ():
            if name in self._addresses:
                raise InputError(f"{shown(os.fspath(name))!r} is {what} that is read, and will not be overwritten")
            status = _status(name, 0) if self._files else None
            written = None if status is None else self._files.get(_identity(status))
            if written is not None:
                raise InputError(f"{written} is {what} that is read, and will not be overwritten")
            if self._results and any(_is_result(os.fspath(name), folder) for folder in self._folders):
                raise InputError(f"{os.fspath(name)!r} is {what} that is read, but has the name of a result")

    def _refuse_model(self, model: str | None) -> None:
        from yamjit.store import resolve_model

        try:
            path = resolve_model(model, download=False).path
        except YamjitError:  # reported when it is loaded
            return
        if path is not None:
            self.refuse([path], "a model")


def _values(values: Iterable[Any], kind: type[Any]) -> Iterator[Any]:
    """Yield the values of a type, also those in lists and tuples."""
    for value in values:
        if isinstance(value, kind):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _values(value, kind)


def _status(name: str | os.PathLike[str], stream: int = -1) -> os.stat_result | None:
    """Return the status of a file, or of the descriptor `stream` if the name is "-"; None if it does not exist."""
    try:
        return os.fstat(stream) if name == _STREAM else os.stat(name)  # noqa: PTH116
    except (OSError, ValueError):
        return None


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_result(name: str, folder: str) -> bool:
    """Return whether a file in a folder of results has a name that a result may have, and a recording may not."""
    from yamjit.runs.inputs import is_named_like_audio
    from yamjit.runs.naming import is_segment

    if not any(part in name for part in _RESULTS):
        return False
    real = Path(os.path.realpath(name))
    if is_named_like_audio(real.name) and not is_segment(real.name):
        return False
    return real.is_relative_to(folder) and any(part in str(real.relative_to(folder)) for part in _RESULTS)
