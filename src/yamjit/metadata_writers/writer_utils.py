"""What programs ask of a model before they describe it: names, types and shapes of its inputs and outputs; files."""

from __future__ import annotations

import math
from collections.abc import Sequence

from yamjit import checks
from yamjit.disk import describe, read_limited
from yamjit.errors import InputError, OutputError
from yamjit.keywords import explained
from yamjit.metadata_writers.metadata_info import FilePath
from yamjit.tflite.model_tables import TensorType
from yamjit.tflite.patching import DESCRIBED_LIMITS, EndPoint, read_described
from yamjit.writing import write_whole

__all__ = [
    "compute_flat_size",
    "get_input_tensor_names",
    "get_input_tensor_shape",
    "get_input_tensor_types",
    "get_output_tensor_names",
    "get_output_tensor_types",
    "load_file",
    "save_file",
]


@explained
def compute_flat_size(tensor_shape: Sequence[int] | None) -> int:
    """Return the number of elements of a shape.

    Parameters
    ----------
    tensor_shape : sequence of int, optional
        Shape of a tensor; None and an empty one have no elements.
    """
    shape = () if tensor_shape is None else checks.elements(tensor_shape, "tensor_shape", "sizes")
    return math.prod(checks.whole(size, "a size", 0) for size in shape) if shape else 0


@explained
def get_input_tensor_names(model_buffer: bytes) -> list[str]:
    """Return the names of a model's inputs.

    Parameters
    ----------
    model_buffer : bytes
        Content of a ``.tflite`` file; `ModelError` if it is not that of a model.
    """
    return [end.name for end in read_described(model_buffer).inputs]


@explained
def get_output_tensor_names(model_buffer: bytes) -> list[str]:
    """Return the names of a model's outputs.

    Parameters
    ----------
    model_buffer : bytes
        Content of a ``.tflite`` file; `ModelError` if it is not that of a model.
    """
    return [end.name for end in read_described(model_buffer).outputs]


@explained
def get_input_tensor_types(model_buffer: bytes) -> list[int]:
    """Return the types of a model's inputs, as numbers of ``TensorType``.

    Parameters
    ----------
    model_buffer : bytes
        Content of a ``.tflite`` file; `ModelError` if it is not that of a model.
    """
    return list(map(_type, read_described(model_buffer).inputs))


@explained
def get_output_tensor_types(model_buffer: bytes) -> list[int]:
    """Return the types of a model's outputs, as numbers of ``TensorType``.

    Parameters
    ----------
    model_buffer : bytes
        Content of a ``.tflite`` file; `ModelError` if it is not that of a model.
    """
    return list(map(_type, read_described(model_buffer).outputs))


@explained
def get_input_tensor_shape(model_buffer: bytes, tensor_index: int) -> tuple[int, ...]:
    """Return the shape of an input; a size that is not fixed is 1, as in the file.

    Parameters
    ----------
    model_buffer : bytes
        Content of a ``.tflite`` file; `ModelError` if it is not that of a model.
    tensor_index : int
        Place of the input, from 0.
    """
    inputs = read_described(model_buffer).inputs
    return tuple(abs(size) for size in inputs[checks.whole(tensor_index, "tensor_index", 0, len(inputs) - 1)].shape)


def _type(end: EndPoint) -> int:
    return int(TensorType.__members__.get(end.dtype.upper(), -1))


@explained
def load_file(file_path: FilePath, mode: str = "rb") -> bytes | str:
    """Return the content of a file.

    Parameters
    ----------
    file_path : path
        Path of the file, of 1 GiB at most.
    mode : {"rb", "rt", "r"}
        Whether bytes are returned, or a text.

    Raises
    ------
    InputError
        If the file cannot be read, or is not UTF-8 where a text is wanted.
    LimitError
        If it is larger.
    """
    checks.choice(mode, "mode", ("rb", "rt", "r"))
    data = read_limited(checks.path(file_path, "file_path"), DESCRIBED_LIMITS.file_bytes, what="a file")
    try:
        return data if mode == "rb" else data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{checks.shown(file_path)}: is not UTF-8 (byte {error.start})") from error


@explained
def save_file(file_bytes: bytes | bytearray | str, save_to_path: FilePath, mode: str = "wb") -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    file_bytes : bytes or str
        Content of the file.
    save_to_path : path
        Path of the file.
    mode : {"wb", "wt", "w"}
        Whether the content is bytes, or a text.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    if checks.choice(mode, "mode", ("wb", "wt", "w")) == "wb":
        data = bytes(checks.instance(file_bytes, "file_bytes", bytes, bytearray))
    else:
        data = checks.text(file_bytes, "file_bytes", DESCRIBED_LIMITS.file_bytes).encode()
    path = checks.path(save_to_path, "save_to_path")
    try:
        write_whole(path, data)
    except (OSError, ValueError) as error:  # ValueError: a name that is not UTF-8
        raise OutputError(f"{checks.shown(str(path))}: {describe(error)}") from error
