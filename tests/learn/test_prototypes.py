"""Prototypes from few clips: nearest class, unknown beyond the radius, classes added and removed."""

from __future__ import annotations

import numpy as np
import pytest

from yamjit.errors import InputError
from yamjit.learn.prototypes import DEFAULT_RADIUS, UNKNOWN, Prototypes, clip_vector


def clip(kind: int, seed: int) -> np.ndarray:
    """Windows of which some show what the clip is of."""
    dice = np.random.default_rng([kind, seed])
    windows = np.abs(dice.normal(0, 0.3, (5, 60)))
    windows[dice.integers(0, 5), 10 * kind : 10 * kind + 10] += 2
    return windows


def known(clips: int = 4) -> Prototypes:
    found = Prototypes()
    for kind, label in enumerate(("wren", "鳥", "owl")):
        for seed in range(clips):
            found.add(label, clip(kind, seed))
    return found


def test_clips_find_their_class_and_strangers_none() -> None:
    prototypes = known()
    for seed in range(100, 120):
        assert prototypes.match(clip(1, seed)).label == "鳥"
        assert prototypes.match(clip(4, seed)).label == UNKNOWN
    assert next(iter(prototypes.distances(clip(2, 7)))) == "owl"


def test_order_and_windows_do_not_matter() -> None:
    windows = clip(0, 0)
    np.testing.assert_array_equal(clip_vector(windows), clip_vector(windows[::-1]))
    np.testing.assert_array_equal(clip_vector(windows), clip_vector(np.concatenate((windows, windows))))
    np.testing.assert_allclose(clip_vector(3 * windows), clip_vector(windows))
    assert clip_vector(np.zeros((2, 4))).tolist() == [0] * 4


def test_classes_come_and_go() -> None:
    prototypes = known()
    before = prototypes.match(clip(1, 50))
    prototypes.remove("owl")
    assert prototypes.labels == ("wren", "鳥")
    assert prototypes.distances(clip(1, 50))["鳥"] == before.distance
    prototypes.add("jay", clip(5, 1))
    assert prototypes.counts == {"wren": 4, "鳥": 4, "jay": 1}
    assert next(iter(prototypes.distances(clip(5, 2)))) == "jay"
    with pytest.raises(InputError, match="no class 'owl'; there are wren"):
        prototypes.remove("owl")


def test_the_radius_comes_from_clips_that_are_left_out() -> None:
    assert known(1).radius == DEFAULT_RADIUS
    prototypes = known(3)
    distances = []
    for kind in range(3):
        vectors = [clip_vector(clip(kind, seed)) for seed in range(3)]
        for k in range(3):
            rest = sum(v for j, v in enumerate(vectors) if j != k)
            distances.append(1 - vectors[k] @ rest / np.linalg.norm(rest))
    assert prototypes.radius == pytest.approx(np.quantile(distances, 0.95))
    assert Prototypes(radius=0.4).radius == 0.4


def test_what_is_no_clip_or_class_is_refused() -> None:
    prototypes = known()
    for wrong in (np.ones(60), np.ones((0, 60)), np.full((1, 60), np.nan)):
        with pytest.raises(InputError, match="at least one, are accepted"):
            prototypes.match(wrong)
    with pytest.raises(InputError, match="embeddings of 60 values"):
        prototypes.add("jay", np.ones((1, 7)))
    with pytest.raises(InputError, match="embeddings of 60 values"):
        prototypes.match(np.ones((1, 7)))
    with pytest.raises(InputError, match="'unknown'"):
        prototypes.add(UNKNOWN, clip(0, 0))
    with pytest.raises(InputError, match="one line of text"):
        prototypes.add("", clip(0, 0))
    with pytest.raises(InputError, match="radius is 3"):
        Prototypes(radius=3)
    with pytest.raises(InputError, match="add clips first"):
        Prototypes().match(clip(0, 0))
