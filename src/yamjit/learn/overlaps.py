"""Labelled stretches of a recording that overlap: which labels hold for each."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator, Mapping
from typing import TypeAlias

__all__ = ["Span", "covering", "widened"]

#: A start and an end in seconds; None for the end of the recording.
Span: TypeAlias = "tuple[float, float | None]"

#: A label at a point in time is one of the window around it.
_HALF_WINDOW_S = 0.4875

#: By which times may differ that are meant to be the same.
_ROUNDING_S = 1e-9


def covering(labels: Mapping[Span, set[str]]) -> Iterator[tuple[Span, set[str]]]:
    """Yield each stretch with the labels of all that cover half of it, in the order of time.

    What covers half of a stretch holds the middle of it and is half as long: one pass in the order of middles, with
    the longest of each label that has begun on top of a heap.
    """

    def end_of(stretch: Span) -> float:
        return sys.float_info.max if stretch[1] is None else stretch[1]

    begun: dict[str, list[tuple[float, float]]] = {}
    waiting = sorted(labels, key=lambda stretch: stretch[0], reverse=True)
    covered = {}
    for stretch in sorted(labels, key=lambda stretch: stretch[0] / 2 + end_of(stretch) / 2):
        middle, half = stretch[0] / 2 + end_of(stretch) / 2, end_of(stretch) / 2 - stretch[0] / 2
        while waiting and waiting[-1][0] <= middle + _ROUNDING_S:
            other = waiting.pop()
            for label in labels[other]:
                heapq.heappush(begun.setdefault(label, []), (other[0] - end_of(other), end_of(other)))
        names = set(labels[stretch])
        for label, heap in list(begun.items()):
            while heap and heap[0][1] < middle - _ROUNDING_S:
                heapq.heappop(heap)
            if not heap:
                del begun[label]
            elif -heap[0][0] >= half - _ROUNDING_S:
                names.add(label)
        covered[stretch] = names
    for stretch in sorted(covered, key=lambda stretch: (stretch[0], end_of(stretch))):
        yield stretch, covered[stretch]


def widened(start_s: float, end_s: float | None) -> Span:
    """Return a point in time as the window around it; a stretch as it is."""
    if end_s is None or end_s > start_s:
        return start_s, end_s
    return max(0.0, start_s - _HALF_WINDOW_S), end_s + _HALF_WINDOW_S
