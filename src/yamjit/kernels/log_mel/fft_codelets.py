"""Pieces of the Fourier transform of real frames: a frame per lane, so that no lane looks at another.

Tables and their order are those of `yamjit.kernels.log_mel.fft`. The transform runs in double precision;
`emit_magnitude_pair` then parts the spectra of even and odd samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from yamjit.kernels.log_mel.fft import bit_reversed
from yamjit.kernels.vectors.lanes import Complex, Lanes

__all__ = ["emit_combine", "emit_first", "emit_magnitude_pair"]

#: A factor of a butterfly, in every lane.
_Factor = Complex

_Butterfly = Callable[[Complex, Complex], tuple[Complex, Complex]]


def emit_first(lanes: Lanes, radix: int, source: Any, step: Any, out: Any) -> None:
    """Emit the first pass over `radix` (4 or 8) points, whose factors are all known.

    The points, from address `source` on and `step` bytes apart, are floats, real parts and then imaginary ones. They go
    to `out` as doubles, one point after the other.
    """
    in_order = []
    for address in _addresses(lanes, source, step, radix):
        imaginary = lanes.at(address, 4 * lanes.count)
        in_order.append((lanes.load_widened(address), lanes.load_widened(imaginary)))
    points = [in_order[place] for place in bit_reversed(radix)]
    eighth = lanes.constant(math.sqrt(0.5)), lanes.constant(-math.sqrt(0.5))
    _level(points, [_plain(lanes)])
    _level(points, [_plain(lanes), _plain(lanes, turned=True)])
    if radix == 8:
        by_eighth = [_by_factor(lanes, eighth, turned=turned) for turned in (False, True)]
        _level(points, [_plain(lanes), by_eighth[0], _plain(lanes, turned=True), by_eighth[1]])
    for place, point in enumerate(points):
        lanes.store_complex(lanes.at(out, 16 * lanes.count * place), point)


def emit_combine(lanes: Lanes, radix: int, points: Any, step: Any, table: Any) -> None:
    """Emit a later pass over `radix` (4 or 8) points, in place: doubles from address `points` on, `step` bytes apart.

    `table` is the address of what `pass_factors` gives for this place.
    """
    addresses = _addresses(lanes, points, step, radix)
    values = [lanes.load_complex(address) for address in addresses]
    width = 1
    while width < radix:
        loaded = [_load_factor(lanes, lanes.at(table, 16 * twin)) for twin in range(max(1, width // 2))]
        straight = [_by_factor(lanes, factor) for factor in loaded]
        turned = [_by_factor(lanes, factor, turned=True) for factor in loaded]
        _level(values, straight + turned if width > 1 else straight)
        table = lanes.at(table, 16 * len(loaded))
        width *= 2
    for address, value in zip(addresses, values, strict=True):
        lanes.store_complex(address, value)


def emit_magnitude_pair(lanes: Lanes, low: Any, high: Any, table: Any, low_out: Any, high_out: Any) -> None:
    """Emit the magnitudes (floats) of bins `k` and ``n - k`` of real frames, from points `k` and ``n - k``.

    Real and imaginary parts are rounded to float32; their squares are exact in double, so that one rounding is left in
    the sum, one in the square root and one to float32. Where `k` is 0, both `low` and `high` are the address of point
    0. The factor at `table` is ``exp(-i pi k / n)``, halved.
    """
    b = lanes.builder
    real, imaginary = lanes.load_complex(low)
    mirror_real, mirror_imaginary = lanes.load_complex(high)
    half = lanes.constant(0.5)
    even = b.fmul(b.fadd(real, mirror_real), half), b.fmul(b.fsub(imaginary, mirror_imaginary), half)
    odd = b.fadd(imaginary, mirror_imaginary), b.fsub(mirror_real, real)
    # The higher bin comes out conjugated, which its magnitude does not show.
    bins = _by_factor(lanes, _load_factor(lanes, table))(even, odd)
    for address, (re, im) in zip((low_out, high_out), bins, strict=True):
        re, im = lanes.rounded(re), lanes.rounded(im)
        magnitude = lanes.square_root(lanes.multiply_add(re, re, b.fmul(im, im)))
        lanes.store(address, b.fptrunc(magnitude, lanes.floats))


# -- Butterflies ------------------------------------------------------------------------------------------------


def _level(points: list[Any], butterflies: Sequence[_Butterfly]) -> None:
    """Run a level over points in bit-reversed order, as many butterflies side by side as there are kinds."""
    width = len(butterflies)
    for start in range(0, len(points), 2 * width):
        for twin, butterfly in enumerate(butterflies, start):
            points[twin], points[twin + width] = butterfly(points[twin], points[twin + width])


def _plain(lanes: Lanes, *, turned: bool = False) -> _Butterfly:
    """Return ``a + b, a - b``; with -i b for b if `turned`."""
    b = lanes.builder

    def butterfly(first: Complex, second: Complex) -> tuple[Complex, Complex]:
        (ar, ai), (br, bi) = first, second
        if turned:
            return (b.fadd(ar, bi), b.fsub(ai, br)), (b.fsub(ar, bi), b.fadd(ai, br))
        return (b.fadd(ar, br), b.fadd(ai, bi)), (b.fsub(ar, br), b.fsub(ai, bi))

    return butterfly


def _by_factor(lanes: Lanes, factor: _Factor, *, turned: bool = False) -> _Butterfly:
    """Return ``a + w b, a - w b``; with -i w for w if `turned`."""
    b = lanes.builder
    wr, wi = factor

    def butterfly(first: Complex, second: Complex) -> tuple[Complex, Complex]:
        br, bi = second
        product = (
            lanes.subtract_product(b.fmul(wr, br), wi, bi),
            lanes.multiply_add(wr, bi, b.fmul(wi, br)),
        )
        return _plain(lanes, turned=turned)(first, product)

    return butterfly


def _load_factor(lanes: Lanes, address: Any) -> _Factor:
    return lanes.broadcast(address, lanes.doubles), lanes.broadcast(lanes.at(address, 8), lanes.doubles)


def _addresses(lanes: Lanes, first: Any, step: Any, count: int) -> list[Any]:
    addresses = [first]
    for _ in range(count - 1):
        addresses.append(lanes.builder.add(addresses[-1], step))
    return addresses
