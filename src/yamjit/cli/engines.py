"""What does the work of a run over many recordings: processes of this machine, or workers of Dask; and which part."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.options import add_choice, add_value
from yamjit.errors import InputError
from yamjit.text import printable

if TYPE_CHECKING:
    from yamjit.runs.inputs import Recording

__all__ = ["add_engine", "client_of", "prepare_engine", "sharded"]


def add_engine(parser: Any) -> None:
    """Add how many work on a run, and who."""
    text = "number of processes, which work on different recordings; results do not depend on it"
    add_value(parser, "--jobs", "N", values.jobs, text, 1)
    text = "what works on recordings: processes of this machine, or workers of Dask"
    add_choice(parser, "--engine", ("processes", "dask"), text, "processes")
    text = (
        "hear one part of the recordings, the Ith of N, by a digest of their paths as they are given: for machines "
        "that share a folder of results, which is continued"
    )
    add_value(parser, "--shard", "I/N", _shard, text)
    text = "address of a scheduler of Dask, such as tcp://10.0.0.1:8786 (default: --jobs workers on this machine)"
    add_value(parser, "--scheduler", "ADDRESS", str, text)


def _shard(text: str) -> Any:
    """Read which part of how many, such as 2/8."""
    from yamjit.runs.naming import Shard

    number, slash, of = text.partition("/")
    digits = all(part.isascii() and part.isdecimal() and len(part) < 7 for part in (number, of))
    if not (slash and digits and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{printable(text)!r} is not a part such as 2/8: the second of eight")
    return Shard(int(number), int(of))


def sharded(args: argparse.Namespace, recordings: list[Recording]) -> list[Recording]:
    """Return the recordings of the part that was asked for."""
    return [one for one in recordings if args.shard is None or args.shard.has(one.name)]


def prepare_engine(args: argparse.Namespace) -> None:
    """Begin to load what processes need that are started later; refuse options that do not go together."""
    if args.shard is not None:
        if args.files == ["-"]:
            raise InputError("standard input is one recording, of which --shard cannot hear a part")
        if args.overwrite:
            raise InputError("--shard does not remove the results of other parts: remove the folder first")
    if args.engine == "dask":
        if args.files == ["-"]:
            raise InputError("standard input is read by this process alone: leave out --engine dask")
        if args.scheduler is not None and args.jobs > 1:
            raise InputError("--jobs is for workers of this machine, and those of --scheduler are there already")
    elif args.scheduler is not None:
        raise InputError("--scheduler is for workers of Dask: use it with --engine dask")
    if args.scheduler is None and (args.jobs > 1 or args.engine == "dask"):
        from yamjit.runs.cluster import DASK_MODULES
        from yamjit.runs.starting import prepare

        prepare(*(DASK_MODULES if args.engine == "dask" else ()))


@contextlib.contextmanager
def client_of(args: argparse.Namespace) -> Iterator[Any]:
    """Give a client of Dask if that is the engine, else None."""
    if args.engine != "dask":
        yield None
        return
    from yamjit.runs.cluster import dask_client

    with dask_client(args.scheduler, args.jobs) as client:
        yield client
