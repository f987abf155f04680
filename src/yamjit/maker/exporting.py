"""The bytes of a trained model, and what its metadata say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from yamjit import checks
from yamjit.learn.export import export_model
from yamjit.learn.features import Features
from yamjit.maker.config import QuantizationConfig
from yamjit.maker.yamnet_spec import YamNetSpec
from yamjit.tflite import read_graph, write_graph
from yamjit.tflite.metadata_json import metadata_json
from yamjit.tflite.patching import read_described
from yamjit.trained.alone import ModelCard
from yamjit.trained.heads import Head

__all__ = ["json_of", "tflite_model", "without_metadata"]


def tflite_model(spec: YamNetSpec, head: Head, taught: Features | None, quantization: Any) -> bytes:
    """Return a model with a trained head as the content of a ``.tflite`` file.

    `taught` are the windows of the frames that the head has learned from: they give the ranges of its integers.
    """
    weights = _weights(quantization)
    card = ModelCard(
        name="yamnet/classification",
        description="Recognizes sound events",
        head_name="custom",
        base_name="yamnet",
        keep=spec.keep_yamnet_and_custom_heads,
    )
    return export_model(spec.model, head, taught, card, weights=weights)


def _weights(quantization: Any) -> str:
    """Return the type of weights: None stands for floating point."""
    if quantization is None:
        return "float32"
    if isinstance(quantization, str):
        checks.choice(quantization, "quantization_config", ("default",))
        return "mixed"
    kind: str = checks.instance(quantization, "quantization_config", QuantizationConfig).kind
    return kind


def without_metadata(model: bytes) -> bytes:
    """Return a model that says nothing about itself."""
    return write_graph(replace(read_graph(model), metadata=None, files={}))


def json_of(model: bytes) -> bytes:
    """Return the metadata of a model as JSON."""
    return metadata_json(read_described(model).tables).encode()
