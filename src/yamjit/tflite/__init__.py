"""TFLite model files: bytes to `Graph` and back.

What reads, checks and writes is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from yamjit.tflite.graph import Graph, Op, Operator, Quantization, Tensor
from yamjit.tflite.metadata import Metadata

if TYPE_CHECKING:
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

_HOMES = {"read_graph": "reader", "validate_graph": "validate", "write_graph": "writer"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
