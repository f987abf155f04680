"""TFLite model files: bytes to `Graph` and back."""

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
