"""Arguments that say which classes are listed, and how they are named; what a shell offers for them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.outputs import Reads
from yamjit.errors import InputError
from yamjit.spec import DEFAULT_MAX_RESULTS
from yamjit.text import printable

if TYPE_CHECKING:
    from yamjit.heads import HeadInfo
    from yamjit.options import ClassifierOptions

__all__ = ["add_head", "add_listing", "add_locale", "add_top", "options_of"]


def add_top(parser: argparse.ArgumentParser, *, all_too: bool = True) -> None:
    """Add how many classes are listed, perhaps -1 for all."""
    parser.add_argument(
        "--top",
        "--max-results",
        type=values.count if all_too else values.positive,
        default=DEFAULT_MAX_RESULTS,
        metavar="N",
        help=f"number of classes of each head{', or -1 for all' if all_too else ''} (default: %(default)s)",
    )


def add_head(parser: Any, default: str) -> None:
    """Add ``--head``."""
    argument = parser.add_argument(
        "--head", metavar="NAME|INDEX", help=f"output of the model that is used (default: {default})"
    )
    argument.completer = _head_names


def add_locale(parser: Any) -> None:
    """Add ``--locale``."""
    parser.add_argument(
        "--locale",
        default="en",
        metavar="LANGUAGE",
        help="language of the names, if the model has names in it (default: %(default)s)",
    )


def add_listing(parser: argparse.ArgumentParser) -> None:
    """Add which classes are listed, and how they are named."""
    group = parser.add_argument_group(
        "classes", "A class is given by its name, in any case, its AudioSet id or its index; see yamjit labels."
    )
    add_head(group, "all of them")
    group.add_argument(
        "--threshold",
        type=values.by_name(values.fraction),
        action="append",
        metavar="[NAME=]SCORE",
        help="lowest score that is listed, of every class or of one; for events, of their highest score; "
        "may be repeated",
    )
    only = group.add_mutually_exclusive_group()
    for flag, text in (
        ("--allow", "list only this class; may be repeated"),
        ("--deny", "do not list this class; may be repeated"),
    ):
        argument = only.add_argument(flag, action="append", default=[], metavar="NAME", help=text)
        argument.completer = _class_names  # type: ignore[attr-defined]
    group.add_argument(
        "--group",
        type=values.group,
        action="append",
        default=[],
        metavar="NAME=CLASS;CLASS",
        help="list several classes under one name, with the highest of their scores; may be repeated",
    )
    group.add_argument(
        "--groups", type=Reads("a file of groups"), metavar="FILE", help="a file of such groups, as JSON or text"
    )
    group.add_argument(
        "--roll-up",
        action="store_true",
        help="let a class stand for its subclasses as well, as Dog for Bark: its score is the highest of them",
    )
    add_locale(group)
    group.add_argument(
        "--calibration",
        type=Reads("a calibration"),
        default="metadata",
        metavar="FILE",
        help="calibration of the scores: a file, none, or metadata, for the one in the model (default: %(default)s)",
    )


def options_of(args: argparse.Namespace) -> ClassifierOptions:
    """Return the `ClassifierOptions` that were given.

    Raises
    ------
    InputError
        If they make no sense.
    """
    from yamjit.options import ClassifierOptions, read_groups

    groups: dict[str, Any] = dict(read_groups(args.groups)) if args.groups else {}
    for name, members in args.group:
        if name in groups:
            raise InputError(f"group {name!r} is given twice")
        groups[name] = members
    return ClassifierOptions(
        max_results=getattr(args, "top", DEFAULT_MAX_RESULTS),
        score_threshold=None if args.threshold is None else dict(args.threshold),
        category_allowlist=tuple(args.allow),
        category_denylist=tuple(args.deny),
        display_names_locale=args.locale,
        calibration=None if args.calibration == "none" else args.calibration,
        roll_up=args.roll_up,
        groups=groups or None,
        head=args.head,
    )


def _class_names(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return what `prefix` may become, for a shell; never waits for a download."""
    return _completed(prefix, (name for head in _heads(parsed_args) for name in head.display_names))


def _head_names(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    return _completed(prefix, (head.name for head in _heads(parsed_args)))


def _heads(args: argparse.Namespace) -> tuple[HeadInfo, ...]:
    from yamjit.classifier import load
    from yamjit.errors import YamjitError

    try:
        return load(getattr(args, "model", None), backend="numpy", download=False).heads
    except YamjitError:
        return ()


def _completed(prefix: str, names: Iterable[str]) -> list[str]:
    """Return the names that begin with `prefix`, in any case, except those that a terminal would act on."""
    fitting = (name for name in names if name.lower().startswith(prefix.lower()) and printable(name) == name)
    return [prefix + name[len(prefix) :] for name in fitting]
