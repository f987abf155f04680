"""Embeddings and heads as estimators for scikit-learn, which itself is not needed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.fitting import FitOptions, Samples, fit_head
from yamjit.loading import load
from yamjit.reading import ReadOptions
from yamjit.spec import EMBEDDING
from yamjit.trained.heads import Head, sigmoid, softmax

__all__ = ["YAMNetClassifier", "YAMNetEmbedder", "class_names"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_Self = TypeVar("_Self", bound="_Estimator")

POOLINGS = ("mean", "max", "mean_max")


class _Estimator:
    """Parameters that can be read, set and copied, as scikit-learn requires of every estimator."""

    _kind = ""

    @classmethod
    def _names(cls) -> list[str]:
        return sorted(name for name in inspect.signature(cls.__init__).parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self: _Self, **params: Any) -> _Self:
        """Set parameters; returns the estimator."""
        for name, value in params.items():
            if name not in self._names():
                raise InputError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(self._names())}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [f"{k}={v!r}" for k, v in self.get_params().items() if v is not defaults[k].default]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this; so it is loaded.
        utils = sys.modules["sklearn.utils"]
        classifier = self._kind == "classifier"
        return utils.Tags(
            estimator_type=self._kind,
            target_tags=utils.TargetTags(required=classifier),
            transformer_tags=None if classifier else utils.TransformerTags(),
            classifier_tags=utils.ClassifierTags() if classifier else None,
            input_tags=utils.InputTags(two_d_array=classifier, string=not classifier),
            requires_fit=classifier,
            no_validation=not classifier,
        )


def _not_fitted(estimator: object) -> Exception:
    """Return the error for an estimator that is not fitted; one of scikit-learn's kind if that is loaded."""
    message = f"this {type(estimator).__name__} is not fitted yet; call fit first"
    exceptions = sys.modules.get("sklearn.exceptions")
    if exceptions is None:
        return InputError(message)
    kind: type[Exception] = type("NotFittedError", (InputError, exceptions.NotFittedError), {})
    return kind(message)


@explained
class YAMNetEmbedder(_Estimator):
    """Recordings to embeddings or other features, as a transformer for pipelines.

    Parameters
    ----------
    model : path, "starter", bytes or Classifier, optional
        See `yamjit.load`.
    pooling : {"mean", "max", "mean_max"}
        How the embeddings of windows become that of their clip; "mean_max" is both, one after the other.
    hop_s : float > 0
        Time from the start of one window to the start of the next, in seconds.
    sample_rate : int, optional
        Sample rate of arrays, in Hz.
    features : str
        Name of the feature, see `Classifier.features`.
    """

    _kind = "transformer"

    def __init__(
        self,
        model: Any = None,
        *,
        pooling: str = "mean",
        hop_s: float = 0.48,
        sample_rate: int | None = None,
        features: str = EMBEDDING,
    ) -> None:
        self.model = model
        self.features = features
        self.pooling = pooling
        self.hop_s = hop_s
        self.sample_rate = sample_rate

    def fit(self, X: Iterable[Any], y: Any = None) -> YAMNetEmbedder:  # noqa: N803 - scikit-learn's name
        """Return the embedder: there is nothing to learn."""
        return self

    def transform(self, X: Iterable[Any]) -> Float32:  # noqa: N803
        """Return the embedding of every recording.

        Parameters
        ----------
        X : iterable of path, array or any other source for `Classifier.windows`
            The recordings.

        Returns
        -------
        np.ndarray [shape=(n, size), float32]
        """
        checks.choice(self.pooling, "pooling", POOLINGS)
        recordings = checks.elements(X, "X", "recordings")
        model = self._classifier()
        rows = []
        for audio in recordings:
            rate = self.sample_rate if isinstance(audio, np.ndarray) else None
            reading = ReadOptions(hop_s=self.hop_s)
            windows = model.embed(audio, sample_rate=rate, features=self.features, reading=reading)
            parts = {"mean": windows.mean(axis=0, dtype=np.float64), "max": windows.max(axis=0)}
            rows.append(np.concatenate([parts[name] for name in self.pooling.split("_")]))
        return np.array(rows, np.float32).reshape(len(rows), len(self.get_feature_names_out()))

    def fit_transform(self, X: Iterable[Any], y: Any = None) -> Float32:  # noqa: N803
        """Return the embedding of every recording, see `transform`."""
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the columns."""
        size = self._classifier().feature_size(self.features)
        of_what = "" if self.features == EMBEDDING else f"{self.features}_"
        names = [f"{of_what}{part}{k}" for part in self.pooling.split("_") for k in range(size)]
        return np.array(names, dtype=object)

    def _classifier(self) -> Classifier:
        if isinstance(self.model, Classifier):
            return self.model
        kept: tuple[Any, Classifier] | None = getattr(self, "_loaded", None)
        if kept is None or kept[0] is not self.model:
            kept = self._loaded = (self.model, load(self.model))
        return kept[1]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_loaded"}


@explained
class YAMNetClassifier(_Estimator):
    """A head on embeddings, as a classifier for pipelines.

    A step of a pipeline returns as many rows as it is given, so copies of short sounds cannot be made in one. Make them
    before: ``found = with_copies(model, embed_clips(model, data))``; then fit on ``found.embeddings`` and, for each k
    of ``found.clips``, the label of ``found.dataset.clips[k]``; k is the group of the row, too.

    Parameters
    ----------
    kind, hidden, weight_decay, iterations
        See `FitOptions`.
    random_state : int
        Seed of the initial weights of a hidden layer.
    features : str
        Name of the feature that it is fitted on, which `head_` records, see `Classifier.features`.

    Attributes
    ----------
    classes_ : np.ndarray [shape=(classes,)]
        The classes, in order.
    n_features_in_ : int
        Length of an embedding.
    head_ : Head
        The trained head, which `export_model` takes.
    """

    _kind = "classifier"

    def __init__(
        self,
        *,
        kind: str = "sigmoid",
        hidden: int = 0,
        weight_decay: float = 0.003,
        iterations: int = 300,
        random_state: int = 0,
        features: str = EMBEDDING,
    ) -> None:
        self.kind = kind
        self.features = features
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.iterations = iterations
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> YAMNetClassifier:  # noqa: N803
        """Train the head.

        Parameters
        ----------
        X : array_like [shape=(n, size)]
            Embeddings.
        y : array_like [shape=(n,)]
            Class of each embedding.
        """
        if y is None:
            raise InputError("YAMNetClassifier requires y to be passed, but the target y is None")
        options = FitOptions(self.kind, self.hidden, self.weight_decay, self.iterations, seed=self.random_state)
        x = _matrix(X)
        labels = _column(y, len(x))
        classes, places = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise InputError(f"one class, {classes[0]!r}; two or more classes are accepted")
        samples = Samples(x, np.eye(len(classes), dtype=np.float32)[places], np.ones(len(x)))
        self.classes_ = classes
        self.n_features_in_ = x.shape[1]
        self.head_ = replace(fit_head(class_names(classes), samples, options).head, features=self.features)
        return self

    def decision_function(self, X: Any) -> Float64:  # noqa: N803
        """Return the logits [shape=(n, classes)]; their difference [shape=(n,)] if there are two classes."""
        logits = self._fitted().logits(self._checked(X))
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> Float64:  # noqa: N803
        """Return probabilities [shape=(n, classes)]; scores of independent classes are scaled to a sum of 1."""
        logits = self._fitted().logits(self._checked(X))
        if self.kind == "softmax":
            return softmax(logits)
        scores = np.maximum(sigmoid(logits), 1e-300)
        return scores / scores.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """Return the class of each embedding [shape=(n,)]."""
        places = self._fitted().logits(self._checked(X)).argmax(axis=1)
        return self.classes_[places]

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """Return the share of embeddings whose class is predicted correctly."""
        return float((self.predict(X) == checks.array(y, "y", accepted="the class of each embedding")).mean())

    def _fitted(self) -> Head:
        if not hasattr(self, "head_"):
            raise _not_fitted(self)
        return self.head_

    def _checked(self, X: Any) -> Float32:  # noqa: N803
        self._fitted()
        x = _matrix(X)
        if x.shape[1] != self.n_features_in_:
            name = type(self).__name__
            raise InputError(
                f"X has {x.shape[1]} features, but {name} is expecting {self.n_features_in_} features as input"
            )
        return x


def class_names(classes: npt.NDArray[Any]) -> tuple[str, ...]:
    """Return names that a label file can hold; classes without distinct names are numbered."""
    names = tuple(str(name).strip() for name in classes)
    return names if len(set(names)) == len(names) and all(names) else tuple(f"class {k}" for k in range(len(names)))


def _matrix(x: Any) -> Float32:
    """Return embeddings as an array, or raise an error in scikit-learn's words."""
    if hasattr(x, "toarray"):
        raise InputError("sparse embeddings are not accepted; use .toarray()")
    array = checks.array(x, "X", accepted="embeddings of shape (n, size)")
    if array.dtype.kind == "c":
        raise InputError("Complex data not supported")
    if array.ndim != 2:
        raise InputError(f"Expected 2D array, got {array.ndim}D array instead; Reshape your data to (n, size)")
    if not len(array) or not array.shape[1]:
        found = f"{len(array)} sample(s) and {array.shape[1]} feature(s) (shape={array.shape})"
        raise InputError(f"Found array with {found} while a minimum of 1 is required.")
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"numbers are accepted: {error}") from error
    if not np.isfinite(array).all():
        raise InputError("Input X contains NaN or infinity")
    return array.astype(np.float32)


def _column(y: Any, count: int) -> npt.NDArray[Any]:
    """Return the classes of `count` embeddings, or raise an error in scikit-learn's words."""
    labels: npt.NDArray[Any] = checks.array(y, "y", accepted="the class of each embedding")
    if labels.ndim == 2 and labels.shape[1] == 1:
        import warnings

        kind = getattr(sys.modules.get("sklearn.exceptions"), "DataConversionWarning", UserWarning)
        warnings.warn("A column-vector y was passed when a 1d array was expected", kind, stacklevel=3)
        labels = labels.ravel()
    if labels.shape != (count,):
        raise InputError(f"inconsistent: {count} embeddings and y of shape {labels.shape}")
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all():
            raise InputError("Input y contains NaN or infinity")
        if (labels != np.round(labels)).any():
            raise InputError("Unknown label type: continuous; classes are accepted")
    return labels
