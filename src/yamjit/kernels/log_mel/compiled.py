"""The compiled front end as Python sees it: tables made once, scratch memory per thread, one call.

Nothing here needs Numba; `yamjit.kernels.log_mel.kernel` is what it compiles.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from yamjit.kernels.log_mel.constants import FrontEndConstants
from yamjit.kernels.log_mel.tables import Field, is_transformed
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.memory import aligned_bytes

__all__ = ["LOG_MEL", "log_mel", "log_mel_entry"]

Float32 = npt.NDArray[np.float32]

LOG_MEL = Entry("yamjit.kernels.log_mel.kernel", "log_mel", (int,) * 5)

log_mel_entry = LoadedEntry(LOG_MEL)


def log_mel(
    constants: FrontEndConstants,
    waveform: Float32,
    out: Float32,
    kernel: Callable[[int, int, int, int, int], object] = log_mel_entry,
) -> None:
    """Compute frames as `yamjit.kernels.log_mel.numpy.log_mel` does, by `kernel`.

    The kernel transforms powers of two from 8 on. Frames of other lengths are left to NumPy.
    """
    tables = _tables(constants)
    if tables is None:
        from yamjit.kernels.log_mel import numpy as twin

        twin.log_mel(constants, waveform, out)
        return
    waveform = np.ascontiguousarray(waveform, np.float32)
    kernel(tables.address, waveform.ctypes.data, len(out), _scratch.address(tables.scratch_size), out.ctypes.data)


class _Tables:
    """The tables of a front end, and what is asked of them in each call."""

    def __init__(self, constants: FrontEndConstants) -> None:
        self._block = _made(constants) if constants.tables is None else constants.tables
        self.address = self._block.ctypes.data
        self.scratch_size = int(self._block.view(np.int64)[Field.SCRATCH_SIZE])


def _made(constants: FrontEndConstants) -> npt.NDArray[np.uint8]:
    from yamjit.kernels.log_mel.packing import make_tables  # which constants from a plan file do without

    return make_tables(constants)


@lru_cache(maxsize=8)
def _tables(constants: FrontEndConstants) -> _Tables | None:
    """Return the tables of a front end that the kernel computes."""
    return _Tables(constants) if is_transformed(constants) else None


class _Scratch(threading.local):
    """Scratch memory, one for each thread, as large as its calls have wanted so far."""

    def __init__(self) -> None:
        self._memory = aligned_bytes(0)

    def address(self, size: int) -> int:
        if self._memory.size < size:
            self._memory = aligned_bytes(size)
            self._address = self._memory.ctypes.data
        return self._address


_scratch = _Scratch()
