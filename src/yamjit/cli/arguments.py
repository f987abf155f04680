"""Arguments that several verbs share, and the types of their values."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from yamjit.cli.outputs import Reads, writes_folder
from yamjit.errors import InputError
from yamjit.spec import DEFAULT_MAX_RESULTS, MOST_THREADS
from yamjit.text import printable

if TYPE_CHECKING:
    from yamjit.heads import HeadInfo

__all__ = [
    "add_backend",
    "add_event_options",
    "add_head",
    "add_inputs",
    "add_listing",
    "add_model",
    "add_output",
    "add_reading",
    "add_run",
    "add_threads",
    "add_top",
    "add_windows",
    "by_name",
    "count",
    "event_options_given",
    "events_of",
    "existing",
    "fraction",
    "options_of",
    "positive",
    "reading_of",
    "real",
    "seconds",
    "whole",
]

#: Of a value, in a message.
_MOST_SHOWN = 80

#: In a mapping of numbers by name: all that it does not name.
_OTHERS = "*"

_INPUTS = """\
inputs: files; folders, searched for recordings at every depth; patterns such as 'archive/**/*.flac'; - alone for
standard input. They are read in the order given, those of a folder or pattern by name, each once. What begins with a
dot and folders of results are passed over.
"""


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the recordings to be read."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Reads("a recording"),
        metavar="INPUT",
        help="a recording, a folder of them, a pattern, or -",
    )
    parser.epilog = "\n\n".join(filter(None, (_INPUTS, parser.epilog)))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``."""
    parser.add_argument(
        "--model",
        type=Reads("a model"),
        metavar="FILE",
        help="a quantized YAMNet .tflite, or starter, the small model of the package; "
        "by default $YAMJIT_MODEL, else the official model, fetched once",
    )


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add ``--backend``."""
    parser.add_argument(
        "--backend",
        choices=("auto", "numba", "numpy"),
        default="auto",
        help="what computes; all give the same scores (default: %(default)s)",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``."""
    parser.add_argument(
        "--threads",
        type=_threads,
        default=1,
        metavar="N",
        help="threads that compute a recording; scores do not depend on it (default: %(default)s)",
    )


def add_reading(parser: argparse.ArgumentParser, *, aggregate: bool = False) -> None:
    """Add what is read of a recording, and how it is cut into windows."""
    group = add_windows(parser)
    group.add_argument("--start", type=_time, default=0.0, metavar="TIME", help="first second that is read, or h:mm:ss")
    group.add_argument("--end", type=_time, metavar="TIME", help="where reading ends, in seconds, or h:mm:ss")
    group.add_argument(
        "--non-finite",
        choices=("refuse", "zero"),
        default="refuse",
        help="what happens to samples that are NaN or infinite (default: %(default)s)",
    )
    if aggregate:
        group.add_argument(
            "--aggregate",
            choices=("mean", "max"),
            default="mean",
            help="how the scores of all windows become those of the recording (default: %(default)s)",
        )


def add_windows(parser: argparse.ArgumentParser) -> Any:
    """Add which channels are heard, and how they are cut into windows; return the group of arguments."""
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--channel",
        type=_channel,
        default="mix",
        metavar="WHICH",
        help="mix, the mean of the channels; each, all of them apart; or one by its number from 0 (default: mix)",
    )
    cut = group.add_mutually_exclusive_group()
    cut.add_argument(
        "--hop", type=seconds, metavar="SECONDS", help="time from one window of 0.975 s to the next (default: 0.48)"
    )
    cut.add_argument("--overlap", type=_overlap, metavar="SHARE", help="of windows, in place of --hop: from 0, below 1")
    return group


def reading_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `Classifier.windows` that were given."""
    reading = {
        "channel": args.channel,
        "start_s": args.start,
        "end_s": args.end,
        "hop_s": args.hop,
        "overlap": args.overlap,
        "non_finite": args.non_finite,
    }
    return reading | ({"aggregate": args.aggregate} if hasattr(args, "aggregate") else {})


def add_top(parser: argparse.ArgumentParser, *, some: bool = False) -> None:
    """Add how many classes are listed; `some` of them, or -1 for all."""
    parser.add_argument(
        "--top",
        "--max-results",
        type=positive if some else count,
        default=DEFAULT_MAX_RESULTS,
        metavar="N",
        help=f"classes of each head{'' if some else ', -1 for all'} (default: %(default)s)",
    )


def add_head(parser: Any, default: str) -> None:
    """Add ``--head``."""
    argument = parser.add_argument(
        "--head", metavar="NAME|INDEX", help=f"output of the model that counts (default: {default})"
    )
    argument.completer = _head_names


def add_listing(parser: argparse.ArgumentParser) -> None:
    """Add which classes are listed, and how they are called."""
    group = parser.add_argument_group("classes", "by name in any case, AudioSet id or index; see yamjit labels")
    add_head(group, "all that there are")
    group.add_argument(
        "--threshold",
        type=by_name(fraction),
        action="append",
        metavar="[NAME=]SCORE",
        help="score from which on classes are listed, of all or of one; of an event, the highest; may be repeated",
    )
    only = group.add_mutually_exclusive_group()
    for flag, text in (("--allow", "list only this; may be repeated"), ("--deny", "do not list this; may be repeated")):
        argument = only.add_argument(flag, action="append", default=[], metavar="NAME", help=text)
        argument.completer = _class_names  # type: ignore[attr-defined]
    group.add_argument(
        "--group",
        type=_group,
        action="append",
        default=[],
        metavar="NAME=CLASS;CLASS",
        help="list classes under one name, with the highest of their scores; may be repeated",
    )
    group.add_argument(
        "--groups", type=Reads("a file of groups"), metavar="FILE", help="such groups in a file, JSON or text"
    )
    group.add_argument(
        "--roll-up", action="store_true", help="let a class stand for its kinds as well, such as Dog for Bark"
    )
    group.add_argument("--locale", default="en", metavar="LANGUAGE", help="of the names, where the model has them")
    group.add_argument(
        "--calibration",
        type=Reads("a calibration"),
        default="metadata",
        metavar="FILE",
        help="of the scores: a file, none, or metadata, what the model says (default: %(default)s)",
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
    """Return the names that begin so, in any case, but for those that a terminal would act on."""
    fitting = (name for name in names if name.lower().startswith(prefix.lower()) and printable(name) == name)
    return [prefix + name[len(prefix) :] for name in fitting]


def options_of(args: argparse.Namespace) -> Any:
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


def add_event_options(parser: argparse.ArgumentParser) -> None:
    """Add when an event begins and ends."""
    group = parser.add_argument_group("events", "values are for all classes, or NAME=VALUE for one; may be repeated")
    for flag, kind, metavar, text in (
        ("--on", fraction, "SCORE", "from which on an event begins (default: 0.5)"),
        ("--off", fraction, "SCORE", "below which it ends (default: 0.6 of --on)"),
        ("--min-duration", existing, "SECONDS", "that an event lasts at least (default: 0)"),
        ("--max-gap", existing, "SECONDS", "between events of a class that are one (default: 0)"),
        ("--hold", existing, "SECONDS", "that an event goes on after it was last heard (default: 0)"),
        ("--min-dbfs", number, "LEVEL", "windows that are quieter count as silent"),
    ):
        group.add_argument(flag, type=by_name(kind), action="append", metavar=f"[NAME=]{metavar}", help=text)
    group.add_argument(
        "--smoothing",
        type=existing,
        default=0.0,
        metavar="SECONDS",
        help="scores are smoothed over so long (default: 0)",
    )
    group.add_argument(
        "--smooth-by", choices=("mean", "median"), default="mean", help="what smooths them (default: %(default)s)"
    )


def event_options_given(args: argparse.Namespace) -> list[str]:
    """Return the options of `add_event_options` that say something."""
    names = ("on", "off", "min_duration", "max_gap", "hold", "min_dbfs", "smoothing")
    return [f"--{name.replace('_', '-')}" for name in names if getattr(args, name) not in (None, 0.0)]


def events_of(args: argparse.Namespace) -> Any:
    """Return the `EventOptions` that were given.

    Raises
    ------
    InputError
        If they make no sense.
    """
    from yamjit.events import EventOptions

    by_names = {
        "on": args.on,
        "off": args.off,
        "min_duration_s": args.min_duration,
        "max_gap_s": args.max_gap,
        "hold_s": args.hold,
        "min_dbfs": args.min_dbfs,
    }
    given: dict[str, Any] = {name: _plain(value) for name, value in by_names.items() if value is not None}
    return EventOptions(smoothing_s=args.smoothing, smoothing=args.smooth_by, **given)


def _plain(values: list[tuple[str, float]]) -> float | dict[str, float]:
    """Return one number for all as that number."""
    found = dict(values)
    return found[_OTHERS] if list(found) == [_OTHERS] else found


def add_output(parser: argparse.ArgumentParser, formats: tuple[str, ...], default: str) -> None:
    """Add where results go, and in which format."""
    group = parser.add_argument_group("results")
    group.add_argument("--format", choices=formats, help=f"by default what the name of the file says, else {default}")
    group.add_argument(
        "-o",
        "--output",
        type=writes_folder,
        metavar="FILE|FOLDER",
        help="a file for all, whose name says the format; or a folder, with a file for each recording, "
        "NAME.yamjit.SUFFIX, in the same tree; by default standard output",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add how a run over many recordings goes."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--jobs",
        type=_jobs,
        default=1,
        metavar="N",
        help="processes that work on recordings side by side; results do not depend on it (default: %(default)s)",
    )
    again = group.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        action="store_true",
        help="with a folder: go on with an earlier run of the same settings, model and inputs; "
        "what failed or has changed since is done anew",
    )
    again.add_argument("--overwrite", action="store_true", help="with a folder: remove the results of an earlier run")
    group.add_argument("-q", "--quiet", action="store_true", help="no progress, no warnings; errors stay")


# -- Types ------------------------------------------------------------------------------------------------------


def whole(least: int, most: int, what: str = "whole number") -> Callable[[str], int]:
    """Return a type for whole numbers between two, both accepted."""

    def read(text: str) -> int:
        value = _integer(text)
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{_shown(text)} is no {what} from {least} to {most}")
        return value

    return read


def real(least: float, most: float, what: str = "number", *, open_ends: str = "") -> Callable[[str], float]:
    """Return a type for numbers between two; "<" and ">" in `open_ends` leave out the lower and the upper one."""
    begin = f"{'above' if '<' in open_ends else 'from'} {least:g}"
    end = f"{'below' if '>' in open_ends else 'to'} {most:g}"

    def read(text: str) -> float:
        value = _real(text)
        outside = value is None or not least <= value <= most
        if outside or ("<" in open_ends and value == least) or (">" in open_ends and value == most):
            raise argparse.ArgumentTypeError(f"{_shown(text)} is no {what} {begin} {end}")
        return float(text)

    return read


def count(text: str) -> int:
    """Read a number of things: at least 1, or -1 for all."""
    value = _integer(text)
    if value is None or value == 0 or not -1 <= value <= _MOST:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is no count of at least 1 (or -1 for all)")
    return value


#: More than there is of anything; and a time that is longer than any recording.
_MOST = 2**31 - 1
_LONGEST_S = 1e9

positive = whole(1, _MOST)
_threads = whole(1, MOST_THREADS, "number of threads")
_jobs = whole(1, 60, "number of processes")  # what Windows can wait for
seconds = real(0, _LONGEST_S, "time in seconds", open_ends="<")
existing = real(0, _LONGEST_S, "time in seconds")
number = real(-_LONGEST_S, _LONGEST_S)
fraction = real(0, 1)
_overlap = real(0, 1, open_ends=">")


def _channel(text: str) -> str | int:
    value = _integer(text)
    if text in ("mix", "each"):
        return text
    if value is None or not 0 <= value <= _MOST:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is neither mix nor each nor a number from 0")
    return value


def _time(text: str) -> float:
    """Read seconds, or hours, minutes and seconds with colons between them."""
    parts = [_real(part) for part in text.split(":", 3)]
    known = [part for part in parts if part is not None and 0 <= part <= _LONGEST_S]
    total = sum(part * 60**power for power, part in enumerate(reversed(known)))
    if len(parts) > 3 or len(known) < len(parts) or total > _LONGEST_S:
        raise argparse.ArgumentTypeError(
            f"{_shown(text)} is no time from 0 to {_LONGEST_S:g} s, such as 90, 1:30 or 0:01:30.5"
        )
    return total


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]!r}..."


def _group(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, members = text.partition("=")
    classes = tuple(member.strip() for member in members.split(";") if member.strip())
    if not (name.strip() and equals and classes):
        raise argparse.ArgumentTypeError(f"{_shown(text)} is no group, such as 'Yelling=Shout;Yell'")
    return name.strip(), classes


def by_name(kind: Any) -> Any:
    """Return a type for ``VALUE``, which is for all, and ``NAME=VALUE``."""

    def read(text: str) -> tuple[str, float]:
        name, equals, value = text.rpartition("=")
        if equals and not name.strip():
            raise argparse.ArgumentTypeError(f"{_shown(text)} names nothing before =")
        return name.strip() or _OTHERS, kind(value)

    return read


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _real(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
