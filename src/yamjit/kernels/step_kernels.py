"""What the kernel of each step operation reads, and what it relies on: a table that proof and preparation go by."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

from yamjit.kernels.program import FFT_BYTES, TABLE, Column, Rounding, Scaling, StepOp

__all__ = ["ALWAYS", "CLAMPS", "INPUT", "KERNELS", "OUTPUT", "PER_CHANNEL", "UNREAD", "WINDOW", "Kernel", "Row"]

Row = list[int]

INPUT = (Column.INPUT_H, Column.INPUT_W, Column.INPUT_C)
OUTPUT = (Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C)
ALWAYS = {Column.OP, Column.INPUT, Column.OUTPUT, *INPUT, *OUTPUT}
WINDOW = {Column.KERNEL_H, Column.KERNEL_W, Column.STRIDE_H, Column.STRIDE_W, Column.PAD_TOP, Column.PAD_LEFT}
#: Columns of constants with a number for each output channel, and the bytes of one.
PER_CHANNEL = {Column.BIAS: 4, Column.MULTIPLIER: 4, Column.SHIFT: 4, Column.OFFSET: 8, Column.SCALE: 8}
CLAMPS = {Column.ACTIVATION_MIN, Column.ACTIVATION_MAX}
_REQUANTIZATION = {*PER_CHANNEL, *CLAMPS, Column.OUTPUT_ZERO_POINT, Column.ROUNDING}

_SAME_CHANNELS = (Column.INPUT_C, Column.OUTPUT_C)
_SAME_PLACES = ((Column.INPUT_H, Column.OUTPUT_H), (Column.INPUT_W, Column.OUTPUT_W))


class Kernel(NamedTuple):
    """What the kernel of a step operation reads, and what it relies on."""

    #: Columns that it reads, besides places and sizes of input and output.
    reads: set[Column]
    #: Sizes that are equal: it reads one of the two.
    equal: tuple[tuple[Column, Column], ...] = ()
    #: Sizes that are 1.
    ones: tuple[Column, ...] = ()
    #: Number of bytes at `Column.WEIGHTS` that it reads for a step; 0 where it reads none.
    weights: Callable[[Row], int] = lambda row: 0
    #: Bytes of an input value, and of an output value.
    input_bytes: int = 1
    output_bytes: int = 1
    #: Number of values of its second operand, which has the type of the first; a constant is at `Column.WEIGHTS`.
    other: Callable[[Row], int] | None = None
    #: What `Column.ROUNDING` is a number of.
    rounding: type[enum.IntEnum] = Rounding
    #: Whether sizes go together, where that is more than `equal` and `ones` say.
    suits: Callable[[Row], bool] = lambda row: True


_ALL_PLACES = (*INPUT[:2], *OUTPUT[:2])
_FLOATS: dict[str, Any] = {"input_bytes": 4, "output_bytes": 4}
_HYBRID: dict[str, Any] = {**_FLOATS, "rounding": Scaling}
_DEQUANTIZATION = {Column.BIAS, Column.MULTIPLIER, Column.ROUNDING, *CLAMPS}


def _with_other(kernel: Kernel, size: Callable[[Row], int]) -> Kernel:
    """Return a kernel with a second operand, a tensor or a constant, of as many values as `size` says."""
    width = kernel.input_bytes
    return kernel._replace(
        reads={*kernel.reads, Column.OTHER, Column.WEIGHTS},
        weights=lambda row: size(row) * width if row[Column.OTHER] < 0 else 0,
        other=size,
    )


def _suits_rfft(row: Row) -> bool:
    """Whether rows are powers of two, and each becomes half as many complex values and one more."""
    count = row[Column.INPUT_C]
    return count >= 2 and count & (count - 1) == 0 and row[Column.OUTPUT_C] == count + 2


def _suits_spectrogram(row: Row) -> bool:
    """Whether frames lie in the input, and a transform of a power of two holds one."""
    half, length, stride = row[Column.OUTPUT_C] - 1, row[Column.KERNEL_W], row[Column.STRIDE_W]
    if not (half >= 1 and half & (half - 1) == 0 and 1 <= length <= 2 * half and 1 <= stride <= row[Column.INPUT_W]):
        return False
    return (row[Column.OUTPUT_W] - 1) * stride + length <= row[Column.INPUT_W]


KERNELS: dict[StepOp, Kernel] = {
    StepOp.QUANTIZE: Kernel(
        {Column.WEIGHTS, Column.OUTPUT_ZERO_POINT},
        equal=(_SAME_CHANNELS,),
        ones=(*INPUT[:2], *OUTPUT[:2]),
        weights=lambda row: 4,
        input_bytes=4,
    ),
    StepOp.CONV: Kernel(
        {Column.WEIGHTS, *WINDOW, Column.INPUT_ZERO_POINT, *_REQUANTIZATION},
        weights=lambda row: row[Column.KERNEL_H] * row[Column.KERNEL_W] * row[Column.INPUT_C] * row[Column.OUTPUT_C],
    ),
    StepOp.DEPTHWISE: Kernel(
        {Column.WEIGHTS, *WINDOW, Column.INPUT_ZERO_POINT, *_REQUANTIZATION},
        equal=(_SAME_CHANNELS,),
        weights=lambda row: row[Column.KERNEL_H] * row[Column.KERNEL_W] * row[Column.OUTPUT_C],
    ),
    StepOp.POINTWISE: Kernel(
        {Column.WEIGHTS, *_REQUANTIZATION},
        equal=_SAME_PLACES,
        weights=lambda row: row[Column.INPUT_C] * row[Column.OUTPUT_C],
    ),
    StepOp.MEAN: Kernel(_REQUANTIZATION, equal=(_SAME_CHANNELS,), ones=OUTPUT[:2]),
    StepOp.LOOKUP: Kernel(
        {Column.WEIGHTS}, equal=(_SAME_CHANNELS,), ones=(*INPUT[:2], *OUTPUT[:2]), weights=lambda row: 256
    ),
    StepOp.MAX_POOL: Kernel({*WINDOW, *CLAMPS}, equal=(_SAME_CHANNELS,)),
    StepOp.MOVE: Kernel(
        {Column.WEIGHTS, Column.INPUT_ZERO_POINT},
        ones=(*INPUT[:2], Column.OUTPUT_H),
        weights=lambda row: 4 * row[Column.OUTPUT_W],
    ),
    StepOp.JOIN: _with_other(
        Kernel(set(), equal=_SAME_PLACES, ones=(Column.INPUT_H,)),
        lambda row: row[Column.OUTPUT_W] * (row[Column.OUTPUT_C] - row[Column.INPUT_C]),
    ),
    StepOp.SOFTMAX: Kernel({Column.WEIGHTS}, equal=(*_SAME_PLACES, _SAME_CHANNELS), weights=lambda row: 4 * TABLE),
    StepOp.AVERAGE_POOL: Kernel({*WINDOW, *CLAMPS}, equal=(_SAME_CHANNELS,)),
    StepOp.LOOKUP_TWO: Kernel(
        {Column.WEIGHTS, Column.OTHER},
        equal=(*_SAME_PLACES, _SAME_CHANNELS),
        weights=lambda row: TABLE * (TABLE if row[Column.OTHER] >= 0 else row[Column.OUTPUT_C]),
        other=lambda row: row[Column.OUTPUT_W] * row[Column.OUTPUT_C],
    ),
    StepOp.BLEND: Kernel(
        {Column.WEIGHTS},
        equal=(_SAME_CHANNELS,),
        weights=lambda row: 32 * row[Column.OUTPUT_H] * row[Column.OUTPUT_W],
    ),
    StepOp.DEQUANTIZE: Kernel(
        {Column.WEIGHTS, Column.INPUT_ZERO_POINT}, (_SAME_CHANNELS,), _ALL_PLACES, lambda row: 4, output_bytes=4
    ),
    StepOp.CONV_F32: Kernel(
        {Column.WEIGHTS, Column.BIAS, *WINDOW, *CLAMPS},
        weights=lambda row: (
            4 * row[Column.KERNEL_H] * row[Column.KERNEL_W] * row[Column.INPUT_C] * row[Column.OUTPUT_C]
        ),
        **_FLOATS,
    ),
    **dict.fromkeys(
        (StepOp.DEPTHWISE_F32, StepOp.DEPTHWISE_FROM_BIAS),
        Kernel(
            {Column.WEIGHTS, Column.BIAS, *WINDOW, *CLAMPS},
            weights=lambda row: 4 * row[Column.KERNEL_H] * row[Column.KERNEL_W] * row[Column.OUTPUT_C],
            **_FLOATS,
        ),
    ),
    StepOp.POINTWISE_F32: Kernel(
        {Column.WEIGHTS, Column.BIAS, *CLAMPS},
        equal=_SAME_PLACES,
        weights=lambda row: 4 * row[Column.INPUT_C] * row[Column.OUTPUT_C],
        **_FLOATS,
    ),
    StepOp.MAX_POOL_F32: Kernel({*WINDOW, *CLAMPS}, equal=(_SAME_CHANNELS,), **_FLOATS),
    StepOp.AVERAGE_POOL_F32: Kernel({*WINDOW, *CLAMPS}, equal=(_SAME_CHANNELS,), **_FLOATS),
    StepOp.MEAN_F32: Kernel(
        set(), equal=(_SAME_CHANNELS, (Column.INPUT_H, Column.OUTPUT_H)), ones=(Column.OUTPUT_W,), **_FLOATS
    ),
    StepOp.SOFTMAX_F32: Kernel(
        {Column.WEIGHTS}, equal=(*_SAME_PLACES, _SAME_CHANNELS), weights=lambda row: 4, **_FLOATS
    ),
    **dict.fromkeys(
        (StepOp.ADD, StepOp.SUB, StepOp.MUL, StepOp.DIV, StepOp.MAXIMUM, StepOp.MINIMUM),
        _with_other(
            Kernel(CLAMPS, equal=(*_SAME_PLACES, _SAME_CHANNELS), **_FLOATS),
            lambda row: row[Column.OUTPUT_W] * row[Column.OUTPUT_C],
        ),
    ),
    StepOp.CLAMP: Kernel(CLAMPS, (_SAME_CHANNELS,), _ALL_PLACES, **_FLOATS),
    **dict.fromkeys(
        (StepOp.SQRT, StepOp.RSQRT, StepOp.LOG, StepOp.EXP, StepOp.LOGISTIC, StepOp.TANH, StepOp.LOGISTIC_OPTIMISED),
        Kernel(set(), (_SAME_CHANNELS,), _ALL_PLACES, **_FLOATS),
    ),
    StepOp.RFFT: Kernel(
        {Column.WEIGHTS},
        equal=_SAME_PLACES,
        ones=(Column.INPUT_H,),
        weights=lambda row: FFT_BYTES * row[Column.INPUT_C],
        suits=_suits_rfft,
        **_FLOATS,
    ),
    StepOp.COMPLEX_ABS: Kernel(
        set(),
        equal=_SAME_PLACES,
        ones=(Column.INPUT_H,),
        suits=lambda row: row[Column.INPUT_C] == 2 * row[Column.OUTPUT_C],
        **_FLOATS,
    ),
    StepOp.SPECTROGRAM: Kernel(
        {Column.WEIGHTS, Column.KERNEL_W, Column.STRIDE_W},
        ones=(Column.INPUT_H, Column.INPUT_C, Column.OUTPUT_H),
        weights=lambda row: 2 * FFT_BYTES * (row[Column.OUTPUT_C] - 1) + 8 * row[Column.KERNEL_W],
        suits=_suits_spectrogram,
        **_FLOATS,
    ),
    StepOp.LOG_BANDS: Kernel(
        {Column.WEIGHTS},
        equal=_SAME_PLACES,
        ones=(Column.INPUT_H,),
        weights=lambda row: 12 * row[Column.INPUT_C],
        suits=lambda row: row[Column.OUTPUT_C] % 2 == 0,
        **_FLOATS,
    ),
    StepOp.COSINES: Kernel(
        {Column.WEIGHTS},
        equal=_SAME_PLACES,
        ones=(Column.INPUT_H,),
        weights=lambda row: 4 * row[Column.INPUT_C] * row[Column.OUTPUT_C],
        suits=lambda row: row[Column.INPUT_C] % 2 == 0,
        **_FLOATS,
    ),
}

#: Hybrid steps by the step of int8 inputs whose sizes and weights they have.
_LIKE = {
    StepOp.CONV_HYBRID: StepOp.CONV,
    StepOp.DEPTHWISE_HYBRID: StepOp.DEPTHWISE,
    StepOp.POINTWISE_HYBRID: StepOp.POINTWISE,
    StepOp.ROWS_HYBRID: StepOp.POINTWISE,
}
KERNELS |= {
    op: KERNELS[like]._replace(reads={Column.WEIGHTS, *_DEQUANTIZATION, *(KERNELS[like].reads & WINDOW)}, **_HYBRID)
    for op, like in _LIKE.items()
}

#: Columns that the kernel of a step operation does not read.
UNREAD = {op: sorted(set(Column) - ALWAYS - kernel.reads) for op, kernel in KERNELS.items()}
