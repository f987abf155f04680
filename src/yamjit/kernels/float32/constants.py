"""Numbers that logarithm and exponential are computed with.

The C libraries that TFLite is linked with (glibc from 2.28 on, musl, bionic, newlib) all use one published method, by
Szabolcs Nagy for Arm's Optimized Routines: a table, and a polynomial of low degree in double precision, rounded once.
Its results are within 0.82 units in the last place for the logarithm and 0.51 for the exponential, so that the bits can
only be had with its numbers.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = [
    "EXP_POLYNOMIAL",
    "EXP_STEPS",
    "EXP_TABLE",
    "GREATEST_EXPONENT",
    "HALF_EXP_EVEN",
    "HALF_EXP_ODD",
    "HALF_LN2_HEAD",
    "HALF_LN2_TAIL",
    "HALF_LOG2_E",
    "INVERSES",
    "INVERSE_FACTORIALS",
    "LEAST_EXPONENT",
    "LN2",
    "LN2_HEAD",
    "LN2_TAIL",
    "LOG2_E",
    "LOGARITHMS",
    "LOGISTIC_GREATEST",
    "LOGISTIC_IS_EXP",
    "LOGISTIC_IS_ONE",
    "LOGISTIC_LEAST",
    "LOG_OFFSET",
    "LOG_POLYNOMIAL",
    "STEPS_PER_E",
    "TANH_IS_ONE",
]


def _numbers(text: str) -> npt.NDArray[np.float64]:
    return np.array([float.fromhex(number) for number in text.split()])


LN2 = float.fromhex("0x1.62e42fefa39efp-1")

#: Bits of the float32 with which the first of 16 intervals begins: mantissas go from 0.7 to 1.4.
LOG_OFFSET = 0x3F330000

#: A number near the middle of each interval: its inverse, and the logarithm of that number.
INVERSES = _numbers(
    """
    0x1.661ec79f8f3bep+0 0x1.571ed4aaf883dp+0 0x1.49539f0f010bp+0 0x1.3c995b0b80385p+0
    0x1.30d190c8864a5p+0 0x1.25e227b0b8eap+0 0x1.1bb4a4a1a343fp+0 0x1.12358f08ae5bap+0
    0x1.0953f419900a7p+0 0x1p+0 0x1.e608cfd9a47acp-1 0x1.ca4b31f026aap-1
    0x1.b2036576afce6p-1 0x1.9c2d163a1aa2dp-1 0x1.886e6037841edp-1 0x1.767dcf5534862p-1
    """
)
LOGARITHMS = _numbers(
    """
    -0x1.57bf7808caadep-2 -0x1.2bef0a7c06ddbp-2 -0x1.01eae7f513a67p-2 -0x1.b31d8a68224e9p-3
    -0x1.6574f0ac07758p-3 -0x1.1aa2bc79c81p-3 -0x1.a4e76ce8c0e5ep-4 -0x1.1973c5a611cccp-4
    -0x1.252f438e10c1ep-5 0x0p+0 0x1.aa5aa5df25984p-5 0x1.c5e53aa362eb4p-4
    0x1.526e57720db08p-3 0x1.bc2860d22477p-3 0x1.1058bc8a07ee1p-2 0x1.4043057b6ee09p-2
    """
)
LOG_POLYNOMIAL = tuple(map(float.fromhex, ("-0x1.00ea348b88334p-2", "0x1.5575b0be00b6ap-2", "-0x1.ffffef20a4123p-2")))

#: Powers of two from 1 to 2, of which the exponential takes the nearest.
EXP_STEPS = 32
#: Their bits, less the whole steps that are added to the exponent.
EXP_TABLE = np.exp2(np.arange(EXP_STEPS) / EXP_STEPS).view(np.int64) - (np.arange(EXP_STEPS, dtype=np.int64) << 47)
#: Steps for an exponent of 1.
STEPS_PER_E = float.fromhex("0x1.71547652b82fep+0") * EXP_STEPS
EXP_POLYNOMIAL = (
    float.fromhex("0x1.c6af84b912394p-5") / EXP_STEPS**3,
    float.fromhex("0x1.ebfce50fac4f3p-3") / EXP_STEPS**2,
    float.fromhex("0x1.62e42ff0c52d6p-1") / EXP_STEPS,
)
#: Beyond these the exponential is infinite, or 0.
GREATEST_EXPONENT, LEAST_EXPONENT = float.fromhex("0x1.62e42ep6"), float.fromhex("-0x1.9fe368p6")

#: TFLite's reference takes 1 for the logistic function above this number, and the exponential below the other.
LOGISTIC_IS_ONE, LOGISTIC_IS_EXP = np.float32(16.619047164916992188), np.float32(-9.0)

#: TFLite's optimised kernels take the logistic function's exponential of half a number, at most half of the first, and
#: 0 below the second; the natural logarithm of 2 in two parts, and a polynomial: even powers, then odd ones.
LOGISTIC_GREATEST, LOGISTIC_LEAST = np.float32(16.6355324), np.float32(-104.0)
HALF_LOG2_E = np.float32(1.44269504088896341)
HALF_LN2_HEAD, HALF_LN2_TAIL = np.float32(0.693359375), np.float32(-2.12194440e-4)
HALF_EXP_EVEN = np.float32(0.49999141693115234375), np.float32(4.1898667812347412109375e-2)
HALF_EXP_ODD = np.float32(0.16666877269744873046875), np.float32(8.33471305668354034423828125e-3)

#: The natural logarithm of 2 in two parts, the first of which has few digits: a product with a small integer is exact.
LN2_HEAD, LN2_TAIL = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
LOG2_E = float.fromhex("0x1.71547652b82fep+0")
#: 1/n!, the highest first, down to that of the square.
INVERSE_FACTORIALS = tuple(1.0 / math.factorial(n) for n in range(14, 1, -1))
#: From here on the hyperbolic tangent is 1.
TANH_IS_ONE = 10.0
