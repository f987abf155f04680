"""``yamjit completion``: the script that makes a shell complete the command line."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli.exits import EXIT_OK
from yamjit.errors import DependencyError
from yamjit.installing import how_to_install

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "complete", "run"]

HELP = "print the script that makes a shell complete this command"
DESCRIPTION = (
    "Print the script that makes a shell complete verbs, options, formats, files and names of classes. This needs "
    "argcomplete, the extra completion."
)

_SHELLS = ("bash", "zsh", "fish")

_EPILOG = """\
to install it:
  bash   echo 'eval "$(yamjit completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(yamjit completion zsh)"' >> ~/.zshrc
  fish   yamjit completion fish > ~/.config/fish/completions/yamjit.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("shell", choices=_SHELLS, help="the shell")
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    print(_argcomplete().shellcode(["yamjit"], shell=args.shell))
    return EXIT_OK


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and exit."""
    _argcomplete().autocomplete(parser, always_complete_options="long")


def _argcomplete() -> Any:
    try:
        import argcomplete
    except ImportError as error:
        raise DependencyError(f"completion needs argcomplete: {how_to_install('yamjit[completion]')}") from error
    return argcomplete
