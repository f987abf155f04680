"""Graph -> CompiledModel."""

from __future__ import annotations

from yamjit.compiled.record import CompiledModel
from yamjit.head_metadata import read_head_records, read_sample_rate
from yamjit.plan.compiler import compile_plan
from yamjit.provenance import read_provenance
from yamjit.tflite.graph import Graph

__all__ = ["compile_model"]


def compile_model(graph: Graph) -> CompiledModel:
    """Compile a model, and read what it says about itself.

    Raises `ModelError` if it cannot be run exactly, or its metadata are malformed, and `LimitError` if it is too large.
    """
    plan = compile_plan(graph)
    return CompiledModel(
        plan=plan,
        sample_rate=read_sample_rate(graph),
        heads=read_head_records(graph, plan),
        name=graph.metadata.name if graph.metadata else "",
        provenance=read_provenance(graph),
    )
