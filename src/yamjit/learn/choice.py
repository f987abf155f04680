"""What was chosen to learn from, and the figures by which it was: as text, and as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from yamjit.keywords import explained
from yamjit.learn.fitting import WEIGHT_DECAY
from yamjit.learn.printing import table
from yamjit.text import plural

__all__ = ["CandidateFigures", "Choice", "DecayFigures"]


class DecayFigures(NamedTuple):
    """What a feature reaches with a weight decay, see `CandidateFigures`."""

    weight_decay: float
    accuracy: float
    squared_error: float


class CandidateFigures(NamedTuple):
    """What a feature reaches among clips that are held out.

    Parameters
    ----------
    name : str
        Name of the feature.
    values : int
        Number of its values.
    accuracy, squared_error : float
        Share of the clips that are named right, each by a head that has not learned from it; and the mean over clips of
        the squared difference between what such a head says and the truth, summed over classes.
    weight_decay : float
        The weight decay with which it reaches that, see `FitOptions`.
    decays : tuple of DecayFigures
        What it reaches with each weight decay that was tried.
    """

    name: str
    values: int
    accuracy: float
    squared_error: float
    weight_decay: float
    decays: tuple[DecayFigures, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists for JSON."""
        return self._asdict() | {"decays": [one._asdict() for one in self.decays]}


@explained
@dataclass(frozen=True, slots=True)
class Choice:
    """A feature that was chosen, and a weight decay.

    Parameters
    ----------
    name : str
        Name of the feature, see `Classifier.features`.
    figures : tuple of CandidateFigures
        What each candidate reaches; empty if there was nothing to choose from, or nothing could be held out.
    lead, error : float
        By how much the candidate with the least squared error is more accurate than the embedding, and the standard
        error of that; NaN without figures, or without an embedding.
    weight_decay : float
        The weight decay, see `FitOptions`.
    clips : int
        Number of clips that the figures are of: of many, some that are drawn at random.
    """

    name: str
    figures: tuple[CandidateFigures, ...] = ()
    lead: float = math.nan
    error: float = math.nan
    weight_decay: float = WEIGHT_DECAY
    clips: int = 0

    def text(self) -> str:
        """Return the figures as text, a line each, and why the feature was chosen."""
        if not self.figures:
            return f"features: {self.name}\n"
        decays = [f"{one.weight_decay:g}" for one in self.figures[0].decays]
        lines = table(
            ("  feature", "values", *decays, "squared error", "decay", ""),
            [
                (
                    f"  {one.name}",
                    str(one.values),
                    *(f"{decay.accuracy:.2%}" for decay in one.decays),
                    f"{one.squared_error:.3f}",
                    f"{one.weight_decay:g}",
                    "chosen" if one.name == self.name else "",
                )
                for one in self.figures
            ],
        )
        if self.lead > 0:
            error = f"{100 * self.error:.2f}"
            lines.append(
                f"  the best is {100 * self.lead:.2f} points above the embedding, standard error {error} points"
            )
        head = (
            f"accuracy of {plural(self.clips, 'clip')} held out, by features and weight decay of least-squares heads:"
        )
        return "\n".join([head, *lines]) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as plain numbers, texts and lists for JSON; NaN becomes None."""
        found = {"lead": self.lead, "error": self.error}
        return {
            "name": self.name,
            "weight_decay": self.weight_decay,
            "clips": self.clips,
            "figures": [one.as_dict() for one in self.figures],
            **{name: None if math.isnan(value) else value for name, value in found.items()},
        }
