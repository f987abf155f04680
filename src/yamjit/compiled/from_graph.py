"""Graph -> CompiledModel."""

from __future__ import annotations

from collections.abc import Sequence

from yamjit.compiled.record import CompiledModel
from yamjit.head_metadata import read_head_records, read_sample_rate
from yamjit.plan.compiler import compile_plan
from yamjit.plan.roles import Role
from yamjit.provenance import read_provenance
from yamjit.tflite.graph import Graph

__all__ = ["compile_model"]


def compile_model(graph: Graph, roles: Sequence[Role] | None = None) -> CompiledModel:
    """Compile a model, whose outputs are what `roles` say, and read what it says about itself.

    Raises `ModelError` if it cannot be run exactly, or its metadata are malformed, and `LimitError` if it is too large.
    """
    plan = compile_plan(graph, roles=roles)
    return CompiledModel(
        plan=plan,
        sample_rate=read_sample_rate(graph),
        heads=read_head_records(graph, plan),
        name=graph.metadata.name if graph.metadata else "",
        provenance=read_provenance(graph),
    )
