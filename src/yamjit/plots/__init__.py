"""Pictures of recordings and of what was learned. Needs matplotlib, which is imported as the first one is drawn."""

from __future__ import annotations

from yamjit.plots.confusion import draw_confusion
from yamjit.plots.drawing import PICTURE_FORMATS, save_figure
from yamjit.plots.event_bars import draw_events
from yamjit.plots.learned import draw_learning_curve
from yamjit.plots.overview import Overview, survey
from yamjit.plots.recordings import draw_overview, draw_spectrogram
from yamjit.plots.reliability import draw_reliability

__all__ = [
    "PICTURE_FORMATS",
    "Overview",
    "draw_confusion",
    "draw_events",
    "draw_learning_curve",
    "draw_overview",
    "draw_reliability",
    "draw_spectrogram",
    "save_figure",
    "survey",
]


def __dir__() -> list[str]:
    return sorted(__all__)
