"""TFLite model files: bytes to `Graph` and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yamjit.lazily import lazily

if TYPE_CHECKING:
    from yamjit.tflite.graph import Graph, Op, Operator, Quantization, Tensor
    from yamjit.tflite.metadata import Metadata
    from yamjit.tflite.reader import read_graph
    from yamjit.tflite.validate import validate_graph
    from yamjit.tflite.writer import write_graph

__all__ = [
    "Graph",
    "Metadata",
    "Op",
    "Operator",
    "Quantization",
    "Tensor",
    "read_graph",
    "validate_graph",
    "write_graph",
]

__getattr__ = lazily(
    __name__,
    {
        "graph": "Graph Op Operator Quantization Tensor",
        "metadata": "Metadata",
        "reader": "read_graph",
        "validate": "validate_graph",
        "writer": "write_graph",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
