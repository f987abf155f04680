"""How what is missing is installed: with pip, or with what this environment was made by."""

from __future__ import annotations

import os
import sys

__all__ = ["how_to_install"]


def how_to_install(requirement: str) -> str:
    """Return the command that installs a package into the environment that runs.

    Parameters
    ----------
    requirement : str
        A package or an extra, such as ``"yamjit[plot]"``. Where yamjit is installed, pip adds its extras without
        looking for it elsewhere.

    Returns
    -------
    str
        A command for any shell: with pip, or in the words of pipx or uv where the environment is theirs.
    """
    what = f'"{requirement}"' if "[" in requirement else requirement  # no shell takes these brackets for a pattern
    if os.path.exists(os.path.join(sys.prefix, "pipx_metadata.json")):  # noqa: PTH110, PTH118 - cheap to import
        return f"pipx runpip yamjit install {what}"
    if os.path.exists(os.path.join(sys.prefix, "uv-receipt.toml")):  # noqa: PTH110, PTH118
        return f'uv pip install --python "{sys.prefix}" {what}'
    return f"{_pip()} install {what}"


def _pip() -> str:
    """Return ``pip`` if that is this environment's, as when it is activated; else how this Python starts it."""
    import shutil  # which is slow to import

    ours = os.path.dirname(sys.executable)  # noqa: PTH120
    found = shutil.which("pip")
    if found is not None and os.path.dirname(found) == ours:  # noqa: PTH120
        return "pip"
    return f'"{sys.executable}" -m pip' if " " in sys.executable else f"{sys.executable} -m pip"
