"""``yamjit fetch``: download the official model into the user's cache."""

from __future__ import annotations

import argparse

from yamjit.cli.exits import EXIT_OK

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "download the official model"
DESCRIPTION = "Download the official model into the user's cache, check its SHA-256, and print its path."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb: there are none."""


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.store import fetch_official

    print(fetch_official().path)
    return EXIT_OK
