"""Operators of the integer network to steps: shapes, folded zero points, integer multipliers."""

from yamjit.plan.lowering.products import Alias, Step, lower

__all__ = ["Alias", "Step", "lower"]
