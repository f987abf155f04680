"""``yamjit completion``: what makes a shell complete the command line."""

from __future__ import annotations

import argparse
import os
from typing import Any

from yamjit.cli.exits import EXIT_OK
from yamjit.errors import DependencyError

__all__ = ["add_parser", "complete"]

_SHELLS = ("bash", "zsh", "fish")

_EPILOG = """\
  bash   echo 'eval "$(yamjit completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(yamjit completion zsh)"' >> ~/.zshrc
  fish   yamjit completion fish > ~/.config/fish/completions/yamjit.fish
"""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "completion",
        help="print what makes a shell complete this command",
        description="Print what makes a shell complete verbs, options, formats, files and names of classes. "
        "It needs argcomplete: pip install 'yamjit[completion]'.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=_SHELLS, help="for which")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    print(_argcomplete().shellcode(["yamjit"], shell=args.shell))
    return EXIT_OK


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and end; return at once if none does."""
    if "_ARGCOMPLETE" in os.environ:
        _argcomplete().autocomplete(parser, always_complete_options="long")


def _argcomplete() -> Any:
    try:
        import argcomplete
    except ImportError as error:
        raise DependencyError("completion needs argcomplete: pip install 'yamjit[completion]'") from error
    return argcomplete
