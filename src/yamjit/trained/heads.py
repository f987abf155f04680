"""Heads: one or two dense layers from embeddings to scores, which training makes and export writes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.disk import read_limited
from yamjit.errors import InputError, LimitError
from yamjit.npz import MOST_BYTES, read_arrays, write_arrays
from yamjit.reprs import brief_repr
from yamjit.signatures import HEAD_BYTES, file_kind
from yamjit.spec import EMBEDDING
from yamjit.trained.blocked import matmul
from yamjit.writing import write_whole

__all__ = ["KINDS", "Dense", "Head", "checked_labels", "cross_entropy", "sigmoid", "softmax"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Kinds of outputs: independent of each other, or with a sum of 1.
KINDS = ("sigmoid", "softmax")

#: Formats of the file: of heads on embeddings, which earlier versions read as well, and of heads on other features.
_FORMAT, _FORMAT_WITH_FEATURES = 1, 2


@brief_repr
class Dense(NamedTuple):
    """A dense layer, ``x @ weights.T + bias``: float32, `weights` (outputs, inputs) and `bias` (outputs,)."""

    weights: Float32
    bias: Float32


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Head:
    """Scores of classes from an embedding, or from another feature.

    Parameters
    ----------
    labels : tuple of str
        Names of the classes, in order.
    kind : {"sigmoid", "softmax"}
        Whether classes are scored independently, or share a sum of 1.
    layers : tuple of Dense
        One layer, or two with a ReLU between them.
    features : str
        Name of the feature that the head takes, see `Classifier.features`.

    Raises
    ------
    InputError
        If shapes do not fit each other, or a weight is not finite.
    """

    labels: tuple[str, ...]
    kind: str
    layers: tuple[Dense, ...]
    features: str = EMBEDDING

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", checked_labels(self.labels))
        checks.text(self.features, "features")
        checks.choice(self.kind, "kind", KINDS)
        object.__setattr__(self, "layers", tuple(map(_checked_layer, checks.elements(self.layers, "layers", "layers"))))
        sizes = [layer.weights.shape for layer in self.layers]
        if (
            len(sizes) not in (1, 2)
            or sizes[-1][0] != len(self.labels)
            or (len(sizes) == 2 and sizes[0][0] != sizes[1][1])
        ):
            raise InputError(f"layers of shapes {sizes} do not make a head of {len(self.labels)} classes")

    @property
    def inputs(self) -> int:
        """Number of values that the head takes."""
        return int(self.layers[0].weights.shape[1])

    def logits(self, embeddings: npt.ArrayLike) -> Float64:
        """Return the logits: the values before the sigmoid or softmax.

        Parameters
        ----------
        embeddings : array_like [shape=(n, inputs)]

        Returns
        -------
        np.ndarray [shape=(n, classes), float64]

        Raises
        ------
        InputError
            If the shape does not fit.
        """
        x = checks.array(embeddings, "embeddings", accepted=f"embeddings of shape (n, {self.inputs})")
        if x.ndim != 2 or x.shape[1] != self.inputs or x.dtype.kind not in "fiu":
            raise InputError(f"embeddings of shape (n, {self.inputs}) are accepted, found {x.shape}")
        for index, (weights, bias) in enumerate(self.layers):
            x = matmul(np.maximum(x, 0) if index else x, weights.T) + bias
        return x

    def scores(self, embeddings: npt.ArrayLike) -> Float32:
        """Return the scores in [0, 1] [shape=(n, classes), float32]."""
        logits = self.logits(embeddings)
        return (sigmoid(logits) if self.kind == "sigmoid" else softmax(logits)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Return the head as the content of an ``.npz`` file; the same head gives the same bytes."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "format": np.array(_FORMAT if self.features == EMBEDDING else _FORMAT_WITH_FEATURES),
            "kind": np.array(self.kind),
            "labels": np.array(self.labels),
        }
        if self.features != EMBEDDING:
            arrays["features"] = np.array(self.features)
        for index, (weights, bias) in enumerate(self.layers):
            arrays |= {f"weights{index}": weights, f"bias{index}": bias}
        return write_arrays(arrays)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the head to an ``.npz`` file, whole or not at all."""
        write_whole(Path(path), self.to_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Head:
        """Read a head that `save` wrote.

        Raises
        ------
        InputError
            If the file cannot be read or is not a head.
        LimitError
            If the file, or what it would unpack to, is larger than 64 MiB; nothing is unpacked.
        """
        return cls.from_bytes(read_limited(path, MOST_BYTES, what="a head"), name=repr(os.fspath(path)))

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str = "the file") -> Head:
        """Read the content of a file that `save` wrote; `name` is that of the file in errors, those of `load`."""
        try:
            if (kind := file_kind(data[:HEAD_BYTES])) and not data.startswith(b"PK"):
                raise InputError(f"it is {kind}")
            return cls._from_arrays(read_arrays(data))
        except (InputError, LimitError) as error:
            raise type(error)(f"{name} cannot be read as a head: {error}") from error

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Head:
        wanted = {"format": ("iu", 0), "kind": ("U", 0), "labels": ("U", 1)}
        named = "format" in arrays and bool((arrays["format"] == _FORMAT_WITH_FEATURES).all())
        wanted |= {"features": ("U", 0)} if named else {}
        count = sum(name.startswith("weights") for name in arrays)
        wanted |= {f"{what}{k}": ("fiu", axes) for k in range(count) for what, axes in (("weights", 2), ("bias", 1))}
        for name, (kinds, axes) in wanted.items():
            if name not in arrays or arrays[name].dtype.kind not in kinds or arrays[name].ndim != axes:
                raise InputError(f"it lacks a valid {name!r}")
        if arrays["format"] not in (_FORMAT, _FORMAT_WITH_FEATURES):
            accepted = f"{_FORMAT} and {_FORMAT_WITH_FEATURES} are accepted"
            raise InputError(f"its format is {int(arrays['format'])}; {accepted}")
        layers = tuple(Dense(arrays[f"weights{k}"], arrays[f"bias{k}"]) for k in range(count))
        features = str(arrays["features"]) if named else EMBEDDING
        return cls(tuple(map(str, arrays["labels"])), str(arrays["kind"]), layers, features)

    def check_features(self, name: str) -> None:
        """Raise an `InputError` unless `name` is that of the feature that the head takes."""
        if name != self.features:
            raise InputError(f"the head takes the feature {self.features!r}; the windows have {checks.shown(name)}")


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return names of classes that a label file can hold: at least one, each a line of text, none twice."""
    names = checks.elements(labels, "labels", "names")
    if not names:
        raise InputError("no classes; at least one is accepted")
    for name in names:
        sound = (
            isinstance(name, str)
            and name == name.strip()
            and len(name.splitlines()) == 1
            and not set("\0\ufeff") & set(name)
        )
        if not sound or not _is_unicode(name):
            found = checks.shown(name)
            raise InputError(f"a class is called {found}; one line of text without spaces around it is accepted")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"the class {checks.shown(twice)} occurs twice")
    return names


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _checked_layer(given: Any) -> Dense:
    parts = checks.elements(given, "a layer", "weights and bias")
    if len(parts) != 2:
        raise InputError(f"a layer is {checks.shown(given)}; weights and a bias are accepted")
    weights, bias = checks.array(parts[0], "weights", np.float32), checks.array(parts[1], "bias", np.float32)
    with np.errstate(over="ignore"):
        layer = Dense(weights.copy(order="C"), bias.copy())
    if layer.weights.ndim != 2 or layer.bias.shape != layer.weights.shape[:1] or not layer.weights.size:
        raise InputError(f"weights {layer.weights.shape} and bias {layer.bias.shape} do not make a dense layer")
    if not (np.isfinite(layer.weights).all() and np.isfinite(layer.bias).all()):
        raise InputError("a weight of the head is not finite")
    for array in layer:
        array.flags.writeable = False
    return layer


def sigmoid(logits: npt.NDArray[np.float64]) -> Float64:
    """Return ``1 / (1 + exp(-x))``, without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)


def softmax(logits: npt.NDArray[np.float64]) -> Float64:
    """Return ``exp(x)`` divided by its sum along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def cross_entropy(logits: Float64, targets: npt.NDArray[np.floating]) -> Float64:
    """Return the cross-entropy of each sigmoid, without overflow [shape of `logits`]."""
    return np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
