"""The command ``yamjit``: one file per verb, each with its arguments and one call.

Next to nothing is loaded here before the process is ready to be interrupted.
"""

from __future__ import annotations

from yamjit import startup

__all__ = ["main"]

TYPE_CHECKING = False  # as typing has it, which takes longer to load than all of this

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        By default those of the process, which is then taken to be the command's.
    """
    if argv is None:
        startup.ready()
    from yamjit.cli.command import run

    return run(argv)
