"""``yamjit export``: a head as a model, or a model's weights in floating point."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.model_card import add_card, card_of
from yamjit.cli.options import add_choice, add_value
from yamjit.cli.outputs import Outputs, Reads, writes
from yamjit.cli.reports import write
from yamjit.errors import InputError
from yamjit.text import printable

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "write a head as a .tflite, or weights for another framework"
DESCRIPTION = (
    "Write a head that yamjit train kept (--head), together with the network, as one .tflite; or, with --weights, all "
    "weights of a model in floating point, as the start of a network in another framework."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    text = "a head as an .npz; not with --weights"
    parser.add_argument("head", nargs="?", type=Reads("a head"), metavar="HEAD", help=text)
    text = "file to write (default, with --weights: weights.FORMAT)"
    add_value(parser, "-o --output", "FILE", writes, text)
    add_choice(parser, "--weights", ("npz", "safetensors"), "write the model's weights in this format")
    arguments.add_model(parser, backend=False, threads=False)
    add_card(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.loading import load

    if bool(args.head) == bool(args.weights):
        raise InputError("give either a head or --weights")
    if args.weights and not args.output:
        args.output = writes(f"weights.{args.weights}")
        args.outputs = Outputs(args)
    if args.weights:
        return _weights(args, load(args.model, backend="numpy"))
    if not args.output:
        raise InputError("-o FILE is needed")
    from yamjit.learn import Head, export_model

    head = Head.load(args.head)
    data = export_model(load(args.model, backend="numpy").graph, head, None, card_of(args))
    write(args.output, data)
    print(f"{printable(args.output)}: {len(data)} bytes")
    return EXIT_OK


def _weights(args: argparse.Namespace, model: Any) -> int:
    from yamjit.weights import write_weights

    weights = model.weights()
    write(args.output, write_weights(weights, args.weights, {"model_sha256": model.source.sha256}))
    for name, array in weights.items():
        print(f"{name}  {' x '.join(map(str, array.shape))}")
    return EXIT_OK
