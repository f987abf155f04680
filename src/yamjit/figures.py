"""Functions that version 0.1 had here, and that are now in `yamjit.plots`. Internal."""

from __future__ import annotations

from yamjit.deprecation import moved

__all__: list[str] = []

_NAMES = ("draw_confusion", "draw_learning_curve", "draw_reliability")

__getattr__ = moved(__name__, dict.fromkeys(_NAMES, "yamjit.plots"))
