"""``yamjit export``: a head as a model, a model's weights in floating point, or its calibration in its network."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.forms import check_form
from yamjit.cli.model_card import add_card, card_of
from yamjit.cli.options import add_choice, add_flag, add_value
from yamjit.cli.outputs import Output, Outputs, Reads, Writes
from yamjit.cli.reports import write
from yamjit.errors import InputError
from yamjit.text import printable

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "write a head as a .tflite, or weights for another framework"
DESCRIPTION = (
    "Write a head that yamjit train kept (--head), together with the network, as one .tflite; or, with --weights, all "
    "weights of a model in floating point, as the start of a network in another framework; or, with --bake, a "
    "calibrated model whose network gives calibrated scores, so that an interpreter alone does."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "a head as an .npz; not with --weights or --bake"
    parser.add_argument("head", nargs="?", type=Reads("a head"), metavar="HEAD", help=text)
    text = "file to write (default, with --weights: weights.FORMAT)"
    add_value(parser, "-o --output", "FILE", Writes(), text)
    add_choice(parser, "--weights", ("npz", "safetensors"), "write the model's weights in this format")
    add_flag(parser, "--bake", "write the calibration of the model's last output into its network")
    arguments.add_model(parser, backend=False, threads=False)
    add_card(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.loading import load

    if args.head and args.head.lower().endswith(".tflite"):
        raise InputError(f"{printable(args.head)!r} is a model, not a head: give it as --model FILE")
    if sum(map(bool, (args.head, args.weights, args.bake))) != 1:
        raise InputError("give a head, --weights or --bake, one of them")
    if args.weights and not args.output:
        args.output = Output(f"weights.{args.weights}")
        args.outputs = Outputs(args)
    if not args.output:
        raise InputError("-o FILE is needed")
    if args.weights:
        check_form(args.output, f"--weights {args.weights}", (f".{args.weights}",))
        return _weights(args, load(args.model, backend="numpy"))
    check_form(args.output, "a model", (".tflite",))
    data = _baked(args) if args.bake else _exported(args)
    write(args.output, data)
    print(f"{printable(args.output)}: {len(data)} bytes")
    return EXIT_OK


def _exported(args: argparse.Namespace) -> bytes:
    from yamjit.learn import Head, export_model
    from yamjit.loading import load

    head = Head.load(args.head)
    return export_model(load(args.model, backend="numpy"), head, None, card_of(args))


def _baked(args: argparse.Namespace) -> bytes:
    from yamjit.learn import bake_calibration
    from yamjit.store import resolve_model

    return bake_calibration(resolve_model(args.model).data)


def _weights(args: argparse.Namespace, model: Any) -> int:
    from yamjit.weights import write_weights

    weights = model.weights()
    write(args.output, write_weights(weights, args.weights, {"model_sha256": model.source.sha256}))
    for name, array in weights.items():
        print(f"{name}  {' x '.join(map(str, array.shape))}")
    return EXIT_OK
