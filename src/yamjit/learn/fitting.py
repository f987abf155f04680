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
from yamjit.learn.heads import KINDS, Dense, Head, cross_entropy, sigmoid, softmax
from yamjit.learn.optimizer import minimize
from yamjit.learn.products import BlockedMatrix, matmul

__all__ = ["CurvePoint", "FitOptions", "FittedHead", "Samples", "fit_head"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Options that are whole numbers, and between which: what a hidden layer takes is known before memory is.
_WHOLE = (("hidden", 0, 4096), ("iterations", 1, 10**6), ("patience", 1, 10**6), ("seed", 0, 2**64 - 1))
_MOST_WEIGHT = 1e6


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a head is trained.

    Parameters
    ----------
    kind : {"sigmoid", "softmax"}
        Whether each class is scored by itself, or all of them share one.
    hidden : int in [0, 4096]
        Units of a hidden layer with ReLU; 0 for a linear head.
    weight_decay : float in [0, 1e6]
        Half of it times the squared weights is added to the loss, where embeddings vary by 1 on average.
    iterations : int in [1, 1e6]
        Of the optimizer, at most.
    patience : int in [1, 1e6]
        Iterations without a better loss on the validation samples, if there are any, after which training stops.
    embedding_noise : float in [0, 1e6]
        Standard deviation of normal noise on the embeddings, in units of their own.
    seed : int in [0, 2**64)
        Of the noise, and of a hidden layer's first weights.

    Raises
    ------
    InputError
        If a value is out of range.
    """

    kind: str = "sigmoid"
    hidden: int = 0
    weight_decay: float = 0.003
    iterations: int = 300
    patience: int = 20
    embedding_noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        checks.choice(self.kind, "kind", KINDS)
        for name, least, most in _WHOLE:
            checks.whole(getattr(self, name), name, least, most)
        for name in ("weight_decay", "embedding_noise"):
            checks.number(getattr(self, name), name, 0, _MOST_WEIGHT)


class Samples(NamedTuple):
    """What a head learns from.

    Parameters
    ----------
    embeddings : np.ndarray [shape=(n, inputs), float32]
    targets : np.ndarray [shape=(n, classes), float32]
        1 where a sample is of a class, else 0.
    weights : np.ndarray [shape=(n,), float64]
        How much each sample counts; > 0.
    """

    embeddings: Float32
    targets: Float32
    weights: Float64


class CurvePoint(NamedTuple):
    """Losses after an iteration; NaN where there are no validation samples."""

    iteration: int
    training_loss: float
    validation_loss: float


class FittedHead(NamedTuple):
    """A head, how it was reached, and the iteration whose weights it has."""

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
    """Train a head.

    Parameters
    ----------
    labels : sequence of str
        Names of the classes.
    samples : Samples
    options : FitOptions, optional
    validation : Samples, optional
        Training stops where the loss on these does not fall any more, and the best weights are kept.
    progress : callable, optional
        Is told of every point of the learning curve.

    Returns
    -------
    FittedHead

    Raises
    ------
    InputError
        If the samples do not fit each other, or hold values that are not finite.
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
            f"{count} samples of {classes} classes want targets {(count, classes)} and weights {(count,)}, "
            f"found {samples.targets.shape} and {samples.weights.shape}"
        )
    if not np.isfinite(samples.embeddings).all():
        raise InputError("an embedding is not finite")
    if not (np.isfinite(samples.weights).all() and (samples.weights > 0).all()):
        raise InputError("weights of samples must be finite and greater than 0")
    if options.kind == "softmax" and (classes < 2 or not (samples.targets.sum(axis=1) > 0).all()):
        raise InputError("a softmax head wants two classes or more, and one of them for each sample")


def _noisy(samples: Samples, options: FitOptions) -> Samples:
    """Return the samples, and once more with noise on them if that is wanted."""
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
    """How embeddings lie: their mean, and one scale for all of their values.

    One scale, not one for each value: values that hardly ever differ from 0 would otherwise count as much as others.
    """

    mean: Float64
    scale: float

    @classmethod
    def of(cls, embeddings: Float32) -> _Spread:
        scale = float(np.sqrt(embeddings.var(axis=0, dtype=np.float64).mean()))
        return cls(embeddings.mean(axis=0, dtype=np.float64), scale or 1.0)


class _Loss:
    """The mean loss of samples, as a function of a head's weights in one row."""

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
        """Return the first weights: 0 where the loss is convex, else small random ones."""
        if len(self._shapes) == 1:
            return np.zeros(sum(self._shapes[0][:1]) * self._shapes[0][1] + self._shapes[0][1])
        dice = np.random.Generator(np.random.PCG64([self._options.seed, 1]))
        parts: list[Float64] = []
        for inputs, outputs in self._shapes:
            parts += [dice.standard_normal(inputs * outputs) * math.sqrt(1 / inputs), np.zeros(outputs)]
        return np.concatenate(parts)

    def layers(self, position: Float64) -> tuple[Dense, ...]:
        """Return weights as layers that take embeddings as they come."""
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
        decay = self._options.weight_decay
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
        """Return what each layer gives, before its activation."""
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
