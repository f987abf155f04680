"""``yamjit metadata``: the metadata of a .tflite, shown, extracted and changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.cli.model_card import add_display_names, display_names_of, read_names
from yamjit.cli.options import add_flag, add_value
from yamjit.cli.outputs import Reads, Writes
from yamjit.cli.reports import write
from yamjit.cli.streams import tell
from yamjit.cli.values import channels, fraction, rate
from yamjit.disk import describe
from yamjit.errors import InputError
from yamjit.text import folded, json_text, printable, unportable

if TYPE_CHECKING:
    from yamjit.heads import HeadInfo

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "show or change what a model says about itself"
DESCRIPTION = (
    "Show or change the metadata of any TFLite audio model: texts, audio properties, labels and calibration. What the "
    "model computes stays as it is, byte for byte."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _action(actions, "show", "print the metadata as JSON")
    extract = _action(actions, "extract", "write the files that the model holds")
    folder = Writes("the files of a model", folder=True)
    add_value(extract, "-o --output", "FOLDER", folder, "an existing folder, or a new one", required=True)
    write = _action(actions, "write", "change texts and audio properties")
    for name in ("name", "description", "version", "author", "license"):
        add_value(write, f"--{name}", "TEXT", str, f"{name} of the model (default: as it is)")
    add_value(write, "--sample-rate", "HZ", rate, "sample rate that the model takes")
    text = "take out the digests of the recordings that yamjit train has kept in the model"
    add_flag(write, "--no-digests", text)
    add_value(write, "--channels", "N", channels, "number of channels, with --sample-rate (default: 1)")
    labels = _action(actions, "set-labels", "change the names of the classes")
    text = "a file with a line for each class"
    labels.add_argument("labels", type=Reads("a file of labels"), metavar="LABELS", help=text)
    add_display_names(labels)
    calibration = _action(actions, "set-calibration", "change the calibration of the scores")
    text = "a file with scale,slope,offset,min_score of each class, or none"
    calibration.add_argument("calibration", type=Reads("a calibration"), metavar="CSV", help=text)
    add_value(calibration, "--score-threshold", "SCORE", fraction, "score below which tools drop results")
    for changing in (write, labels, calibration):
        model = Writes("a model", ".tflite")
        add_value(changing, "-o --output", "FILE", model, "write the changed model", required=True)
    for naming in (labels, calibration):
        text = "output of the model (default: the only one, or the one with as many classes as the file has)"
        add_value(naming, "--head", "NAME|INDEX", str, text)


def _action(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("model", type=Reads("a model", in_place=True), metavar="MODEL", help="a .tflite file")
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    actions = {
        "show": _show,
        "extract": _extract,
        "write": _write,
        "set-labels": _set_labels,
        "set-calibration": _set_calibration,
    }
    return actions[args.action](args)


def _described(args: argparse.Namespace) -> Any:
    from yamjit.errors import of_model_file
    from yamjit.store import resolve_model
    from yamjit.tflite.patching import DESCRIBED_LIMITS, read_described

    source = resolve_model(args.model, limits=DESCRIBED_LIMITS)
    with of_model_file(source.name):
        return read_described(source.data)


def _show(args: argparse.Namespace) -> int:
    from yamjit.learn.describing import as_document

    print(json_text(as_document(_described(args)), indent=1))
    return EXIT_OK


def _extract(args: argparse.Namespace) -> int:
    files = _described(args).files
    folder = Path(args.output)
    try:
        folder.mkdir(exist_ok=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: {describe(error)}") from error
    written: set[str] = set()
    for name, data in files.items():
        if problem := _why_not(name, folder / name, Path(args.model), written):
            tell(f"left out: {name!r}, a name that {problem}")
            continue
        written.add(folded(name))
        write(str(folder / name), data)
        print(printable(str(folder / name)))
    return EXIT_OK if len(written) == len(files) else EXIT_SOME_FAILED


def _why_not(name: str, path: Path, model: Path, written: set[str]) -> str | None:
    """Return why a file in a model is not written under its name: a name that ..."""
    if problem := unportable(name):
        return problem
    if folded(name) in written:
        return "another file has too on systems that ignore case"
    if path.is_symlink():
        return "a link in the folder already has"
    if path.exists() and path.samefile(model):
        return "is that of the model itself"
    return None


def _write(args: argparse.Namespace) -> int:
    from yamjit.learn.describing import TEXTS, drop_digests, set_audio, set_texts
    from yamjit.tflite.patching import read_described

    described = _described(args)
    data = set_texts(described, **{name: text for name in TEXTS if (text := getattr(args, name)) is not None})
    if args.sample_rate:
        data = set_audio(read_described(data), args.sample_rate, args.channels or 1)
    elif args.channels:
        raise InputError("--channels needs --sample-rate")
    if args.no_digests:
        data = drop_digests(read_described(data))
    write(args.output, data)
    return EXIT_OK


def _set_labels(args: argparse.Namespace) -> int:
    from yamjit.learn.describing import find_output, set_labels

    described, labels = _described(args), read_names(args.labels)
    head = find_output(described, args.head, (len(labels),))
    write(args.output, set_labels(described, labels, display_names=display_names_of(args), output=head.index))
    _tell(args, described, head)
    return EXIT_OK


def _set_calibration(args: argparse.Namespace) -> int:
    from yamjit.calibration import Calibration
    from yamjit.learn.describing import find_output, set_calibration

    described = _described(args)
    none = args.calibration == "none"
    head = find_output(described, args.head, () if none else Calibration.classes_of_file(args.calibration))
    if not head.labels:
        raise InputError(f"output {head.name!r} has no fixed number of classes, which a calibration needs")
    calibration = None if none else Calibration.from_file(args.calibration, len(head.labels))
    data = set_calibration(described, calibration, score_threshold=args.score_threshold, output=head.index)
    write(args.output, data)
    _tell(args, described, head)
    return EXIT_OK


def _tell(args: argparse.Namespace, described: Any, head: HeadInfo) -> None:
    """Say which of several outputs was changed."""
    from yamjit.head_names import describe_heads

    if len(described.outputs) > 1:
        print(f"{args.output}: {args.action}, output {describe_heads([head])}")
