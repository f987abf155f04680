"""``yamjit export``: a head as a model, a model's weights in floating point, or a folder that runs without Python."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.forms import check_form
from yamjit.cli.model_card import WEIGHTS, add_card, card_of
from yamjit.cli.options import add_choice, add_flag, add_value
from yamjit.cli.outputs import Output, Outputs, Reads, Writes
from yamjit.cli.reports import write
from yamjit.errors import InputError
from yamjit.text import printable

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "write a head as a .tflite, weights for another framework, a folder that runs without Python, or a page"
DESCRIPTION = (
    "Write a head that yamjit train kept (--head), together with the network, as one .tflite; or, with --weights and "
    "no head, all weights of a model in floating point, as the start of a network in another framework, or as a "
    ".tflite; or, with --bake, a calibrated model whose network gives calibrated scores, so that an interpreter alone "
    "does; or, with --deploy, a folder with all that a C program needs to run a model, without Python; or, with --web, "
    "a page that names sounds in any browser, for a static host."
)


#: Formats in which the weights of a model are written by themselves.
_FORMATS = ("npz", "safetensors", "tflite")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "a head as an .npz; with --deploy and --web, that or a model; not with --bake"
    parser.add_argument("head", nargs="?", type=Reads("a head"), metavar="HEAD", help=text)
    text = "file to write (default, with --weights: weights.FORMAT)"
    add_value(parser, "-o --output", "FILE", Writes(), text)
    text = "write all weights of a model in a format; with HEAD, weights of the new model (default: int8)"
    add_choice(parser, "--weights", (*_FORMATS, *WEIGHTS), text)
    add_flag(parser, "--bake", "write the calibration of the model's last output into its network")
    _add_deployment(parser)
    arguments.add_model(parser, backend=False, threads=False)
    add_card(parser)


def _add_deployment(parser: argparse.ArgumentParser) -> None:
    """Add what runs without Python."""
    group = parser.add_argument_group("without Python")
    text = "write a plan file, libraries and the sources of a C program to this new folder"
    add_value(group, "--deploy", "FOLDER", Writes("the files of a deployment", folder=True), text)
    text = "write a page and all that it needs to this new folder, to be put on any static host"
    add_value(group, "--web", "FOLDER", Writes("the files of a page", folder=True), text)
    text = (
        "platforms, such as linux-aarch64 for a Raspberry Pi: linux-x86_64, linux-aarch64, windows-x86_64, "
        "windows-arm64, macos-arm64, macos-x86_64, android-arm64, ios-arm64; wasm for browsers "
        "(default: this machine's)"
    )
    add_value(group, "--target", "PLATFORM", str, text, nargs="+", action="extend")
    text = "what python -m tools.libraries wrote (default: the libraries that a wheel of yamjit holds)"
    add_value(group, "--libraries", "FOLDER", Reads("a library"), text)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.loading import load

    if args.deploy or args.web:
        return _deployed(args)
    if args.target or args.libraries:
        raise InputError("--target is of --deploy FOLDER, and --libraries of that and of --web FOLDER")
    if args.head and args.head.lower().endswith(".tflite"):
        raise InputError(f"{printable(args.head)!r} is a model, not a head: give it as --model FILE")
    if args.weights and bool(args.head) != (args.weights in WEIGHTS):
        kinds, whose = (WEIGHTS, "with a head") if args.head else (_FORMATS, "without a head")
        raise InputError(f"--weights is {args.weights!r}; {whose}, {', '.join(kinds)} are accepted")
    if sum(map(bool, (args.head or args.weights, args.bake))) != 1:
        raise InputError("give a head, --weights, --bake, --deploy or --web, one of them")
    if args.weights and not args.head and not args.output:
        args.output = Output(f"weights.{args.weights}")
        args.outputs = Outputs(args)
    if not args.output:
        raise InputError("-o FILE is needed")
    if args.weights and not args.head:
        check_form(args.output, f"--weights {args.weights}", (f".{args.weights}",))
        return _weights(args, load(args.model, backend="numpy", roles=args.roles))
    check_form(args.output, "a model", (".tflite",))
    data = _baked(args) if args.bake else _exported(args)
    write(args.output, data)
    print(f"{printable(args.output)}: {len(data)} bytes")
    return EXIT_OK


def _exported(args: argparse.Namespace) -> bytes:
    from yamjit.learn import Head, export_model
    from yamjit.loading import load

    head = Head.load(args.head)
    model = load(args.model, backend="numpy", roles=args.roles)
    return export_model(model, head, None, card_of(args), weights=args.weights or "int8")


def _baked(args: argparse.Namespace) -> bytes:
    from yamjit.learn import bake_calibration
    from yamjit.store import resolve_model

    return bake_calibration(resolve_model(args.model).data)


def _deployed(args: argparse.Namespace) -> int:
    """Write a folder that runs without Python: that of programs, or a page."""
    from yamjit.deploy import deploy, export_page
    from yamjit.loading import load

    option, folder = ("--deploy", args.deploy) if args.deploy else ("--web", args.web)
    is_head = bool(args.head) and args.head.lower().endswith(".npz")
    if args.bake or args.output or (args.weights and not (is_head and args.weights in WEIGHTS)):
        raise InputError(f"{option} FOLDER is by itself: --weights, --bake and -o write something else")
    if args.web and (args.deploy or args.target):
        raise InputError("--web FOLDER is by itself: --deploy and --target are for programs")
    if args.head and args.model and not is_head:
        raise InputError(f"two models were given: {printable(args.head)!r} and {printable(args.model)!r}")
    name, args.name = args.name, args.name or Path(folder).name
    chosen: Any = _exported(args) if is_head else args.head or args.model
    model = load(chosen, backend="numpy", roles=args.roles)
    if args.deploy:
        files = deploy(model, folder, args.target or (), libraries=args.libraries)
    else:
        files = export_page(model, folder, name=name, libraries=args.libraries)
    for file in files:
        print(f"{printable(str(file))}: {file.stat().st_size} bytes")
    return EXIT_OK


def _weights(args: argparse.Namespace, model: Any) -> int:
    from yamjit.provenance import without_provenance
    from yamjit.tflite import write_graph
    from yamjit.tflite.weight_types import floating
    from yamjit.weights import write_weights

    if args.weights == "tflite":
        data = write_graph(floating(without_provenance(model.graph)))
        write(args.output, data)
        print(f"{printable(args.output)}: {len(data)} bytes")
        return EXIT_OK
    weights = model.weights()
    write(args.output, write_weights(weights, args.weights, {"model_sha256": model.source.sha256}))
    for name, array in weights.items():
        print(f"{name}  {' x '.join(map(str, array.shape))}")
    return EXIT_OK
