"""Arguments that several verbs share, and the types of their values."""

from __future__ import annotations

import argparse
import math

from yamjit.spec import MOST_THREADS

__all__ = ["add_backend", "add_model", "add_threads", "count", "seconds"]


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``."""
    parser.add_argument(
        "--model",
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
        help="threads that compute; scores do not depend on it (default: %(default)s)",
    )


def count(text: str) -> int:
    """Read a number of things: at least 1, or -1 for all."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value == 0 or value < -1:
        raise argparse.ArgumentTypeError(f"{text!r} is no count of at least 1 (or -1 for all)")
    return value


def _threads(text: str) -> int:
    """Read a number of threads, >= 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of threads from 1 to {MOST_THREADS}")
    return value


def seconds(text: str) -> float:
    """Read a time in seconds, > 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds greater than 0")
    return value
