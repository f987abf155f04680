"""The records of TFLite's model metadata (schema ``M001``): what a model says about itself.

The tables live in a buffer named ``TFLITE_METADATA``; the files they mention are a zip appended to the model.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yamjit.reprs import brief_repr
from yamjit.tflite.score_transformation import ScoreTransformation

__all__ = [
    "AssociatedFile",
    "AudioProperties",
    "ContentProperties",
    "FileType",
    "Metadata",
    "Normalization",
    "ProcessUnit",
    "ScoreCalibration",
    "ScoreThresholding",
    "ScoreTransformation",
    "SubgraphMetadata",
    "TensorMetadata",
]


class FileType(enum.IntEnum):
    """What an associated file holds (schema ``AssociatedFileType``)."""

    UNKNOWN = 0
    DESCRIPTIONS = 1
    TENSOR_AXIS_LABELS = 2
    TENSOR_VALUE_LABELS = 3
    TENSOR_AXIS_SCORE_CALIBRATION = 4
    VOCABULARY = 5
    SCANN_INDEX_FILE = 6


class ContentProperties(enum.IntEnum):
    """What a tensor holds (schema ``ContentProperties``)."""

    NONE = 0
    FeatureProperties = 1
    ImageProperties = 2
    BoundingBoxProperties = 3
    AudioProperties = 4


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class AssociatedFile:
    """A file in the appended zip, and what it is for."""

    name: str
    description: str = ""
    type: FileType = FileType.UNKNOWN
    locale: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class AudioProperties:
    """What audio an input tensor takes: ``sample_rate`` in Hz, ``channels``."""

    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class Normalization:
    """Process unit: ``(x - mean) / std`` per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScoreCalibration:
    """Process unit: sigmoid calibration; its parameters are an associated file."""

    score_transformation: ScoreTransformation = ScoreTransformation.IDENTITY
    default_score: float = 0.0


@dataclass(frozen=True, slots=True)
class ScoreThresholding:
    """Process unit: scores below the threshold are to be dropped."""

    global_score_threshold: float


#: A process unit; ``None`` stands for a kind that has no meaning for audio (tokenizers).
ProcessUnit = Normalization | ScoreCalibration | ScoreThresholding | None


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class TensorMetadata:
    """What the model says about one input or output tensor."""

    name: str = ""
    description: str = ""
    dimension_names: tuple[str, ...] = ()
    audio: AudioProperties | None = None
    process_units: tuple[ProcessUnit, ...] = ()
    stats_min: tuple[float, ...] = ()
    stats_max: tuple[float, ...] = ()
    associated_files: tuple[AssociatedFile, ...] = ()


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class SubgraphMetadata:
    """What the model says about its (only) subgraph."""

    name: str = ""
    description: str = ""
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    associated_files: tuple[AssociatedFile, ...] = ()


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class Metadata:
    """What the model says about itself."""

    name: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    min_parser_version: str = ""
    subgraphs: tuple[SubgraphMetadata, ...] = ()
    associated_files: tuple[AssociatedFile, ...] = ()
