"""The model file: given, cached or downloaded; the only importer of pooch."""

from __future__ import annotations

from yamjit.store.cache import cache_path
from yamjit.store.network import Progress
from yamjit.store.resolve import ResolvedModel, fetch_official, resolve_model

__all__ = ["Progress", "ResolvedModel", "cache_path", "fetch_official", "resolve_model"]
