"""Estimators in scikit-learn's shape, its own checks where it is installed, and its linear models as heads."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from yamjit.errors import InputError
from yamjit.learn.estimators import YAMNetClassifier, YAMNetEmbedder
from yamjit.learn.sklearn_models import head_from_sklearn
from yamjit.loading import load


def blobs(classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    y = np.arange(90) % classes
    return dice.normal(0, 1, (90, 6)) + 4 * np.eye(6)[y], np.array(["wren", "robin", "鳥", "owl"])[y]


def test_recordings_become_rows(small_model_path: Path, examples: dict[Path, str]) -> None:
    model = load(small_model_path, backend="numpy")
    windows = [model.embed(path) for path in examples]
    for pooling, expected in (
        ("mean", [w.mean(axis=0, dtype=np.float64) for w in windows]),
        ("max", [w.max(axis=0) for w in windows]),
        ("mean_max", [np.concatenate((w.mean(axis=0, dtype=np.float64), w.max(axis=0))) for w in windows]),
    ):
        embedder = YAMNetEmbedder(model, pooling=pooling)
        rows = embedder.fit_transform(list(examples))
        np.testing.assert_allclose(rows, np.array(expected), rtol=1e-6)
        assert len(embedder.get_feature_names_out()) == rows.shape[1]
    samples = np.zeros(22_050, np.float32)
    assert YAMNetEmbedder(model, sample_rate=22_050).transform([samples]).shape == (1, windows[0].shape[1])
    assert YAMNetEmbedder(model).transform([]).shape == (0, windows[0].shape[1])
    with pytest.raises(InputError, match="accepted are mean, max, mean_max"):
        YAMNetEmbedder(model, pooling="median").transform([samples])
    with pytest.raises(InputError, match="a list of recordings"):
        YAMNetEmbedder(model).transform("x.wav")


def test_an_embedder_is_copied_without_the_model(small_model_path: Path, examples: dict[Path, str]) -> None:
    embedder = YAMNetEmbedder(str(small_model_path), pooling="max")
    rows = embedder.transform(list(examples))
    copied = pickle.dumps(embedder)
    assert len(copied) < 2000
    np.testing.assert_array_equal(pickle.loads(copied).transform(list(examples)), rows)
    assert repr(embedder) == f"YAMNetEmbedder(model={str(small_model_path)!r}, pooling='max')"


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
@pytest.mark.parametrize("classes", [2, 4])
def test_a_classifier_learns(kind: str, classes: int) -> None:
    x, y = blobs(classes)
    classifier = YAMNetClassifier(kind=kind).fit(x, y)
    assert classifier.score(x, y) > 0.95
    assert classifier.classes_.tolist() == sorted(set(y))
    shares = classifier.predict_proba(x)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(classifier.classes_[shares.argmax(axis=1)], classifier.predict(x))
    decisions = classifier.decision_function(x)
    assert decisions.shape == ((90,) if classes == 2 else (90, classes))
    assert classifier.head_.labels == tuple(sorted(set(y)))


def test_parameters_are_read_set_and_refused() -> None:
    classifier = YAMNetClassifier(hidden=3)
    assert classifier.get_params()["hidden"] == 3
    assert classifier.set_params(hidden=0, weight_decay=1.0).weight_decay == 1
    with pytest.raises(InputError, match="no parameter 'depth'"):
        classifier.set_params(depth=1)
    x, y = blobs()
    for wrong, message in (
        ((x[:, 0], y), "Expected 2D"),
        ((x[:0], y[:0]), "0 sample"),
        ((x * np.nan, y), "NaN or infinity"),
        ((x, y[:5]), "inconsistent"),
        ((x, y == y), "one class"),
        ((x, None), "requires y"),
        ((x * 1j, y), "Complex"),
    ):
        with pytest.raises(InputError, match=message):
            classifier.fit(*wrong)
    with pytest.raises(InputError, match="not fitted"):
        YAMNetClassifier().predict(x)
    with pytest.raises(InputError, match="X has 5 features"):
        YAMNetClassifier().fit(x, y).predict(x[:, :5])


def test_what_is_no_linear_classifier_is_refused() -> None:
    with pytest.raises(InputError, match="a fitted linear classifier"):
        head_from_sklearn(object())
    linear = SimpleNamespace(coef_=np.ones((2, 3)), intercept_=np.zeros(2), classes_=np.arange(2))
    pipeline = SimpleNamespace(steps=[("reduce", object()), ("fit", linear)])
    with pytest.raises(InputError, match="StandardScaler"):
        head_from_sklearn(pipeline)
    linear.classes_ = np.arange(3)
    with pytest.raises(InputError, match="2 rows of coef_ for 3 classes"):
        head_from_sklearn(linear)


# -- With scikit-learn ------------------------------------------------------------------------------------------

#: Errors here are the package's own, of which none is a TypeError.
EXPECTED = {"check_dtype_object": "raises a ValueError where a TypeError is wanted"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_scikit_learn_finds_nothing_to_object_to(kind: str) -> None:
    checks = pytest.importorskip("sklearn.utils.estimator_checks", reason="scikit-learn is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = checks.check_estimator(YAMNetClassifier(kind=kind), expected_failed_checks=EXPECTED, on_skip=None)
    assert len(results) > 40
    assert {r["status"] for r in results} <= {"passed", "skipped", "xfail"}


def test_both_work_in_a_pipeline(small_model_path: Path, examples: dict[Path, str]) -> None:
    sklearn = pytest.importorskip("sklearn.pipeline", reason="scikit-learn is not installed")
    from sklearn.base import clone

    pipeline = sklearn.make_pipeline(YAMNetEmbedder(str(small_model_path)), YAMNetClassifier())
    pipeline.fit(list(examples), list(examples.values()))
    assert clone(pipeline).fit(list(examples), list(examples.values())).predict(list(examples)).tolist() == list(
        examples.values()
    )


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", ["LogisticRegression", "RidgeClassifier", "SGDClassifier", "Perceptron"])
@pytest.mark.parametrize("scaled", [False, True])
def test_linear_models_of_scikit_learn_become_heads(classes: int, name: str, scaled: bool) -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is not installed")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = blobs(classes)
    estimator = getattr(linear, name)()
    estimator = make_pipeline(StandardScaler(), estimator) if scaled else estimator
    estimator.fit(x, y)
    head = head_from_sklearn(estimator)
    assert head.labels == tuple(estimator.classes_)
    named = np.array(head.labels)[head.logits(x).argmax(axis=1)]
    np.testing.assert_array_equal(named, estimator.predict(x))
    if name == "LogisticRegression":
        assert head.kind == ("softmax" if classes > 2 else "sigmoid")
        np.testing.assert_allclose(head.scores(x), estimator.predict_proba(x), atol=1e-5)
