"""The numbers of TFLite's metadata schema that audio classifiers need: enumerations under the schema's names."""

from __future__ import annotations

from yamjit.tflite.metadata import ContentProperties
from yamjit.tflite.metadata import FileType as AssociatedFileType
from yamjit.tflite.metadata import ScoreTransformation as ScoreTransformationType

__all__ = ["AssociatedFileType", "ContentProperties", "ScoreTransformationType"]
