"""From files of embeddings to an index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.output.embedding_files import EmbeddingTable, read_embeddings
from yamjit.search.graph import different_rows, grow
from yamjit.search.index import Index, in_codes, is_silent
from yamjit.search.nearest import usearch
from yamjit.spec import EMBEDDING

__all__ = ["APPROXIMATE_ABOVE", "build_index"]

#: Windows of an index that is exact by default, at most: five days of sound.
APPROXIMATE_ABOVE = 1_000_000


@explained
def build_index(
    embeddings: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | EmbeddingTable,
    *,
    model: Classifier,
    approximate: bool | None = None,
    hop_s: float = 0.48,
) -> Index:
    """Make an index of the embeddings that ``yamjit embed`` has written, or of another feature.

    Parameters
    ----------
    embeddings : path, sequence of paths, or EmbeddingTable
        See `yamjit.read_embeddings`.
    model : Classifier
        The model that has computed them: an index is searched with this one only. It says what silence is like; windows
        of digital silence are left out.
    approximate : bool, optional
        Whether a graph of neighbours is built, with which a search is approximate, and hardly slower for more windows.
        By default, for more than a million windows.
    hop_s : float
        Time from one window to the next in ``.npy`` files, which do not say it.

    Returns
    -------
    Index

    Raises
    ------
    InputError
        If files cannot be read, or are of another model, or all windows are silent.
    DependencyError
        If usearch is not installed.
    """
    checks.instance(model, "model", Classifier)
    if approximate is not None:
        approximate = checks.flag(approximate, "approximate")
    usearch()
    table = embeddings if isinstance(embeddings, EmbeddingTable) else _read(embeddings, hop_s)
    if table.model and table.model != model.source.sha256:
        raise InputError(f"the embeddings are of another model, with the SHA-256 {table.model}: give that one")
    features = table.features or EMBEDDING
    with model.feature_windows(
        np.zeros(2 * model.window_samples, np.float32), model.sample_rate, features=features
    ) as stream:
        quiet = next(part.features[features] for part in stream if len(part))
    if table.numbers.shape[1] != quiet.values.shape[1]:
        raise InputError(
            f"the embeddings have {table.numbers.shape[1]} numbers, those of the model {quiet.values.shape[1]}: "
            "give the model that has computed them"
        )
    scale, numbers, silence = _numbers(table, quiet.real()[0], quiet.slot.scale)
    heard = ~is_silent(numbers, silence)
    if not heard.any():
        raise InputError("all windows are silent: there is nothing to be found")
    rows = np.flatnonzero(heard)
    arrays: dict[str, Any] = {
        "numbers": numbers if heard.all() else numbers[rows],
        "silence": silence,
        "file_index": table.file_index[rows],
        "start_s": table.start_s[rows],
        "end_s": table.end_s[rows],
        "channels": table.channels[rows],
        "times": table.times[rows],
        "utc_offsets_s": table.utc_offsets_s[rows],
    }
    if approximate or (approximate is None and len(rows) > APPROXIMATE_ABOVE):
        order, firsts = different_rows(arrays["numbers"])
        arrays |= {"order": order, "firsts": firsts, "graph": grow(arrays["numbers"][order[firsts[:-1]]])}
    said = {"model": model.source.sha256, "features": features, "scale": scale, "files": list(table.files)}
    return Index(said, arrays)


def _read(paths: Any, hop_s: float) -> EmbeddingTable:
    if isinstance(paths, (str, os.PathLike)):
        return read_embeddings(paths, hop_s=hop_s)
    return read_embeddings(*checks.elements(paths, "embeddings", "paths"), hop_s=hop_s)


def _numbers(table: EmbeddingTable, silence: Any, scale: float) -> tuple[float | None, Any, Any]:
    """Return rows and silence as codes from 0, with their scale, if these stand for all of them; else as values."""
    quiet = in_codes(silence, scale)
    if quiet is not None:
        is_coded = table.quantization is not None and table.quantization[1] == 0
        codes = table.numbers if is_coded else in_codes(table.values, scale)
        if codes is not None:
            return float(scale), codes, quiet
    return None, table.values, silence
