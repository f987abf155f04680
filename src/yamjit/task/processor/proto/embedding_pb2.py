"""``processor.proto.embedding_pb2`` of the Task Library."""

from __future__ import annotations

from yamjit.task.processor import Embedding, EmbeddingResult, FeatureVector

__all__ = ["Embedding", "EmbeddingResult", "FeatureVector"]
