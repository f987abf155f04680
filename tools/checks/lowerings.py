"""Lowerings of the vector kernels: which this machine can run, and how Numba is told to compile for one of them.

Numba compiles for the machine that it runs on, unless ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES`` name another one;
they are read when a process starts, so a lowering other than the machine's own wants a process of its own.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

__all__ = ["compiled_lowering", "environment", "own_lowering", "runnable_lowerings"]

_AVX2 = "+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe"

#: Lowering -> processor and features. None of x86's is there on other machines, whose only lowering is the plain one.
_TARGETS = {
    "avxvnni": ("haswell", f"{_AVX2},+avxvnni"),
    "avx2": ("haswell", _AVX2),
    "plain": ("x86-64", "+sse2"),
}

#: LLVM's name of what a lowering cannot do without.
_NEEDED = {"avxvnni": "avxvnni", "avx2": "avx2", "plain": "sse2"}


def own_lowering() -> str:
    """Return the lowering that is best for this machine."""
    return _lowering(_host_features())


def runnable_lowerings() -> list[str]:
    """Return all lowerings that this machine can run, its own first."""
    own, features = own_lowering(), _host_features()
    return [own, *(name for name in _TARGETS if name != own and features.get(_NEEDED[name], False))]


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
    processor, features = _TARGETS[lowering]
    return {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}


def compiled_lowering() -> str:
    """Return the lowering that Numba compiles for in this process."""
    from yamjit.kernels.vectors.processor import compiled_target

    return compiled_target().name


def _lowering(features: Mapping[str, bool]) -> str:
    from yamjit.kernels.vectors.ops import detect_target

    return detect_target(features, platform.machine()).name


def _host_features() -> Mapping[str, bool]:
    import llvmlite.binding as llvm

    try:
        features: Mapping[str, bool] = llvm.get_host_cpu_features()
    except RuntimeError:  # an architecture that LLVM cannot ask
        return {}
    return features
