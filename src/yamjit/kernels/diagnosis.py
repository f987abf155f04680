"""What this machine has for the kernels: Numba, an instruction set, a cache."""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path

from yamjit.disk import cache_directory, describe
from yamjit.errors import DependencyError

__all__ = ["KernelDiagnosis", "diagnose_kernels"]


@dataclass(frozen=True, slots=True)
class KernelDiagnosis:
    """What was found; the first three are None where Numba is not installed and NumPy does everything."""

    #: Version of Numba.
    numba: str | None
    #: Instruction set that kernels are compiled for, such as "avx512vnni".
    lowering: str | None
    #: Name of the processor, as LLVM knows it.
    processor: str | None
    #: Path of the folder of compiled kernels.
    cache: str | None
    #: Why nothing can be kept there.
    cache_problem: str | None
    #: Whether both kernels can be loaded without being compiled.
    warm: bool


def diagnose_kernels() -> KernelDiagnosis:
    """Look at this machine; neither imports Numba nor compiles anything."""
    cache, problem = _cache()
    try:
        version = importlib.metadata.version("numba")
        from yamjit.kernels.backends import NumbaBackend
        from yamjit.kernels.vectors.processor import host_target
    except ImportError:  # PackageNotFoundError is one
        return KernelDiagnosis(None, None, None, cache, problem, warm=False)
    target = host_target()
    return KernelDiagnosis(version, target.name, target.cpu, cache, problem, warm=NumbaBackend().is_ready())


def _cache() -> tuple[str | None, str | None]:
    try:
        folder = cache_directory() / "kernels"
    except DependencyError as error:
        return None, str(error)
    return str(folder), _problem_of(folder)


def _problem_of(folder: Path) -> str | None:
    """Return why nothing can be kept in a folder, which need not exist."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return describe(NotADirectoryError(20, f"{str(existing)!r} is not a folder"))
    return None if os.access(existing, os.W_OK | os.X_OK) else f"{str(existing)!r} cannot be written to"
