"""Permission to use AMX's tiles, which Linux gives to a process that asks, for as long as it lives.

Threads and forked processes have it, a program that is started by exec does not. It is refused where a thread has an
alternate signal stack that is too small for the registers that a signal saves, and such stacks are refused afterwards.
So nothing asks unless tiles are about to be used.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys

from yamjit.kernels.lowering_choice import LOWERING_VARIABLE, allows

__all__ = ["explained", "refusal"]

#: The system call arch_prctl of x86-64, its request for a component of registers, and that of tiles.
_ARCH_PRCTL, _REQUEST, _TILES = 158, 0x1023, 18

_REASONS = {
    errno.ENOSPC: "a thread of this process has an alternate signal stack that is too small for tiles",
    errno.EINVAL: "this system knows no such permission; Linux 5.16 and later do",
    errno.EOPNOTSUPP: "this system does not save tiles",
}


def refusal() -> str:
    """Ask for tiles, once in a process; return why they are not used, empty if they can be."""
    wanted = os.environ.get(LOWERING_VARIABLE, "")
    if not allows(wanted, "amx"):
        return f"${LOWERING_VARIABLE} is {wanted!r}"
    number = _requested() if sys.platform == "linux" else errno.EINVAL
    return explained(number) if number else ""


def explained(number: int) -> str:
    """Return what an error number of the system means for tiles."""
    return _REASONS.get(number, os.strerror(number))


@functools.cache
def _requested() -> int:
    """Return 0, or an error number."""
    library = ctypes.CDLL(None, use_errno=True)
    numbers = map(ctypes.c_long, (_ARCH_PRCTL, _REQUEST, _TILES))
    return ctypes.get_errno() if library.syscall(*numbers) else 0
