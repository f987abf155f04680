"""Minimum of a smooth function of many variables by L-BFGS, with the same bits on any number of threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Point", "minimize", "minimum"]

Float64 = npt.NDArray[np.float64]

#: Pairs of steps and changes of the gradient that approximate the curvature.
_MEMORY = 12
#: Share of the decrease by the slope that a step must reach.
_SUFFICIENT = 1e-4
_MOST_HALVINGS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A position, with the value and the gradient of the function there."""

    position: Float64
    value: float
    gradient: Float64


def minimize(
    function: Callable[[Float64], tuple[float, Float64]], start: Float64, tolerance: float = 1e-5
) -> Iterator[Point]:
    """Yield every point on the way downhill, until a step decreases the value by less than `tolerance`, relatively.

    It also ends when no component of the gradient exceeds `tolerance`, or no step leads further down. `function`
    returns the value and the gradient at a position [shape=(n,), float64].
    """
    point = Point(start, *function(start))
    steps: deque[tuple[Float64, Float64, float]] = deque(maxlen=_MEMORY)
    while np.abs(point.gradient).max() > tolerance:
        direction = _direction(point.gradient, steps)
        found = _line_search(function, point, direction, 1.0 if steps else _first_length(point.gradient))
        if found is None:
            if not steps:
                return
            steps.clear()
            continue
        step, change = found.position - point.position, found.gradient - point.gradient
        curvature = _dot(step, change)
        if curvature > 1e-12 * _dot(change, change):
            steps.append((step, change, 1 / curvature))
        ended = point.value - found.value <= tolerance * abs(point.value)
        point = found
        yield point
        if ended:
            return


def minimum(function: Callable[[Float64], tuple[float, Float64]], start: Float64, tolerance: float) -> Float64:
    """Return the position at which `minimize` ends."""
    position = start
    for point in minimize(function, start, tolerance):
        position = point.position
    return position


def _dot(a: Float64, b: Float64) -> float:
    """Return a scalar product: NumPy adds in one order, whereas BLAS may split the sum among threads."""
    return float((a * b).sum())


def _first_length(gradient: Float64) -> float:
    return float(1 / max(1.0, np.sqrt(_dot(gradient, gradient))))


def _direction(gradient: Float64, steps: deque[tuple[Float64, Float64, float]]) -> Float64:
    """Return the quasi-Newton direction (the two loops of L-BFGS)."""
    direction = -gradient
    weights = []
    for step, change, inverse in reversed(steps):
        weight = inverse * _dot(step, direction)
        direction -= weight * change
        weights.append(weight)
    if steps:
        step, change, inverse = steps[-1]
        direction *= 1 / (inverse * _dot(change, change))
    for (step, change, inverse), weight in zip(steps, reversed(weights), strict=True):
        direction += (weight - inverse * _dot(change, direction)) * step
    return direction


def _line_search(
    function: Callable[[Float64], tuple[float, Float64]], point: Point, direction: Float64, length: float
) -> Point | None:
    """Return a point along `direction` that is low enough, or None if there is none."""
    slope = _dot(point.gradient, direction)
    if slope >= 0:
        return None
    for _ in range(_MOST_HALVINGS):
        position = point.position + length * direction
        value, gradient = function(position)
        if value <= point.value + _SUFFICIENT * length * slope:
            return Point(position, value, gradient)
        # Go to the minimum of the parabola through both values and the slope, within 0.1 to 0.5 of the length.
        curve = 2 * (value - point.value - slope * length)
        best = -slope * length * length / curve if np.isfinite(curve) and curve > 0 else 0.0
        length = min(max(best, 0.1 * length), 0.5 * length)
    return None
