"""Scores of a whole channel: windows are added one after the other, however many come at once."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import numpy as np
import pytest

from yamjit.categories import Clip
from yamjit.errors import InputError
from yamjit.recording import AGGREGATES


class _Fewer:
    """Lists all classes but the last."""

    def reduce(self, scores: np.ndarray) -> np.ndarray:
        return scores[:, :-1]


class _All:
    """Lists all classes."""

    def reduce(self, scores: np.ndarray) -> np.ndarray:
        return scores


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("classes", [1, 2, 7, 521])
@pytest.mark.parametrize("categories", [_All(), _Fewer()])
def test_windows_are_added_in_their_order(aggregate: str, classes: int, categories: _All) -> None:
    rng = np.random.default_rng(classes)
    scores = (rng.random((300, classes)) ** 9).astype(np.float32)
    combine = np.add if aggregate == "mean" else np.maximum
    expected = functools.reduce(combine, scores.astype(np.float64))
    if aggregate == "mean":
        expected = expected / len(scores)
    for cuts in ([], [1], [0, 3, 64, 64, 200], list(range(1, 300))):
        clip = Clip(categories, aggregate)  # type: ignore[arg-type]
        for part in np.split(scores, cuts):
            clip.add(SimpleNamespace(scores=part), len(part))  # type: ignore[arg-type]
        assert clip.count == 300
        np.testing.assert_array_equal(clip.scores, expected)
        np.testing.assert_array_equal(clip.listed, categories.reduce(expected[np.newaxis])[0])


def test_nothing_has_no_scores() -> None:
    clip = Clip(_All(), "mean")  # type: ignore[arg-type]
    clip.add(SimpleNamespace(scores=np.empty((0, 3), np.float32)), 0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no window has been scored"):
        _ = clip.scores
