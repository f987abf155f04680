"""``yamjit labels``: the classes of a model."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from yamjit.cli.arguments import add_model
from yamjit.cli.classes import add_heads, add_locale, heads_of, locale_notes, output_of
from yamjit.cli.exits import EXIT_ERROR, EXIT_OK
from yamjit.cli.options import add_flag
from yamjit.cli.streams import tell
from yamjit.cli.unrunnable import Unrunnable, load_or_describe
from yamjit.errors import ModelError, ModelNotFoundError
from yamjit.text import json_text, printable

if TYPE_CHECKING:
    from yamjit.heads import HeadInfo, ListedClass

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "labels_text", "run"]

HELP = "list or search the classes of a model"
DESCRIPTION = (
    "List the classes of a model: index, AudioSet id, name, and parents in the ontology of AudioSet. Those of the "
    "official YAMNet are known without it. The exit code is 1 if nothing is found."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "list only the classes whose name, id or parent contains this text, in any case"
    parser.add_argument("text", nargs="*", metavar="TEXT", help=text)
    add_locale(parser)
    add_flag(parser, "--json", "print a JSON array")
    add_heads(parser, "all of them")
    add_model(parser, backend=False, threads=False)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.head_names import choose_heads
    from yamjit.heads import list_classes

    heads = choose_heads(_heads(args), output_of(args))
    text = " ".join(args.text)
    found = [(head, one) for head in heads for one in list_classes(head, text)]
    if args.json:
        print(_json(found))
    else:
        for head, one in found:
            print(printable(_line(head, one, several=len(heads) > 1)))
    if not found:
        tell(f"no class, id or parent contains {text!r}{_hint(text, heads)}")
    return EXIT_OK if found else EXIT_ERROR


def labels_text(heads: Sequence[HeadInfo]) -> str:
    """Return all classes of outputs of a model, as JSON."""
    from yamjit.heads import list_classes

    return _json((head, one) for head in heads for one in list_classes(head, ""))


def _json(found: Iterable[tuple[HeadInfo, ListedClass]]) -> str:
    return json_text([{"head": head.name, **one._asdict()} for head, one in found], indent=1)


def _heads(args: argparse.Namespace) -> tuple[HeadInfo, ...]:
    """Return the outputs of the model that have names of classes; those of the official one are known without it."""
    from yamjit.heads import official_head

    files = heads_of(args)
    try:
        model = load_or_describe(args.model, args.locale, args.roles, files)
    except ModelNotFoundError:
        if files or args.model is not None or os.environ.get("YAMJIT_MODEL"):
            raise
        tell(
            "note: the model is not at hand; these are the classes of the official YAMNet, which yamjit fetch downloads"
        )
        return (official_head(),)
    if isinstance(model, Unrunnable):
        tell(f"note: the model cannot be run: {model.problem}")
        if not model.heads:
            raise ModelError("the model has no names of classes")
    else:
        tell(*(f"note: {note}" for note in locale_notes(args.locale, model.head_records)))
    return model.heads


def _line(head: HeadInfo, one: ListedClass, *, several: bool) -> str:
    name = one.display_name if one.display_name == one.name else f"{one.display_name} ({one.name})"
    kinds = f"  < {'; '.join(one.parents)}" if one.parents else ""
    where = f"  [{head.name}]" if several else ""
    return f"{one.class_index:>4}  {one.audioset_id:<12}{name}{kinds}{where}"


def _hint(text: str, heads: tuple[HeadInfo, ...]) -> str:
    from yamjit.class_map import nearest
    from yamjit.suggestions import question

    like = question(nearest(text, [name for head in heads for name in head.display_names], 3))
    return f"; {like or 'yamjit labels lists all of them'}"
