"""The types of tensors in TFLite's schema, by name."""

from __future__ import annotations

from yamjit.tflite.model_tables import TensorType

__all__ = ["TensorType"]
