"""A matrix product as an entry, so that it can be compiled for any target and called by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yamjit.kernels.int8.kernel_set import KernelSet
from yamjit.kernels.int8.matmul import Rows
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.prepared.table import Channels
from yamjit.kernels.vectors.target import Target

__all__ = ["MULTIPLY", "make_multiply"]

#: ``multiply(*rows, *channels, outputs, out, spare)``
MULTIPLY = Entry(__name__, "multiply", (int,) * (len(Rows._fields) + len(Channels._fields) + 3))


def make_multiply(target: Target) -> Callable[..., Any]:
    """Return ``matmul`` of a target's kernels, which takes nothing but numbers."""
    names = ", ".join((*Rows._fields, *Channels._fields))
    rows, channels = (", ".join(kind._fields) for kind in (Rows, Channels))
    body = f"matmul(Rows({rows}), Channels({channels}), outputs, out, spare)"
    namespace: dict[str, Any] = {"matmul": KernelSet(target).matmul, "Rows": Rows, "Channels": Channels}
    exec(f"def multiply({names}, outputs, out, spare): {body}", namespace)
    function: Callable[..., Any] = namespace["multiply"]
    return function
