"""The int8 kernels that take almost all of the time, over vectors, made for one target.

They take addresses and integers, and handle what `yamjit.kernels.prepared.preparation` has packed for them: products of
inputs with weights, rounded by one shift and clamped to an int8, or left as they are for `yamjit.kernels.int8.plain` to
finish. Where processors multiply unsigned with signed bytes, an input is seen as a uint8 that is 128 more.

Most targets have them made of the operations of `VectorOps`. An instruction set that does better by another loop than
by another operation (a matrix unit, say) has a kernel of its own in `OWN_KERNELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from yamjit.kernels.int8 import amx_matmul, avx2_matmul, wasm_pairs
from yamjit.kernels.int8.depthwise import make_depthwise
from yamjit.kernels.int8.matmul import make_matmul, make_matmul_raw
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.target import Target

__all__ = ["OWN_KERNELS", "KernelSet"]

#: Makes a jitted kernel.
Factory = Callable[[VectorOps], Any]

#: `Target.name` -> kernels that this lowering has in place of those for all targets, by attribute of `KernelSet`.
OWN_KERNELS: Mapping[str, Mapping[str, Factory]] = MappingProxyType(
    {
        "amx": {"matmul": amx_matmul.make_matmul},
        "avx2": {"matmul": avx2_matmul.make_words_matmul},
        "wasm": wasm_pairs.KERNELS,
    }
)


class KernelSet:
    """The jitted kernels for one target: see `yamjit.kernels.int8.matmul` and `yamjit.kernels.int8.depthwise`.

    Factories in `own` replace kernels of the target, by attribute. ``copy_row(source, target, count, flip)`` copies at
    least `count` bytes, up to a vector more, with the bits of `flip` turned.
    """

    def __init__(self, target: Target, **own: Factory) -> None:
        ops = VectorOps(target)
        own = {**OWN_KERNELS.get(target.name, {}), **own}
        self.matmul = own.get("matmul", make_matmul)(ops)
        self.matmul_raw = own.get("matmul_raw", make_matmul_raw)(ops)
        self.depthwise = own.get("depthwise", make_depthwise)(ops)
        self.copy_row = own.get("copy_row", _make_copy_row)(ops)


def _make_copy_row(ops: VectorOps) -> Any:
    splat, copy_bytes, size = ops.splat, ops.copy_bytes, 4 * ops.lanes

    @jit
    def copy_row(source: int, target: int, count: int, flip: int) -> None:
        turned = splat(flip)
        for at in range(0, count, size):
            copy_bytes(source + at, target + at, turned)

    return copy_row
