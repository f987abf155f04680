"""Items drawn ahead by a crew, in two stages: their order, errors, interruptions, and the end of every stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator

import pytest

from yamjit.workers import AHEAD, Crew

COUNT = 30


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


class Chain:
    """Numbers, doubled by a second stage, whose negatives are the results."""

    def __init__(self, threads: int, count: int = COUNT, error: BaseException | None = None) -> None:
        self.crew = Crew(threads)
        self.drawn = 0
        self.closed: list[str] = []
        self._count, self._error = count, error

    def results(self) -> Generator[int, None, None]:
        return self.crew.in_order(self.crew.ahead(self._doubled(self.crew.ahead(self._numbers()))), self._work)

    def _numbers(self) -> Generator[int, None, None]:
        try:
            for number in range(self._count):
                time.sleep(0.0005)
                self.drawn += 1
                yield number
            if self._error is not None:
                raise self._error
        finally:
            self.closed.append("numbers")

    def _doubled(self, numbers: Iterator[int]) -> Generator[int, None, None]:
        try:
            for number in numbers:
                yield 2 * number
        finally:
            self.closed.append("doubled")

    def _work(self, number: int) -> int:
        time.sleep(0.001 * (number % 3))
        return -number


def expected(count: int = COUNT) -> list[int]:
    return [-2 * number for number in range(count)]


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_results_come_in_order(threads: int, count: int) -> None:
    chain = Chain(threads, count)
    assert list(chain.results()) == expected(count)
    assert sorted(chain.closed) == ["doubled", "numbers"]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_an_error_of_the_first_stage_comes_after_the_results_before_it(threads: int) -> None:
    chain = Chain(threads, error=OSError("bad sector"))
    results: list[int] = []
    with pytest.raises(OSError, match="bad sector"):
        results.extend(chain.results())  # keeps those before the error
    assert results == expected()
    assert sorted(chain.closed) == ["doubled", "numbers"]


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_of_any_thread_is_raised_by_the_caller(threads: int, error: type[BaseException]) -> None:
    chain = Chain(threads, error=error())
    results: list[int] = []
    with pytest.raises(error):
        results.extend(chain.results())  # keeps those before the error
    assert results == expected()[: len(results)]
    assert sorted(chain.closed) == ["doubled", "numbers"]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_closing_early_ends_every_stage(threads: int) -> None:
    chain = Chain(threads, 1000)
    results = chain.results()
    assert [next(results) for _ in range(3)] == expected(3)
    results.close()
    assert sorted(chain.closed) == ["doubled", "numbers"]
    assert chain.drawn <= 3 + 2 * threads + 2 * (AHEAD + 1)
