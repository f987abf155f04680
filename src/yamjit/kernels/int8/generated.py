"""Generated kernels: unrolled bodies as lines of Python, compiled by Numba."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.vectors.ops import VectorOps

__all__ = ["BY_REALS", "BY_SHIFT", "Narrowing", "jit_lines"]


class Narrowing(NamedTuple):
    """How generated kernels make an int8 out of an accumulator."""

    #: Lines that read what a vector of channels needs, whose numbers are at ``{at}``, into names that end with ``{j}``;
    #: pairs of 64 bits are at ``{pair}``.
    reads: tuple[str, ...]
    #: Expression of what is clamped and stored, with ``{acc}`` for the accumulator.
    result: str


BY_SHIFT = Narrowing(
    (
        "multiplier{j}, by{j} = load(channels.multiplier + {at}), load(channels.shift + {at})",
        "even{j}, odd{j} = load_wide(channels.offset + {pair}), load_wide(channels.offset + {pair} + 64)",
    ),
    "requantize({acc}, multiplier{j}, even{j}, odd{j}, by{j})",
)
BY_REALS = Narrowing(
    ("scale{j}, offset{j} = load_reals(channels.scale + {at}), load_offset(channels.real_offset + {at})",),
    "requantize_real({acc}, scale{j}, offset{j})",
)


def jit_lines(lines: Sequence[str], ops: VectorOps, **more: Any) -> Any:
    """Compile the function that `lines` define; it uses operations of `ops`, and `more`, by name."""
    text = "\n".join(lines)
    words = set(re.findall(r"[a-z_]+(?=\()", text))
    namespace = {**{word: getattr(ops, word) for word in words if hasattr(VectorOps, word)}, **more}
    exec(text, namespace)  # noqa: S102
    name = lines[0].split("(", 1)[0].removeprefix("def ")
    return jit(namespace[name])
