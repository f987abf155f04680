"""What a service has done so far, as Prometheus reads it."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from yamjit import __version__
from yamjit.errors import DependencyError
from yamjit.installing import how_to_install

__all__ = ["Figures"]

#: Upper bounds of the times of answers, in seconds.
_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Figures:
    """Counts of one service; `gauges` returns what is the case now, by name."""

    def __init__(self, gauges: Callable[[], dict[str, tuple[str, float]]]) -> None:
        self._gauges = gauges
        #: Answers by path and code.
        self.answers: Counter[tuple[str, int]] = Counter()
        self._times: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()
        self.windows = self.streams = 0
        self.heard_s = 0.0

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self.answers[path, status] += 1
        times = self._times.setdefault(path, [0] * (len(_BOUNDS_S) + 1))
        times[bisect.bisect_left(_BOUNDS_S, seconds)] += 1
        self._sums[path] += seconds  # type: ignore[assignment]

    def heard(self, windows: int, seconds: float) -> None:
        """Count what was heard."""
        self.windows += windows
        self.heard_s += seconds

    def text(self) -> tuple[bytes, str]:
        """Return all figures in Prometheus' format, and the type of that content."""
        try:
            from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        except ImportError as error:
            raise DependencyError(f"metrics need prometheus-client: {how_to_install('yamjit[serve]')}") from error
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[Any]:
        """Yield the figures, for a registry of prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily("yamjit_requests", "Answers, by path and code.", labels=("path", "code"))
        for (path, status), count in sorted(self.answers.items()):
            requests.add_metric((path, str(status)), count)
        yield requests
        times = HistogramMetricFamily("yamjit_request_seconds", "Time to the end of an answer.", labels=("path",))
        for path, counts in sorted(self._times.items()):
            sums = [sum(counts[: index + 1]) for index in range(len(counts))]
            bounds = [*map(str, _BOUNDS_S), "+Inf"]
            times.add_metric((path,), list(zip(bounds, sums, strict=True)), self._sums[path])
        yield times
        for name, told, value in (
            ("yamjit_windows", "Windows heard, of recordings and of streams.", self.windows),
            ("yamjit_heard_seconds", "Sound heard, of recordings and of streams.", self.heard_s),
            ("yamjit_streams", "Streams that have begun.", self.streams),
        ):
            yield CounterMetricFamily(name, told, value=value)
        for name, (told, value) in self._gauges().items():
            yield GaugeMetricFamily(name, told, value=value)
        info = GaugeMetricFamily("yamjit_info", "Version.", labels=("version",))
        info.add_metric((__version__,), 1)
        yield info
