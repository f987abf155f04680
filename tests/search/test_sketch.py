"""Bounds of the sketch, on rows that nobody would index: none is too low, and the search finds what NumPy does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from yamjit.search.nearest import nearest
from yamjit.search.sketch import Sketch

pytest.importorskip("usearch", reason="the search wants usearch: pip install 'yamjit[search]'")


def _near_equal(chance: np.random.Generator) -> Any:
    """Return rows of which each has one code more than the others."""
    return np.uint8(100) + np.eye(600, 700, dtype=np.uint8)


def _with_zeros(chance: np.random.Generator) -> Any:
    numbers = chance.integers(0, 256, (600, 100), np.uint8)
    numbers[::7] = 0
    return numbers


def _of_all_sizes(chance: np.random.Generator) -> Any:
    """Return float32 rows from the smallest to the largest numbers, whose squares are neither."""
    return chance.standard_normal((600, 100)).astype(np.float32) * np.float32(10.0) ** chance.integers(
        -44, 38, (600, 1)
    )


def cosines(numbers: Any, queries: Any) -> Any:
    rows, asked = numbers.astype(np.float64), queries.astype(np.float64)
    lengths = np.sqrt(np.outer(np.einsum("rk,rk->r", rows, rows), (asked * asked).sum(1)))
    products = np.stack([np.einsum("rk,k->r", rows, query) for query in asked], 1)
    return np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1), -1).max(1)


HOSTILE = {
    "equal": lambda chance: np.full((600, 100), 7, np.uint8),
    "near equal": _near_equal,
    "one-hot": lambda chance: np.eye(600, dtype=np.uint8),
    "uniform": lambda chance: chance.integers(0, 256, (600, 1024), np.uint8),
    "zero among others": _with_zeros,
    "all sizes": _of_all_sizes,
    "one row's sizes differ": lambda chance: (10.0 ** chance.uniform(-44, 38, (600, 100))).astype(np.float32),
    "fewer rows than columns": lambda chance: chance.integers(0, 256, (40, 1024), np.uint8),
    "three numbers": lambda chance: chance.integers(0, 256, (600, 3), np.uint8),
    "one number": lambda chance: chance.standard_normal((600, 1)).astype(np.float32),
    "in few directions": lambda chance: (
        chance.standard_normal((600, 5)) @ chance.standard_normal((5, 1024))
        + 1e-3 * chance.standard_normal((600, 1024))
    ).astype(np.float32),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_bound_is_too_low(name: str) -> None:
    numbers = HOSTILE[name](np.random.default_rng(0))
    sketch = Sketch(numbers)
    heard = numbers[numbers.any(1)]
    for queries in (heard[:1], heard[5:8], heard[:9].mean(0, dtype=np.float64)[None]):
        exact = cosines(numbers, queries)
        most, error = sketch.bounds(queries)
        assert (most >= exact - error).all()
        wanted = np.lexsort((np.arange(len(numbers)), -exact))
        rows, similar, floor = nearest(numbers, sketch, queries, 20)
        sure = int(np.searchsorted(-similar, -floor))
        assert rows[:sure].tolist() == wanted[:sure].tolist()
        assert (exact > floor).sum() == sure


def test_few_rows_are_left_where_rows_are_alike() -> None:
    chance = np.random.default_rng(0)
    centres = chance.integers(0, 256, (50, 256)) * (chance.random((50, 256)) < 0.1)
    numbers = (centres[chance.integers(50, size=5000)] * chance.uniform(0.8, 1, (5000, 256))).astype(np.uint8)
    most, error = Sketch(numbers).bounds(numbers[:1])
    exact = cosines(numbers, numbers[:1])
    assert error < 0.002
    assert (most >= np.sort(exact)[-50] - error).sum() < 250
