"""ESC-10, its five official folds: what the defaults reach, in floating point and exported, and calibrated."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from yamjit.classifier import Classifier
from yamjit.learn.calibrating import cross_calibrate
from yamjit.learn.choosing import choose_features
from yamjit.learn.dataset import Dataset
from yamjit.learn.embedding import embed_candidates, embed_clips
from yamjit.learn.evaluation import Evaluation, joined
from yamjit.learn.export import export_model
from yamjit.learn.features import Features
from yamjit.learn.model_evaluation import evaluate_model
from yamjit.learn.short_sounds import with_copies
from yamjit.learn.tables import from_csv
from yamjit.learn.training import cross_validate_all, evaluate_folds, train_folds, train_head
from yamjit.loading import load

pytestmark = [pytest.mark.slow, pytest.mark.model, pytest.mark.recordings]


@pytest.fixture(scope="module")
def dataset(test_data: Path) -> Dataset:
    table = test_data / "audio" / "esc10.csv"
    if not table.exists():
        pytest.skip("ESC-10 is not at hand")
    return from_csv(table, columns={"file": "file"})


@pytest.fixture(scope="module")
def model(official_model_path: Path) -> Classifier:
    return load(official_model_path, threads=2)


@pytest.fixture(scope="module")
def features(model: Classifier, dataset: Dataset) -> Features:
    return embed_clips(model, dataset)


@pytest.fixture(scope="module")
def held_out(features: Features) -> dict[str, Evaluation]:
    return cross_validate_all(features)


def test_heads_name_clips(held_out: dict[str, Evaluation]) -> None:
    assert held_out["logit"].accuracy >= 0.98
    assert held_out["max"].accuracy >= 0.98
    assert held_out["mean"].accuracy >= 0.97
    assert len(held_out["logit"].fold_accuracies) == 5


def test_exported_models_name_clips_as_the_classifier_does(
    model: Classifier, dataset: Dataset, features: Features, held_out: dict[str, Evaluation]
) -> None:
    parts, names = [], []
    for name, training, test in dataset.folds():
        learned = features.select(training)
        data = export_model(model.graph, train_head(learned).head, learned.embeddings)
        found, skipped = evaluate_model(load(data, threads=2), dataset.select(lambda clip, n=name: clip.fold == n))
        assert not skipped
        assert len(found.names) == len(test)
        parts.append(found)
        names.append(name)
    exported = joined(parts, names)
    assert exported.accuracy >= 0.97
    clips = len(exported.names)
    assert abs(round(clips * exported.accuracy) - round(clips * held_out["mean"].accuracy)) <= 0.005 * clips
    assert np.abs(exported.scores - held_out["mean"].scores).max() < 0.05


def test_calibration_halves_the_error(held_out: dict[str, Evaluation]) -> None:
    found = held_out["max"]
    report = cross_calibrate(found.scores, found.targets, found.folds)
    assert report.after < report.before / 2


def test_a_fold_takes_seconds(model: Classifier, dataset: Dataset) -> None:
    # The goal of 10 s holds on two free cores; time of this process alone is counted here.
    started = time.process_time()
    candidates = with_copies(model, embed_candidates(model, dataset.select(lambda clip: clip.fold != "1")))
    choice = choose_features(candidates)
    chosen = candidates[choice.name]
    export_model(model, train_head(chosen).head, chosen)
    assert time.process_time() - started < 60
    assert len(choice.figures) > 3


def test_choosing_features_costs_no_scene_its_name(model: Classifier, dataset: Dataset, features: Features) -> None:
    candidates = embed_candidates(model, dataset)
    heads = train_folds(candidates)
    assert evaluate_folds(heads, candidates)["logit"].accuracy >= 0.98
    assert {one.head.features for one in heads} <= {"embedding", "layer12_mean"}
