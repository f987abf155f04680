"""Figures and pictures of how well a model does: printed, and written to files."""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path
from typing import Any

from yamjit.cli.arguments import add_quiet
from yamjit.cli.options import add_flag, add_value
from yamjit.cli.outputs import Writes
from yamjit.cli.streams import tell
from yamjit.errors import InputError
from yamjit.text import json_text, printable_lines

__all__ = ["NOTHING_HELD_OUT", "add_report", "check_report", "draw", "report", "write"]

#: Why something cannot be done that needs recordings which were held out.
NOTHING_HELD_OUT = "needs recordings that were held out; --folds 0 leaves none, and a single recording leaves none"


def add_report(parser: argparse.ArgumentParser, picture: str) -> None:
    """Add how figures are given, and the file of a picture."""
    group = parser.add_argument_group("figures")
    pictures = Writes("a picture", ".png", ".svg", ".pdf")
    add_value(group, "--plot", "FILE", pictures, f"draw {picture}: .png, .svg or .pdf")
    add_flag(group, "--dark", "draw it for a dark page")
    add_flag(group, "--json", "print the figures as JSON")
    add_value(group, "--report", "FILE", Writes("a report", ".json"), "write the figures to a .json file as well")
    add_quiet(group, "no progress, no warnings, no figures if --report is given; errors are still printed")


def check_report(args: argparse.Namespace) -> None:
    """Refuse a look of a picture that is not drawn."""
    if args.dark and not args.plot:
        raise InputError("--dark is for a picture: use --plot FILE")


def report(args: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    """Print figures, unless ``--quiet`` and ``--report`` are given, and write them as JSON if that was asked for."""
    figures = json_text(_finite(document), indent=1)
    if args.report:
        write(args.report, f"{figures}\n".encode())
    if args.json:
        print(figures)
    elif not (args.report and args.quiet):
        print(printable_lines(text), end="")


def draw(path: str, figure: Any) -> None:
    """Write a picture; a suffix of another kind is an `InputError`, a file that cannot be written an `OutputError`."""
    from yamjit.plots import PICTURE_FORMATS, save_figure
    from yamjit.plots.fonts import lacking_fonts

    form = Path(path).suffix[1:].lower()
    if form not in PICTURE_FORMATS:
        raise InputError(f"{path}: a picture is {', '.join(f'.{known}' for known in PICTURE_FORMATS)}")
    stream = io.BytesIO()
    save_figure(figure, stream, form)
    write(path, stream.getvalue())
    tell(*(f"warning: {line}" for line in lacking_fonts(figure)))


def write(path: str, data: bytes) -> None:
    """Write a file, whole or not at all; if that is not possible, raise an `OutputError`."""
    from yamjit.runs.whole import whole_file

    with whole_file(Path(path)) as file:
        file.write(data)


def _finite(value: Any) -> Any:
    """Return a document with null in place of numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
