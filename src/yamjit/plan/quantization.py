"""From real scales to integers: what TFLite's ``Prepare`` does once per operator.

Equation numbers are those of ``reference/README.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yamjit.tflite.graph import Activation, Quantization

__all__ = [
    "Multipliers",
    "activation_range",
    "logistic_table",
    "mean_multipliers",
    "one_shift_offset",
    "quantize_multiplier",
    "quantized_bounds",
]

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Multipliers:
    """Real factors and the integers that stand for them: ``scale ~ multiplier * 2**(shift - 31)``, all (channels,)."""

    scale: Float64
    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]


def quantize_multiplier(scale: npt.ArrayLike) -> Multipliers:
    """Return real factors > 0 as 31-bit integers and powers of two (TFLite's ``QuantizeMultiplier``)."""
    scale = np.atleast_1d(np.asarray(scale, np.float64))
    fraction, exponent = np.frexp(scale)
    multiplier = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    carried = multiplier == 2**31
    multiplier = np.where(carried, 2**30, multiplier)
    shift = exponent.astype(np.int64) + carried
    vanished = shift < -31
    return Multipliers(
        scale,
        np.where(vanished, 0, multiplier).astype(np.int32),
        np.where(vanished, 0, shift).astype(np.int32),
    )


def mean_multipliers(scale: float, positions: int) -> Multipliers:
    """Return the factor of a mean: `scale` (the input's by the output's) with the division by `positions` folded in."""
    whole = quantize_multiplier(scale)
    multiplier, shift = int(whole.multiplier[0]), int(whole.shift[0])
    room = min(positions.bit_length() - 1, 32, 31 + shift)
    return Multipliers(
        whole.scale / positions,
        np.array([(multiplier << room) // positions], np.int32),
        np.array([shift - room], np.int32),
    )


def one_shift_offset(multipliers: Multipliers) -> npt.NDArray[np.int64]:
    """Return the number that is added before the one shift that replaces both roundings of a ReLU layer.

    Valid where the output's zero point is the lower clamp and no shift is to the left.
    """
    right = -multipliers.shift.astype(np.int64)
    return np.int64(2**30) + np.where(right > 0, np.int64(1) << (30 + np.maximum(right, 0)), 0)


def activation_range(activation: Activation, quantization: Quantization) -> tuple[int, int]:
    """Return the int8 values between which the fused activation clamps.

    Divisions are float32 and ties round away from zero, as in TFLite's ``CalculateActivationRangeQuantized``.
    """
    bounds = {
        Activation.NONE: (None, None),
        Activation.RELU: (0.0, None),
        Activation.RELU6: (0.0, 6.0),
        Activation.RELU_N1_TO_1: (-1.0, 1.0),
    }
    return quantized_bounds(*bounds[activation], quantization)


def quantized_bounds(low: float | None, high: float | None, quantization: Quantization) -> tuple[int, int]:
    """Return the int8 values of real bounds, or those of the type where there is none."""
    return (
        -128 if low is None else max(-128, _quantized(low, quantization)),
        127 if high is None else min(127, _quantized(high, quantization)),
    )


def _quantized(value: float, quantization: Quantization) -> int:
    scaled = float(np.float32(value) / np.float32(quantization.scale[0]))
    return int(np.copysign(np.floor(abs(scaled) + 0.5), scaled)) + int(quantization.zero_point[0])


def logistic_table(quantization: Quantization, output_zero_point: int) -> npt.NDArray[np.int8]:
    """Return LOGISTIC as a table [shape=(256,)]: the output for the inputs -128 .. 127, equation (15).

    `quantization` is the input's; the output's scale is 1/256.
    """
    one, steps = np.float32(1), np.float32(256)
    quantized = np.arange(-128, 128, dtype=np.float32)
    with np.errstate(over="ignore"):
        x = quantization.scale[0] * (quantized - np.float32(quantization.zero_point[0]))
        exponential = np.exp(-x.astype(np.float64)).astype(np.float32)
    rounded = np.floor((one / (one + exponential) * steps).astype(np.float64) + 0.5)
    return np.clip(rounded + output_zero_point, -128, 127).astype(np.int8)
