"""Generated kernels: unrolled bodies as lines of Python, compiled by Numba."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from yamjit.kernels.compilation import jit
from yamjit.kernels.simd import VectorOps

__all__ = ["Channels", "compiled"]


class Channels(NamedTuple):
    """Where what a step knows of its output channels lies, packed: addresses."""

    weights: int
    bias: int
    multiplier: int
    offset: int
    shift: int


def compiled(lines: Sequence[str], ops: VectorOps, operations: Sequence[str], **more: Any) -> Any:
    """Compile the function that `lines` define; it uses `operations` of `ops`, and `more` by name."""
    namespace = {**{name: getattr(ops, name) for name in operations}, **more}
    exec("\n".join(lines), namespace)  # noqa: S102
    name = lines[0].split("(", 1)[0].removeprefix("def ")
    return jit(namespace[name])
