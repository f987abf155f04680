"""Training of a head: a smooth loss over windows, weight decay, early stopping, a learning curve.

The same windows, options and seed give the same bits on any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.optimizer import minimize
from yamjit.reprs import brief_repr
from yamjit.trained.blocked import BlockedMatrix, matmul
from yamjit.trained.heads import KINDS, Dense, Head, cross_entropy, sigmoid, softmax

__all__ = ["MOST_WEIGHT", "WEIGHT_DECAY", "CurvePoint", "FitOptions", "FittedHead", "Samples", "fit_head"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Options that are whole numbers, and their bounds, which also bound the memory of a hidden layer.
_WHOLE = (("hidden", 0, 4096), ("iterations", 1, 10**6), ("patience", 1, 10**6), ("seed", 0, 2**64 - 1))
MOST_WEIGHT = 1e6

#: Weight decay where none is given or chosen.
WEIGHT_DECAY = 0.003


@explained
@dataclass(frozen=True, slots=True)
class FitOptions:
    """Options of a head and of its training.

    Parameters
    ----------
    kind : {"sigmoid", "softmax"}
        Whether classes are scored independently, or share a sum of 1.
    hidden : int in [0, 4096]
        Units of a hidden layer with ReLU; 0 for a linear head.
    weight_decay : float in [0, 1e6], optional
        Factor of half the squared weights in the loss, for embeddings with a mean variance of 1. By default it is
        chosen where features are, see `choose_features`, and 0.003 elsewhere.
    iterations : int in [1, 1e6]
        Largest number of iterations of the optimizer.
    patience : int in [1, 1e6]
        Iterations without a better loss on the validation samples, if there are any, after which training stops.
    embedding_noise : float in [0, 1e6]
        Standard deviation of normal noise on the embeddings, in their own units.
    seed : int in [0, 2**64)
        Seed of the noise, and of the initial weights of a hidden layer.

    Raises
    ------
    InputError
        If a value is out of range.
    """

    kind: str = "sigmoid"
    hidden: int = 0
    weight_decay: float | None = None
    iterations: int = 300
    patience: int = 20
    embedding_noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        checks.choice(self.kind, "kind", KINDS)
        for name, least, most in _WHOLE:
            checks.whole(getattr(self, name), name, least, most)
        for name in ("weight_decay", "embedding_noise"):
            if getattr(self, name) is not None or name == "embedding_noise":
                checks.number(getattr(self, name), name, 0, MOST_WEIGHT)

    @property
    def decay(self) -> float:
        """The weight decay, 0.003 where none was given."""
        return WEIGHT_DECAY if self.weight_decay is None else self.weight_decay


@brief_repr
class Samples(NamedTuple):
    """Samples that a head learns from.

    They are embeddings [shape=(n, inputs)], targets [shape=(n, classes)], which are 1 where a sample has a class and 0
    elsewhere, and weights above 0 [shape=(n,)].
    """

    embeddings: Float32
    targets: Float32
    weights: Float64


class CurvePoint(NamedTuple):
    """Losses after an iteration; the second is NaN if there are no validation samples."""

    iteration: int
    training_loss: float
    validation_loss: float


@brief_repr
class FittedHead(NamedTuple):
    """A head, its learning curve, and the iteration whose weights it has."""

    head: Head
    curve: tuple[CurvePoint, ...]
    best: int


def fit_head(
    labels: Sequence[str],
    samples: Samples,
    options: FitOptions | None = None,
    *,
    validation: Samples | None = None,
    progress: Callable[[CurvePoint], None] | None = None,
) -> FittedHead:
    """Train a head; `progress` is called with every point of the learning curve.

    With `validation`, training stops when the loss on it no longer falls, and the best weights are kept. Shapes that do
    not fit each other and values that are not finite are refused with an `InputError`.
    """
    options = checks.instance(FitOptions() if options is None else options, "options", FitOptions)
    _check(samples, len(labels), options)
    spread = _Spread.of(samples.embeddings)
    loss = _Loss(_noisy(samples, options), spread, options)
    held_out = _Loss(validation, spread, options) if validation is not None and len(validation.targets) else None
    best, best_loss, best_iteration = loss.start(), math.inf, 0
    curve: list[CurvePoint] = []
    for iteration, point in enumerate(minimize(loss.value_and_gradient, best), 1):
        judged = held_out.data_loss(point.position) if held_out else math.nan
        curve.append(CurvePoint(iteration, point.value, judged))
        if progress:
            progress(curve[-1])
        if held_out is None or judged < best_loss:
            best, best_loss, best_iteration = point.position, judged, iteration
        if iteration == options.iterations or (held_out and iteration - best_iteration >= options.patience):
            break
    return FittedHead(Head(tuple(labels), options.kind, loss.layers(best)), tuple(curve), best_iteration)


def _check(samples: Samples, classes: int, options: FitOptions) -> None:
    count = len(samples.embeddings)
    if samples.embeddings.ndim != 2 or not count:
        raise InputError(f"embeddings of shape (n, size) are accepted, found {samples.embeddings.shape}")
    if samples.targets.shape != (count, classes) or samples.weights.shape != (count,):
        raise InputError(
            f"{count} samples of {classes} classes need targets {(count, classes)} and weights {(count,)}, "
            f"found {samples.targets.shape} and {samples.weights.shape}"
        )
    if not np.isfinite(samples.embeddings).all():
        raise InputError("an embedding is not finite")
    if not (np.isfinite(samples.weights).all() and (samples.weights > 0).all()):
        raise InputError("weights of samples must be finite and above 0")
    if options.kind == "softmax" and (classes < 2 or not (samples.targets.sum(axis=1) > 0).all()):
        raise InputError("a softmax head needs two classes or more, and one of them for each sample")


def _noisy(samples: Samples, options: FitOptions) -> Samples:
    """Return the samples, followed by a noisy copy of them if the options say so."""
    if not options.embedding_noise:
        return samples
    noise = np.random.Generator(np.random.PCG64(options.seed)).standard_normal(samples.embeddings.shape, np.float32)
    noisy = samples.embeddings + np.float32(options.embedding_noise) * noise
    return Samples(
        np.concatenate((samples.embeddings, noisy)),
        np.concatenate((samples.targets, samples.targets)),
        np.concatenate((samples.weights, samples.weights)),
    )


class _Spread(NamedTuple):
    """Mean of the embeddings, and one scale for all components: rare components would otherwise count like others."""

    mean: Float64
    scale: float

    @classmethod
    def of(cls, embeddings: Float32) -> _Spread:
        scale = float(np.sqrt(embeddings.var(axis=0, dtype=np.float64).mean()))
        return cls(embeddings.mean(axis=0, dtype=np.float64), scale or 1.0)


class _Loss:
    """Mean loss of samples, as a function of all weights of a head in one vector."""

    def __init__(self, samples: Samples, spread: _Spread, options: FitOptions) -> None:
        self._spread = spread
        self._options = options
        centred = (samples.embeddings - spread.mean.astype(np.float32)) * np.float32(1 / spread.scale)
        self._targets = samples.targets.astype(np.float64)
        if options.kind == "softmax":
            self._targets /= np.maximum(self._targets.sum(axis=1, keepdims=True), 1e-300)
        self._shares = (samples.weights / samples.weights.sum())[:, None]
        inputs, classes = centred.shape[1], self._targets.shape[1]
        sizes = (inputs, options.hidden, classes) if options.hidden else (inputs, classes)
        self._shapes = [(sizes[k], sizes[k + 1]) for k in range(len(sizes) - 1)]
        self._x = BlockedMatrix(centred, sizes[1])

    def start(self) -> Float64:
        """Return the initial weights: 0 where the loss is convex, else small random ones."""
        if len(self._shapes) == 1:
            return np.zeros(sum(self._shapes[0][:1]) * self._shapes[0][1] + self._shapes[0][1])
        dice = np.random.Generator(np.random.PCG64([self._options.seed, 1]))
        parts: list[Float64] = []
        for inputs, outputs in self._shapes:
            parts += [dice.standard_normal(inputs * outputs) * math.sqrt(1 / inputs), np.zeros(outputs)]
        return np.concatenate(parts)

    def layers(self, position: Float64) -> tuple[Dense, ...]:
        """Return the weights as layers for embeddings that are not scaled."""
        layers = self._split(position)
        weights, bias = layers[0]
        raw = weights / self._spread.scale
        layers[0] = (raw, bias - (self._spread.mean[:, None] * raw).sum(axis=0))
        return tuple(Dense(w.T.astype(np.float32), b.astype(np.float32)) for w, b in layers)

    def data_loss(self, position: Float64) -> float:
        """Return the mean loss without weight decay."""
        return self._losses(self._forward(self._split(position))[-1])

    def value_and_gradient(self, position: Float64) -> tuple[float, Float64]:
        """Return the loss with weight decay, and its gradient."""
        layers = self._split(position)
        activations = self._forward(layers)
        decay = self._options.decay
        value = self._losses(activations[-1]) + 0.5 * decay * sum(float((w * w).sum()) for w, _ in layers)
        scores = sigmoid(activations[-1]) if self._options.kind == "sigmoid" else softmax(activations[-1])
        slope = (scores - self._targets) * self._shares
        parts: list[Float64] = []
        for index in reversed(range(len(layers))):
            weights = layers[index][0]
            source = self._hidden(activations[index - 1], slope.shape[1]) if index else self._x
            parts[:0] = [(source.transposed_times(slope) + decay * weights).ravel(), slope.sum(axis=0)]
            if index:
                slope = matmul(slope, weights.T) * (activations[index - 1] > 0)
        return value, np.concatenate(parts)

    def _split(self, position: Float64) -> list[tuple[Float64, Float64]]:
        layers, start = [], 0
        for inputs, outputs in self._shapes:
            middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
            layers.append((position[start:middle].reshape(inputs, outputs), position[middle:end]))
            start = end
        return layers

    def _forward(self, layers: list[tuple[Float64, Float64]]) -> list[Float64]:
        """Return the output of each layer before its activation."""
        values: list[Float64] = []
        for weights, bias in layers:
            source = self._hidden(values[-1], len(bias)) if values else self._x
            values.append(source.times(weights) + bias)
        return values

    def _hidden(self, values: Float64, columns: int) -> BlockedMatrix:
        return BlockedMatrix(np.maximum(values, 0), columns)

    def _losses(self, logits: Float64) -> float:
        """Return the mean cross-entropy."""
        if self._options.kind == "sigmoid":
            each = cross_entropy(logits, self._targets)
        else:
            shifted = logits - logits.max(axis=1, keepdims=True)
            each = self._targets * (np.log(np.exp(shifted).sum(axis=1, keepdims=True)) - shifted)
        return float((each * self._shares).sum())
