"""What a new model says about itself: name, texts, output, and names of its classes."""

from __future__ import annotations

import argparse
import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.options import add_flag, add_repeated, add_value
from yamjit.errors import InputError

if TYPE_CHECKING:
    from yamjit.learn import ModelCard

__all__ = [
    "WEIGHTS",
    "add_card",
    "add_display_names",
    "card_of",
    "display_names_of",
    "read_names",
]

#: Weights that a model with a new head can have, see `yamjit.learn.export_model`.
WEIGHTS = ("int8", "mixed", "float32", "dynamic")

#: Bytes of a file of names, at most; AudioSet's 521 have 9 kB.
_MOST_NAMES_BYTES = 2**22

_TEXTS = ("description", "author", "license")


def add_card(parser: argparse.ArgumentParser) -> None:
    """Add what a model says about itself."""
    group = parser.add_argument_group("the new model")
    add_value(group, "--name", "NAME", str, "name of the model (default: the name of its file)")
    for text in _TEXTS:
        add_value(group, f"--{text}", "TEXT", str, f"{text} of the model")
    text = (
        "day on which the model was made, such as 2026-05-12, or today (default: $SOURCE_DATE_EPOCH, else none: the "
        "same training then gives the same file)"
    )
    add_value(group, "--date", "DAY", _day, text)
    add_value(group, "--head-name", "NAME", str, "name of the new output", "custom")
    add_flag(group, "--keep", "keep the model's own output, before the new one")
    add_display_names(group)


def add_display_names(parser: Any) -> None:
    """Add ``--display-names``."""
    text = "names of the classes in a language, in a file with a line for each class"
    add_repeated(parser, "--display-names", "LANGUAGE=FILE", values.named_file, text)


def card_of(args: argparse.Namespace, **more: Any) -> ModelCard:
    """Return the `ModelCard` that was given."""
    from yamjit.learn import ModelCard

    texts = {name: text for name in _TEXTS if (text := getattr(args, name)) is not None}
    return ModelCard(
        name=args.name or Path(args.output).stem.encode(errors="replace").decode(),
        head_name=args.head_name,
        keep=args.keep,
        date=args.date or _source_date(),
        display_names=display_names_of(args),
        **texts,
        **more,
    )


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.today() if text == "today" else datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-05-12, nor today") from None


def _source_date() -> datetime.date | None:
    """Return the day of ``$SOURCE_DATE_EPOCH``, by which builds that can be repeated are dated."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not given:
        return None
    try:
        return datetime.datetime.fromtimestamp(int(given), datetime.timezone.utc).date()
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"$SOURCE_DATE_EPOCH is {given!r}; a number of seconds since 1970 is accepted") from error


def display_names_of(args: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """Return the names that were given of each language."""
    return {locale: read_names(path) for locale, path in args.display_names}


def read_names(path: str) -> tuple[str, ...]:
    """Return the lines of a file of names; one that cannot be read is an `InputError`."""
    from yamjit.disk import read_limited
    from yamjit.errors import ModelError
    from yamjit.labels import parse_labels

    data = read_limited(path, _MOST_NAMES_BYTES, what="a file of names")
    try:
        return parse_labels(data)
    except ModelError as error:
        raise InputError(f"{path!r}: {error}") from error
