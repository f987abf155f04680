"""The labelled recordings that verbs learn from and judge by: how they are given, divided and embedded."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.arguments import add_epilog
from yamjit.cli.destinations import unwritten
from yamjit.cli.options import add_flag, add_repeated, add_value
from yamjit.cli.outputs import Reads
from yamjit.cli.streams import tell
from yamjit.disk import hint_beside
from yamjit.errors import InputError
from yamjit.suggestions import with_hint
from yamjit.text import plural

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.learn import Dataset, EmbeddingCache, Evaluation, Features

__all__ = [
    "add_data",
    "add_folds",
    "add_trained",
    "cache_of",
    "candidates_of",
    "dataset_of",
    "embedded",
    "folds_of",
    "listening",
    "tell_of_clips",
    "tell_of_training",
    "untrained",
]

_DATA = """\
data: a folder that has a folder of recordings for each class; a table (.csv or .tsv) that has a column for the file,
one for the label, and perhaps fold or split, group, start, and end or duration, as ESC-50 and others have; or label
files of Audacity, Raven or DCASE (.txt) beside their recordings. Recordings labelled 'other' belong to none of the
classes. Clips whose split is validation or test are never learned from.
"""


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the labelled recordings."""
    text = "a folder of folders, a table, or label files"
    parser.add_argument("data", nargs="+", type=Reads("a table or label file"), metavar="DATA", help=text)
    group = parser.add_argument_group("data")
    text = "folder of the recordings that a table or label files name"
    add_value(group, "--audio", "FOLDER", Reads("a folder"), text)
    text = (
        "name of a column of the table, where WHAT is file, label, fold, split, group, start, end or duration, and an "
        "empty NAME says that there is no such column"
    )
    add_repeated(group, "--column", "WHAT=NAME", _column, text)
    add_value(group, "--separator", "TEXT", str, "text between the classes of a clip, in a table (default: ;)")
    text = "use only rows of a table that have this value in a column, or one of several values"
    add_repeated(group, "--where", "COLUMN=VALUE", values.pair, text)
    add_value(group, "--other", "NAME", str, "label of recordings of no class", "other")
    add_epilog(parser, _DATA)


def add_folds(parser: Any, what: str) -> None:
    """Add ``--folds``."""
    text = f"number of parts, each judged by {what}; 0 for none (default: as the table divides them, otherwise 5)"
    add_value(parser, "--folds", "N", values.folds, text)


def dataset_of(args: argparse.Namespace) -> Dataset:
    """Return the labelled recordings that were given, none of which is written over.

    An `InputError` is raised if they are neither a folder, a table nor label files.
    """
    from yamjit.learn import from_csv, from_folder, from_labels

    paths = [Path(path) for path in args.data]
    columns = dict(args.column)
    where: dict[str, list[str]] = {}
    for column, value in args.where:
        where.setdefault(column, []).append(value)
    given = {"--audio": args.audio, "--column": columns, "--where": where, "--separator": args.separator}
    if len(paths) == 1 and paths[0].is_dir():
        _refuse_others(given, "a folder of folders")
        dataset = from_folder(paths[0], other=args.other)
    elif len(paths) == 1 and paths[0].suffix.lower() in (".csv", ".tsv"):
        dataset = from_csv(
            paths[0], audio=args.audio, columns=columns, where=where, other=args.other, separator=args.separator
        )
    elif all(path.suffix.lower() == ".txt" for path in paths):
        _refuse_others(given, "label files", "--audio", "--column")
        dataset = from_labels(paths, other=args.other, audio=args.audio, columns=columns)
    else:
        missing = next((path for path in paths if not path.exists()), None)
        absent = "" if missing is None else with_hint(f"there is no {str(missing)!r}", hint_beside(missing))
        accepted = "one folder, one table (.csv, .tsv) or label files (.txt) are accepted"
        raise InputError(with_hint(f"{', '.join(map(str, paths))}: {accepted}", absent))
    tell(*(f"left out: {line}" for line in dataset.passed_over))
    args.outputs.refuse((clip.path for clip in dataset.clips), "a recording")
    return dataset


def _refuse_others(given: Mapping[str, object], data: str, *known: str) -> None:
    """Refuse options that are not for data of this kind."""
    strange = [option for option, value in given.items() if value and option not in known]
    if strange:
        raise InputError(f"{strange[0]} is only for tables (.csv, .tsv), but the data are {data}")


def folds_of(args: argparse.Namespace, dataset: Dataset) -> int | None:
    """Return the number of parts of clips: None as the table divides them, 0 if nothing is or can be held out.

    Say so if there are fewer than was asked for.
    """
    if args.folds == 0 or (args.folds is None and dataset.has_division):
        return args.folds
    wanted, groups = args.folds or 5, dataset.groups()
    if groups < wanted:
        found = f"{groups} recordings or groups" if groups > 1 else "one recording or group"
        done = f"{groups} folds in place of {wanted}" if groups > 1 else "nothing can be held out"
        tell(f"{found}: {done}")
    return min(wanted, groups) if groups > 1 else 0


@contextlib.contextmanager
def listening(args: argparse.Namespace, dataset: Dataset, left: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much of the clips was heard; after an interruption, say what is `left` of the results.

    Give what is called with the number of clips that are done, and of all.
    """
    from yamjit.cli.progress import Progress
    from yamjit.runs.tally import Tally, header_length

    def length_of(place: int) -> float | None:
        clip = dataset.clips[place]
        return header_length(clip.path, clip.reading())

    tally = Tally(range(len(dataset)), length_of, what="clips")
    with Progress(tally, quiet=args.quiet) as progress, progress.telling(lambda: left):
        yield lambda done, _: tally.conclude(done - 1)


def cache_of(args: argparse.Namespace) -> EmbeddingCache | None:
    """Return where features are kept, unless none are."""
    from yamjit.learn import EmbeddingCache

    return None if args.no_cache else EmbeddingCache()


def embedded(
    args: argparse.Namespace, model: Classifier, dataset: Dataset, names: Sequence[str]
) -> dict[str, Features]:
    """Return the windows of recordings, as features of these names, and show how far it is."""
    from yamjit.learn import embed_candidates

    left = "" if args.no_cache else ", and those clips are not computed again"
    with listening(args, dataset, f"{unwritten(args.output)}{left}") as progress:
        return embed_candidates(model, dataset, hop_s=args.hop, features=names, cache=cache_of(args), progress=progress)


def candidates_of(
    args: argparse.Namespace, model: Classifier, dataset: Dataset, names: Sequence[str]
) -> dict[str, Features]:
    """Return the same; say which recordings cannot be used, and what is odd."""
    found = embedded(args, model, dataset, names)
    first = next(iter(found.values()))
    tell_of_clips(first.skipped)
    if not args.quiet:
        tell(*first.dataset.warnings(), *first.duplicates())
    return found


def add_trained(parser: Any) -> None:
    """Add ``--exclude-trained``."""
    add_flag(parser, "--exclude-trained", "leave out recordings that the model was trained on")


def untrained(args: argparse.Namespace, model: Classifier, dataset: Dataset) -> Dataset:
    """Return the clips that a model is judged by: those that it has not learned from, if that was asked for.

    Where the model does not know what it has learned from, say that it may be some of the clips.
    """
    from yamjit.learn import clips_trained_on

    knows = model.provenance is not None and len(model.provenance.digests) > 0
    if not knows and args.exclude_trained:
        raise InputError("--exclude-trained: the model keeps no digests of what it was trained on")
    if not knows:
        _tell_of_split(args, dataset)
    if not args.exclude_trained:
        return dataset
    seen = set(clips_trained_on(model, dataset))
    if len(seen) == len(set(dataset.clips)):
        which = f"all {len(dataset)} clips" if len(dataset) > 1 else "the only clip"
        raise InputError(f"--exclude-trained: the model was trained on {which}; none is left")
    if not args.quiet:
        count = sum(clip in seen for clip in dataset.clips)
        tell(f"left out: {plural(count, 'clip')}, which the model was trained on")
    return dataset.select(lambda clip: clip not in seen)


def tell_of_training(args: argparse.Namespace, found: Evaluation) -> None:
    """Say if a model has learned from the clips that it was judged by."""
    if not args.quiet:
        tell(*(f"warning: {line}; --exclude-trained leaves them out" for line in found.warnings))


def _tell_of_split(args: argparse.Namespace, dataset: Dataset) -> None:
    """Say that a model may have learned from some of the clips."""
    count = sum(clip.split == "train" for clip in dataset.clips)
    if count and not args.quiet:
        have = f"of {len(dataset)} clips {'has' if count == 1 else 'have'}"
        text = f"{count} {have} the split 'train', and the model may have learned from {'it' if count == 1 else 'them'}"
        tell(f"{text}; --where split=test takes others")


def tell_of_clips(skipped: Iterable[Any]) -> None:
    """Say which clips could not be used, or only in part."""
    tell(*(f"{'read only in part' if item.in_part else 'left out'}: {item}" for item in skipped))


def _column(text: str) -> tuple[str, str]:
    """Read WHAT=NAME, where the name may be empty."""
    what, equals, name = text.partition("=")
    if not (what and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form WHAT=NAME")
    return what, name
