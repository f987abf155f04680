"""The command ``yamjit``: a file for each verb, with its arguments and one call.

Almost nothing is loaded here before the process is ready to be interrupted.
"""

from __future__ import annotations

from yamjit import startup

__all__ = ["main", "script"]

TYPE_CHECKING = False  # as in typing, which takes longer to load than everything here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process, which then belongs to the command.
    """
    if argv is None:
        startup.ready()
    try:
        from yamjit.cli.command import run
    except MemoryError:
        import sys

        print("yamjit: error: there is not enough memory", file=sys.stderr)
        return 1
    return run(argv)


def script() -> NoReturn:
    """Run the command line of the process, and end it."""
    startup.end(main())
