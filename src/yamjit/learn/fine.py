"""Embeddings finer than the model's own: the mean of the last map before it is rounded to int8."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.errors import InputError, ModelError
from yamjit.frontend import count_windows
from yamjit.kernels.program import Column, StepOp
from yamjit.keywords import explained
from yamjit.reading import ReadOptions
from yamjit.reprs import brief_repr

__all__ = ["FineEmbeddings", "cut_patches", "fine_embeddings"]

Float32 = npt.NDArray[np.float32]


@brief_repr
class FineEmbeddings(NamedTuple):
    """Embeddings of windows, as the model rounds them and before it does.

    Parameters
    ----------
    quantized : np.ndarray [shape=(n, size), int8]
        Embeddings as the model's integers.
    exact : np.ndarray [shape=(n, size), float32]
        The same as real numbers, see `Classifier.embed`.
    fine : np.ndarray [shape=(n, size), float32]
        Mean over positions of the int8 map, of which the others are the rounded mean.
    """

    quantized: npt.NDArray[np.int8]
    exact: Float32
    fine: Float32


@explained
def fine_embeddings(model: Classifier, samples: npt.ArrayLike, *, hop_s: float = 0.48) -> FineEmbeddings:
    """Return the embeddings of a recording, as the model rounds them and before it does.

    Parameters
    ----------
    model : Classifier
    samples : array_like [shape=(n,)]
        Mono sound at the model's sample rate.
    hop_s : float > 0
        Time from the start of one window to the start of the next, in seconds; whole frames, which are 0.01 s for
        YAMNet.

    Raises
    ------
    InputError
        If `hop_s` is not whole frames.
    ModelError
        If the model has no embedding, or one that is no mean.
    """
    checks.instance(model, "model", Classifier)
    hop_s = checks.number(hop_s, "hop_s", 0, above=True, kind="seconds")
    slot = model.plan.embedding
    if slot is None:
        raise ModelError("the model has no embedding: no mean over positions from which its scores are computed")
    sound = checks.array(samples, "samples")
    if sound.ndim != 1:
        raise InputError(f"samples of shape (n,) are accepted, found {sound.shape}")
    _frames_per_hop(model, hop_s)
    frames = model.log_mel(sound, sample_rate=model.sample_rate, reading=ReadOptions(hop_s=hop_s))
    if model.plan.program.steps[slot.step, Column.OP] not in (StepOp.MEAN, StepOp.MEAN_F32):
        raise ModelError("the embedding has the greatest values of a map: there are none between those of the map")
    size = slot.shape[-1]
    name, source = next((n, s) for n, s in model.plan.slots.items() if (s.step, s.shape[-1]) == (slot.step - 1, size))
    output = model.network.run(cut_patches(model, frames, len(sound), hop_s), tensors=[name])
    real = (output.tensors[name].astype(np.float64) - source.zero_point) * source.scale
    fine = real.reshape(len(real), -1, real.shape[-1]).mean(axis=1)
    return FineEmbeddings(output.quantized_embeddings.values, output.embeddings, fine.astype(np.float32))


def cut_patches(model: Classifier, frames: Float32, samples: int, hop_s: float) -> Float32:
    """Cut the log-mel frames of a recording, whose length is in samples, into the patches of its windows."""
    constants = model.front_end.constants
    step = _frames_per_hop(model, hop_s)
    count = count_windows(samples, constants.window_samples, step * constants.hop_length)
    return np.stack([frames[k * step : k * step + constants.n_frames] for k in range(count)])


def _frames_per_hop(model: Classifier, hop_s: float) -> int:
    hop_length = model.front_end.constants.hop_length
    hop = round(hop_s * model.sample_rate)
    if hop < 1 or hop % hop_length:
        raise InputError(f"hop_s is {hop_s!r}; multiples of {hop_length / model.sample_rate} s are accepted")
    return hop // hop_length
