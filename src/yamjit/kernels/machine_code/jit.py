"""How kernels are compiled: one set of flags for all of them, in one place.

No ``parallel`` (Numba's threading layers are not safe under both fork and threads), no ``fastmath`` (a float32
division must round as IEEE says); bounds are checked where ``NUMBA_BOUNDSCHECK=1`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import numba

__all__ = ["FLAGS", "jit"]

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])

FLAGS: Mapping[str, Any] = MappingProxyType({"nogil": True, "error_model": "numpy"})


def jit(kernel: _Kernel) -> _Kernel:
    """Compile `kernel` when it is first called, or with the entry that calls it, for the entry's target.

    With ``NUMBA_DISABLE_JIT=1`` it stays a Python function.
    """
    compiled: _Kernel = numba.njit(**FLAGS)(kernel)
    return compiled
