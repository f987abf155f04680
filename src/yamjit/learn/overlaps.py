"""Labels of parts of a recording that overlap."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator, Mapping
from typing import TypeAlias

__all__ = ["Span", "covering", "widened"]

#: A start and an end in seconds; None for the end of the recording.
Span: TypeAlias = "tuple[float, float | None]"

#: A label at a point in time holds for the window around it.
_HALF_WINDOW_S = 0.4875

#: Largest difference of times that are meant to be equal.
_ROUNDING_S = 1e-9


def covering(labels: Mapping[Span, set[str]]) -> Iterator[tuple[Span, set[str]]]:
    """Yield each span in the order of time, with the labels of all spans that cover half of it.

    A span that covers half of another contains its middle and is at least half as long. So one pass in the order of
    middles is enough, with a heap for each label that has the longest span begun so far on top.
    """

    def end_of(span: Span) -> float:
        return sys.float_info.max if span[1] is None else span[1]

    begun: dict[str, list[tuple[float, float]]] = {}
    waiting = sorted(labels, key=lambda span: span[0], reverse=True)
    covered = {}
    for span in sorted(labels, key=lambda span: span[0] / 2 + end_of(span) / 2):
        middle, half = span[0] / 2 + end_of(span) / 2, end_of(span) / 2 - span[0] / 2
        while waiting and waiting[-1][0] <= middle + _ROUNDING_S:
            other = waiting.pop()
            for label in labels[other]:
                heapq.heappush(begun.setdefault(label, []), (other[0] - end_of(other), end_of(other)))
        names = set(labels[span])
        for label, heap in list(begun.items()):
            while heap and heap[0][1] < middle - _ROUNDING_S:
                heapq.heappop(heap)
            if not heap:
                del begun[label]
            elif -heap[0][0] >= half - _ROUNDING_S:
                names.add(label)
        covered[span] = names
    for span in sorted(covered, key=lambda span: (span[0], end_of(span))):
        yield span, covered[span]


def widened(start_s: float, end_s: float | None) -> Span:
    """Return the window around a point in time, and any other span as it is."""
    if end_s is None or end_s > start_s:
        return start_s, end_s
    return max(0.0, start_s - _HALF_WINDOW_S), end_s + _HALF_WINDOW_S
