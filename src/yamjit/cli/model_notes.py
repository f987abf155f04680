"""Whose a model is, in words: a published file, one that yamjit wrote, or another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from yamjit.disk import cache_directory
from yamjit.errors import YamjitError
from yamjit.text import plural

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.provenance import Provenance

__all__ = ["kind_of", "notes_on", "provenance_facts"]

_CHANGED = "changed since yamjit wrote it"


def kind_of(model: Classifier) -> str:
    """Return whether a model is published, one that yamjit wrote, or neither, as a phrase."""
    if model.verified:
        return "a published file, bit for bit"
    if model.provenance is None:
        return "not one of the published files; it runs all the same, and its scores are its own"
    return f"written by yamjit {model.provenance.version}" if model.made_here else _CHANGED


def notes_on(model: Classifier) -> Iterator[str]:
    """Yield what is to be known of a model before its scores are read; of a stranger's model, only the first time."""
    if model.verified or model.made_here:
        return
    name = model.source.name or "the model"
    if model.provenance is not None:
        yield f"{name} was {_CHANGED}: what was measured then may not hold"
    elif _is_new(model.source.sha256):
        yield f"{name} is {kind_of(model)} (this is said once for each model)"


def _is_new(sha256: str) -> bool:
    """Return whether a file is used for the first time, as far as the cache can hold that."""
    try:
        place = cache_directory() / "models-seen" / sha256
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(exist_ok=False)
    except FileExistsError:
        return False
    except (OSError, ValueError, YamjitError):
        return True
    return True


def provenance_facts(provenance: Provenance | None) -> Iterator[tuple[str, str]]:
    """Yield what is known of where a model comes from, as pairs of a key and a text."""
    if provenance is None:
        return
    sha256 = f", SHA-256 {provenance.base_sha256}" if provenance.base_sha256 else ""
    if provenance.base or sha256:
        yield "base", f"{provenance.base or 'a model'}{sha256}"
    if provenance.date:
        yield "made on", provenance.date
    if provenance.clips:
        count = len(provenance.digests)
        kept = f"{plural(count, 'digest')} kept" if count else "no digests kept"
        too = ", with those of its base" if count > provenance.clips else ""
        yield "trained on", f"{plural(provenance.clips, 'clip')}, {kept}{too}"
