"""The model file: given, packaged, cached or downloaded, and plan files that are kept; the only importer of pooch."""

from __future__ import annotations

from yamjit.store.cache import cache_path
from yamjit.store.download import Progress
from yamjit.store.packaged import read_card
from yamjit.store.resolve import ResolvedModel, fetch_official, resolve_model

__all__ = ["Progress", "ResolvedModel", "cache_path", "fetch_official", "read_card", "resolve_model"]
