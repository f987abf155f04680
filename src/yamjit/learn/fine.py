"""Embeddings finer than the model's own: the mean of the last map before it is rounded to int8."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.errors import InputError, ModelError
from yamjit.frontend import count_windows
from yamjit.reading import ReadOptions

__all__ = ["FineEmbeddings", "fine_embeddings"]

Float32 = npt.NDArray[np.float32]


class FineEmbeddings(NamedTuple):
    """Embeddings of windows, exact and fine.

    Parameters
    ----------
    quantized : np.ndarray [shape=(n, size), int8]
        As the model has them.
    exact : np.ndarray [shape=(n, size), float32]
        The same as real numbers: what `Classifier.embed` returns.
    fine : np.ndarray [shape=(n, size), float32]
        The mean over positions of the int8 map that they are the rounded mean of.
    """

    quantized: npt.NDArray[np.int8]
    exact: Float32
    fine: Float32


def fine_embeddings(model: Classifier, samples: npt.ArrayLike, *, hop_s: float = 0.48) -> FineEmbeddings:
    """Return the embeddings of a recording, exact and fine.

    Parameters
    ----------
    model : Classifier
    samples : array_like [shape=(n,)]
        At the model's rate.
    hop_s : float > 0
        From one window to the next, in whole frames: a multiple of 0.01 s for YAMNet.

    Raises
    ------
    InputError
        If `hop_s` is not whole frames.
    ModelError
        If the model has no embedding.
    """
    checks.instance(model, "model", Classifier)
    hop_s = checks.number(hop_s, "hop_s", 0, above=True, kind="seconds")
    slot = model.plan.embedding
    if slot is None:
        raise ModelError("the model has no embedding: no average that its scores are computed from")
    patches = _patches(model, checks.array(samples, "samples"), hop_s)
    name, source = next((n, s) for n, s in model.plan.slots.items() if s.step == slot.step - 1)
    output = model.network.run(patches, tensors=[name])
    real = (output.tensors[name].astype(np.float64) - source.zero_point) * source.scale
    fine = real.reshape(len(real), -1, real.shape[-1]).mean(axis=1)
    return FineEmbeddings(output.quantized_embeddings, output.embeddings, fine.astype(np.float32))


def _patches(model: Classifier, samples: npt.NDArray[Any], hop_s: float) -> Float32:
    """Return the patches of every window."""
    constants = model.front_end.constants
    hop = round(hop_s * model.sample_rate)
    if hop < 1 or hop % constants.hop_length:
        frame_s = constants.hop_length / model.sample_rate
        raise InputError(f"hop_s is {hop_s!r}; multiples of {frame_s} s are accepted")
    if samples.ndim != 1:
        raise InputError(f"samples of shape (n,) are accepted, found {samples.shape}")
    frames = model.log_mel(samples, sample_rate=model.sample_rate, reading=ReadOptions(hop_s=hop_s))
    step = hop // constants.hop_length
    count = count_windows(len(samples), constants.window_samples, hop)
    return np.stack([frames[k * step : k * step + constants.n_frames] for k in range(count)])
