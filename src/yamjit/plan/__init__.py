"""Graph -> Plan: find the seam, lower, pack weights, lay out the arena."""

from yamjit.plan.compiler import compile_plan
from yamjit.plan.plan import FrontEndConstants, Head, Plan, Slot

__all__ = ["FrontEndConstants", "Head", "Plan", "Slot", "compile_plan"]
