"""``yamjit index``: embeddings made ready for a search."""

from __future__ import annotations

import argparse
from pathlib import Path

from yamjit.cli import arguments
from yamjit.cli.delivery import check_model, classifier_of
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.options import add_choice, add_value
from yamjit.cli.outputs import Reads, Writes
from yamjit.cli.streams import tell
from yamjit.cli.values import seconds
from yamjit.text import plural, printable

__all__ = ["DESCRIPTION", "HELP", "KINDS", "add_arguments", "approximate_of", "run"]

#: Ways to search, and what each means to `yamjit.search`.
KINDS = {"exact": False, "approximate": True}

HELP = "make an index of embeddings, for yamjit search"
DESCRIPTION = (
    "Make an index of embeddings that yamjit embed has written, or of another feature: one file, which yamjit search "
    "finds similar sounds in. Windows of digital silence are left out, for silence is like any other silence. It needs "
    "usearch, the extra search."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "a dataset, a parquet, npz or npy file, or a folder of these"
    parser.add_argument("embeddings", nargs="+", type=Reads("embeddings"), metavar="EMBEDDINGS", help=text)
    add_value(parser, "-o --output", "FILE", Writes("an index", ".yamindex"), "name of the index", required=True)
    text = (
        "the search that it is for: exact, which looks at every window, or approximate, which follows a graph of "
        "neighbours (default: exact up to a million windows)"
    )
    add_choice(parser, "--kind", tuple(KINDS), text)
    text = "time from one window to the next in npy files, which do not say it"
    add_value(parser, "--hop", "SECONDS", seconds, text, 0.48)
    arguments.add_model(parser, threads=False)
    arguments.add_quiet(parser, "no notes; errors are still printed")
    parser.set_defaults(threads=1)


def approximate_of(args: argparse.Namespace) -> bool | None:
    """Return whether an approximate search was asked for; None if it was not said."""
    return None if args.kind is None else KINDS[args.kind]


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.output.embedding_files import read_embeddings
    from yamjit.runs.whole import whole_file
    from yamjit.search import build_index

    model = classifier_of(args)
    check_model(args, model)
    table = read_embeddings(*args.embeddings, hop_s=args.hop)
    index = build_index(table, model=model, approximate=approximate_of(args))
    if not args.quiet:
        if not table.model:
            name = printable(model.source.name or "the model")
            tell(f"note: the embeddings do not say which model has computed them: they are taken for those of {name}")
        if len(index) < len(table):
            tell(f"note: {plural(len(table) - len(index), 'silent window')} left out")
    with whole_file(Path(args.output)) as file:
        index.write(file)
    return EXIT_OK
