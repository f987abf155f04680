"""Lowerings of the vector kernels: which this machine can run, and how Numba is told to compile for one of them.

Numba compiles for the machine that it runs on, unless ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` name another one;
they are read when a process starts, so a lowering other than the machine's own wants a process of its own.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

from yamjit.kernels.vectors.target import TARGETS, detect_target

__all__ = ["compiled_lowering", "environment", "own_lowering", "runnable_lowerings"]


def own_lowering() -> str:
    """Return the lowering that is best for this machine."""
    from yamjit.kernels.vectors.processor import host_features

    return detect_target(host_features(), platform.machine()).name


def runnable_lowerings() -> list[str]:
    """Return all lowerings that this machine can run, its own first."""
    from yamjit.kernels.vectors.processor import host_features

    features, machine = host_features(), platform.machine()
    return [name for name, target in TARGETS.items() if target.runs_on(features, machine)] or [own_lowering()]


def environment(lowering: str) -> Mapping[str, str]:
    """Return the variables that make Numba compile for a lowering, none for the machine's own.

    Raises
    ------
    ValueError
        If this machine cannot run it.
    """
    if lowering not in runnable_lowerings():
        raise ValueError(f"{lowering!r} does not run here; accepted: {', '.join(runnable_lowerings())}")
    if lowering == own_lowering():
        return {}
    target = TARGETS[lowering]
    return {"NUMBA_CPU_NAME": target.cpu, "NUMBA_CPU_FEATURES": target.features}


def compiled_lowering() -> str:
    """Return the lowering that Numba compiles for in this process."""
    from yamjit.kernels.vectors.processor import host_target

    return host_target().name
