"""Entries: the few functions at which Python enters compiled code."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from yamjit.kernels.vectors.target import Target

__all__ = ["ArgumentTypes", "Entry"]

#: What a function takes: `int` stands for int64, `float` for float64.
ArgumentTypes = tuple[type[int] | type[float], ...]


class Entry(NamedTuple):
    """A function that is compiled as a whole, with all that it calls: what ``make_NAME(target)`` of its module returns.

    It takes integers and floats, returns nothing, raises nothing and allocates nothing. What it calls is decorated with
    `yamjit.kernels.machine_code.jit.jit`; it is not. The module is imported when there is something to compile.
    """

    module: str
    name: str
    arguments: ArgumentTypes

    def function(self, target: Target) -> Callable[..., None]:
        """Return the Python function for a target."""
        make: Callable[[Target], Callable[..., None]] = getattr(
            importlib.import_module(self.module), f"make_{self.name}"
        )
        return make(target)
