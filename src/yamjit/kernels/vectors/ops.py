"""Vector values inside Numba: a type that is an LLVM vector, and the few operations that the kernels need.

A kernel written over them reads as Python and keeps its accumulators in registers. Each operation is lowered for one
`Target`, which names the instruction set; nothing is taken from the machine by accident, so that a kernel can be
compiled for any target, and every lowering gives the same bits.

Memory is addressed by integers. Loads and stores need no alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from yamjit.kernels.int8.preparation import multiplies_signed_bytes

__all__ = ["TARGETS", "Target", "VectorOps", "detect_target"]

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_F32, _F64 = ir.FloatType(), ir.DoubleType()


@dataclass(frozen=True, slots=True)
class Target:
    """An instruction set as the kernels see it.

    Parameters
    ----------
    name : str
    lanes : int
        32-bit integers in a vector; divides 16.
    rows, columns : int
        Accumulators of a tile: as many as leave registers for operands.
    has_fma : bool
        Whether float32 are multiplied and added with one rounding.
    signed : bool
        Whether int8 inputs are multiplied with int8 weights; else uint8 inputs are.
    multiplies_by_lane : bool
        Whether a dot product takes four inputs from any lane of a vector.
    """

    name: str
    lanes: int
    rows: int
    columns: int
    has_fma: bool = True
    signed: bool = False
    multiplies_by_lane: bool = False


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            Target("avx512vnni", lanes=16, rows=12, columns=2),
            Target("avxvnni", lanes=8, rows=6, columns=2),
            Target("avx2", lanes=8, rows=4, columns=2),
            Target("neon-dot", lanes=4, rows=4, columns=4, signed=True, multiplies_by_lane=True),
            Target("neon", lanes=4, rows=2, columns=4, signed=True),
            Target("plain", lanes=4, rows=4, columns=2, has_fma=False),
        )
    }
)


def detect_target(features: Mapping[str, bool], machine: str) -> Target:
    """Return the best target for a processor.

    Parameters
    ----------
    features : mapping of str to bool
        As ``llvmlite.binding.get_host_cpu_features`` gives them.
    machine : str
        As ``platform.machine`` gives it.
    """

    def has(*names: str) -> bool:
        return all(features.get(name, False) for name in names)

    if machine.lower() in ("x86_64", "amd64"):
        if has("avx512vnni", "avx512bw", "avx512vl", "avx512dq"):
            return TARGETS["avx512vnni"]
        if has("avxvnni", "fma"):
            return TARGETS["avxvnni"]
        if has("avx2", "fma"):
            return TARGETS["avx2"]
    if multiplies_signed_bytes(machine):
        return TARGETS["neon-dot" if has("dotprod") else "neon"]
    return TARGETS["plain"]


# -- The type ---------------------------------------------------------------------------------------------------


class _Vector(types.Type):  # type: ignore[misc]
    """A vector of `lanes` elements of an LLVM type."""

    def __init__(self, element: ir.Type, lanes: int) -> None:
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"vector({element} x {lanes})")


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: _Vector) -> None:
        super().__init__(manager, vector, ir.VectorType(vector.element, vector.lanes))


# -- Operations -------------------------------------------------------------------------------------------------

_Emit = Callable[..., Any]


def _operation(result: types.Type, arguments: Sequence[types.Type], emit: _Emit) -> Any:
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


class VectorOps:
    """The operations, lowered for one target.

    Addresses are int64; ``i32`` stands for a vector of `Target.lanes` 32-bit integers, ``u8`` for one of four times
    as many bytes.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.lanes = target.lanes
        self._i32 = _Vector(_I32, target.lanes)
        self._f32 = _Vector(_F32, target.lanes)
        self._i64 = _Vector(_I64, target.lanes // 2)
        self._sum = _Vector(_I32, target.lanes * (2 if target.name == "neon" else 1))
        self._u8 = _Vector(_I8, 4 * target.lanes)
        self._wide = ir.VectorType(_I64, target.lanes // 2)

    @cached_property
    def own_frame(self) -> Any:
        """``own_frame()``: the function that calls it is not inlined, and its stack is aligned to vectors.

        Registers that are spilled onto a stack that is not aligned cross cache lines, which halves their speed.
        """

        def emit(b: Any) -> None:
            b.function.attributes.add("noinline")
            b.function.attributes.alignstack = 4 * self.lanes

        return _operation(types.void, (), emit)

    # Memory

    @cached_property
    def zeros(self) -> Any:
        """``zeros() -> i32``."""
        return _operation(self._i32, (), lambda builder: ir.Constant(self._type(_I32), None))

    @cached_property
    def load(self) -> Any:
        """``load(address) -> i32``."""
        return _operation(self._i32, (types.int64,), lambda b, address: _load(b, address, self._type(_I32)))

    @cached_property
    def load_bytes(self) -> Any:
        """``load_bytes(address, flip) -> u8``: with the bits of `flip` turned.

        Turning the highest bit of each byte makes of an int8 the uint8 that is 128 more. `flip` is a value and no
        constant: given one, LLVM 22 does not come to an end with the dot product behind it.
        """

        def emit(b: Any, address: Any, flip: Any) -> Any:
            octets = ir.VectorType(_I8, 4 * self.lanes)
            return b.bitcast(b.xor(_load(b, address, flip.type), flip), octets)

        return _operation(self._u8, (types.int64, self._i32), emit)

    @cached_property
    def store(self) -> Any:
        """``store(address, i32)``."""
        return _operation(types.void, (types.int64, self._i32), _store)

    @cached_property
    def prefetch(self) -> Any:
        """``prefetch(address)``: what lies there will be read from the second cache; the address need not be valid."""

        def emit(b: Any, address: Any) -> Any:
            pointer = b.inttoptr(address, _I8.as_pointer())
            return _call(b, "llvm.prefetch.p0", ir.VoidType(), pointer, _I32(0), _I32(2), _I32(1))

        return _operation(types.void, (types.int64,), emit)

    @cached_property
    def broadcast(self) -> Any:
        """``broadcast(address) -> i32``: the four bytes at `address` in every lane."""
        return _operation(self._i32, (types.int64,), lambda b, a: _splat(b, _load(b, a, _I32), self.lanes))

    @cached_property
    def splat(self) -> Any:
        """``splat(value) -> i32``: the lower half of an int64 in every lane."""
        lanes = self.lanes
        return _operation(self._i32, (types.int64,), lambda b, value: _splat(b, b.trunc(value, _I32), lanes))

    @cached_property
    def copy_bytes(self) -> Any:
        """``copy_bytes(source, target, flip)``: as many bytes as a vector has, with the bits of `flip` turned."""

        def emit(b: Any, source: Any, target: Any, flip: Any) -> Any:
            return _store(b, target, b.xor(_load(b, source, flip.type), flip))

        return _operation(types.void, (types.int64, types.int64, self._i32), emit)

    # Arithmetic

    @cached_property
    def started(self) -> Any:
        """``started(i32) -> sum``: what `dot` adds to: one vector, or two whose neighbours are added in the end."""
        return _operation(self._sum, (self._i32,), _identity if self._sum.lanes == self.lanes else _with_zeros)

    @cached_property
    def dot(self) -> Any:
        """``dot(sum, x, w) -> sum``: in every lane, ``sum`` plus the products of four inputs with four int8 weights.

        Inputs are int8 where `Target.signed`, else uint8.
        """
        emit = {
            "avx512vnni": _vpdpbusd("llvm.x86.avx512.vpdpbusd.512"),
            "avxvnni": _vpdpbusd("llvm.x86.avx512.vpdpbusd.256"),
            "avx2": _dot_by_madd,
            "neon-dot": _sdot,
            "neon": _dot_by_smull,
            "plain": _dot_by_bytes,
        }[self.target.name]
        return _operation(self._sum, (self._sum, self._i32, self._i32), emit)

    @cached_property
    def total(self) -> Any:
        """``total(sum) -> i32``."""
        return _operation(self._i32, (self._sum,), _identity if self._sum.lanes == self.lanes else _added_pairs)

    @cached_property
    def lane_of_four(self) -> tuple[Any, Any, Any, Any]:
        """Four operations ``(i32) -> i32``: lane `j` in every lane, for vectors of four."""
        parts = tuple(_operation(self._i32, (self._i32,), partial(_lane, j)) for j in range(4))
        return parts[0], parts[1], parts[2], parts[3]

    @cached_property
    def load_wide(self) -> Any:
        """``load_wide(address) -> i64``: half as many 64-bit integers."""
        return _operation(self._i64, (types.int64,), lambda b, address: _load(b, address, self._wide))

    @cached_property
    def requantize(self) -> Any:
        """``requantize(acc, multiplier, even_offset, odd_offset, shift) -> i32``.

        ``(acc * multiplier + offset) >> (32 + shift)`` in 64 bits. Lanes of even and of odd number are multiplied
        apart, so that the high halves of the products are where the result wants them.
        """
        arguments = (self._i32, self._i32, self._i64, self._i64, self._i32)
        return _operation(self._i32, arguments, self._emit_requantize)

    def _emit_requantize(self, b: Any, acc: Any, multiplier: Any, even_offset: Any, odd_offset: Any, shift: Any) -> Any:
        even, odd = (partial(self._emit_widened, b, parity) for parity in (0, 1))
        products = (
            b.add(b.mul(even(acc), even(multiplier)), even_offset),
            b.add(b.mul(odd(acc), odd(multiplier)), odd_offset),
        )
        split = [self.lanes * (i % 2) + i // 2 * 2 + 1 for i in range(self.lanes)]
        halves = (b.bitcast(product, self._type(_I32)) for product in products)
        return b.ashr(b.shuffle_vector(*halves, _mask(split)), shift)

    def _emit_widened(self, b: Any, parity: int, value: Any) -> Any:
        """Widen the lanes of even or of odd number to 64 bits."""
        if self.target.signed:
            taken = b.shuffle_vector(value, value, _mask(range(parity, self.lanes, 2)))
            return b.sext(taken, self._wide)
        half, pairs = ir.Constant(self._wide, [32] * (self.lanes // 2)), b.bitcast(value, self._wide)
        return b.ashr(pairs if parity else b.shl(pairs, half), half)

    @cached_property
    def load_reals(self) -> Any:
        """``load_reals(address) -> f32``: as many float32."""
        return _operation(self._f32, (types.int64,), lambda b, address: _load(b, address, self._type(_F32)))

    @cached_property
    def requantize_real(self) -> Any:
        """``requantize_real(acc, scale, offset) -> i32``: ``rint(fma(acc, scale, offset))`` in float32."""
        rounded = {16: _rounded_by_avx512, 8: _rounded_by_avx, 4: _rounded_by_neon}[self.lanes]

        def emit(b: Any, acc: Any, scale: Any, offset: Any) -> Any:
            real = b.sitofp(acc, scale.type)
            return rounded(b, _call(b, f"llvm.fma.v{self.lanes}f32", scale.type, real, scale, offset))

        return _operation(self._i32, (self._i32, self._f32, self._f32), emit)

    @cached_property
    def store_saturated(self) -> Any:
        """``store_saturated(address, i32)``: every lane clamped to an int8."""

        def emit(b: Any, address: Any, value: Any) -> Any:
            return _store(b, address, _to_int8(b, value))

        return _operation(types.void, (types.int64, self._i32), emit)

    # Interleaving: what takes bytes of four taps to quads and back

    @cached_property
    def quads(self) -> tuple[Any, Any, Any, Any]:
        """Four operations ``(u8, u8, u8, u8) -> i32``: bytes of four vectors side by side, a quarter each.

        Within each 16 bytes, operation `j` takes the bytes 4 j .. 4 j + 3 of every vector: an unpacking of bytes and
        one of pairs.
        """
        taps = (self._u8,) * 4
        parts = tuple(_operation(self._i32, taps, self._emit_quad(j)) for j in range(4))
        return parts[0], parts[1], parts[2], parts[3]

    def _emit_quad(self, j: int) -> _Emit:
        def emit(b: Any, *taps: Any) -> Any:
            half, part = divmod(j, 2)
            ab = b.shuffle_vector(taps[0], taps[1], _unpack_mask(4 * self.lanes, 16, half))
            cd = b.shuffle_vector(taps[2], taps[3], _unpack_mask(4 * self.lanes, 16, half))
            pairs = ir.VectorType(_I16, 2 * self.lanes)
            mask = _unpack_mask(2 * self.lanes, 8, part)
            return b.bitcast(b.shuffle_vector(b.bitcast(ab, pairs), b.bitcast(cd, pairs), mask), self._type(_I32))

        return emit

    @cached_property
    def store_quads(self) -> Any:
        """``store_quads(address, flip, i32, i32, i32, i32)``: results of the four `quads`, in the bytes' order.

        Each is clamped to an int8, and has the bits of `flip` turned.
        """
        return _operation(types.void, (types.int64, *(self._i32,) * 5), self._emit_store_quads)

    def _emit_store_quads(self, b: Any, address: Any, flip: Any, *parts: Any) -> Any:
        packed = self._packed(b, parts)
        return _store(b, address, b.xor(packed, b.bitcast(flip, packed.type)))

    def _packed(self, b: Any, parts: Sequence[Any]) -> Any:
        if self.target.name.startswith("avx"):
            return self._packed_by_saturation(b, parts)
        lanes = self.lanes
        narrow = [_to_int8(b, part) for part in parts]
        low, high = (b.shuffle_vector(narrow[k], narrow[k + 1], _mask(range(2 * lanes))) for k in (0, 2))
        order = [lanes * j + 4 * group + i for group in range(lanes // 4) for j in range(4) for i in range(4)]
        return b.shuffle_vector(low, high, _mask(order))

    def _packed_by_saturation(self, b: Any, parts: Sequence[Any]) -> Any:
        """Pack by packssdw and packsswb, which undo the unpacking within 16 bytes and clamp on the way."""
        words, octets = ir.VectorType(_I16, 2 * self.lanes), ir.VectorType(_I8, 4 * self.lanes)
        names = {16: ("avx512.packssdw.512", "avx512.packsswb.512"), 8: ("avx2.packssdw", "avx2.packsswb")}
        to_words, to_bytes = names[self.lanes]
        first = _call(b, f"llvm.x86.{to_words}", words, parts[0], parts[1])
        second = _call(b, f"llvm.x86.{to_words}", words, parts[2], parts[3])
        return _call(b, f"llvm.x86.{to_bytes}", octets, first, second)

    def _type(self, element: ir.Type) -> ir.VectorType:
        return ir.VectorType(element, self.lanes)


# -- Lowerings of the dot product -------------------------------------------------------------------------------


def _vpdpbusd(name: str) -> _Emit:
    def emit(b: Any, acc: Any, u: Any, s: Any) -> Any:
        return _call(b, name, acc.type, acc, u, s)

    return emit


def _dot_by_madd(b: Any, acc: Any, u: Any, s: Any) -> Any:
    """Widen even and odd bytes to 16 bits and multiply-add pairs, which cannot saturate."""
    words = ir.VectorType(_I16, 2 * acc.type.count)
    eight = ir.Constant(words, [8] * words.count)
    u, s = b.bitcast(u, words), b.bitcast(s, words)
    even_u, odd_u = b.and_(u, ir.Constant(words, [255] * words.count)), b.lshr(u, eight)
    even_s, odd_s = b.ashr(b.shl(s, eight), eight), b.ashr(s, eight)
    name = "llvm.x86.avx2.pmadd.wd"
    even, odd = _call(b, name, acc.type, even_u, even_s), _call(b, name, acc.type, odd_u, odd_s)
    return b.add(acc, b.add(even, odd))


def _sdot(b: Any, acc: Any, x: Any, w: Any) -> Any:
    # LLVM takes a lane of the second factor, not of the first.
    octets = ir.VectorType(_I8, 16)
    name = "llvm.aarch64.neon.sdot.v4i32.v16i8"
    return _call(b, name, acc.type, acc, b.bitcast(w, octets), b.bitcast(x, octets))


def _dot_by_smull(b: Any, sums: Any, x: Any, w: Any) -> Any:
    """Multiply bytes to 16 bits and add pairs to 32: a lane of `sums` is half of a dot product."""
    octets, words = ir.VectorType(_I8, 16), ir.VectorType(_I16, 8)
    x, w = b.bitcast(x, octets), b.bitcast(w, octets)
    halves = []
    for first in (0, 4):
        parts = (_part(b, value, 2 * first, 8) for value in (x, w))
        product = _call(b, "llvm.aarch64.neon.smull.v8i16", words, *parts)
        pairs = _call(b, "llvm.aarch64.neon.saddlp.v4i32.v8i16", ir.VectorType(_I32, 4), product)
        halves.append(b.add(_part(b, sums, first, 4), pairs))
    return b.shuffle_vector(*halves, _mask(range(8)))


def _with_zeros(b: Any, value: Any) -> Any:
    """Put a zero behind each of four lanes."""
    return b.shuffle_vector(value, ir.Constant(value.type, None), _mask([0, 4, 1, 5, 2, 6, 3, 7]))


def _added_pairs(b: Any, sums: Any) -> Any:
    """Add the neighbours among eight lanes."""
    low, high = _part(b, sums, 0, 4), _part(b, sums, 4, 4)
    return _call(b, "llvm.aarch64.neon.addp.v4i32", low.type, low, high)


def _dot_by_bytes(b: Any, acc: Any, u: Any, s: Any) -> Any:
    """Multiply byte after byte in 32 bits: what any processor can do."""
    kind = acc.type

    def splat(value: int) -> Any:
        return ir.Constant(kind, [value] * kind.count)

    for byte in range(4):
        unsigned = b.and_(b.lshr(u, splat(8 * byte)), splat(255))
        signed = b.ashr(b.shl(s, splat(24 - 8 * byte)), splat(24))
        acc = b.add(acc, b.mul(unsigned, signed))
    return acc


# -- Lowerings of the rounding of floats ------------------------------------------------------------------------


def _rounded_by_avx512(b: Any, real: Any) -> Any:
    whole = ir.VectorType(_I32, 16)
    as_the_mode_says = (ir.Constant(whole, None), ir.Constant(_I16, -1), _I32(4))
    return _call(b, "llvm.x86.avx512.mask.cvtps2dq.512", whole, real, *as_the_mode_says)


def _rounded_by_neon(b: Any, real: Any) -> Any:
    return _call(b, "llvm.aarch64.neon.fcvtns.v4i32.v4f32", ir.VectorType(_I32, 4), real)


def _rounded_by_avx(b: Any, real: Any) -> Any:
    return _call(b, "llvm.x86.avx.cvt.ps2dq.256", ir.VectorType(_I32, 8), real)


# -- LLVM's words -----------------------------------------------------------------------------------------------


def _call(b: Any, name: str, result: ir.Type, *args: Any) -> Any:
    function = cgutils.get_or_insert_function(b.module, ir.FunctionType(result, [a.type for a in args]), name)
    return b.call(function, args)


def _load(b: Any, address: Any, kind: ir.Type) -> Any:
    return b.load(b.inttoptr(address, kind.as_pointer()), align=1)


def _store(b: Any, address: Any, value: Any) -> Any:
    return b.store(value, b.inttoptr(address, value.type.as_pointer()), align=1)


def _splat(b: Any, value: Any, lanes: int) -> Any:
    kind = ir.VectorType(value.type, lanes)
    undefined = ir.Constant(kind, ir.Undefined)
    return b.shuffle_vector(b.insert_element(undefined, value, _I32(0)), undefined, _mask([0] * lanes))


def _part(b: Any, value: Any, first: int, count: int) -> Any:
    return b.shuffle_vector(value, value, _mask(range(first, first + count)))


def _lane(index: int, b: Any, value: Any) -> Any:
    return b.shuffle_vector(value, value, _mask([index] * value.type.count))


def _identity(b: Any, value: Any) -> Any:
    return value


def _mask(order: Any) -> ir.Constant:
    order = list(order)
    return ir.Constant(ir.VectorType(_I32, len(order)), order)


def _unpack_mask(count: int, group: int, half: int) -> ir.Constant:
    """Interleave two vectors of `count` elements, half of each `group` of them."""
    start = half * group // 2
    order = []
    for base in range(0, count, group):
        for i in range(group // 2):
            order += [base + start + i, count + base + start + i]
    return _mask(order)


def _to_int8(b: Any, value: Any) -> Any:
    """Clamp lanes to int8."""
    kind = value.type
    suffix = f"v{kind.count}i32"
    low, high = (ir.Constant(kind, [limit] * kind.count) for limit in (-128, 127))
    clamped = _call(b, f"llvm.smin.{suffix}", kind, _call(b, f"llvm.smax.{suffix}", kind, value, low), high)
    return b.trunc(clamped, ir.VectorType(_I8, kind.count))
