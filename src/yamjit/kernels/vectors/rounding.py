"""Products in float32, and their sums with an offset, as integers: one lowering for each instruction that rounds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from llvmlite import ir

from yamjit.kernels.vectors.words import Emit, call, filled

__all__ = ["ROUNDINGS"]

_I16, _I32 = ir.IntType(16), ir.IntType(32)


def _by_vcvtps2dq(b: Any, real: Any, scale: Any, offset: Any) -> Any:
    down, kind, whole = _I32(9), real.type, ir.VectorType(_I32, 16)
    total = call(b, "llvm.x86.avx512.vfmadd.ps.512", kind, real, scale, offset, down)
    every = (ir.Constant(whole, None), ir.Constant(_I16, -1))
    return call(b, "llvm.x86.avx512.mask.cvtps2dq.512", whole, total, *every, down)


def _by_cvtps2dq(b: Any, real: Any, scale: Any, offset: Any) -> Any:
    name = {4: "llvm.x86.sse2.cvtps2dq", 8: "llvm.x86.avx.cvt.ps2dq.256"}[real.type.count]
    return call(b, name, ir.VectorType(_I32, real.type.count), _fma(b, real, scale, offset))


def _by_fcvtns(b: Any, real: Any, scale: Any, offset: Any) -> Any:
    return call(b, "llvm.aarch64.neon.fcvtns.v4i32.v4f32", ir.VectorType(_I32, 4), _fma(b, real, scale, offset))


def _fma(b: Any, *factors: Any) -> Any:
    kind = factors[0].type
    return call(b, f"llvm.fma.v{kind.count}f32", kind, *factors)


def _by_addition(b: Any, real: Any, scale: Any, offset: Any) -> Any:
    """Add 1.5 * 2**23, whose last place is 1: an integer is left in the low bits of a number below 2**22."""
    large, kind = 1.5 * 2.0**23, ir.VectorType(_I32, real.type.count)
    total = b.fadd(b.fadd(b.fmul(real, scale), offset), filled(real.type, large))
    return b.sub(b.bitcast(total, kind), filled(kind, int(np.float32(large).view(np.int32))))


#: `Target.rounding` -> lowering: ``(builder, float32 lanes, scale, offset) -> int32 lanes``.
ROUNDINGS: Mapping[str, Emit] = MappingProxyType(
    {"vcvtps2dq": _by_vcvtps2dq, "cvtps2dq": _by_cvtps2dq, "fcvtns": _by_fcvtns, "f32x4.add": _by_addition}
)
