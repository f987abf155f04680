"""``processor.proto.classification_options_pb2`` of the Task Library."""

from __future__ import annotations

from yamjit.task.processor import ClassificationOptions

__all__ = ["ClassificationOptions"]
