"""The processor that Numba compiles for, and the target that serves it best."""

from __future__ import annotations

import platform

import llvmlite.binding as llvm
from numba.core.registry import cpu_target

from yamjit.kernels.int8.preparation import multiplies_signed_bytes
from yamjit.kernels.vectors.ops import Target, detect_target

__all__ = ["compiled_target"]

#: Sums sixteen products of int8: one instruction where there is one for it.
_SUM_OF_PRODUCTS = """
define i32 @sum_of_products(<16 x i8> %x, <16 x i8> %y) {
  %a = sext <16 x i8> %x to <16 x i32>
  %b = sext <16 x i8> %y to <16 x i32>
  %products = mul <16 x i32> %a, %b
  %sum = call i32 @llvm.vector.reduce.add.v16i32(<16 x i32> %products)
  ret i32 %sum
}
declare i32 @llvm.vector.reduce.add.v16i32(<16 x i32>)
"""


def compiled_target() -> Target:
    """Return the best target for the processor that Numba compiles for.

    It is this machine's, unless ``NUMBA_CPU_NAME`` or ``NUMBA_CPU_FEATURES`` says otherwise.
    """
    triple, processor, listed = cpu_target.target_context.codegen().magic_tuple()
    features = {feature[1:]: feature[0] == "+" for feature in listed.split(",") if feature}
    machine = platform.machine()
    if multiplies_signed_bytes(machine):
        features["dotprod"] = _has_sdot(triple, processor, listed)
    return detect_target(features, machine)


def _has_sdot(triple: str, processor: str, features: str) -> bool:
    """Return whether LLVM takes the dot product of int8 for a processor of Arm's.

    The features that it finds on a machine do not list it; that a processor of this name has it, it knows.
    """
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=processor, features=features)
    return "sdot" in machine.emit_assembly(llvm.parse_assembly(_SUM_OF_PRODUCTS))
