"""Plan files for tests: models to write, and what stands for a library's check where none is at hand."""

from __future__ import annotations

import hashlib

import numpy as np

from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.record import CompiledModel
from yamjit.compiled.writer import plan_file_bytes
from yamjit.kernels.memory import aligned_bytes
from yamjit.kernels.plan_file.layout import HEADER_BYTES, Field
from yamjit.kernels.plan_file.xxh64 import xxh64
from yamjit.tflite import Graph

__all__ = ["SHA256", "accept_all", "in_memory", "place_of", "sealed", "written"]

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
