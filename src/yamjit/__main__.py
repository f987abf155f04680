"""The command ``yamjit``, and ``python -m yamjit``."""

import sys

from yamjit import startup


def main() -> int:
    """Run the command line; returns the exit code."""
    startup.ready()
    from yamjit.cli import main as run

    return run()


if __name__ == "__main__":  # processes of a run import this module under another name
    sys.exit(main())
