"""The C library as a C program calls it, by ctypes."""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.memory import aligned_bytes

__all__ = ["WINDOW", "CLibrary", "CModel", "CStream"]

Float32 = npt.NDArray[np.float32]

#: The code that says that a stream has run a window.
WINDOW = -1

#: Functions: what they return, and what they take.
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "message": (c_char_p, (c_int32,)),
    "lowering_count": (c_int32, ()),
    "lowering_name": (c_char_p, (c_int32,)),
    "lowering_runs": (c_int32, (c_int32,)),
    "memory_size": (c_size_t, (c_void_p, c_size_t)),
    "open": (c_int32, (c_void_p, c_size_t, c_char_p, c_void_p, c_size_t, c_void_p)),
    "lowering": (c_char_p, (c_void_p,)),
    "sample_rate": (c_int32, (c_void_p,)),
    "window": (c_int32, (c_void_p,)),
    "frames": (c_int32, (c_void_p,)),
    "bands": (c_int32, (c_void_p,)),
    "embedding_size": (c_int32, (c_void_p,)),
    "heads": (c_int32, (c_void_p,)),
    "head_name": (c_char_p, (c_void_p, c_int32)),
    "classes": (c_int32, (c_void_p, c_int32)),
    "label": (c_char_p, (c_void_p, c_int32, c_int32)),
    "threshold": (c_double, (c_void_p, c_int32)),
    "run": (c_int32, (c_void_p, c_void_p)),
    "run_patch": (c_int32, (c_void_p, c_void_p)),
    "scores": (c_int32, (c_void_p, c_int32, c_void_p)),
    "embedding": (c_int32, (c_void_p, c_void_p)),
    "stream_memory_size": (c_size_t, (c_void_p,)),
    "stream_open": (c_int32, (c_void_p, c_int64, c_void_p, c_size_t, c_void_p)),
    "stream_push": (c_int32, (c_void_p, c_void_p, c_size_t, c_void_p)),
    "stream_flush": (c_int32, (c_void_p,)),
    "stream_reset": (c_int32, (c_void_p,)),
    "stream_time": (c_double, (c_void_p,)),
    "from_int16": (None, (c_void_p, c_size_t, c_void_p)),
}


class CLibrary:
    """A shared library; its functions are attributes without ``yamjit_``."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = library[f"yamjit_{name}"]
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


class CModel:
    """An opened model with its memory; `code` is not 0 where it could not be opened."""

    def __init__(self, library: CLibrary, plan: bytes, lowering: bytes | None = None, spare: int = 0) -> None:
        self.library = library
        self.plan = aligned_bytes(len(plan))
        self.plan[:] = np.frombuffer(plan, np.uint8)
        size = library.memory_size(self.plan.ctypes.data, len(plan))
        # Neither what the memory holds nor where it begins counts.
        self.memory = np.full(size + 1 + spare, 0xA5, np.uint8)[1 : size + 1 + spare]
        self.handle = c_void_p()
        at, opened = self.memory.ctypes.data, ctypes.byref(self.handle)
        self.code = library.open(self.plan.ctypes.data, len(plan), lowering, at, size + spare, opened)

    def run(self, window: Float32) -> int:
        """Run a window; return the code."""
        return int(self.library.run(self.handle, np.ascontiguousarray(window, np.float32).ctypes.data))

    def run_patch(self, patch: Float32) -> int:
        """Run a patch; return the code."""
        return int(self.library.run_patch(self.handle, np.ascontiguousarray(patch, np.float32).ctypes.data))

    def scores(self, head: int = 0) -> Float32:
        """Return the latest scores of a head."""
        found = np.empty(self.library.classes(self.handle, head), np.float32)
        assert self.library.scores(self.handle, head, found.ctypes.data) == 0
        return found

    def embedding(self) -> Float32:
        """Return the latest embedding."""
        found = np.empty(self.library.embedding_size(self.handle), np.float32)
        assert self.library.embedding(self.handle, found.ctypes.data) == 0
        return found


class CStream:
    """A stream with its memory."""

    def __init__(self, model: CModel, hop: int) -> None:
        self.model, self.library = model, model.library
        size = self.library.stream_memory_size(model.handle)
        self.memory = np.full(size + 1, 0xA5, np.uint8)[1:]
        self.handle = c_void_p()
        at = self.memory.ctypes.data
        self.code = self.library.stream_open(model.handle, hop, at, size, ctypes.byref(self.handle))

    def push(self, block: Float32) -> list[tuple[float, Float32]]:
        """Push a whole block; return times and scores of the windows that it completes."""
        block, found, taken = np.ascontiguousarray(block, np.float32), [], c_size_t()
        while block.size:
            code = self.library.stream_push(self.handle, block.ctypes.data, block.size, ctypes.byref(taken))
            assert code in (0, WINDOW)
            assert taken.value
            if code == WINDOW:
                found.append((self.library.stream_time(self.handle), self.model.scores()))
            block = block[taken.value :]
        return found

    def flush(self) -> list[tuple[float, Float32]]:
        """End the stream; return the rest."""
        found = []
        while (code := self.library.stream_flush(self.handle)) == WINDOW:
            found.append((self.library.stream_time(self.handle), self.model.scores()))
        assert code == 0
        return found
