"""Functions that version 0.1 had here, and that are now in `yamjit.output.dataframes`. Internal."""

from __future__ import annotations

from yamjit.deprecation import moved

__all__: list[str] = []

_NAMES = ("to_arrow", "to_hf", "to_pandas", "to_polars")

__getattr__ = moved(__name__, dict.fromkeys(_NAMES, "yamjit.output.dataframes"))
