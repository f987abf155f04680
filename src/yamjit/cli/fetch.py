"""``yamjit fetch``: download the official model into the user's cache."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli.exits import EXIT_OK

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "fetch",
        help="download the official model",
        description="Download the official model into the user's cache, check its SHA-256 and print its path.",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.store import fetch_official

    print(fetch_official().path)
    return EXIT_OK
