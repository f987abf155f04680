"""``yamjit search``: the moments of an archive that sound like a recording, or like a part of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from yamjit.cli import arguments, values
from yamjit.cli.delivery import classifier_of
from yamjit.cli.destinations import opened, row_format
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.index import KINDS, approximate_of
from yamjit.cli.options import add_choice, add_value
from yamjit.cli.outputs import Reads, Writes
from yamjit.errors import InputError
from yamjit.text import printable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from yamjit.search import Index

__all__ = ["DESCRIPTION", "FORMATS", "HELP", "add_arguments", "run"]

FORMATS = ("text", "jsonl", "csv", "dcase", "parquet")

HELP = "find what sounds like a recording in an index"
DESCRIPTION = (
    "Find the windows of an archive that sound most like a window of a recording, or of a part of it (--start, --end): "
    "the score is the cosine of their embeddings, 1 for the same. yamjit segments --from cuts them out."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("index", type=Reads("an index"), metavar="INDEX", help="a file of yamjit index")
    parser.add_argument("query", type=Reads("a recording"), metavar="QUERY", help="a recording, or -")
    add_value(parser, "-n --most", "N", values.positive, "number of hits, at most", 20)
    text = (
        "time from one hit to the next of the same recording, at least: of windows that overlap or follow each other, "
        "the most similar is listed; 0 lists all"
    )
    add_value(parser, "--apart", "SECONDS", values.existing, text, 2.0)
    text = "look at every window, or follow the graph of the index (default: as it was made for)"
    add_choice(parser, "--kind", tuple(KINDS), text)
    arguments.add_model(parser)
    arguments.add_reading(parser)
    group = parser.add_argument_group("results")
    add_choice(group, "--format", FORMATS, "format of the hits (default: by the suffix of the file, else text)")
    parser.set_defaults(formats=FORMATS)
    add_value(group, "-o --output", "FILE", Writes(), "a file, whose suffix says the format (default: standard output)")
    arguments.add_quiet(group, "no warnings; errors are still printed")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.cli.progress import Progress
    from yamjit.search import Index

    form = row_format(args, ())
    if form.name not in FORMATS:
        raise InputError(f"hits are written as {', '.join(FORMATS)}, not as {form.name}")
    index = Index.load(args.index)
    heard = _heard(args, index)
    try:
        hits = index.search(heard, args.most, apart_s=args.apart, approximate=approximate_of(args))
    except InputError as error:
        raise InputError(f"{printable(args.query)}: {error}") from error
    label = f"like {Path(args.query).stem}"
    with Progress(quiet=True) as progress, opened(args, form, progress, Path.unlink) as writer:
        last = None
        for hit in hits:
            if hit.file != last:
                writer.begin(hit.file)
            writer.rows([hit.row(label)])
            last = hit.file
    return EXIT_OK


def _heard(args: argparse.Namespace, index: Index) -> npt.NDArray[np.float32]:
    """Return what the index is of, for each window of the recording."""
    import numpy as np

    from yamjit.runs.inputs import find_recordings
    from yamjit.runs.measuring import Embeddings
    from yamjit.spec import EMBEDDING

    model = classifier_of(args)
    if model.source.sha256 != index.model:
        raise InputError(
            f"{printable(args.index)}: is an index of another model, with the SHA-256 {index.model}, and this one has "
            f"{model.source.sha256}: give that model with --model"
        )
    (recording, *others) = find_recordings([args.query])
    if others or recording.problem is not None:
        raise InputError(recording.problem or f"{printable(args.query)}: one recording is searched for, not a folder")
    found: list[npt.NDArray[np.float32]] = []
    hearing = Embeddings(model, arguments.reading_of(args), features=index.features or EMBEDDING)
    hearing.hear(recording, lambda slab: found.append(slab.values))
    if not any(map(len, found)):
        raise InputError("nothing of it was read")
    return np.concatenate(found)
