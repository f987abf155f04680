"""Arguments that say which classes are listed, and how they are named; what a shell offers for them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.options import add_flag, add_repeated, add_value
from yamjit.cli.outputs import Input, Reads
from yamjit.errors import InputError
from yamjit.spec import DEFAULT_MAX_RESULTS
from yamjit.text import printable

if TYPE_CHECKING:
    from yamjit.heads import HeadInfo, HeadRecord
    from yamjit.options import ClassifierOptions

__all__ = [
    "add_head",
    "add_heads",
    "add_listing",
    "add_locale",
    "add_top",
    "heads_of",
    "locale_notes",
    "options_of",
    "output_of",
]

#: How files of heads end.
_HEAD_SUFFIXES = (".tflite", ".npz")


def add_top(parser: argparse.ArgumentParser, *, all_too: bool = True) -> None:
    """Add how many classes are listed, perhaps -1 for all."""
    kind, text = values.positive, "number of classes of each head"
    if all_too:
        kind, text = values.count, f"{text}, or -1 for all"
    add_value(parser, "--top --max-results", "N", kind, text, DEFAULT_MAX_RESULTS)


def add_head(parser: Any, default: str) -> None:
    """Add ``--head``, for an output of the model."""
    text = f"output of the model that is used (default: {default})"
    parser.add_argument("--head", metavar="NAME|INDEX", help=text).completer = _head_names


def add_heads(parser: Any, default: str) -> None:
    """Add ``--head``, for an output of the model, and for heads in files of their own."""
    text = (
        f"output that is used (default: {default}); or the file of a head, .tflite or .npz, which is given the model's "
        "embeddings, and whose outputs stand in place of the model's own"
    )
    add_repeated(parser, "--head", "NAME|INDEX|FILE", _named_head, text).completer = _head_names  # type: ignore[attr-defined]


def _named_head(text: str) -> str:
    """Return what ``--head`` is given: the name of a file where it ends like one."""
    return Reads("a head")(text) if Path(text).suffix.lower() in _HEAD_SUFFIXES else text


def heads_of(args: argparse.Namespace) -> list[str]:
    """Return the files of heads that were given."""
    return [name for name in getattr(args, "head", ()) if isinstance(name, Input)]


def output_of(args: argparse.Namespace) -> str | None:
    """Return the output that was named, of the model or of the heads in files; two are refused."""
    named = [name for name in args.head if not isinstance(name, Input)]
    if len(named) > 1:
        raise InputError(f"--head names one output: {named[0]!r} or {named[1]!r}")
    return named[0] if named else None


def add_locale(parser: Any) -> None:
    """Add ``--locale``."""
    add_value(parser, "--locale", "LANGUAGE", str, "language of the names, if the model has names in it", "en")


def locale_notes(locale: str, heads: Sequence[HeadRecord]) -> list[str]:
    """Return what is to be said if a model has no names in a language that was asked for."""
    from yamjit.heads import languages_of, speaks

    if locale == "en" or speaks(heads, locale):
        return []
    known = ", ".join(map(repr, languages_of(heads))) or "no other language"
    return [f"--locale {locale!r} has no effect: the model has names in {known}"]


def add_listing(parser: argparse.ArgumentParser) -> None:
    """Add which classes are listed, and how they are named."""
    group = parser.add_argument_group(
        "classes", "A class is given by its name, in any case, its AudioSet id or its index; see yamjit labels."
    )
    add_heads(group, "all of them")
    text = "lowest score that is listed, of every class or of one; for events, of their highest score"
    add_repeated(group, "--threshold", "[NAME=]SCORE", values.by_name(values.fraction), text)
    only = group.add_mutually_exclusive_group()
    for flag, text in (("--allow", "list only this class"), ("--deny", "do not list this class")):
        add_repeated(only, flag, "NAME", str, text).completer = _class_names  # type: ignore[attr-defined]
    text = "list several classes under one name, with the highest of their scores"
    add_repeated(group, "--group", "NAME=CLASS;CLASS", values.group, text)
    add_value(group, "--groups", "FILE", Reads("a file of groups"), "a file of such groups, as JSON or text")
    text = "let a class stand for its subclasses as well, as Dog for Bark: its score is the highest of them"
    add_flag(group, "--roll-up", text)
    add_locale(group)
    text = "calibration of the scores: a file, none, or metadata, for the one in the model"
    add_value(group, "--calibration", "FILE", Reads("a calibration"), text, "metadata")


def options_of(args: argparse.Namespace) -> ClassifierOptions:
    """Return the `ClassifierOptions` that were given; those that make no sense are refused with an `InputError`."""
    from yamjit.options import ClassifierOptions, read_groups

    groups: dict[str, Any] = dict(read_groups(args.groups)) if args.groups else {}
    for name, members in args.group:
        if name in groups:
            raise InputError(f"group {name!r} is given twice")
        groups[name] = members
    return ClassifierOptions(
        max_results=getattr(args, "top", DEFAULT_MAX_RESULTS),
        score_threshold=dict(args.threshold) or None,
        category_allowlist=tuple(args.allow),
        category_denylist=tuple(args.deny),
        display_names_locale=args.locale,
        calibration=None if args.calibration == "none" else args.calibration,
        roll_up=args.roll_up,
        groups=groups or None,
        head=output_of(args),
    )


def _class_names(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return what `prefix` may become, for a shell; never waits for a download."""
    return _completed(prefix, (name for head in _heads(parsed_args) for name in head.display_names))


def _head_names(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    return _completed(prefix, (head.name for head in _heads(parsed_args)))


def _heads(args: argparse.Namespace) -> tuple[HeadInfo, ...]:
    from yamjit.errors import YamjitError
    from yamjit.loading import load

    try:
        return load(getattr(args, "model", None), backend="numpy", download=False).heads
    except YamjitError:
        return ()


def _completed(prefix: str, names: Iterable[str]) -> list[str]:
    """Return the names that begin with `prefix`, in any case, except those that a terminal would act on."""
    fitting = (name for name in names if name.lower().startswith(prefix.lower()) and printable(name) == name)
    return [prefix + name[len(prefix) :] for name in fitting]
