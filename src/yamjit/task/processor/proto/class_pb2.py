"""``processor.proto.class_pb2`` of the Task Library."""

from __future__ import annotations

from yamjit.task.processor import Category

__all__ = ["Category"]
