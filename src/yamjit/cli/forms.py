"""Which forms a file can be written in, by the suffix of its name: others are refused before any work."""

from __future__ import annotations

import os
from pathlib import Path

from yamjit.errors import InputError
from yamjit.suggestions import listed
from yamjit.text import printable

__all__ = ["MODEL_SUFFIXES", "check_folder", "check_form"]

#: Forms of models that others write.
_FOREIGN = frozenset((".h5", ".hdf5", ".keras", ".mlmodel", ".onnx", ".pb", ".pt", ".pth", ".safetensors", ".npz"))

#: Forms of models, and of files that `yamjit info` can say something about.
MODEL_SUFFIXES = _FOREIGN | {".tflite", ".lite"}

#: What is not the suffix of a folder: of what the command writes elsewhere, and of recordings.
_OF_FILES = _FOREIGN | {
    ".aac", ".aiff", ".csv", ".flac", ".html", ".json", ".jsonl", ".m4a", ".mp3", ".npy", ".ogg", ".opus", ".parquet",
    ".pdf", ".png", ".srt", ".svg", ".tflite", ".txt", ".vtt", ".wav", ".zip",
}  # fmt: skip


def check_folder(name: str, what: str) -> None:
    """Refuse a name that is that of a file, or would be taken for one; `what`, such as "segments", goes to a folder."""
    path = Path(name)
    if (path.exists() and not path.is_dir()) or (path.suffix.lower() in _OF_FILES and not path.exists()):
        raise InputError(f"'{printable(name)}' is the name of a file: {what} are written to a folder")


def check_form(name: str, what: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a name whose suffix is not one of those that `what`, such as "a model", is written with.

    The `InputError` says which are. Devices and pipes may have any name.
    """
    path, forms = Path(name), listed(suffixes, "or")
    shown = f"'{printable(name)}'"
    if name == "-":
        raise InputError(f"{what} is written to a file, not to standard output: give a name that ends with {forms}")
    if path.is_dir() or name.endswith(("/", os.sep)):
        inside = printable(os.path.join(name, f"NAME{suffixes[0]}"))  # noqa: PTH118 - the slash at the end stays one
        raise InputError(f"{shown} is a folder: {what} is written to a file, such as '{inside}'")
    if path.suffix.lower() in suffixes or (path.exists() and not path.is_file()):
        return
    if not path.suffix:
        raise InputError(
            f"{shown} has no suffix: {what} is written as {forms}, such as '{printable(name)}{suffixes[0]}'"
        )
    text = f"{shown}: {what} is written as {forms}, not as {printable(path.suffix)}"
    if what == "a model" and path.suffix.lower() in _FOREIGN:
        text += "; yamjit export --weights writes its weights for other frameworks, as .npz or .safetensors"
    raise InputError(text)
