"""Addresses as pointers, compiled and as plain Python."""

from __future__ import annotations

import ctypes
from typing import Any

import numba
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["pointer"]

if numba.config.DISABLE_JIT:

    def pointer(address: int) -> Any:
        """Return an address as a pointer that `carray` takes."""
        return ctypes.c_void_p(int(address))

else:

    @intrinsic  # type: ignore[untyped-decorator]
    def pointer(typingctx: Any, address: Any) -> Any:
        """Return an address as a pointer that `carray` takes."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], cgutils.voidptr_t)

        return types.voidptr(types.int64), codegen
