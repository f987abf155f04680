"""What is compiled of a model file: immutable, shared by all that run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from yamjit.heads import HeadRecord
from yamjit.plan.plan import Plan
from yamjit.reprs import brief_repr

if TYPE_CHECKING:
    from yamjit.provenance import Provenance

__all__ = ["CompiledModel"]


@brief_repr
class CompiledModel(NamedTuple):
    """All that is needed of a model file to run it.

    Parameters
    ----------
    plan : Plan
    sample_rate : int
        Sample rate that the model takes, in Hz.
    heads : tuple of HeadRecord
        What the model says about each of ``plan.heads``.
    name : str
        Its name in the metadata; empty if there is none.
    provenance : Provenance or None
        What yamjit keeps about a model that it wrote.
    """

    plan: Plan
    sample_rate: int
    heads: tuple[HeadRecord, ...]
    name: str
    provenance: Provenance | None
