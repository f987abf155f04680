"""``yamjit export``: a head as a model, or a model's weights in floating point."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments, learning
from yamjit.cli.exits import EXIT_OK
from yamjit.cli.outputs import Outputs, Reads, writes
from yamjit.errors import InputError
from yamjit.text import printable

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "export",
        help="write a head as a .tflite, or weights for another framework",
        description="Write a head that yamjit train kept (--head) with the network as one .tflite; or, with --weights, "
        "all weights of a model in floating point, to begin a network of another framework with.",
    )
    parser.add_argument("head", nargs="?", type=Reads("a head"), metavar="HEAD", help="an .npz; not with --weights")
    parser.add_argument(
        "-o", "--output", type=writes, metavar="FILE", help="what is written; weights by default to weights.FORMAT"
    )
    parser.add_argument("--weights", choices=("npz", "safetensors"), help="write the model's weights in this format")
    arguments.add_model(parser)
    learning.add_card(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.loading import load

    if bool(args.head) == bool(args.weights):
        raise InputError("a head, or --weights, is accepted: one of them")
    if args.weights and not args.output:
        args.output = writes(f"weights.{args.weights}")
        args.outputs = Outputs(args)
    if args.weights:
        return _weights(args, load(args.model, backend="numpy"))
    if not args.output:
        raise InputError("where to? -o FILE is needed")
    from yamjit.learn import Head, export_model

    head = Head.load(args.head)
    data = export_model(load(args.model, backend="numpy").graph, head, None, learning.card_of(args))
    learning.write(args.output, data)
    print(f"{printable(args.output)}: {len(data)} bytes")
    return EXIT_OK


def _weights(args: argparse.Namespace, model: Any) -> int:
    from yamjit.weights import write_weights

    weights = model.weights()
    learning.write(args.output, write_weights(weights, args.weights, {"model_sha256": model.source.sha256}))
    for name, array in weights.items():
        print(f"{name}  {' x '.join(map(str, array.shape))}")
    return EXIT_OK
