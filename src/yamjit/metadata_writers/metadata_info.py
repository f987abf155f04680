"""What a model's metadata say, as objects: of the model, of its input and outputs, and of their files.

Each has `create_metadata`, which returns the values of its table by the schema's names of the fields.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from yamjit import checks
from yamjit.disk import read_limited
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.tflite.metadata import ContentProperties, FileType, ScoreTransformation
from yamjit.tflite.metadata_tables import SCORE_CALIBRATION_UNIT
from yamjit.tflite.model_tables import TensorType

__all__ = [
    "AssociatedFileMd",
    "ClassificationTensorMd",
    "GeneralMd",
    "InputAudioTensorMd",
    "LabelFileMd",
    "ScoreCalibrationMd",
    "TensorMd",
]

#: Most bytes of a label file or a score calibration.
_MOST_FILE_BYTES = 2**22

Values = dict[str, Any]
FilePath = str | os.PathLike[str]

#: Range of the scores of a classifier by the type of the tensor.
_RANGES = {TensorType["UINT8"]: (0.0, 255.0), TensorType["FLOAT32"]: (0.0, 1.0)}


@explained
@dataclass
class GeneralMd:
    """Information about a model.

    Parameters
    ----------
    name, version, description, author, licenses : str, optional
        Texts in the metadata; `licenses` is the license, perhaps with several.
    """

    name: str | None = None
    version: str | None = None
    description: str | None = None
    author: str | None = None
    licenses: str | None = None

    def create_metadata(self) -> dict[str, Any]:
        """Return the values of ``ModelMetadata``."""
        values = {name: _text(self, name) for name in ("name", "description", "version", "author")}
        return values | {"license": _text(self, "licenses")}


@explained
@dataclass
class AssociatedFileMd:
    """A file that a model holds.

    Parameters
    ----------
    file_path : path
        Path of the file; the model holds it under the last part of the path.
    description : str, optional
        Description of the file.
    file_type : AssociatedFileType
        Purpose of the file.
    locale : str, optional
        Locale of the names in the file, such as "de".
    """

    file_path: FilePath
    description: str | None = None
    file_type: int = FileType.UNKNOWN
    locale: str | None = None

    @property
    def file_name(self) -> str:
        """Name of the file in the model."""
        return checks.text(PurePath(checks.path(self.file_path, "file_path")).name, "the name of a file")

    def read(self) -> bytes:
        """Return the content of the file; `InputError` if it cannot be read, `LimitError` beyond 4 MiB."""
        return read_limited(checks.path(self.file_path, "file_path"), _MOST_FILE_BYTES, what="an associated file")

    def create_metadata(self) -> dict[str, Any]:
        """Return the values of ``AssociatedFile``."""
        kind = _member(FileType, self.file_type, "file_type")
        description, locale = _text(self, "description"), _text(self, "locale")
        return {"name": self.file_name, "description": description, "type": kind, "locale": locale}


@explained
class LabelFileMd(AssociatedFileMd):
    """A file with the name of a class in each line.

    Parameters
    ----------
    file_path : path
        Path of the file.
    locale : str, optional
        Locale of the names, such as "de"; None for the names by which classes are identified.
    """

    def __init__(self, file_path: FilePath, locale: str | None = None) -> None:
        description = "Labels for categories that the model can recognize."
        super().__init__(file_path, description, FileType.TENSOR_AXIS_LABELS, locale)


@explained
class ScoreCalibrationMd:
    """A calibration of scores by sigmoids, whose parameters are in a file.

    Parameters
    ----------
    score_transformation_type : ScoreTransformationType
        Transformation of the scores before the sigmoids.
    default_score : float
        Score of a class without parameters, or below its least score.
    file_path : path
        File with a line for each class: ``scale,slope,offset`` or ``scale,slope,offset,min_score``, or nothing.

    Raises
    ------
    InputError
        If the file cannot be read, or a line of it is malformed.
    """

    def __init__(self, score_transformation_type: int, default_score: float, file_path: FilePath) -> None:
        self._kind = _member(ScoreTransformation, score_transformation_type, "score_transformation_type")
        self._default_score = checks.number(default_score, "default_score")
        self._file = AssociatedFileMd(
            file_path,
            "Contains sigmoid-based score calibration parameters. The main purposes of score calibration is to make "
            "scores across classes comparable, so that a common threshold can be used for all output classes.",
            FileType.TENSOR_AXIS_SCORE_CALIBRATION,
        )
        _check_parameters(self._file.read())

    def __repr__(self) -> str:
        return f"<ScoreCalibrationMd: {self._kind.name}, {self._default_score:g} by default, {self._file!r}>"

    def create_metadata(self) -> dict[str, Any]:
        """Return the values of ``ProcessUnit``."""
        options = {"score_transformation": self._kind, "default_score": self._default_score}
        return {"options_type": SCORE_CALIBRATION_UNIT, "options": options}

    def create_score_calibration_file_md(self) -> AssociatedFileMd:
        """Return the description of the file."""
        return self._file


def _check_parameters(data: bytes) -> None:
    """Check the lines of a score calibration for what `TensorMd` does not know: the number of classes may be open."""
    for row in _rows(data):
        if len(row) not in (3, 4):
            accepted = "Expected empty lines or 3 or 4 parameters per line in score calibration file"
            raise InputError(f"{accepted}, but got {len(row)}.")
        try:
            scale, *_ = map(float, row)
        except ValueError:
            raise InputError(f"Expected numbers in score calibration file, but got {checks.shown(row)}.") from None
        if scale < 0:
            raise InputError(f"Expected scale to be a non-negative value, but got {scale}.")


def _rows(data: bytes) -> Iterator[list[str]]:
    try:
        yield from filter(None, csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the score calibration file is not a table of numbers: {error}") from error


@explained
@dataclass
class TensorMd:
    """Information about an input or output.

    Parameters
    ----------
    name, description : str, optional
        Texts in the metadata.
    min_values, max_values : sequence of float, optional
        Least and greatest value of each channel.
    content_type : ContentProperties
        ``FeatureProperties`` or ``AudioProperties``.
    associated_files : sequence of AssociatedFileMd, optional
        Files that belong to the tensor.
    tensor_name : str, optional
        Name of the tensor in the model, by which the order of the outputs is found.
    """

    name: str | None = None
    description: str | None = None
    min_values: Sequence[float] | None = None
    max_values: Sequence[float] | None = None
    content_type: int = ContentProperties.FeatureProperties
    associated_files: Sequence[AssociatedFileMd] | None = None
    tensor_name: str | None = None

    def files(self) -> tuple[AssociatedFileMd, ...]:
        """Return the files that belong to the tensor."""
        found = listed(self.associated_files, "associated_files", "AssociatedFileMd")
        return tuple(checks.instance(file, "a file", AssociatedFileMd) for file in found)

    def create_metadata(self) -> dict[str, Any]:
        """Return the values of ``TensorMetadata``."""
        kind = _member(ContentProperties, self.content_type, "content_type")
        if kind not in (ContentProperties.FeatureProperties, ContentProperties.AudioProperties):
            raise InputError(f"content_type is {kind.name}; FeatureProperties and AudioProperties are accepted")
        return {
            "name": _text(self, "name"),
            "description": _text(self, "description"),
            "content": {"content_properties_type": kind, "content_properties": {}},
            "stats": {"max": _numbers(self, "max_values"), "min": _numbers(self, "min_values")},
            "associated_files": [file.create_metadata() for file in self.files()] or None,
        }


@explained
class InputAudioTensorMd(TensorMd):
    """Information about an input of audio.

    Parameters
    ----------
    name, description : str, optional
        Texts in the metadata.
    sample_rate : int
        Sample rate in Hz; 0 if it is not known.
    channels : int
        Number of channels; 0 if it is not known.
    """

    def __init__(
        self, name: str | None = None, description: str | None = None, sample_rate: int = 0, channels: int = 0
    ) -> None:
        super().__init__(name, description, content_type=ContentProperties.AudioProperties)
        self.sample_rate = sample_rate
        self.channels = channels

    def create_metadata(self) -> dict[str, Any]:
        """Return the values of ``TensorMetadata``; `InputError` if a number is negative."""
        audio = {name: counted(getattr(self, name), name, 0, "non-negative") for name in ("sample_rate", "channels")}
        content = {"content_properties_type": ContentProperties.AudioProperties, "content_properties": audio}
        return super().create_metadata() | {"content": content}


@explained
class ClassificationTensorMd(TensorMd):
    """Information about an output of scores.

    Parameters
    ----------
    name, description : str, optional
        Texts in the metadata.
    label_files : sequence of LabelFileMd, optional
        Names of the classes, perhaps in several languages.
    tensor_type : TensorType, optional
        Type of the tensor, which says in which range scores are: FLOAT32 in [0, 1], UINT8 in [0, 255].
    score_calibration_md : ScoreCalibrationMd, optional
        Calibration of the scores.
    tensor_name : str, optional
        Name of the tensor in the model, by which the order of the outputs is found.
    """

    def __init__(
        self,
        name: str | None = None,
        description: str | None = None,
        label_files: Sequence[LabelFileMd] | None = None,
        tensor_type: int | None = None,
        score_calibration_md: ScoreCalibrationMd | None = None,
        tensor_name: str | None = None,
    ) -> None:
        bounds = None if tensor_type is None else _RANGES.get(_member(TensorType, tensor_type, "tensor_type"))
        least, most = ([bound] for bound in bounds) if bounds else (None, None)
        checks.instance(score_calibration_md, "score_calibration_md", ScoreCalibrationMd, type(None))
        files = list(listed(label_files, "label_files", "LabelFileMd"))
        if score_calibration_md is not None:
            files.append(score_calibration_md.create_score_calibration_file_md())
        super().__init__(name, description, least, most, associated_files=files, tensor_name=tensor_name)
        self.score_calibration_md = score_calibration_md

    def create_metadata(self) -> dict[str, Any]:
        """Return the values of ``TensorMetadata``."""
        calibration = self.score_calibration_md
        units = [calibration.create_metadata()] if calibration is not None else None
        return super().create_metadata() | {"process_units": units}


def listed(values: Any, what: str, of: str) -> tuple[Any, ...]:
    """Return the elements of a list, none for None."""
    return () if values is None else checks.elements(values, what, of)


def counted(value: Any, what: str, least: int, kind: str) -> int:
    """Return a whole number of 32 bits from `least` up, which messages call "positive" or "non-negative"."""
    found = checks.index(value)
    if found is None or not least <= found < 2**32:
        raise InputError(f"{what} should be {kind}, but got {checks.shown(value)}.")
    return found


def _text(record: Any, name: str) -> str | None:
    value = getattr(record, name)
    return None if value is None else checks.text(value, name)


def _numbers(record: Any, name: str) -> list[float] | None:
    values = getattr(record, name)
    return None if values is None else [checks.number(value, name) for value in checks.elements(values, name)] or None


def _member(names: Any, value: Any, what: str) -> Any:
    """Return a member of an enumeration by its number."""
    found = checks.index(value)
    if found is None or found not in list(names):
        accepted = ", ".join(f"{one.name} ({int(one)})" for one in names)
        raise InputError(f"{what} is {checks.shown(value)}; accepted are {accepted}")
    return names(found)
