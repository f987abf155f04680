"""Where the results of a run go, and in which format, by ``-o`` and ``--format``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.disk import is_remote
from yamjit.errors import InputError
from yamjit.remote import shown
from yamjit.suggestions import did_you_mean, with_hint

if TYPE_CHECKING:
    from yamjit.cli.progress import Progress
    from yamjit.heads import HeadInfo
    from yamjit.runs.formats import ArrayFormat, PictureFormat, RowFormat

__all__ = [
    "array_format",
    "check_suffix",
    "is_folder",
    "is_replaced",
    "opened",
    "picture_format",
    "row_format",
    "suffix_of",
    "unwritten",
]

_STDOUT = (None, "-")


def is_folder(args: argparse.Namespace) -> bool:
    """Return whether ``-o`` is a folder: one that is there, or a name that ends with a slash or has no suffix."""
    given = args.output
    if given in _STDOUT:
        return False
    if is_remote(given):
        return not Path(shown(given)).suffix or given.endswith("/")
    if Path(given).exists():
        return Path(given).is_dir()
    return given.endswith(("/", os.sep)) or not Path(given).suffix


def is_replaced(output: str | None) -> bool:
    """Return whether ``-o`` is a file that appears once it is whole: not standard output, a device or a pipe."""
    if output in _STDOUT:
        return False
    path = Path(output or "")
    return path.is_file() or not path.exists()


def unwritten(output: str) -> str:
    """Return what is true of the file for ``-o`` after an interruption, in words."""
    if is_remote(output):
        return f"nothing is written to {shown(output)!r}"
    return f"{output!r} is {'what it was before' if Path(output).exists() else 'not written'}"


def suffix_of(args: argparse.Namespace) -> str:
    """Return the suffix of the file that was given, without the dot."""
    return Path(shown(args.output) if is_remote(args.output) else args.output or "").suffix[1:].lower()


def check_suffix(args: argparse.Namespace) -> None:
    """Refuse a file whose suffix is not that of one of the verb's formats, before anything is loaded."""
    formats = getattr(args, "formats", ())
    if not formats or args.format is not None or args.output in _STDOUT or is_folder(args) or _is_nameless(args):
        return
    if "text" in formats:
        from yamjit.output import format_of

        format_of(args.output)
    else:
        _known(args, formats)


def row_format(args: argparse.Namespace, heads: Collection[HeadInfo]) -> RowFormat:
    """Return the format that was given for rows of these heads; by default text."""
    from yamjit.output import FORMATS, format_of
    from yamjit.runs.formats import RowFormat

    name = _format(args, "text", "text", lambda: format_of(args.output).name)
    return RowFormat(name, FORMATS[name].of_heads(heads))


def array_format(args: argparse.Namespace) -> ArrayFormat:
    """Return the format of numbers that was given, by default csv, npz in a folder.

    An `InputError` refuses a format that cannot be written to standard output.
    """
    from yamjit.output.arrays import ARRAY_FORMATS
    from yamjit.runs.formats import ArrayFormat

    form = ArrayFormat(_format(args, "csv", "npz", lambda: _known(args, ARRAY_FORMATS)))
    if args.output in _STDOUT and form.name != "csv":
        raise InputError(f"{form.name} is written only to a file: use -o FILE")
    return form


def picture_format(args: argparse.Namespace) -> PictureFormat:
    """Return the format of pictures that was given, by default png; standard output is an `InputError`."""
    from yamjit.plots import PICTURE_FORMATS
    from yamjit.runs.formats import PictureFormat

    if args.output in _STDOUT:
        raise InputError("a picture is written only to a file or a folder: use -o FILE, such as -o picture.png")
    return PictureFormat(_format(args, "png", "png", lambda: _known(args, PICTURE_FORMATS)))


def _format(args: argparse.Namespace, default: str, in_folder: str, by_name: Callable[[], str]) -> str:
    if args.format is not None:
        return str(args.format)
    if is_folder(args):
        return in_folder
    return default if args.output in _STDOUT or _is_nameless(args) else by_name()


def _is_nameless(args: argparse.Namespace) -> bool:
    """Return whether ``-o`` is a device or a pipe whose name does not say the format."""
    return Path(args.output).exists() and not (Path(args.output).is_file() or suffix_of(args))


def _known(args: argparse.Namespace, formats: Any) -> str:
    if suffix_of(args) not in formats:
        suffixes = ", ".join(f".{name}" for name in formats)
        like = did_you_mean(suffix_of(args), suffixes.split(", "))
        raise InputError(with_hint(f"{str(args.output)!r}: unknown file suffix; use one of {suffixes}", like))
    return suffix_of(args)


@contextlib.contextmanager
def opened(
    args: argparse.Namespace, form: RowFormat | ArrayFormat, progress: Progress, kept: Callable[[Path], None]
) -> Iterator[Any]:
    """Open standard output, or the file that was given; if that is interrupted, call `kept`, see `whole_file`."""
    from yamjit.runs.formats import RowFormat

    if args.output not in _STDOUT:
        from yamjit.remote import uploaded
        from yamjit.runs.whole import whole_file

        with uploaded(args.output) as path:
            kept_part = None if is_remote(args.output) else kept
            with whole_file(path, seeks=form.name == "npy", kept=kept_part) as file, form.open(file) as writer:
                yield writer
        return
    if isinstance(form, RowFormat) and not form.form.binary:
        with form.form.open(progress.around(sys.stdout)) as writer:
            yield writer
        return
    if isinstance(form, RowFormat) and sys.stdout.isatty():
        raise InputError(f"{form.name} is not written to a terminal: use -o FILE")
    with form.open(sys.stdout.buffer) as writer:
        yield writer
