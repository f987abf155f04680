"""Metadata and files of a model, as programs read them."""

from __future__ import annotations

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.metadata_writers.metadata_info import FilePath
from yamjit.text import plural
from yamjit.tflite.metadata_json import metadata_json
from yamjit.tflite.patching import Described, read_described

__all__ = ["MetadataDisplayer", "convert_to_json"]


@explained
class MetadataDisplayer:
    """Reads the metadata of a model, and the files that it holds.

    Made by `with_model_file` and `with_model_buffer`.
    """

    def __init__(self, described: Described) -> None:
        if not described.tables:
            raise InputError("The model does not have metadata.")
        self._described = described

    def __repr__(self) -> str:
        return f"<MetadataDisplayer of a model with {plural(len(self._described.outputs), 'output')}>"

    @classmethod
    def with_model_file(cls, model_file: FilePath) -> MetadataDisplayer:
        """Return the metadata of a model's file.

        Parameters
        ----------
        model_file : path
            Path of the file.

        Raises
        ------
        InputError
            If the model has no metadata.
        ModelNotFoundError
            If there is no such file.
        ModelError
            If it is not a model, or its metadata are damaged.
        """
        return cls(read_described(checks.path(model_file, "model_file")))

    @classmethod
    def with_model_buffer(cls, model_buffer: bytes) -> MetadataDisplayer:
        """Return the metadata of a model.

        Parameters
        ----------
        model_buffer : bytes
            Content of a ``.tflite`` file.

        Raises
        ------
        InputError
            If there are no bytes, or the model has no metadata.
        ModelError
            If it is not a model, or its metadata are damaged.
        """
        if not checks.instance(model_buffer, "model_buffer", bytes, bytearray, memoryview):
            raise InputError("model_buffer cannot be empty.")
        return cls(read_described(model_buffer))

    def get_metadata_buffer(self) -> bytes:
        """Return the metadata tables."""
        return self._described.tables

    def get_metadata_json(self) -> str:
        """Return the metadata as JSON, as TFLite's tools print it."""
        return metadata_json(self._described.tables)

    def get_packed_associated_file_list(self) -> list[str]:
        """Return the names of the files that the model holds."""
        return list(self._described.files)

    def get_associated_file_buffer(self, filename: str) -> bytes:
        """Return the content of a file.

        Parameters
        ----------
        filename : str
            Name of the file in the model.

        Raises
        ------
        InputError
            If the model holds no such file.
        """
        files = self._described.files
        if checks.text(filename, "filename") not in files:
            listed = ", ".join(files) or "no files"
            raise InputError(f"The file, {filename}, does not exist in the model. It holds {listed}")
        return files[filename]


@explained
def convert_to_json(metadata_buffer: bytes) -> str:
    """Return metadata tables as JSON, as TFLite's tools print it.

    Parameters
    ----------
    metadata_buffer : bytes
        Metadata tables; `ModelError` if they are not.
    """
    return metadata_json(bytes(checks.instance(metadata_buffer, "metadata_buffer", bytes, bytearray)))
