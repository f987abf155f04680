"""What the verbs that learn share: labelled recordings, folds, cards of models, files that are whole or not there."""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.cli.arguments import seconds
from yamjit.cli.outputs import Input, Reads, writes
from yamjit.errors import InputError
from yamjit.text import json_text, printable, printable_lines

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.learn import Dataset, Features

__all__ = [
    "add_card",
    "add_data",
    "add_embedding",
    "add_folds",
    "add_pictures",
    "add_quiet",
    "add_report",
    "card_of",
    "dataset_of",
    "deliver",
    "draw",
    "features_of",
    "folds_of",
    "keep_clips",
    "named_file",
    "pair",
    "read_names",
    "tell",
    "tell_of_clips",
    "tell_of_split",
    "write",
]

#: Of a file of names; AudioSet's 521 have 9 kB.
_MOST_NAMES_BYTES = 2**22

_DATA = """\
data: a folder that holds a folder of recordings for each class; a table (.csv or .tsv) with a column for the file and
one for the label, and perhaps fold or split, group, start and end or duration, as ESC-50 and others have it; or label
files of Audacity, Raven or DCASE (.txt) that lie beside their recordings. What is called 'other' is of none of the
classes. Clips whose split is validation or test are never learned from.
"""


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the labelled recordings."""
    parser.add_argument(
        "data",
        nargs="+",
        type=Reads("a table or label file"),
        metavar="DATA",
        help="a folder of folders, a table, or label files",
    )
    group = parser.add_argument_group("data")
    group.add_argument(
        "--audio", type=Reads("a folder"), metavar="FOLDER", help="where the recordings of a table or of labels are"
    )
    group.add_argument(
        "--column",
        type=_column,
        action="append",
        default=[],
        metavar="WHAT=NAME",
        help="what a table calls its file, label, fold, split, group, start, end or duration, with no NAME if it has "
        "none; may be repeated",
    )
    group.add_argument(
        "--separator", metavar="TEXT", help="what stands between the classes of a clip in a table (default: ;)"
    )
    group.add_argument(
        "--where",
        type=pair,
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="only rows of a table that have this value, or one of several if a column is repeated",
    )
    group.add_argument("--other", default="other", metavar="NAME", help="of recordings of no class (default: other)")
    parser.epilog = "\n\n".join(filter(None, (_DATA, parser.epilog)))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def add_folds(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--folds``."""
    parser.add_argument(
        "--folds",
        type=_folds,
        metavar="N",
        help=f"parts {what}; 0 for none (default: the folds or the split that the table has, else 5)",
    )


def dataset_of(args: argparse.Namespace) -> Dataset:
    """Return the labelled recordings that were given.

    Raises
    ------
    InputError
        If they are neither a folder, a table nor label files.
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
        raise InputError(
            f"{', '.join(map(str, paths))}: one folder, one table (.csv, .tsv) or label files (.txt) are accepted"
        )
    tell(f"left out: {line}" for line in dataset.passed_over)
    return dataset


def _refuse_others(given: Mapping[str, object], data: str, *known: str) -> None:
    """Refuse options that data of this kind do not know."""
    strange = [option for option, value in given.items() if value and option not in known]
    if strange:
        raise InputError(f"{strange[0]} is for tables (.csv, .tsv), and the data are {data}")


def tell_of_split(dataset: Dataset) -> None:
    """Tell that a model may have learned from some of the clips."""
    count = sum(clip.split == "train" for clip in dataset.clips)
    if count:
        tell([f"{count} of {len(dataset)} clips are for training by their split; --where split=test takes others"])


def folds_of(args: argparse.Namespace, dataset: Dataset) -> int | None:
    """Return into how many parts clips are to be divided, None as they are divided already; tell if that is fewer.

    0 where nothing is to be held out, or can be.
    """
    if args.folds == 0 or (args.folds is None and dataset.has_division):
        return args.folds
    wanted, groups = args.folds or 5, dataset.groups()
    if groups < wanted:
        found = f"{groups} recordings or groups" if groups > 1 else "one recording or group"
        done = f"{groups} folds in place of {wanted}" if groups > 1 else "nothing can be held out"
        tell([f"{found}: {done}"])
    return min(wanted, groups) if groups > 1 else 0


def features_of(args: argparse.Namespace, model: Classifier, dataset: Dataset) -> Features:
    """Return the windows of recordings, and tell what cannot be used and what is odd."""
    from yamjit.cli.progress import Progress
    from yamjit.learn import EmbeddingCache, embed_clips

    cache = None if args.no_cache else EmbeddingCache()
    with Progress(len(dataset), quiet=args.quiet) as progress:
        features = embed_clips(model, dataset, hop_s=args.hop, cache=cache, progress=lambda *_: progress.add())
    tell_of_clips(features.skipped)
    if not args.quiet:
        tell(features.dataset.warnings())
        tell(features.duplicates())
    return features


def add_embedding(parser: argparse.ArgumentParser) -> None:
    """Add how recordings are embedded."""
    parser.add_argument(
        "--hop", type=seconds, default=0.48, metavar="SECONDS", help="from one window to the next (default: 0.48)"
    )
    parser.add_argument("--no-cache", action="store_true", help="compute embeddings again, and keep none")
    add_quiet(parser)


def add_card(parser: argparse.ArgumentParser) -> None:
    """Add what a model says about itself."""
    group = parser.add_argument_group("the model")
    group.add_argument("--name", help="of the model (default: the name of its file)")
    for text in ("description", "author", "license"):
        group.add_argument(f"--{text}", metavar="TEXT", default=None)
    group.add_argument("--head-name", default="custom", metavar="NAME", help="of its output (default: custom)")
    group.add_argument("--keep", action="store_true", help="keep the model's own output, before the new one")
    group.add_argument(
        "--display-names",
        type=named_file,
        action="append",
        default=[],
        metavar="LANGUAGE=FILE",
        help="names of the classes in a language, a line for each; may be repeated",
    )


def card_of(args: argparse.Namespace, **more: Any) -> Any:
    """Return the `ModelCard` that was given."""
    from yamjit.learn import ModelCard

    texts = {name: getattr(args, name) for name in ("description", "author", "license")}
    return ModelCard(
        name=args.name or Path(args.output).stem.encode(errors="replace").decode(),
        head_name=args.head_name,
        keep=args.keep,
        display_names={locale: read_names(path) for locale, path in args.display_names},
        **{name: text for name, text in texts.items() if text is not None},
        **more,
    )


def read_names(path: str) -> tuple[str, ...]:
    """Return the lines of a file of names.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    from yamjit.disk import read_limited
    from yamjit.errors import ModelError
    from yamjit.labels import parse_labels

    data = read_limited(path, _MOST_NAMES_BYTES, what="a file of names")
    try:
        return parse_labels(data)
    except ModelError as error:
        raise InputError(f"{path!r}: {error}") from error


def keep_clips(args: argparse.Namespace, dataset: Dataset) -> None:
    """Refuse to write over recordings that are learned from.

    Raises
    ------
    InputError
    """
    args.outputs.refuse((clip.path for clip in dataset.clips), "a recording")


def write(path: str, data: bytes) -> None:
    """Write a file, whole or not at all.

    Raises
    ------
    OutputError
        If that is not possible.
    """
    from yamjit.runs import whole_file

    with whole_file(Path(path)) as file:
        file.write(data)


def deliver(args: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    """Print figures, and write them as JSON where that was asked for; where it was, `--quiet` prints nothing."""
    figures = json_text(_finite(document), indent=1)
    if args.report:
        write(args.report, f"{figures}\n".encode())
    if args.json:
        print(figures)
    elif not (args.report and args.quiet):
        print(printable_lines(text), end="")


def _finite(value: Any) -> Any:
    """Return a document with null in place of numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add ``--quiet``."""
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="no progress, no warnings, no figures that --report takes; errors stay",
    )


def add_pictures(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--plot``."""
    parser.add_argument("--plot", type=writes, metavar="FILE", help=f"draw {what}: .png, .svg or .pdf")


def draw(path: str, figure: Any) -> None:
    """Write a picture.

    Raises
    ------
    InputError
        If the file's name is that of no picture, or it cannot be written.
    """
    from yamjit.plots import PICTURE_FORMATS, save_figure

    form = Path(path).suffix[1:].lower()
    if form not in PICTURE_FORMATS:
        raise InputError(f"{path}: a picture is {', '.join(f'.{known}' for known in PICTURE_FORMATS)}")
    stream = io.BytesIO()
    save_figure(figure, stream, form)
    write(path, stream.getvalue())


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add how figures are given."""
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--report", type=writes, metavar="FILE", help="write the figures to a file as well, as JSON")


def tell(lines: Iterable[str]) -> None:
    """Print lines on standard error."""
    for line in lines:
        print(f"yamjit: {printable(line)}", file=sys.stderr)


def tell_of_clips(skipped: Iterable[Any]) -> None:
    """Tell which clips could not be used, or not as a whole."""
    tell(f"{'heard in part' if item.in_part else 'left out'}: {item}" for item in skipped)


def pair(text: str) -> tuple[str, str]:
    """Read NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _column(text: str) -> tuple[str, str]:
    """Read WHAT=NAME, where the name may be empty."""
    what, equals, name = text.partition("=")
    if not (what and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form WHAT=NAME")
    return what, name


def named_file(text: str) -> tuple[str, Input]:
    """Read NAME=FILE, a file that is read."""
    name, file = pair(text)
    return name, Reads("a file of names")(file)


def _folds(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 6 or int(text) == 1:
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is neither 0 nor a number of folds from 2 to 999999")
    return int(text)
