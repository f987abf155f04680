"""Platforms by name, and where their libraries are. Imports nothing else, since the build backend reads it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["FOLDER", "KIT", "MANIFEST", "library_file", "own_platform"]

#: Where a wheel has its library, the kit and the manifest.
FOLDER = Path(__file__).resolve().parents[2] / "libraries"

#: The libraries of all platforms in one archive, and what each file of a library is and was built from.
KIT, MANIFEST = "platforms.tar.xz", "manifest.json"

_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "aarch64": "arm64"}

_FILES = {"windows": "yamjit.dll", "macos": "libyamjit.dylib"}


def own_platform() -> str:
    """Return the name of this process's platform, such as "linux-x86_64", whether or not libraries are built for it."""
    # `platform.machine` is slow to import; on Windows it looks at the same variable, or asks a service of the system.
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    system, machine = _SYSTEMS.get(sys.platform, sys.platform), machine.lower()
    machine = _MACHINES.get(machine, machine)
    name = "linux-aarch64" if (system, machine) == ("linux", "arm64") else f"{system}-{machine}"
    # A process of 32 bits on a processor of 64 loads none of its libraries.
    return name if sys.maxsize > 2**32 else f"{name}-of-32-bits"


def library_file(platform: str) -> str:
    """Return the name of the shared library's file on a platform."""
    return _FILES.get(platform.partition("-")[0], "libyamjit.so")
