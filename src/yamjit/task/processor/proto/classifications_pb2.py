"""``processor.proto.classifications_pb2`` of the Task Library."""

from __future__ import annotations

from yamjit.task.processor import ClassificationResult, Classifications

__all__ = ["ClassificationResult", "Classifications"]
