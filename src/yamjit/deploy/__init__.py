"""Models without Python: a folder with a plan file, compiled kernels and what a C program needs, or a page."""

from __future__ import annotations

from yamjit.deploy.folder import deploy
from yamjit.deploy.site import export_page

__all__ = ["deploy", "export_page"]


def __dir__() -> list[str]:
    return sorted(__all__)
