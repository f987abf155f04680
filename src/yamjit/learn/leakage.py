"""Clips of a dataset that a model has learned from, by the digests that the model keeps."""

from __future__ import annotations

import contextlib
from pathlib import Path

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.keywords import explained
from yamjit.learn.dataset import Clip, Dataset
from yamjit.learn.features import file_hash

__all__ = ["clips_trained_on"]


@explained
def clips_trained_on(model: Classifier, dataset: Dataset) -> tuple[Clip, ...]:
    """Return the clips that overlap one that a model has learned from.

    Files are compared by their bytes: copies are found under any name, but not what was encoded, cut or tagged anew.

    Parameters
    ----------
    model : Classifier
        Model that yamjit wrote; others keep no digests, and nothing is found.
    dataset : Dataset

    Returns
    -------
    tuple of Clip
        Clips of the dataset, in its order.
    """
    checks.instance(model, "model", Classifier)
    checks.instance(dataset, "dataset", Dataset)
    provenance = model.provenance
    if provenance is None or not len(provenance.digests):
        return ()
    hashes: dict[Path, str] = {}
    for path in {clip.path for clip in dataset.clips}:
        with contextlib.suppress(OSError):  # what cannot be read is reported by those who read it
            hashes[path] = file_hash(path)
    return tuple(
        clip
        for clip in dataset.clips
        if clip.path in hashes and provenance.digests.overlaps(hashes[clip.path], clip.start_s, clip.end_s)
    )
