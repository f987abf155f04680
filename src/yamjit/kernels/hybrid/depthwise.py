"""The hybrid depthwise convolution over vectors of channels.

Inputs less their zero points are integers of at most 255, weights of at most 127: float32 sums hundreds of their
products exactly. So a vector of channels of the image becomes such integers in float32, with zeros around them, and is
filtered while it is in the first cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from yamjit.kernels.hybrid.quantizing import InputScale
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.reals import RealOps

__all__ = ["Filter", "make_depthwise"]

#: Output positions that are summed side by side.
_BESIDE = 4

_ZERO = np.float32(0)


class Filter(NamedTuple):
    """A depthwise convolution: sizes, how it walks, and addresses of its constants, each float32.

    Weights are [shape=(kernel_h, kernel_w, channels)]. A sum becomes ``(sum * (scale * first)) * second + bias``.
    """

    input_h: int
    input_w: int
    #: Height and width of the image with its border.
    image_h: int
    image_w: int
    channels: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_top: int
    pad_left: int
    output_h: int
    output_w: int
    weights: int
    scale: int
    bias: int
    first: Any
    second: Any
    activation_min: Any
    activation_max: Any


def make_depthwise(ops: VectorOps) -> Any:
    """Make ``depthwise(x, by, how, image, out)``: an image of float32 at `x`, which is quantized as `by` says.

    `how` is a `Filter`; `image` is memory for a vector of channels of the image with its border.
    """
    reals, lanes = RealOps(ops.target), ops.lanes
    load, store, same, times, plus = (
        reals.load_floats,
        reals.store_floats,
        reals.same_floats,
        reals.times,
        reals.plus,
    )
    rounded, to_floats, within, add_product = reals.rounded, reals.to_floats, reals.within, reals.plus_whole_product
    size = 4 * lanes

    @jit
    def depthwise(x: int, by: InputScale, how: Filter, image: int, out: int) -> None:
        for c in range(0, how.channels, lanes):
            fill(x + 4 * c, by, how, image)
            filter_channels(image, how, c, out + 4 * c)

    @jit
    def fill(x: int, by: InputScale, how: Filter, image: int) -> None:
        """Write a vector of channels of each pixel, less the zero point, with zeros around the image."""
        nothing, inverse, low, high = same(_ZERO), same(by.inverse), same(by.low), same(by.high)
        pace = 4 * how.channels
        right = how.pad_left + how.input_w
        for y in range(how.image_h):
            row, iy = image + y * how.image_w * size, y - how.pad_top
            if 0 <= iy < how.input_h:
                for i in range(how.pad_left):
                    store(row + i * size, nothing)
                for i in range(how.input_w):
                    value = rounded(times(load(x + (iy * how.input_w + i) * pace), inverse), low, high)
                    store(row + (how.pad_left + i) * size, to_floats(value))
                for i in range(right, how.image_w):
                    store(row + i * size, nothing)
            else:
                for i in range(how.image_w):
                    store(row + i * size, nothing)

    @jit
    def filter_channels(image: int, how: Filter, c: int, out: int) -> None:
        pace, row_bytes = 4 * how.channels, how.image_w * size
        across = how.stride_w * size
        weights, at = how.weights + 4 * c, 4 * c
        scale, second = times(load(how.scale + at), same(how.first)), same(how.second)
        bias, low, high = load(how.bias + at), same(how.activation_min), same(how.activation_max)
        for oy in range(how.output_h):
            top, target = image + oy * how.stride_h * row_bytes, out + oy * how.output_w * pace
            ox = np.int64(0)
            while ox < how.output_w:
                # Where a row does not fill them, the last ones are moved back over what is done.
                begin = max(min(ox, how.output_w - _BESIDE), 0)
                left = top + begin * across
                s0, s1, s2, s3 = same(_ZERO), same(_ZERO), same(_ZERO), same(_ZERO)
                for ky in range(how.kernel_h):
                    for kx in range(how.kernel_w):
                        tap = load(weights + (ky * how.kernel_w + kx) * pace)
                        seen = left + ky * row_bytes + kx * size
                        s0 = add_product(s0, load(seen), tap)
                        s1 = add_product(s1, load(seen + across), tap)
                        s2 = add_product(s2, load(seen + 2 * across), tap)
                        s3 = add_product(s3, load(seen + 3 * across), tap)
                here = target + begin * pace
                store(here, within(plus(times(times(s0, scale), second), bias), low, high))
                if begin + 1 < how.output_w:
                    store(here + pace, within(plus(times(times(s1, scale), second), bias), low, high))
                if begin + 2 < how.output_w:
                    store(here + 2 * pace, within(plus(times(times(s2, scale), second), bias), low, high))
                if begin + 3 < how.output_w:
                    store(here + 3 * pace, within(plus(times(times(s3, scale), second), bias), low, high))
                ox = begin + _BESIDE

    return depthwise
