"""What the verbs that read recordings have in common: results are delivered, and problems reported."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from yamjit.cli.arguments import reading_of
from yamjit.cli.classes import heads_of, locale_notes, options_of
from yamjit.cli.destinations import array_format, is_folder, is_replaced, opened, picture_format, row_format, unwritten
from yamjit.cli.engines import client_of, prepare_engine, sharded
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.cli.model_notes import notes_on
from yamjit.cli.progress import Progress
from yamjit.cli.streams import tell
from yamjit.disk import describe, is_remote
from yamjit.errors import InputError, ModelNotFoundError
from yamjit.remote import shown, uploaded
from yamjit.text import plural, printable

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.results import Summary
    from yamjit.runs.folder import ResultFolder
    from yamjit.runs.formats import ArrayFormat, RowFormat
    from yamjit.runs.hearing import Hearing
    from yamjit.runs.inputs import Recording
    from yamjit.runs.listed import Listed
    from yamjit.runs.outcome import Outcome
    from yamjit.runs.tally import Tally

__all__ = [
    "check_model",
    "classifier_of",
    "deliver_arrays",
    "deliver_pictures",
    "deliver_rows",
    "deliver_to_folder",
    "hearing_of",
]

_Hearing = TypeVar("_Hearing", bound="Hearing | Listed")

#: Number of kinds of skipped files that are listed.
_MOST_KINDS = 6

#: Warnings of one kind that are told one by one.
_MOST_ALIKE = 3


def hearing_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of a `Hearing` that were given; where there is no model, other mistakes are told first."""
    reading = reading_of(args)
    prepare_engine(args)  # while the model is loaded
    try:
        return {"classifier": classifier_of(args), "reading": reading}
    except ModelNotFoundError:
        _tell_missing(args.files)
        raise


def _tell_missing(inputs: Sequence[str]) -> None:
    """Tell which inputs lead to no recording."""
    from yamjit.runs.inputs import STDIN, find_recordings

    for recording in find_recordings(inputs):
        problem = recording.problem
        if problem is None and recording.name != STDIN and not is_remote(recording.name):
            try:
                Path(recording.name).stat()
            except OSError as error:
                problem = f"cannot be opened: {describe(error)}"
        if problem is not None:
            tell(_named(recording.name, problem))


def classifier_of(args: argparse.Namespace) -> Classifier:
    """Load the model that was given."""
    from yamjit.loading import load

    options = options_of(args) if hasattr(args, "allow") else None
    how = {"backend": args.backend, "threads": args.threads, "roles": args.roles}
    return load(args.model, options=options, heads=heads_of(args), **how)


def check_model(args: argparse.Namespace, classifier: Classifier) -> None:
    """Say what is to be known of a loaded model, or that it has no names in the language that was asked for."""
    if args.quiet:
        return
    notes = [*notes_on(classifier), *locale_notes(getattr(args, "locale", "en"), classifier.head_records)]
    tell(*(f"note: {note}" for note in notes))


def _check(args: argparse.Namespace, hearing: Hearing | Listed) -> None:
    hearing.check()
    if hearing.classifier is not None:
        check_model(args, hearing.classifier)


def _recordings(args: argparse.Namespace) -> list[Recording]:
    """Return the recordings that were given, none of which is overwritten; say which files in folders are skipped."""
    from yamjit.runs.inputs import find_recordings

    passed_over: Counter[str] = Counter()
    recordings = find_recordings(args.files, passed_over)
    if args.recorded_at is not None and len(recordings) > 1:
        raise InputError(
            f"--recorded-at is the beginning of one recording, but there are {len(recordings)}: run yamjit on each, or "
            "name them by their beginnings, such as 20260512_050000.wav, and give --time-zone if all are of one zone"
        )
    args.outputs.refuse((one.name for one in recordings), "a recording")
    if passed_over and not args.quiet:
        kinds = ", ".join(f"{count} {kind}" for kind, count in passed_over.most_common(_MOST_KINDS))
        more = ", ..." if len(passed_over) > _MOST_KINDS else ""
        tell(f"note: skipped, because they are not named like recordings: {kinds}{more}")
    return recordings


def deliver_rows(args: argparse.Namespace, hearing: Hearing) -> int:
    """Write the rows that are found to standard output, a file, or a folder; return the exit code."""
    form = row_format(args, hearing.classifier.heads)
    return _deliver(args, hearing, form, holds_one=form.form.kind == "labels")


def deliver_arrays(args: argparse.Namespace, hearing: Hearing) -> int:
    """Write the arrays that are found to standard output, a file, or a folder; return the exit code."""
    form = array_format(args)
    if (args.jobs > 1 or args.engine == "dask") and not is_folder(args):
        raise InputError("several processes write arrays only to a folder: use -o FOLDER")
    return _deliver(args, hearing, form, holds_one=form.name in ("npy", "npz"))


def _deliver(args: argparse.Namespace, hearing: Hearing, form: RowFormat | ArrayFormat, *, holds_one: bool) -> int:
    if is_folder(args):
        from yamjit.runs.jobs import FileJob
        from yamjit.runs.naming import WAITING

        job = functools.partial(FileJob, form=form, synced=False)
        suffix = WAITING if form.name == "parquet" else form.suffix
        return deliver_to_folder(args, hearing, suffix, job, {"format": form.name})
    from yamjit.runs.one_file import into_one_file

    recordings = _recordings_of_one_file(args, hearing)
    if holds_one and len(recordings) > 1:
        raise InputError(f"a file of {form.name} holds one recording, but there are {len(recordings)}: use -o FOLDER")
    tally = _tally(hearing, recordings)
    left = PartOf(args.output, tally)
    with (
        Progress(tally, quiet=args.quiet) as progress,
        progress.telling(left.told),
        client_of(args) as client,
        opened(args, form, progress, left.keep) as file,
    ):
        listener = _watched(args, hearing, tally)
        return _follow(into_one_file(recordings, listener, form, file, args.jobs, tally, client), tally, progress)


def deliver_pictures(args: argparse.Namespace, hearing: Hearing, kind: str) -> int:
    """Draw recordings to a file or a folder; return the exit code."""
    from yamjit.runs.jobs import FileJob
    from yamjit.runs.outcomes import outcomes

    form = picture_format(args)
    if is_folder(args):
        settings = {"kind": kind, "form": form.name}
        job_for = functools.partial(FileJob, form=form, synced=False)
        return deliver_to_folder(args, hearing, form.suffix, job_for, settings)
    recordings = _recordings_of_one_file(args, hearing)
    if len(recordings) > 1:
        raise InputError(f"a picture shows one recording, but there are {len(recordings)}: use -o FOLDER")
    tally = _tally(hearing, recordings)
    with (
        Progress(tally, quiet=args.quiet) as progress,
        progress.telling(PartOf(args.output, tally).told),
        uploaded(args.output) as path,
    ):
        job = FileJob(_watched(args, hearing, tally), form, lambda _: path)
        return _follow(outcomes(recordings, job, tally=tally), tally, progress)


def deliver_to_folder(
    args: argparse.Namespace,
    hearing: Hearing | Listed,
    suffix: str,
    job_for: Callable[..., Callable[[Recording], Summary]],
    settings: Mapping[str, Any],
) -> int:
    """Write the result of each recording to a folder where it is not there yet; return the exit code.

    `job_for` takes the listener and, as `place`, what says where a result goes; `settings` are kept beside its own.
    With the suffix `WAITING`, results go on into the parts of a dataset.
    """
    from yamjit import __version__
    from yamjit.runs.inputs import check_places
    from yamjit.runs.outcomes import outcomes

    _check(args, hearing)
    recordings = _recordings(args)
    check_places(recordings)
    known = {"yamjit": __version__, "verb": args.verb, **hearing.settings(), **settings}
    how = {"resume": args.resume, "overwrite": args.overwrite, "shard": args.shard}
    with _kind_of_folder(args.output, suffix)(args.output, suffix, known, **how) as folder:
        todo = folder.todo(recordings)
        names = {recording.name for recording in todo}
        tally = _tally(hearing, todo, [one for one in sharded(args, recordings) if one.name not in names])
        output = shown(args.output) if is_remote(args.output) else args.output
        told = f"{output!r} has what is done, and --resume does the rest"
        with (
            Progress(tally, quiet=args.quiet) as progress,
            progress.telling(lambda: told),
            client_of(args) as client,
        ):
            if tally.concluded:
                progress.warn(f"{tally.concluded} of {tally.recordings} files are done already")
            job = folder.keeping(functools.partial(job_for, _watched(args, hearing, tally)))
            found = outcomes(todo, job, args.jobs, tally, client)
            return _follow(folder.gathered(recordings, found), tally, progress)


def _kind_of_folder(output: str, suffix: str) -> type[ResultFolder]:
    from yamjit.runs.naming import WAITING

    if suffix == WAITING:
        from yamjit.runs.dataset import Dataset

        if is_remote(output):
            raise InputError("a dataset is written to a folder of this machine: copy it to an address once it is whole")
        return Dataset
    if is_remote(output):
        from yamjit.runs.remote_folder import RemoteFolder

        return RemoteFolder
    from yamjit.runs.folder import ResultFolder

    return ResultFolder


def _recordings_of_one_file(args: argparse.Namespace, hearing: Hearing) -> list[Recording]:
    if args.resume or args.overwrite:
        raise InputError("--resume and --overwrite need a folder of results: use -o FOLDER")
    recordings = sharded(args, _recordings(args))
    _check(args, hearing)
    return recordings


def _tally(hearing: Hearing | Listed, todo: Sequence[Recording], done: Sequence[Recording] = ()) -> Tally[Recording]:
    from yamjit.runs.tally import Tally, length_of

    return Tally(todo, functools.partial(length_of, reading=hearing.reading), done)


def _watched(args: argparse.Namespace, hearing: _Hearing, tally: Tally[Recording]) -> _Hearing:
    if args.engine == "dask":
        return hearing
    if args.jobs == 1:
        return dataclasses.replace(hearing, watch=tally.watch)
    from yamjit.runs import heard

    return dataclasses.replace(hearing, watch=heard.watch)


class PartOf:
    """What is left of a file of results after an interruption: nothing that looks whole."""

    def __init__(self, output: str | None, tally: Tally[Recording]) -> None:
        self._output = output
        self._tally = tally
        self._kept: Path | None = None

    def keep(self, path: Path) -> None:
        """Take the part that was written; remove it if nothing was found yet."""
        if self._tally.has_results:
            self._kept = Path(self._output or "").with_name(path.name)
        else:
            path.unlink()

    def told(self) -> str:
        """Return what became of the results, in words."""
        if is_replaced(self._output):
            kept = f"the results so far are in {str(self._kept)!r}, and " if self._kept is not None else ""
            return f"{kept}{unwritten(self._output or '')}"
        return "the results so far are written, which is not all" if self._tally.has_results else "nothing is written"


class _Warnings:
    """Warnings of recordings: the first of each kind are told, and the others counted, for an archive has thousands."""

    def __init__(self, progress: Progress) -> None:
        self._warn = progress.warn
        self._counts: Counter[str] = Counter()

    def tell(self, name: str, warning: str) -> None:
        """Tell a warning of a recording, unless there were enough of its kind; its first words are the kind."""
        kind = re.split(r"[:;,(\d]", warning)[0].strip()
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST_ALIKE:
            self._warn(f"warning: {_named(name, warning)}")

    def count(self) -> None:
        """Tell how many were not told one by one."""
        for kind, count in self._counts.items():
            if count > _MOST_ALIKE:
                others = plural(count - _MOST_ALIKE, "more recording")
                self._warn(f"warning: {others}: {kind} (--format jsonl has the warnings of each)")


def _follow(found: Generator[Outcome[Any], None, None], tally: Tally[Recording], progress: Progress) -> int:
    """Report problems of recordings as they are done, and failures in the end; return the exit code."""
    failures, partly, total = [], 0, tally.recordings
    warnings = _Warnings(progress)
    with contextlib.closing(found):
        for outcome in found:
            tally.conclude(outcome.recording)
            if outcome.failure is not None:
                failures.append(outcome.recording.name)
                progress.say(_named(outcome.recording.name, outcome.failure))
                continue
            summary: Any = outcome.value
            for warning in summary.warnings:
                warnings.tell(outcome.recording.name, warning)
            if summary.damage:
                partly += summary.lost
                say = progress.say if summary.lost else progress.warn  # as of a failure: in any case
                say(f"warning: {_named(outcome.recording.name, summary.damage)}")
    warnings.count()
    if failures and total > 1:
        progress.say("\n  ".join([f"{len(failures)} of {total} files failed:", *map(printable, failures)]))
    if partly and total > 1:
        progress.say(f"{partly} of {total} files were read only in part")
    return EXIT_SOME_FAILED if failures or partly else EXIT_OK


def _named(name: str, message: str) -> str:
    """Return a message that begins with the name of the recording."""
    shown = printable(name)
    return message if message.startswith((shown, "<")) else f"{shown}: {message}"
