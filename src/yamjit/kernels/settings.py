"""Settings of Numba, known without importing it: its own where it is loaded, else those of the environment."""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ["is_interpreted", "numba_setting"]


def numba_setting(name: str) -> Any:
    """Return a setting, such as "CPU_NAME": None where it is not set."""
    numba: Any = sys.modules.get("numba")
    return os.environ.get(f"NUMBA_{name}") if numba is None else getattr(numba.config, name)


def is_interpreted() -> bool:
    """Return whether Numba is told to leave Python functions as they are."""
    return numba_setting("DISABLE_JIT") not in (None, "", "0", 0)
