"""Models that are still in an archive: which file of it is one, and what is done with it."""

from __future__ import annotations

import importlib
import itertools
import re
import struct
from collections.abc import Iterator
from typing import Any

from yamjit.text import printable

__all__ = ["wrapped_kind"]

#: Bytes that are unpacked to be looked at, and memory that a decoder may take for it.
_MOST_BYTES, _MOST_MEMORY = 2**25, 2**26

_BLOCK, _TAR_MARK, _MARK_PLACE = 512, b"ustar", 257
_ZIP_ENTRY = re.compile(rb"PK\x01\x02.{24}(..).{16}", re.DOTALL)
_MOST_NAMES, _LONGEST_NAME = 4096, 200

_MODEL_PLACE, _MODEL_MARK = 4, b"TFL3"

_CONVERT_IT = "convert it with tf.lite.TFLiteConverter"
#: How a file's name ends, what it is, and what is done with it; the first that is found counts.
_MEMBERS: tuple[tuple[str, str], ...] = (
    (".tflite", "unpack it, and give that file"),
    ("saved_model.pb", f"a SavedModel of TensorFlow; {_CONVERT_IT}.from_saved_model"),
    ("model.json", f"a model of TensorFlow.js; {_CONVERT_IT}"),
    ("model.weights.h5", f"a model of Keras (.keras); {_CONVERT_IT}"),
    (".h5", f"a model of Keras; {_CONVERT_IT}"),
    (".keras", f"a model of Keras; {_CONVERT_IT}"),
    (".onnx", "an ONNX model; a model is a .tflite file"),
    (".pt", "a PyTorch model; a model is a .tflite file"),
)

#: Beginning of a compressed file, its name, and the module, class and arguments of its decoder.
_COMPRESSED: tuple[tuple[bytes, str, str, str, dict[str, Any]], ...] = (
    (b"\x1f\x8b", "gzip", "zlib", "decompressobj", {"wbits": 31}),
    (b"BZh", "bzip2", "bz2", "BZ2Decompressor", {}),
    (b"\xfd7zXZ\x00", "xz", "lzma", "LZMADecompressor", {"memlimit": _MOST_MEMORY}),
)


def wrapped_kind(data: bytes) -> str | None:
    """Return what a zip, tar or compressed file is that holds a model, and what is done with it.

    None if it is none, holds no model, or is damaged before one is found. A few megabytes are unpacked at most.
    """
    if data.startswith(b"PK"):
        return _member_kind("a zip archive", _zip_names(data))
    for mark, name, module, decoder, arguments in _COMPRESSED:
        if data.startswith(mark):
            content = _beginning(data, module, decoder, arguments)
            if content[_MODEL_PLACE : _MODEL_PLACE + len(_MODEL_MARK)] == _MODEL_MARK:
                return f"a .tflite file compressed by {name}; unpack it, and give that file"
            return _member_kind(f"a tar archive compressed by {name}", _tar_names(content))
    return _member_kind("a tar archive", _tar_names(data))


def _beginning(data: bytes, module: str, kind: str, arguments: dict[str, Any]) -> bytes:
    """Return the beginning of what was compressed; nothing if it is damaged, or Python has no such decoder."""
    try:
        decoder = getattr(importlib.import_module(module), kind)(**arguments)
        return bytes(decoder.decompress(data, _MOST_BYTES))
    except Exception:  # noqa: BLE001 - each module has errors of its own
        return b""


def _zip_names(data: bytes) -> Iterator[str]:
    """Yield the names in a zip archive's directory."""
    for entry in _ZIP_ENTRY.finditer(data):
        (length,) = struct.unpack("<H", entry[1])
        yield data[entry.end() : entry.end() + length].decode("utf-8", "replace")


def _tar_names(data: bytes) -> Iterator[str]:
    """Yield the names in a tar archive's headers."""
    for start in range(0, len(data), _BLOCK):
        if data.startswith(_TAR_MARK, start + _MARK_PLACE):
            yield data[start : start + 100].split(b"\0")[0].decode("utf-8", "replace")


def _member_kind(archive: str, names: Iterator[str]) -> str | None:
    found = list(itertools.islice(names, _MOST_NAMES))
    for ending, what in _MEMBERS:
        if name := next((name for name in found if name.endswith(ending)), None):
            return f"{archive} that holds {printable(name)[:_LONGEST_NAME]!r}: {what}"
    return None
