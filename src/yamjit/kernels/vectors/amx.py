"""AMX's tiles: eight registers of up to 16 rows of 64 bytes, and products of two of them added to a third.

The numbers of tiles are part of an instruction, and LLVM keeps no account of what is in them. So a kernel configures
tiles, uses and releases them before it returns, and what it calls meanwhile leaves them alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from llvmlite import ir
from numba import types

from yamjit.kernels.vectors.words import Vector, call, operation

__all__ = ["ACCUMULATORS", "INPUTS", "OPERATIONS", "WEIGHTS"]

_I8, _I16, _VOID = ir.IntType(8), ir.IntType(16), ir.VoidType()

#: What tiles are used for: two by two of accumulators, two of rows of inputs, two of channels' weights.
ACCUMULATORS, INPUTS, WEIGHTS = (0, 1, 2, 3), (4, 5), (6, 7)


def _configure(b: Any, address: Any) -> None:
    call(b, "llvm.x86.ldtilecfg", _VOID, b.inttoptr(address, _I8.as_pointer()))


def _release(b: Any) -> None:
    call(b, "llvm.x86.tilerelease", _VOID)


def _move(name: str, tile: int, b: Any, address: Any, stride: Any) -> None:
    call(b, f"llvm.x86.{name}", _VOID, _I8(tile), b.inttoptr(address, _I8.as_pointer()), stride)


def _multiply(accumulators: int, inputs: int, weights: int, b: Any) -> None:
    call(b, "llvm.x86.tdpbusd", _VOID, _I8(accumulators), _I8(inputs), _I8(weights))


def _store_some(b: Any, address: Any, value: Any, mask: Any) -> None:
    pointer = b.inttoptr(address, _I8.as_pointer())
    call(b, "llvm.x86.avx512.mask.pmovs.db.mem.512", _VOID, pointer, value, b.trunc(mask, _I16))


_ADDRESSES = (types.int64, types.int64)

#: Operations by name: ``configure(address)``, ``release()``; ``load4(address, stride)`` and ``store4`` for tile 4;
#: ``multiply0_4_6()`` adds to tile 0 the products of tiles 4 and 6; ``store_some(address, i32, mask)`` stores lanes,
#: clamped to int8, where bits of a mask are set.
OPERATIONS: Mapping[str, Any] = MappingProxyType(
    {
        "configure": operation(types.void, (types.int64,), _configure),
        "release": operation(types.void, (), _release),
        "store_some": operation(types.void, (types.int64, Vector(ir.IntType(32), 16), types.int64), _store_some),
        **{
            f"{name}{tile}": operation(types.void, _ADDRESSES, partial(_move, instruction, tile))
            for name, instruction in (("load", "tileloadd64"), ("store", "tilestored64"))
            for tile in (*ACCUMULATORS, *INPUTS, *WEIGHTS)
        },
        **{
            "multiply{}_{}_{}".format(*tiles): operation(types.void, (), partial(_multiply, *tiles))
            for tiles in itertools.product(ACCUMULATORS, INPUTS, WEIGHTS)
        },
    }
)
