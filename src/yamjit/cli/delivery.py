"""What verbs share that go through recordings: where results go, what is said of each, how it ends."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.cli.arguments import options_of, reading_of
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.cli.progress import Progress
from yamjit.errors import InputError
from yamjit.text import printable

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.output import Format, Writer
    from yamjit.runs import Hearing, Outcome, Places, Recording

__all__ = [
    "check_model",
    "deliver_arrays",
    "deliver_pictures",
    "deliver_rows",
    "deliver_to_folder",
    "follow",
    "hearing_of",
    "is_folder",
    "suffix_of",
]

#: Kinds of files that were passed over and are told.
_MOST_KINDS = 6


def hearing_of(args: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Return the arguments of a `Hearing` that were given."""
    from yamjit.store import resolve_model

    return {
        "model": resolve_model(args.model),
        "backend": args.backend,
        "threads": args.threads,
        "options": options_of(args) if hasattr(args, "allow") else _no_options(),
        "reading": reading_of(args),
        **more,
    }


def _no_options() -> Any:
    from yamjit.options import ClassifierOptions

    return ClassifierOptions()


def check_model(args: argparse.Namespace, classifier: Classifier) -> None:
    """Say if a model, which has been loaded and so can be used, is no published one, or has no names as asked for."""
    from yamjit.heads import languages_of, speaks

    source, locale = classifier.source, getattr(args, "locale", "en")
    notes = []
    if not source.verified:
        notes.append(f"the model ({source.origin}) is unverified: no published file")
    if locale != "en" and not speaks(classifier.graph, locale):
        known = ", ".join(map(repr, languages_of(classifier.graph))) or "no other language"
        notes.append(f"--locale {locale!r} changes nothing: the model has names in {known}")
    if not args.quiet:
        for note in notes:
            print(f"yamjit: note: {printable(note)}", file=sys.stderr)


def _check(args: argparse.Namespace, hearing: Hearing) -> None:
    hearing.check()
    check_model(args, hearing.classifier)


def _recordings(args: argparse.Namespace) -> list[Recording]:
    """Return the recordings that were named, none of which is written over; say what else lies in their folders."""
    from yamjit.runs import find_recordings

    passed_over: Counter[str] = Counter()
    recordings = find_recordings(args.files, passed_over)
    args.outputs.refuse((one.name for one in recordings), "a recording")
    if passed_over and not args.quiet:
        kinds = ", ".join(f"{count} {printable(kind)}" for kind, count in passed_over.most_common(_MOST_KINDS))
        more = ", ..." if len(passed_over) > _MOST_KINDS else ""
        print(f"yamjit: note: passed over, since not named like recordings: {kinds}{more}", file=sys.stderr)
    return recordings


def deliver_rows(args: argparse.Namespace, hearing: Any, default_format: str) -> int:
    """Write the rows that are heard to standard output, a file, or a folder; return the exit code."""
    from yamjit.runs import RowJob, rows_to_writer

    form = _format(args, default_format)
    if is_folder(args):
        return deliver_to_folder(
            args,
            hearing,
            form.suffixes[0],
            lambda places: RowJob(hearing, places, form.of_heads(hearing.classifier.heads).open, form.binary),
            extra={"format": form.name},
        )
    _refuse_resuming(args)
    recordings = _recordings(args)
    _check(args, hearing)
    if form.kind == "labels" and len(recordings) > 1:
        raise InputError(f"a file of {form.name} holds one recording, and there are {len(recordings)}: -o FOLDER")
    with Progress(len(recordings), quiet=args.quiet) as progress:
        object.__setattr__(hearing, "watch", progress.watch)
        with _writer(args, form.of_heads(hearing.classifier.heads), progress) as writer:
            return follow(rows_to_writer(recordings, hearing, writer, args.jobs), len(recordings), progress)


def deliver_to_folder(
    args: argparse.Namespace,
    hearing: Any,
    suffix: str,
    job_for: Callable[[Places], Callable[[Recording], Any]],
    *,
    extra: dict[str, Any] | None = None,
) -> int:
    """Have each recording's result written to a folder, as far as it is not there; return the exit code."""
    from yamjit import __version__
    from yamjit.runs import ResultFolder, check_places, outcomes

    _check(args, hearing)
    recordings = _recordings(args)
    check_places(recordings)
    settings = {"yamjit": __version__, "verb": args.verb, **hearing.settings(), **(extra or {})}
    with ResultFolder(args.output, suffix, settings, resume=args.resume, overwrite=args.overwrite) as folder:
        todo = folder.todo(recordings)
        with Progress(len(todo), quiet=args.quiet) as progress:
            if len(todo) < len(recordings):
                progress.warn(f"{len(recordings) - len(todo)} of {len(recordings)} files are done already")
            object.__setattr__(hearing, "watch", progress.watch)
            job = folder.keeping(job_for(folder.places))
            return follow(outcomes(todo, job, args.jobs), len(recordings), progress)


def follow(found: Generator[Outcome[Any], None, None], total: int, progress: Progress) -> int:
    """Say what is wrong with recordings as they are done, and what failed in the end; return the exit code."""
    failures, partly = [], 0
    with contextlib.closing(found):
        for outcome in found:
            progress.add()
            if outcome.failure is not None:
                failures.append(outcome.recording.name)
                progress.say(_named(outcome.recording.name, outcome.failure))
                continue
            summary: Any = outcome.value
            for warning in summary.warnings:
                progress.warn(f"warning: {_named(outcome.recording.name, warning)}")
            if summary.damage:
                partly += summary.lost
                say = progress.say if summary.lost else progress.warn  # as of a failure: in any case
                say(f"warning: {_named(outcome.recording.name, summary.damage)}")
    if failures and total > 1:
        progress.say("\n  ".join([f"{len(failures)} of {total} files failed:", *map(printable, failures)]))
    if partly and total > 1:
        progress.say(f"{partly} of {total} files were heard in part")
    return EXIT_SOME_FAILED if failures or partly else EXIT_OK


def _named(name: str, message: str) -> str:
    """Return a message that begins with the name of its recording."""
    shown = printable(name)
    return message if message.startswith((shown, "<")) else f"{shown}: {message}"


# -- Where results go -------------------------------------------------------------------------------------------


def is_folder(args: argparse.Namespace) -> bool:
    """Return whether ``-o`` is a folder: one that is there, or a name that ends with a slash or in no suffix."""
    given = args.output
    if given is None or given == "-":
        return False
    if Path(given).exists():
        return Path(given).is_dir()
    return given.endswith(("/", os.sep)) or not Path(given).suffix


def _is_nameless(args: argparse.Namespace) -> bool:
    """Return whether ``-o`` is a device or a pipe whose name says no format."""
    return Path(args.output).exists() and not (Path(args.output).is_file() or is_folder(args) or suffix_of(args))


def _format(args: argparse.Namespace, default: str) -> Format:
    from yamjit.output import FORMATS, format_of

    if args.format is not None:
        return FORMATS[args.format]
    if args.output in (None, "-") or is_folder(args) or _is_nameless(args):
        return FORMATS[default]
    return format_of(args.output)


def _refuse_resuming(args: argparse.Namespace) -> None:
    if args.resume or args.overwrite:
        raise InputError("--resume and --overwrite go with a folder of results: -o FOLDER")


@contextlib.contextmanager
def _writer(args: argparse.Namespace, form: Format, progress: Progress) -> Iterator[Writer]:
    """Give a writer to standard output, or to a file."""
    if args.output in (None, "-"):
        if form.binary and sys.stdout.isatty():
            raise InputError(f"{form.name} is not for a terminal: -o FILE")
        with form.open(sys.stdout.buffer if form.binary else progress.around(sys.stdout)) as writer:
            yield writer
        return
    from yamjit.output.writer import text_stream

    with _file(args) as file:
        stream = file if form.binary else text_stream(file)
        try:
            with form.open(stream) as writer:
                yield writer
        finally:
            if stream is not file:
                stream.detach()


@contextlib.contextmanager
def _file(args: argparse.Namespace, *, seeks: bool = False) -> Iterator[Any]:
    """Give the file that was asked for; what an interruption leaves of it has a name of its own, which is told."""
    from yamjit.runs import whole_file

    def tell(kept: Path) -> None:
        print(f"yamjit: interrupted: what was done is in {str(kept)!r}", file=sys.stderr)

    with whole_file(Path(args.output), seeks=seeks, kept=tell) as file:
        yield file


# -- Arrays -----------------------------------------------------------------------------------------------------


def deliver_arrays(args: argparse.Namespace, listener: Any) -> int:
    """Write arrays to standard output, a file, or a folder; return the exit code."""
    from yamjit.runs import ArrayJob, outcomes

    form = _array_format(args)
    if is_folder(args):
        return deliver_to_folder(
            args,
            listener,
            f".{form}",
            lambda places: ArrayJob(listener, form, places),
            extra={"format": form},
        )
    _refuse_resuming(args)
    recordings = _recordings(args)
    _check(args, listener)
    if args.jobs > 1:
        raise InputError("several processes write arrays to a folder alone: -o FOLDER")
    if form in ("npy", "npz") and len(recordings) > 1:
        raise InputError(f"a file of {form} holds one recording, and there are {len(recordings)}: -o FOLDER")
    with Progress(len(recordings), quiet=args.quiet) as progress:
        object.__setattr__(listener, "watch", progress.watch)
        with _array_writer(args, form) as writer:
            return follow(outcomes(recordings, ArrayJob(listener, form, writer=writer)), len(recordings), progress)


def _array_format(args: argparse.Namespace) -> str:
    from yamjit.output.arrays import ARRAY_FORMATS

    if args.format is not None:
        return str(args.format)
    if args.output in (None, "-") or _is_nameless(args):
        return "csv"
    if is_folder(args):
        return "npz"
    suffix = suffix_of(args)
    if suffix not in ARRAY_FORMATS:
        raise InputError(f"{args.output!r} ends like no format; accepted are {', '.join(ARRAY_FORMATS)}")
    return suffix


@contextlib.contextmanager
def _array_writer(args: argparse.Namespace, form: str) -> Iterator[Any]:
    from yamjit.output.arrays import ARRAY_FORMATS

    if args.output in (None, "-"):
        if form != "csv":
            raise InputError(f"{form} goes to a file: -o FILE")
        with ARRAY_FORMATS[form](sys.stdout.buffer) as writer:
            yield writer
        return
    with _file(args, seeks=form == "npy") as file, ARRAY_FORMATS[form](file) as writer:
        yield writer


# -- Pictures ---------------------------------------------------------------------------------------------------


def deliver_pictures(args: argparse.Namespace, hearing: dict[str, Any]) -> int:
    """Draw recordings to a file or a folder; return the exit code."""
    from yamjit.plots import PICTURE_FORMATS
    from yamjit.runs import outcomes
    from yamjit.runs.pictures import Pictures

    if args.output in (None, "-"):
        raise InputError("a picture goes to a file or a folder: -o FILE")
    form = args.format or ("png" if is_folder(args) or _is_nameless(args) else suffix_of(args))
    if form not in PICTURE_FORMATS:
        raise InputError(f"{args.output!r} ends like no format; accepted are {', '.join(PICTURE_FORMATS)}")
    job = Pictures(**hearing, form=form)
    if is_folder(args):
        return deliver_to_folder(
            args,
            job,
            f".{form}",
            lambda places: dataclasses.replace(job, places=places),
        )
    _refuse_resuming(args)
    recordings = _recordings(args)
    _check(args, job)
    if len(recordings) > 1:
        raise InputError(f"a picture shows one recording, and there are {len(recordings)}: -o FOLDER")
    with Progress(1, quiet=args.quiet) as progress:
        job = dataclasses.replace(job, target=Path(args.output), watch=progress.watch)
        return follow(outcomes(recordings, job), 1, progress)


def suffix_of(args: argparse.Namespace) -> str:
    """Return the suffix of the file that was given, without the dot."""
    return Path(args.output or "").suffix[1:].lower()
