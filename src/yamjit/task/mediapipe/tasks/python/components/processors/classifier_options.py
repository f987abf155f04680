"""``mediapipe.tasks.python.components.processors.classifier_options``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yamjit.keywords import explained
from yamjit.reprs import brief_repr

__all__ = ["ClassifierOptions"]


@explained
@brief_repr
@dataclass
class ClassifierOptions:
    """Which categories are listed.

    Parameters
    ----------
    display_names_locale, max_results, score_threshold, category_allowlist, category_denylist : optional
        See `yamjit.task.processor.ClassificationOptions`.
    """

    display_names_locale: str | None = None
    max_results: int | None = None
    score_threshold: float | None = None
    category_allowlist: Sequence[str] | None = None
    category_denylist: Sequence[str] | None = None
