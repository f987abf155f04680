"""Plan files for tests: models to write, and what stands for a library's check where none is at hand."""

from __future__ import annotations

import ctypes
import functools
import hashlib

import numpy as np

from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.record import CompiledModel
from yamjit.compiled.writer import plan_file_bytes
from yamjit.kernels.memory import aligned_bytes
from yamjit.kernels.plan_file.layout import HEADER_BYTES, MAGIC, Fault, Field
from yamjit.kernels.plan_file.xxh64 import xxh64
from yamjit.tflite import Graph

__all__ = ["SHA256", "accept_all", "check_in_python", "digest_of", "in_memory", "place_of", "sealed", "written"]

#: Stands for the SHA-256 of a model's file.
SHA256 = hashlib.sha256(b"a model").hexdigest()


def written(model: CompiledModel | Graph, family: str = "x86") -> bytes:
    """Return the plan file of a model."""
    return plan_file_bytes(compile_model(model) if isinstance(model, Graph) else model, family, SHA256)


def in_memory(content: bytes) -> np.ndarray:
    """Return a file as it is mapped."""
    memory = aligned_bytes(len(content))
    memory[:] = np.frombuffer(content, np.uint8)
    memory.flags.writeable = False
    return memory


def accept_all(plan: int, size: int, found: int) -> None:
    """Find nothing: what is refused then, Python refuses."""


def place_of(content: bytes, at: Field, size: Field) -> slice:
    """Return where a part of a file lies."""
    header = np.frombuffer(content, np.int64, HEADER_BYTES // 8)
    return slice(int(header[at]), int(header[at] + header[size]))


def sealed(content: bytes | bytearray) -> bytes:
    """Return a file with the digest of what it holds."""
    changed = bytearray(content)
    changed[8 * Field.DIGEST : 8 * Field.DIGEST + 8] = xxh64(bytes(changed[8 * Field.SIZE :])).to_bytes(8, "little")
    return bytes(changed)


@functools.lru_cache(maxsize=16)
def digest_of(data: bytes) -> int:
    """Return the digest of bytes, computed once."""
    return xxh64(data)


def check_in_python(plan: int, size: int, found: int) -> None:
    """Find what is not as it was written, as a library's check does; what a file holds is not looked at."""
    content = ctypes.string_at(plan, size)
    header = np.frombuffer(content.ljust(HEADER_BYTES), np.int64, HEADER_BYTES // 8)
    fault = Fault.NONE
    if size < HEADER_BYTES or header[Field.MAGIC] != MAGIC:
        fault = Fault.NOT_A_PLAN
    elif header[Field.SIZE] != size:
        fault = Fault.OTHER_SIZE
    elif int(header[Field.DIGEST].view(np.uint64)) != digest_of(content[8 * Field.SIZE :]):
        fault = Fault.DAMAGED
    ctypes.c_int64.from_address(found).value = fault
