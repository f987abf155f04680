"""What is done to a score before it is calibrated."""

from __future__ import annotations

import enum

__all__ = ["ScoreTransformation"]


class ScoreTransformation(enum.IntEnum):
    """The transformation before score calibration (schema ``ScoreTransformationType``)."""

    IDENTITY = 0
    LOG = 1
    INVERSE_LOGISTIC = 2
