"""Graph -> Plan: find the seam, lower, pack weights, lay out the arena."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yamjit.lazily import lazily

if TYPE_CHECKING:
    from yamjit.plan.compiler import compile_plan
    from yamjit.plan.plan import FrontEndConstants, Head, LogMel, Plan, Slot

__all__ = ["FrontEndConstants", "Head", "LogMel", "Plan", "Slot", "compile_plan"]

__getattr__ = lazily(
    __name__,
    {
        "compiler": "compile_plan",
        "plan": "FrontEndConstants Head LogMel Plan Slot",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
