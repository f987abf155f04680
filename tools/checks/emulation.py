"""AMX without a processor that has it: ``amx_emulator.c``, compiled here, carries out the instructions of tiles.

It is put into a process before anything else, and seems to be a system that grants tiles. All other instructions of the
lowering are AVX-512 VNNI's, which the processor has to have.
"""

from __future__ import annotations

import functools
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from yamjit.kernels.vectors.target import TARGETS, TILES

__all__ = ["LOWERING", "emulator", "preloaded", "why_not_emulated"]

#: The lowering that is run.
LOWERING = "amx"

_SOURCE = Path(__file__).with_name("amx_emulator.c")
_COMPILER = ("cc", "-O3", "-march=native", "-shared", "-fPIC")


def why_not_emulated() -> str:
    """Return what is missing here; empty if tiles can be emulated."""
    from yamjit.kernels.vectors.processor import host_features  # which needs llvmlite

    have = host_features() | dict.fromkeys(TILES, True)
    if sys.platform != "linux" or not TARGETS[LOWERING].runs_on(have, platform.machine()):
        return "AMX is emulated on Linux, on a processor with AVX-512 VNNI"
    return "" if shutil.which(_COMPILER[0]) else f"{_COMPILER[0]} not found: apt-get install gcc"


@functools.cache
def emulator() -> Path:
    """Compile the emulator; return the file, which stays for other processes."""
    file = Path(tempfile.mkdtemp(prefix="yamjit-amx-")) / "amx_emulator.so"
    subprocess.run([*_COMPILER, "-o", file, _SOURCE], check=True)
    return file


def preloaded() -> Mapping[str, str]:
    """Return the variables that put the emulator into a process."""
    return {"LD_PRELOAD": str(emulator())}
