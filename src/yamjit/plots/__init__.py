"""Pictures of recordings and of what was learned. Needs matplotlib, which is imported as the first one is drawn."""

from __future__ import annotations

from yamjit.plots.drawing import PICTURE_FORMATS, save_figure
from yamjit.plots.learned import draw_confusion, draw_learning_curve, draw_reliability
from yamjit.plots.overview import Overview, survey
from yamjit.plots.recordings import draw_overview, draw_spectrogram

__all__ = [
    "PICTURE_FORMATS",
    "Overview",
    "draw_confusion",
    "draw_learning_curve",
    "draw_overview",
    "draw_reliability",
    "draw_spectrogram",
    "save_figure",
    "survey",
]
