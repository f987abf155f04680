"""Lowerings of the vector kernels: which this machine can run, and how one of them is had.

A library holds several, and ``YAMJIT_LOWERING`` names one. Numba compiles for the machine that it runs on, unless
``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` name another one; they are read when a process starts, so a lowering other
than the machine's own wants a process of its own. Where no processor has AMX, that of Numba's is run in an emulator, if it is
named (`tools.checks.emulation`).
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

from tools.checks import emulation
from yamjit.kernels.lowering_choice import LOWERING_VARIABLE
from yamjit.kernels.machine_code.shipped import library_path, load_library
from yamjit.kernels.vectors.target import TARGETS, detect_target

__all__ = ["compiled_lowering", "environment", "fast_backend", "own_lowering", "runnable_lowerings"]


def fast_backend() -> str:
    """Return the backend of compiled code that is at hand: "compiled" where there is a library, else "numba"."""
    return "compiled" if library_path() else "numba"


def own_lowering() -> str:
    """Return the lowering that is best for this machine."""
    from yamjit.kernels.vectors.processor import host_features

    return detect_target(host_features(), platform.machine()).name


def runnable_lowerings(backend: str = "numba") -> list[str]:
    """Return all lowerings of a backend that this machine can run, its own first."""
    if backend == "compiled":
        return [name for name, runs in load_library().lowerings.items() if runs]
    from yamjit.kernels.vectors.processor import host_features

    features, machine = host_features(), platform.machine()
    return [name for name, target in TARGETS.items() if target.runs_on(features, machine)] or [own_lowering()]


def environment(lowering: str, backend: str = "numba") -> Mapping[str, str]:
    """Return the variables that give a backend a lowering; Numba needs none for the machine's own.

    Raises
    ------
    ValueError
        If this machine cannot run it.
    """
    target = TARGETS.get(lowering)
    named = {"NUMBA_CPU_NAME": target.cpu, "NUMBA_CPU_FEATURES": target.features} if target else {}
    if lowering not in runnable_lowerings(backend):
        if (lowering, backend) == (emulation.LOWERING, "numba") and not emulation.why_not_emulated():
            return {**named, **emulation.preloaded()}
        raise ValueError(f"{lowering!r} does not run here; accepted: {', '.join(runnable_lowerings(backend))}")
    if backend == "compiled":
        return {LOWERING_VARIABLE: lowering}
    if lowering == own_lowering():
        return {}
    return named


def compiled_lowering(backend: str = "numba") -> str:
    """Return the lowering of a backend in this process."""
    if backend == "compiled":
        return load_library().lowering
    from yamjit.kernels.vectors.processor import host_target

    return host_target().name
