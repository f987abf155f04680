"""What libraries are built with: packages, and a version of Python, whose bytecode Numba compiles."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping

from yamjit.errors import DependencyError

__all__ = ["versions"]

_PACKAGES = ("numba", "llvmlite", "ziglang")


def versions() -> Mapping[str, str]:
    """Return the version of each tool.

    Raises
    ------
    DependencyError
        If a package is not installed.
    """
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{name: _version(name) for name in _PACKAGES}}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise DependencyError(
            f"libraries are built with {', '.join(_PACKAGES)}, and {name} is not installed; in a checkout of yamjit, "
            "pip install -e '.[libraries]' installs all of them"
        ) from None
