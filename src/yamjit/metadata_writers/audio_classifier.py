"""Metadata and files of an audio classifier, written into its model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from yamjit import checks
from yamjit.calibration import parse_calibration
from yamjit.errors import InputError, ModelError
from yamjit.keywords import explained
from yamjit.labels import parse_labels
from yamjit.metadata_writers.metadata_info import (
    AssociatedFileMd,
    ClassificationTensorMd,
    FilePath,
    GeneralMd,
    InputAudioTensorMd,
    LabelFileMd,
    ScoreCalibrationMd,
    TensorMd,
    counted,
    listed,
)
from yamjit.metadata_writers.writer_utils import get_output_tensor_types
from yamjit.text import plural
from yamjit.tflite.metadata import FileType
from yamjit.tflite.metadata_json import metadata_json
from yamjit.tflite.metadata_tables import MIN_PARSER_VERSION, build_tables
from yamjit.tflite.patching import Described, EndPoint, read_described, replace_tables

__all__ = ["MetadataWriter"]

_GENERAL = GeneralMd(
    name="AudioClassifier",
    description="Identify the most prominent type in the audio clip from a known set of categories.",
)
_INPUT = ("audio_clip", "Input audio clip to be classified.")
_OUTPUT = ("probability", "Scores of the labels respectively.")


@explained
class MetadataWriter:
    """Writes metadata, labels and calibrations into a model.

    Made by `create_for_inference`, `create_from_metadata_info` and `create_from_metadata_info_for_multihead`.
    """

    def __init__(self, described: Described, general: GeneralMd, source: TensorMd, outputs: Sequence[TensorMd]) -> None:
        self._described = described
        self._outputs = outputs
        told = [output.create_metadata() for output in outputs] or [{} for _ in described.outputs]
        self._values = general.create_metadata() | {
            "subgraph_metadata": [
                {
                    "input_tensor_metadata": list(_named([source.create_metadata()], described.inputs)),
                    "output_tensor_metadata": list(_named(told, described.outputs)),
                }
            ]
        }
        self._populated: bytes | None = None

    def __repr__(self) -> str:
        return f"<MetadataWriter of a model with {plural(len(self._described.outputs), 'output')}>"

    @classmethod
    def create_for_inference(
        cls,
        model_buffer: bytes,
        sample_rate: int,
        channels: int,
        label_file_paths: Sequence[FilePath],
        score_calibration_md: ScoreCalibrationMd | None = None,
    ) -> MetadataWriter:
        """Return a writer of what a program needs to run a classifier with one output.

        Parameters
        ----------
        model_buffer : bytes
            Content of a ``.tflite`` file.
        sample_rate : int
            Sample rate that the model takes, in Hz.
        channels : int
            Number of channels that the model takes.
        label_file_paths : sequence of path
            Files with the name of a class in each line; none if there are no names.
        score_calibration_md : ScoreCalibrationMd, optional
            Calibration of the scores.

        Raises
        ------
        InputError
            If a number is not positive.
        ModelError
            If the bytes are not a model.
        """
        counted(sample_rate, "sample_rate", 1, "positive")
        counted(channels, "channels", 1, "positive")
        output = ClassificationTensorMd(
            *_OUTPUT,
            label_files=[LabelFileMd(path) for path in checks.elements(label_file_paths, "label_file_paths", "paths")],
            tensor_type=next(iter(get_output_tensor_types(model_buffer)), None),
            score_calibration_md=score_calibration_md,
        )
        source = InputAudioTensorMd(*_INPUT, sample_rate, channels)
        return cls.create_from_metadata_info(model_buffer, input_md=source, output_md=output)

    @classmethod
    def create_from_metadata_info(
        cls,
        model_buffer: bytes,
        general_md: GeneralMd | None = None,
        input_md: InputAudioTensorMd | None = None,
        output_md: ClassificationTensorMd | None = None,
    ) -> MetadataWriter:
        """Return a writer for a classifier with one output.

        Parameters
        ----------
        model_buffer : bytes
            Content of a ``.tflite`` file.
        general_md : GeneralMd, optional
            Information about the model; by default a name and a description.
        input_md : InputAudioTensorMd, optional
            Information about the input; by default a name and a description.
        output_md : ClassificationTensorMd, optional
            Information about the output; by default a name and a description.

        Raises
        ------
        InputError
            If a name is not that of an output, or a value is out of range.
        ModelError
            If the bytes are not a model.
        """
        output = ClassificationTensorMd(*_OUTPUT) if output_md is None else output_md
        return cls.create_from_metadata_info_for_multihead(model_buffer, general_md, input_md, [output])

    @classmethod
    def create_from_metadata_info_for_multihead(
        cls,
        model_buffer: bytes,
        general_md: GeneralMd | None = None,
        input_md: InputAudioTensorMd | None = None,
        output_md_list: Sequence[ClassificationTensorMd] | None = None,
    ) -> MetadataWriter:
        """Return a writer for a classifier with several outputs.

        Parameters
        ----------
        model_buffer : bytes
            Content of a ``.tflite`` file.
        general_md : GeneralMd, optional
            Information about the model; by default a name and a description.
        input_md : InputAudioTensorMd, optional
            Information about the input; by default a name and a description.
        output_md_list : sequence of ClassificationTensorMd, optional
            Information about each output, in their order, or in any order where all have a `tensor_name`; by default
            the names of the tensors.

        Raises
        ------
        InputError
            If names are not those of the outputs, or a value is out of range.
        ModelError
            If the bytes are not a model.
        """
        described = read_described(model_buffer)
        outputs = listed(output_md_list, "output_md_list", "ClassificationTensorMd")
        for output in outputs:
            checks.instance(output, "an output", TensorMd)
        return cls(
            described,
            checks.instance(general_md, "general_md", GeneralMd, type(None)) or _GENERAL,
            checks.instance(input_md, "input_md", TensorMd, type(None)) or InputAudioTensorMd(*_INPUT),
            _in_order(outputs, [end.name for end in described.outputs]),
        )

    def populate(self) -> bytes:
        """Return the model with its metadata and files; metadata and files that it had are replaced.

        Raises
        ------
        InputError
            If there is not a description for each output, a file cannot be read or has not a line for each class, or
            two files have one name.
        ModelError
            If the model has no place for metadata.
        """
        if self._populated is None:
            described = self._described
            for kind, told, ends in (
                ("input", 1, described.inputs),
                ("output", len(self._outputs) or len(described.outputs), described.outputs),
            ):
                if told != len(ends):
                    raise InputError(f"{told} {kind} descriptions for the model's {len(ends)} {kind} tensors")
            self._populated = replace_tables(described, self._populated_tables(), self._files())
        return self._populated

    def get_metadata_json(self) -> str:
        """Return the metadata as JSON, as TFLite's tools print it, before they are in the model."""
        return metadata_json(build_tables(self._values))

    def get_populated_metadata_json(self) -> str:
        """Return the metadata as JSON, as they are in the model: with the version of the schema that reads them."""
        self.populate()
        return metadata_json(self._populated_tables())

    def _populated_tables(self) -> bytes:
        return build_tables(self._values | {"min_parser_version": MIN_PARSER_VERSION})

    def _files(self) -> dict[str, bytes]:
        contents: dict[str, bytes] = {}
        for output, end in zip(self._outputs, self._described.outputs, strict=False):
            for file in output.files():
                content = file.read()
                _check_lines(file, content, end)
                if contents.setdefault(file.file_name, content) != content:
                    raise InputError(f"two files are called {file.file_name!r}; give each a name of its own")
        return contents


def _named(told: Iterable[dict[str, Any]], ends: Sequence[EndPoint]) -> Iterator[Mapping[str, Any]]:
    """Yield the values of tensors, with the names of the model's own where they have none."""
    names = [end.name for end in ends]
    for place, values in enumerate(told):
        default = names[place] if place < len(names) else None
        yield values | {"name": values.get("name") or default}


def _in_order(outputs: Sequence[TensorMd], names: Sequence[str]) -> list[TensorMd]:
    """Return descriptions in the order of the model's outputs, if they name them."""
    given = [checks.text(output.tensor_name, "tensor_name") for output in outputs if output.tensor_name is not None]
    if not given:
        return list(outputs)
    if len(given) != len(outputs) or Counter(given) != Counter(names):
        raise InputError(
            f"The tensor names from arguments ({given}) do not match the tensor names read from the model ({names})."
        )
    return sorted(outputs, key=lambda output: names.index(str(output.tensor_name)))


def _check_lines(file: AssociatedFileMd, content: bytes, end: EndPoint) -> None:
    """Refuse labels and calibrations that no program could use: they have a line for each class."""
    if end.classes < 0:
        return
    try:
        if file.file_type == FileType.TENSOR_AXIS_SCORE_CALIBRATION:
            parse_calibration(content, end.classes)
        elif file.file_type == FileType.TENSOR_AXIS_LABELS and (found := len(parse_labels(content))) != end.classes:
            raise InputError(f"{found} lines for {end.classes} classes")
    except (InputError, ModelError) as error:
        raise InputError(f"{checks.shown(file.file_path)}, for output {end.name!r}: {error}") from error
