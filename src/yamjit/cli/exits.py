"""Exit codes of the command."""

from __future__ import annotations

__all__ = ["EXIT_ERROR", "EXIT_INTERRUPTED", "EXIT_OK", "EXIT_SOME_FAILED"]

EXIT_OK = 0
EXIT_ERROR = 1
# 2 is argparse's, for wrong usage.
EXIT_SOME_FAILED = 3
EXIT_INTERRUPTED = 130
