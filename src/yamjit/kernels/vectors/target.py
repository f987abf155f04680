"""Targets: the machine that code is compiled for, and what its vectors can do.

A target is a value. Nothing here looks at this machine; `yamjit.kernels.vectors.processor` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

__all__ = ["TARGETS", "TILES", "Target", "detect_target"]

#: Features of AMX that are used: tiles, and products of bytes.
TILES = ("amx-tile", "amx-int8")

#: Channels are packed and proven in blocks of this many, whatever the width of a vector.
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Target:
    """A machine as LLVM names it, and its vectors as kernels see them."""

    #: Name of the lowering.
    name: str
    #: Architecture, as ``platform.machine`` calls it on Linux, such as "x86_64" or "aarch64".
    machine: str
    #: Triple of the machine that LLVM generates code for, with its `cpu` and `features`.
    triple: str
    cpu: str
    features: str
    #: Features without which the lowering does not run, by LLVM's names.
    needs: tuple[str, ...]
    #: Number of 32-bit integers in a vector.
    lanes: int
    #: Rows, and vectors of channels, of a tile of accumulators: as many as leave registers for operands. The channels
    #: of a tile are a whole number of blocks of 16, or they divide one.
    rows: int
    columns: int
    #: Instruction that products of bytes are summed with, a key of `yamjit.kernels.vectors.dot.LOWERINGS`.
    dot: str = "none"
    #: Whether `dot` multiplies int8 inputs with int8 weights; else inputs are uint8.
    multiplies_signed_bytes: bool = False
    #: Whether `dot` takes four inputs from any lane of a vector.
    multiplies_by_lane: bool = False
    #: Whether 64-bit products are best taken of lanes where they are, not of lanes brought together and widened.
    multiplies_even_lanes: bool = True
    #: Whether an instruction multiplies and adds floating-point numbers with one rounding.
    has_fma: bool = False
    #: Instruction that rounds float32 to integers: "cvtps2dq" or "fcvtns" to the nearest, ties to even; "vcvtps2dq" in
    #: the direction that it says itself, as the multiply-add before it does; "f32x4.add" of a number so large that no
    #: place is left for a fraction, where products and sums are rounded apart; or "none".
    rounding: str = "none"
    #: Instructions that narrow lanes with saturation, within each 16 bytes: "packss", "narrow" or "none".
    narrowing: str = "none"
    #: Whether one instruction shifts every lane by a number of its own.
    shifts_by_lane: bool = True

    #: Whether an instruction asks for memory ahead of time.
    prefetches: bool = True
    #: Whether code is to be small, since it is sent before it runs: no loop is written out that need not be.
    is_sent: bool = False
    #: Bits of an integer that an entry is given, such as an address: 32 where that is all of memory.
    argument_bits: int = 64

    def __post_init__(self) -> None:
        wide = self.lanes * self.columns
        if wide % _BLOCK and _BLOCK % wide:
            raise ValueError(f"a tile of {wide} channels neither divides a block of {_BLOCK} nor is a number of them")

    @property
    def rounds_in_float32(self) -> bool:
        """Whether an int32 becomes an int8 by one multiply-add in float32 and one instruction that rounds."""
        return self.rounding != "none"

    @property
    def rounds_apart(self) -> bool:
        """Whether a product in float32, and its sum with an offset, are each rounded to the nearest."""
        return self.rounding == "f32x4.add"

    @property
    def rounds_down(self) -> bool:
        """Whether a multiply-add in float32, and its result, can be rounded downwards."""
        return self.rounding == "vcvtps2dq"

    @property
    def family(self) -> str:
        """Family of processors whose packed constants kernels take, see `yamjit.kernels.plan_file.layout.FAMILIES`."""
        if self.machine == "wasm32":
            return "wasm"
        return "arm" if self.multiplies_signed_bytes else "x86"

    def runs_on(self, features: Mapping[str, bool], machine: str) -> bool:
        """Return whether a processor runs the lowering, by what `detect_target` takes."""
        return _architecture(machine) == self.machine and all(features.get(need, False) for need in self.needs)


_AVX2 = "+sse2,+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe"
_AVX512 = f"{_AVX2},+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx512vnni"
_LINUX_X86, _LINUX_ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"

_AVX512VNNI = Target(
    "avx512vnni", "x86_64", _LINUX_X86, "haswell", _AVX512,
    ("avx512vnni", "avx512bw", "avx512vl", "avx512dq"), lanes=16, rows=12, columns=2,
    dot="vpdpbusd", has_fma=True, rounding="vcvtps2dq", narrowing="packss",
)  # fmt: skip
#: The same with products by tiles; the system gives them to processes that ask (`yamjit.kernels.permission`).
_AMX = replace(
    _AVX512VNNI,
    name="amx",
    features=f"{_AVX512},{','.join(f'+{tiles}' for tiles in TILES)}",
    needs=(*_AVX512VNNI.needs, *TILES),
)

_WASM = Target(
    "wasm", "wasm32", "wasm32-unknown-unknown", "generic", "+simd128,+sign-ext,+bulk-memory,+nontrapping-fptoint",
    (), lanes=4, rows=4, columns=2, dot="dot_i16x8", multiplies_signed_bytes=True, multiplies_even_lanes=False,
    rounding="f32x4.add", narrowing="narrow", shifts_by_lane=False, argument_bits=32, prefetches=False, is_sent=True,
)  # fmt: skip

#: Known targets by name; of those that run on a machine, the first is the best.
TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            _AMX,
            _AVX512VNNI,
            Target(
                "avxvnni", "x86_64", _LINUX_X86, "haswell", f"{_AVX2},+avxvnni",
                ("avxvnni", "fma"), lanes=8, rows=6, columns=2,
                dot="vpdpbusd", has_fma=True, rounding="cvtps2dq", narrowing="packss",
            ),
            Target(
                "avx2", "x86_64", _LINUX_X86, "haswell", _AVX2,
                ("avx2", "fma"), lanes=8, rows=4, columns=2,
                dot="pmaddwd", has_fma=True, rounding="cvtps2dq", narrowing="packss",
            ),
            Target(  # Raspberry Pi 5
                "neon-dot", "aarch64", _LINUX_ARM, "cortex-a76", "+fp-armv8,+neon,+dotprod,+lse,+crc",
                ("dotprod",), lanes=4, rows=4, columns=4, dot="sdot", multiplies_signed_bytes=True,
                multiplies_by_lane=True, multiplies_even_lanes=False, has_fma=True, rounding="fcvtns",
            ),
            Target(  # Raspberry Pi 4
                "neon", "aarch64", _LINUX_ARM, "cortex-a72", "+fp-armv8,+neon,+crc",
                (), lanes=4, rows=2, columns=4, dot="smull", multiplies_signed_bytes=True,
                multiplies_even_lanes=False, has_fma=True, rounding="fcvtns",
            ),
            # WebAssembly, whose relaxed dot product some engines carry out exactly.
            replace(
                _WASM, name="wasm-relaxed", features=f"{_WASM.features},+relaxed-simd", needs=("relaxed-simd",),
                dot="relaxed_dot",
            ),
            _WASM,
            # Nothing but what LLVM makes for any machine of vectors of four lanes.
            Target("plain", "x86_64", _LINUX_X86, "x86-64", "+sse2", (), lanes=4, rows=4, columns=2),
        )
    }
)  # fmt: skip


def detect_target(features: Mapping[str, bool], machine: str) -> Target:
    """Return the best known target for a processor, "plain" for one of an unknown architecture.

    Features are as ``llvmlite.binding.get_host_cpu_features`` gives them, the machine as ``platform.machine`` does.
    """
    return next((target for target in TARGETS.values() if target.runs_on(features, machine)), TARGETS["plain"])


def _architecture(machine: str) -> str:
    """Return the name that Linux has for an architecture, where other systems have others."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
