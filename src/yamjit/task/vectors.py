"""Embeddings as the tasks give them: float64, each value a float32, or the bytes of int8; and the angle between two."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError

__all__ = ["Vector", "angle_cosine", "as_vector", "same"]

Vector: TypeAlias = "npt.NDArray[np.float64] | npt.NDArray[np.uint8]"

#: What a value of 1 becomes when it is quantized.
_QUANTIZED_ONE = 128


def as_vector(embedding: npt.NDArray[np.float32], *, l2_normalize: bool | None, quantize: bool | None) -> Vector:
    """Return an embedding, float32 (size,), as the options ask for it.

    Raises
    ------
    InputError
        If a value that is to be quantized lies beyond [-1, 1].
    """
    vector = _normalized(embedding) if l2_normalize else embedding
    return _quantized(vector).view(np.uint8) if quantize else vector.astype(np.float64)


def same(first: Any, second: Any) -> bool:
    """Return whether two vectors are of one type, and equal."""
    a, b = np.asarray(first), np.asarray(second)
    return a.dtype == b.dtype and np.array_equal(a, b)


def angle_cosine(u: Any, v: Any) -> float:
    """Return the cosine of the angle between two vectors, in [-1, 1].

    Raises
    ------
    InputError
        If one is quantized and the other is not, their sizes differ, or one is empty, zero or not finite.
    """
    (first, quantized), (second, other) = _values(u), _values(v)
    if quantized != other:
        raise InputError(
            "Cannot compute cosine similarity between quantized and float embeddings: "
            f"vectors of one type are accepted, found {np.asarray(u).dtype} and {np.asarray(v).dtype}"
        )
    if first.shape != second.shape or first.ndim != 1 or not first.size:
        raise InputError(
            f"Cannot compute cosine similarity between embeddings of different sizes ({first.size} vs. {second.size}): "
            f"vectors of one size are accepted, found shapes {first.shape} and {second.shape}"
        )
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    if not lengths > 0:
        raise InputError(
            "Cannot compute cosine similarity on embedding with 0 norm: a vector is zero or not finite, "
            "and has no direction"
        )
    return min(1.0, max(-1.0, float(first @ second) / lengths))


def _values(vector: Any) -> tuple[npt.NDArray[np.float64], bool]:
    """Return the values of a vector, and whether they are quantized."""
    array = np.asarray(vector)
    if array.dtype == np.uint8:
        array = array.view(np.int8)
    if array.dtype != np.int8 and array.dtype.kind != "f":
        raise InputError(f"a vector of type {array.dtype}; floats, and int8 or its bytes as uint8, are accepted")
    return array.astype(np.float64), array.dtype == np.int8


def _normalized(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a vector of length 1; one of zeros stays as it is."""
    length = np.linalg.norm(vector.astype(np.float64))
    return vector if length == 0 else (vector / length).astype(np.float32)


def _quantized(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.int8]:
    """Return round(128 v), halves away from zero, in [-128, 127]."""
    largest = float(np.abs(vector).max())
    if largest > 1:
        raise InputError(
            f"values in [-1, 1] can be quantized, the largest is {largest:.6g}; set l2_normalize=True as well"
        )
    scaled = vector.astype(np.float64) * _QUANTIZED_ONE
    rounded: Any = np.trunc(scaled + np.copysign(0.5, scaled))
    return np.clip(rounded, -128, 127).astype(np.int8)
