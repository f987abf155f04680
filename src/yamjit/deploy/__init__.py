"""Models without Python: a folder with a plan file, libraries of compiled kernels, and what a C program needs."""

from __future__ import annotations

from yamjit.deploy.folder import deploy

__all__ = ["deploy"]


def __dir__() -> list[str]:
    return sorted(__all__)
