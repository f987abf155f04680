"""Figures against slow twins, and scikit-learn's where it is installed; cross-validation and models judged by clips."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.learn.dataset import Clip, Dataset
from yamjit.learn.embedding import embed_clips
from yamjit.learn.evaluation import Evaluation, clip_scores
from yamjit.learn.features import Features
from yamjit.learn.fitting import FitOptions
from yamjit.learn.metrics import (
    area_under_roc,
    average_precision,
    calibration_error,
    d_prime,
    label_weighted_precision,
    threshold_sweep,
)
from yamjit.learn.model_evaluation import evaluate_model
from yamjit.learn.training import TrainOptions, cross_validate, train_head
from yamjit.loading import load
from yamjit.reading import ReadOptions


def drawn(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Coarse scores, so that many are equal, and a truth that goes with them."""
    dice = np.random.default_rng(seed)
    truth = dice.random(n) < 0.4
    scores = np.clip(np.round((dice.normal(0, 1, n) + truth) * 2) / 8 + 0.5, 0, 1)
    return scores, truth


@pytest.mark.parametrize("seed", range(8))
def test_average_precision_is_the_mean_over_thresholds(seed: int) -> None:
    scores, truth = drawn(seed)
    expected, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        found = scores >= threshold
        recall = truth[found].sum() / truth.sum()
        expected += (recall - before) * truth[found].mean()
        before = recall
    assert average_precision(scores, truth) == pytest.approx(expected)
    order = np.random.default_rng(seed).permutation(len(scores))
    assert average_precision(scores[order], truth[order]) == average_precision(scores, truth)


@pytest.mark.parametrize("seed", range(8))
def test_area_under_roc_is_how_often_the_true_one_wins(seed: int) -> None:
    scores, truth = drawn(seed)
    wins = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert area_under_roc(scores, truth) == pytest.approx(np.mean(wins))


def test_d_prime_is_the_distance_of_two_normal_distributions() -> None:
    dice = np.random.default_rng(0)
    scores = np.concatenate((dice.normal(0, 1, 20_000), dice.normal(1.5, 1, 20_000)))
    assert d_prime(area_under_roc(scores, np.arange(40_000) >= 20_000)) == pytest.approx(1.5, abs=0.03)
    assert d_prime(0.5) == 0
    assert math.isfinite(d_prime(1.0))


def test_lwlrap_is_the_mean_over_labels_of_the_precision_at_their_rank() -> None:
    scores = np.array([[0.9, 0.8, 0.1], [0.2, 0.3, 0.4]])
    truth = np.array([[True, False, True], [True, False, False]])
    assert label_weighted_precision(scores, truth) == pytest.approx((1 + 2 / 3 + 1 / 3) / 3)


def test_nothing_to_count_is_nan() -> None:
    none = np.zeros(4, bool)
    assert math.isnan(average_precision(np.ones(4), none))
    assert math.isnan(area_under_roc(np.ones(4), none))
    assert math.isnan(area_under_roc(np.ones(4), ~none))
    assert math.isnan(label_weighted_precision(np.ones((2, 2)), np.zeros((2, 2), bool)))
    assert threshold_sweep(np.ones(4), none) == ()


def test_calibration_error_is_zero_for_shares_that_hold() -> None:
    scores = np.repeat([0.25, 0.75], 40)
    truth = np.concatenate((np.arange(40) < 10, np.arange(40) < 30))
    assert calibration_error(scores, truth) == pytest.approx(0)
    assert calibration_error(scores, ~truth) == pytest.approx(0.5)
    assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


def test_a_sweep_counts_what_reaches_each_threshold() -> None:
    scores, truth = drawn(3)
    for point in threshold_sweep(scores, truth):
        found = scores >= point.threshold
        assert point.precision == pytest.approx(truth[found].mean())
        assert point.recall == pytest.approx(truth[found].sum() / truth.sum())
        assert point.f1 == pytest.approx(2 * point.precision * point.recall / (point.precision + point.recall + 1e-30))


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, truth = drawn(seed)
    assert average_precision(scores, truth) == pytest.approx(metrics.average_precision_score(truth, scores))
    assert area_under_roc(scores, truth) == pytest.approx(metrics.roc_auc_score(truth, scores))
    dice = np.random.default_rng(seed)
    targets, table = dice.random((30, 6)) < 0.3, dice.random((30, 6))
    targets[:, 0] |= ~targets.any(axis=1)
    weights = targets.sum(axis=1)
    expected = metrics.label_ranking_average_precision_score(targets, table, sample_weight=weights)
    assert label_weighted_precision(table, targets) == pytest.approx(expected)


# -- Clips ------------------------------------------------------------------------------------------------------


def test_windows_become_clips() -> None:
    logits = np.array([[0.0, 1.0], [2.0, -1.0], [4.0, 4.0]])
    clips = np.array([0, 0, 1])
    np.testing.assert_allclose(clip_scores(logits, clips, 2, "mean"), [[1, 0], [4, 4]])
    np.testing.assert_allclose(clip_scores(logits, clips, 2, "max"), [[2, 1], [4, 4]])
    expected = 1 / (1 + np.exp(-np.array([[1, 0], [4, 4]])))
    np.testing.assert_allclose(clip_scores(logits, clips, 2, "logit"), expected)
    with pytest.raises(InputError, match="accepted are logit, mean, max"):
        clip_scores(logits, clips, 2, "median")


def evaluation(other: bool = False) -> Evaluation:
    targets = np.array([[1, 0], [1, 0], [0, 1], [0, 1 - other]], bool)
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.3]])
    return Evaluation(("a", "b"), tuple("wxyz"), targets, scores, ("1", "1", "2", "2"))


def test_clips_are_named_by_their_highest_score() -> None:
    found = evaluation()
    assert found.accuracy == 0.75
    assert found.fold_accuracies == {"1": 0.5, "2": 1.0}
    assert found.confusion().tolist() == [[1, 1], [0, 2]]
    assert found.mistakes() == (("x", "a", "b"),)
    a, b = found.classes()
    assert (a.precision, a.recall, a.clips) == (1, 0.5, 2)
    assert (b.precision, b.recall) == (pytest.approx(2 / 3), 1)


def test_clips_of_nothing_are_named_so_below_the_threshold() -> None:
    found = evaluation(other=True)
    assert found.named().tolist() == [0, 1, 1, -1]
    assert found.accuracy == 0.75
    assert found.confusion().tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert found.as_dict()["labels"] == ["a", "b", "other"]


def test_clips_of_several_classes_count_by_threshold() -> None:
    targets = np.array([[1, 1], [1, 0]], bool)
    found = Evaluation(("a", "b"), ("x", "y"), targets, np.array([[0.6, 0.7], [0.4, 0.3]]))
    assert not found.single
    assert [c.recall for c in found.classes()] == [0.5, 1]
    assert found.accuracy == 1


def test_figures_are_json_and_text() -> None:
    document = json.loads(json.dumps(evaluation().as_dict(), allow_nan=False))
    assert document["accuracy"] == 0.75
    assert document["classes"][1]["recall"] == 1
    text = evaluation().text()
    assert "accuracy 75.00% of 4 clips" in text
    assert "fold 2: 100.00%" in text
    many = Evaluation(tuple(map(str, range(30))), tuple(map(str, range(30))), np.eye(30, dtype=bool), np.eye(30)[::-1])
    assert "1 of '0' named '29'" in many.text()


# -- Models -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(small_model_path: Path) -> Classifier:
    return load(small_model_path, backend="numpy")


@pytest.fixture(scope="module")
def features(model: Classifier, examples: dict[Path, str]) -> Features:
    """Stretches of the three examples, by what they are."""
    clips = [
        Clip(path, (label,), start, start + 1.2, group=f"{label} {start}")
        for path, label in examples.items()
        for start in (0.0, 0.3, 0.6, 0.9)
    ]
    return embed_clips(model, Dataset(tuple(clips), tuple(sorted(examples.values()))))


def test_cross_validation_judges_every_clip_once(features: Features) -> None:
    found = cross_validate(features, folds=4)
    assert sorted(found.names) == sorted(map(str, features.dataset.clips))
    assert set(found.folds) == {"1", "2", "3", "4"}
    assert found.accuracy == 1
    assert cross_validate(features, folds=4).scores.tobytes() == found.scores.tobytes()


def test_classes_of_few_clips_may_miss_in_a_fold(features: Features) -> None:
    few = features.select([0, 1, 2, 3, 4, 5, 6, 7, 8])  # of the last class one clip
    found = cross_validate(few, folds=4)
    assert len(found.names) == 9
    assert found.confusion().sum() == 9
    assert "nan" not in json.dumps(found.as_dict())
    with pytest.raises(InputError, match="no clips of"):
        train_head(features.select([0, 1, 4, 5]))


def test_held_out_clips_stop_the_training(features: Features) -> None:
    fitted = train_head(features, TrainOptions(FitOptions(iterations=30), validation=0.25))
    assert all(not math.isnan(point.validation_loss) for point in fitted.curve)
    with pytest.raises(InputError, match="validation is"):
        TrainOptions(validation=0.9)


def test_a_model_is_judged_as_it_classifies(model: Classifier, features: Features) -> None:
    found, skipped = evaluate_model(model, features.dataset)
    assert not skipped
    clip = features.dataset.clips[5]
    result = model.classify(clip.path, reading=ReadOptions(start_s=clip.start_s, end_s=clip.end_s))
    expected = [result.clip_scores[model.labels.index(name)] for name in found.labels]
    np.testing.assert_allclose(found.scores[5], expected)


def test_stretches_beyond_the_end_are_left_out(model: Classifier, features: Features) -> None:
    clip = features.dataset.clips[0]
    beyond = Clip(clip.path, clip.labels, 500.0, 501.0)
    found, skipped = evaluate_model(model, Dataset((clip, beyond), features.dataset.classes))
    assert found.names == (str(clip),)
    assert [item.clip for item in skipped] == [beyond]
    with pytest.raises(InputError, match="none of 1 clips"):
        evaluate_model(model, Dataset((beyond,), features.dataset.classes))
    with pytest.raises(InputError, match="accepted are mean, max"):
        evaluate_model(model, features.dataset, aggregate="logit")  # type: ignore[arg-type]


def test_a_model_without_the_classes_is_refused(model: Classifier) -> None:
    data = Dataset((Clip(Path("a"), ("Wren",)), Clip(Path("b"), ("Siren",))), ("Siren", "Wren"))
    with pytest.raises(InputError, match="no class 'Wren'"):
        evaluate_model(model, data)


def test_outcomes_have_a_name_for_no_class_where_it_occurs() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.3]])
    every = Evaluation(("a", "b"), ("x", "y"), np.array([[1, 0], [0, 1]], bool), scores)
    some = Evaluation(("a", "b"), ("x", "y"), np.array([[1, 0], [0, 0]], bool), scores)
    assert every.outcomes == ("a", "b")
    assert some.outcomes == ("a", "b", "other")
    assert some.confusion().shape == (3, 3)
