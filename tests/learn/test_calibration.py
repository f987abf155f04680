"""Calibration: sigmoids and steps that mend what was bent, thresholds that keep their word, models that carry them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.learn.calibrating import (
    Isotonic,
    cross_calibrate,
    fit_isotonic,
    fit_sigmoids,
    thresholds_for_precision,
)
from yamjit.learn.metrics import calibration_error
from yamjit.tflite.metadata import ScoreTransformation
from yamjit.trained.heads import sigmoid


def bent(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose logits are off by a slope and an offset of each class, in steps of 1/256."""
    dice = np.random.default_rng(seed)
    logits = dice.normal(-1, 2, (n, 2))
    truth = dice.random((n, 2)) < sigmoid(logits)
    scores = sigmoid(logits * [0.5, 1.5] + [1.0, 1.0])
    return np.floor(scores * 256) / 256, truth


def test_sigmoids_find_slope_and_offset() -> None:
    scores, truth = bent()
    found = fit_sigmoids(scores, truth)
    assert found.score_transformation == ScoreTransformation.INVERSE_LOGISTIC
    np.testing.assert_allclose(found.parameters[:, 1], [2, 2 / 3], rtol=0.1)
    np.testing.assert_allclose(found.parameters[:, 2], [-2, -2 / 3], atol=0.15)
    assert calibration_error(found.apply(scores), truth) < calibration_error(scores, truth) / 5
    assert (found.apply(np.zeros((1, 2))) == 0).all()


def test_classes_of_which_nothing_is_known_keep_their_scores() -> None:
    scores = np.linspace(0.01, 0.99, 50)[:, None] * [1, 1, 1]
    truth = np.stack((np.zeros(50), np.ones(50), np.arange(50) < 25), axis=1)  # never, always, the wrong way round
    found = fit_sigmoids(scores, truth)
    np.testing.assert_allclose(found.apply(scores), scores, atol=1e-6)
    np.testing.assert_array_equal(
        fit_isotonic(scores[:, :2], truth[:, :2]).apply(scores[:, :2]), np.float32(scores[:, :2])
    )


def test_classes_that_are_parted_perfectly_get_a_finite_slope() -> None:
    scores = np.array([[0.1], [0.2], [0.8], [0.9]])
    found = fit_sigmoids(scores, scores > 0.5)
    assert np.isfinite(found.parameters).all()
    assert found.apply(scores)[3] > 0.6


@pytest.mark.parametrize("seed", range(5))
def test_steps_rise_and_are_nearest_of_all_that_do(seed: int) -> None:
    dice = np.random.default_rng(seed)
    scores = np.round(dice.random(30), 1)[:, None]
    truth = dice.random((30, 1)) < scores
    fitted = fit_isotonic(scores, truth).apply(scores)
    order = np.argsort(scores[:, 0], kind="stable")
    assert (np.diff(fitted[order, 0]) >= 0).all()
    # The best rising steps by the rule of least and greatest means.
    levels = sorted(set(scores[:, 0]))
    for k, level in enumerate(levels):
        best = max(
            min(float(truth[(scores >= low) & (scores <= high)].mean()) for high in levels[k:])
            for low in levels[: k + 1]
        )
        assert fitted[scores[:, 0] == level] == pytest.approx(best)


def test_steps_are_kept_as_json() -> None:
    scores, truth = bent(200)
    found = fit_isotonic(scores, truth)
    text = found.to_json(("a", "鳥"))
    assert Isotonic.from_json(text, ("a", "鳥")) == found
    for wrong in ("", "{}", '{"a": 1, "鳥": 2}'):
        with pytest.raises(InputError, match="not an isotonic calibration"):
            Isotonic.from_json(wrong, ("a", "鳥"))
    with pytest.raises(InputError, match="scores of 2 classes"):
        found.apply(np.ones((1, 3)))


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic"])
def test_held_out_clips_gain(kind: str) -> None:
    scores, truth = bent()
    report = cross_calibrate(scores, truth, [str(k % 5) for k in range(len(scores))], kind=kind)
    assert report.before == calibration_error(scores, truth)
    assert report.after < report.before / 4
    assert report.as_dict()["calibration_error_after"] == report.after


def test_folds_are_judged_by_the_others_alone() -> None:
    scores, truth = bent(300)
    folds = ["a"] * 100 + ["b"] * 200
    report = cross_calibrate(scores, truth, folds)
    expected = fit_sigmoids(scores[100:], truth[100:]).apply(scores[:100])
    np.testing.assert_array_equal(report.scores[:100], expected)


def test_thresholds_keep_their_word() -> None:
    scores, truth = bent()
    for wished in (0.6, 0.9, 1.0):
        found = thresholds_for_precision(("a", "b"), scores, truth, wished)
        for k, label in enumerate("ab"):
            reached = scores[:, k] >= found[label]
            assert not reached.any() or truth[reached, k].mean() >= wished
            lower = [t for t in set(scores[:, k]) if t < found[label]]
            assert all(truth[scores[:, k] >= t, k].mean() < wished for t in lower)
    assert thresholds_for_precision(("a",), [[0.5], [0.4]], [[False], [True]], 0.9) == {"a": np.inf}


def test_what_are_no_scores_is_refused(tmp_path: Path) -> None:
    scores, truth = bent(20)
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        fit_sigmoids(scores + 1, truth)
    with pytest.raises(InputError, match="scores and truth"):
        fit_sigmoids(scores, truth[:3])
    with pytest.raises(InputError, match="accepted are sigmoid, isotonic"):
        cross_calibrate(scores, truth, ["a", "b"] * 10, kind="beta")
    with pytest.raises(InputError, match="1 folds"):
        cross_calibrate(scores, truth, ["a"] * 20)
    with pytest.raises(InputError, match="precision is 0"):
        thresholds_for_precision(("a", "b"), scores, truth, 0)


def test_fits_are_files_of_tflites_metadata(tmp_path: Path) -> None:
    found = fit_sigmoids(*bent())
    path = tmp_path / "calibration.csv"
    path.write_text(found.to_csv(header=True), encoding="utf-8")
    again = Calibration.from_file(path, 2)
    np.testing.assert_array_equal(again.parameters, found.parameters)
    assert again.score_transformation == found.score_transformation
