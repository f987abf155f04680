"""``processor.proto.embedding_options_pb2`` of the Task Library."""

from __future__ import annotations

from yamjit.task.processor import EmbeddingOptions

__all__ = ["EmbeddingOptions"]
