"""Linear models that were fitted by scikit-learn, as heads; scikit-learn itself is not imported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.estimators import class_names
from yamjit.spec import EMBEDDING
from yamjit.trained.heads import Dense, Head, softmax

__all__ = ["head_from_sklearn"]

Float64 = npt.NDArray[np.float64]


@explained
def head_from_sklearn(estimator: Any, labels: Iterable[str] | None = None, *, features: str = EMBEDDING) -> Head:
    """Return a fitted linear classifier of scikit-learn as a head.

    Parameters
    ----------
    estimator : object
        Estimator with `coef_`, `intercept_` and `classes_`, such as ``LogisticRegression``, ``LinearSVC``,
        ``SGDClassifier`` or ``RidgeClassifier``; or a pipeline of a ``StandardScaler`` and such an estimator.
    labels : iterable of str, optional
        Names of the classes; by default the classes that it was fitted with.
    features : str
        Name of the feature that it was fitted on, see `Classifier.features`.

    Returns
    -------
    Head
        Head with the decisions of the estimator: of kind "softmax" if its probabilities have a sum of 1, else of kind
        "sigmoid".

    Raises
    ------
    InputError
        If it is not a fitted linear classifier.
    """
    *before, last = [step for _, step in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    if not all(hasattr(last, name) for name in ("coef_", "intercept_", "classes_")):
        found = checks.shown(last)
        raise InputError(f"a fitted linear classifier with coef_, intercept_ and classes_ is accepted, found {found}")
    weights = np.atleast_2d(np.asarray(last.coef_, np.float64))
    bias = np.broadcast_to(np.asarray(last.intercept_, np.float64), weights.shape[:1])
    classes = np.asarray(last.classes_)
    kind = _kind(last, weights, bias)
    if len(classes) == 2 and len(weights) == 1:
        weights, bias = np.concatenate((-weights, weights)), np.concatenate((-bias, bias))
    if len(weights) != len(classes):
        raise InputError(f"{len(weights)} rows of coef_ for {len(classes)} classes; one for each class is accepted")
    for step in reversed(before):
        weights, bias = _after_scaler(step, weights, bias)
    names = tuple(labels) if labels is not None else class_names(classes)
    return Head(names, kind, (Dense(weights.astype(np.float32), bias.astype(np.float32)),), features)


def _kind(estimator: Any, weights: Float64, bias: Float64) -> str:
    """Return the kind of a classifier, which its probabilities show."""
    if len(weights) < 2 or not hasattr(estimator, "predict_proba"):
        return "sigmoid"
    probe = np.random.Generator(np.random.PCG64(0)).normal(0, 1, (8, weights.shape[1]))
    logits = (probe[:, None, :] * weights).sum(axis=2) + bias
    return "softmax" if np.allclose(estimator.predict_proba(probe), softmax(logits), atol=1e-4) else "sigmoid"


def _after_scaler(step: Any, weights: Float64, bias: Float64) -> tuple[Float64, Float64]:
    """Return the weights for input that is not scaled."""
    if step is None or step == "passthrough":
        return weights, bias
    if not (hasattr(step, "mean_") and hasattr(step, "scale_")):
        found = checks.shown(step)
        raise InputError(f"only a fitted StandardScaler is accepted before a linear classifier, found {found}")
    if step.scale_ is not None:
        weights = weights / np.asarray(step.scale_, np.float64)
    if step.mean_ is not None:
        bias = bias - (weights * np.asarray(step.mean_, np.float64)).sum(axis=1)
    return weights, bias
