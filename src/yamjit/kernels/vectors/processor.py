"""The target that Numba compiles for in this process, found without Numba."""

from __future__ import annotations

import dataclasses
import functools
import platform

import llvmlite.binding as llvm

from yamjit.kernels.settings import is_interpreted, numba_setting
from yamjit.kernels.vectors.permission import refusal
from yamjit.kernels.vectors.target import TILES, Target, detect_target

__all__ = ["host_features", "host_target", "why_no_tiles"]

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


def host_target() -> Target:
    """Return the best target for this machine, or for that of ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES``."""
    triple, machine = llvm.get_process_triple(), platform.machine()
    cpu, listed = _named()
    features = _usable(_split(listed))
    if triple.startswith(("aarch64", "arm64")):
        features["dotprod"] = _has_sdot(triple, cpu, listed)
    best = detect_target(features, machine)
    return dataclasses.replace(best, machine=machine, triple=triple, cpu=cpu, features=listed)


def host_features() -> dict[str, bool]:
    """Return the features of this machine, by LLVM's names: none on an architecture that LLVM cannot ask.

    Tiles are among them if the system gives them to this process, which is asked for them.
    """
    return _usable(_found())


def why_no_tiles() -> str:
    """Return why this process does not use the tiles that its processor has; empty if it does, or there are none."""
    features = _split(_named()[1])
    return _tiles_refused(features)


def _named() -> tuple[str, str]:
    """Return the processor that Numba compiles for, and its features, in LLVM's words."""
    cpu, listed = numba_setting("CPU_NAME"), numba_setting("CPU_FEATURES")
    if listed is None:
        # Numba takes nothing for granted of a processor that is called generic.
        listed = "" if str(cpu).lower() == "generic" else _flattened(_found())
    return llvm.get_host_cpu_name() if cpu is None else cpu, listed


def _found() -> dict[str, bool]:
    try:
        features: dict[str, bool] = llvm.get_host_cpu_features()
    except RuntimeError:
        return {}
    return features


def _usable(features: dict[str, bool]) -> dict[str, bool]:
    """Return features without tiles if the system refuses them."""
    return features | dict.fromkeys(TILES, False) if _tiles_refused(features) else features


def _tiles_refused(features: dict[str, bool]) -> str:
    if is_interpreted() or not all(features.get(tiles, False) for tiles in TILES):
        return ""
    return refusal()


def _split(listed: str) -> dict[str, bool]:
    return {feature[1:]: feature[0] == "+" for feature in listed.split(",") if feature}


def _flattened(features: dict[str, bool]) -> str:
    """Return features as LLVM lists them; AVX's are not used where Numba is told so."""
    if numba_setting("ENABLE_AVX") in ("0", 0):
        features = {name: found and not name.startswith("avx") for name, found in features.items()}
    return ",".join(f"{'+' if features[name] else '-'}{name}" for name in sorted(features))


@functools.cache
def _has_sdot(triple: str, cpu: str, features: str) -> bool:
    """Return whether LLVM takes the dot product of int8 for a processor of Arm's.

    The features that it finds on a machine do not list it; that a processor of this name has it, it knows.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, features=features)
    return "sdot" in machine.emit_assembly(llvm.parse_assembly(_SUM_OF_PRODUCTS))
