"""What operations on vectors are written with: a type of Numba that is an LLVM vector, and LLVM's load, store and mask.

Memory is addressed by integers. Loads and stores need no alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

__all__ = [
    "Emit",
    "Vector",
    "call",
    "filled",
    "identity",
    "lane",
    "load",
    "mask",
    "operation",
    "part",
    "splat",
    "store",
    "to_int8",
    "unpack_mask",
]

_I8, _I32 = ir.IntType(8), ir.IntType(32)

#: Takes LLVM's builder and values, and returns the value of what it has built.
Emit = Callable[..., Any]


class Vector(types.Type):  # type: ignore[misc]
    """A vector of `lanes` elements of an LLVM type, as Numba knows it."""

    def __init__(self, element: ir.Type, lanes: int) -> None:
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"vector({element} x {lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, ir.VectorType(vector.element, vector.lanes))


def operation(result: types.Type, arguments: Sequence[types.Type], emit: Emit) -> Any:
    """Make an intrinsic: ``emit(builder, *llvm values)`` returns the LLVM value of `result`."""
    signature = result(*arguments)

    def typing(typingctx: Any, *args: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            value = emit(builder, *values)
            return context.get_dummy_value() if result is types.void else value

        return signature, codegen

    # Numba reads the number of arguments off the function's own signature.
    names = [f"a{index}" for index in range(len(arguments))]
    source = f"def operation({', '.join(['typingctx', *names])}): return typing(typingctx, {', '.join(names)})"
    namespace: dict[str, Any] = {"typing": typing}
    exec(source, namespace)  # noqa: S102
    return intrinsic(namespace["operation"])


def call(b: Any, name: str, result: ir.Type, *args: Any) -> Any:
    """Call a function by name, most often an intrinsic of LLVM."""
    function = cgutils.get_or_insert_function(b.module, ir.FunctionType(result, [a.type for a in args]), name)
    return b.call(function, args)


def load(b: Any, address: Any, kind: ir.Type) -> Any:
    """Read a value of type `kind`."""
    return b.load(b.inttoptr(address, kind.as_pointer()), align=1)


def store(b: Any, address: Any, value: Any) -> Any:
    """Write a value."""
    return b.store(value, b.inttoptr(address, value.type.as_pointer()), align=1)


def splat(b: Any, value: Any, lanes: int) -> Any:
    """Put a scalar into every lane."""
    kind = ir.VectorType(value.type, lanes)
    undefined = ir.Constant(kind, ir.Undefined)
    return b.shuffle_vector(b.insert_element(undefined, value, _I32(0)), undefined, mask([0] * lanes))


def filled(kind: ir.VectorType, value: float) -> ir.Constant:
    """Return the vector of type `kind` that holds a number in every lane."""
    return ir.Constant(kind, [value] * kind.count)


def part(b: Any, value: Any, first: int, count: int) -> Any:
    """Return `count` lanes from number `first` on."""
    return b.shuffle_vector(value, value, mask(range(first, first + count)))


def lane(index: int, b: Any, value: Any) -> Any:
    """Put lane `index` into every lane."""
    return b.shuffle_vector(value, value, mask([index] * value.type.count))


def identity(b: Any, value: Any) -> Any:
    """Return the value as it is."""
    return value


def mask(order: Iterable[int]) -> ir.Constant:
    """Return the mask of a shuffle."""
    order = list(order)
    return ir.Constant(ir.VectorType(_I32, len(order)), order)


def unpack_mask(count: int, group: int, half: int) -> ir.Constant:
    """Interleave two vectors of `count` elements, half of each `group` of them."""
    start = half * group // 2
    order = []
    for base in range(0, count, group):
        for i in range(group // 2):
            order += [base + start + i, count + base + start + i]
    return mask(order)


def to_int8(b: Any, value: Any) -> Any:
    """Clamp lanes to int8."""
    kind = value.type
    suffix = f"v{kind.count}i32"
    low, high = filled(kind, -128), filled(kind, 127)
    clamped = call(b, f"llvm.smin.{suffix}", kind, call(b, f"llvm.smax.{suffix}", kind, value, low), high)
    return b.trunc(clamped, ir.VectorType(_I8, kind.count))
