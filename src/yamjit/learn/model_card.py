"""What an exported model says of itself: the texts and files of its metadata."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from yamjit import checks
from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr

__all__ = ["ModelCard"]

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@explained
@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class ModelCard:
    """Description of an exported model.

    Parameters
    ----------
    name, version, author, license : str
        Texts in the metadata.
    description : str, optional
        Another text in the metadata; by default it says what the head takes.
    head_name : str
        Name of the new output, and beginning of its files' names: letters, digits, '_', '-' and '.'.
    base_name : str
        Name of the model's previous output, if that is kept; by default the one that yamjit gave it, else "yamnet".
    display_names : mapping of str to sequence of str
        Names of the classes by language, such as ``{"de": ("Amsel", "Meise")}``.
    keep : bool
        Whether the model keeps its previous outputs, before the new one.
    calibration : Calibration, optional
        Calibration of the new output's scores.
    score_threshold : float in [0, 1], optional
        Score below which other tools drop results.
    digests : bool
        Whether the model keeps digests of the clips that it has learned from.
    date : datetime.date, optional
        Day on which the model was made; without it, the same arguments give the same file on every day.

    Raises
    ------
    InputError
        If a name cannot be that of a file, or of a locale.
    """

    name: str = "yamjit/custom"
    description: str | None = None
    version: str = "v1"
    author: str = ""
    license: str = ""
    head_name: str = "custom"
    base_name: str = ""
    display_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keep: bool = False
    calibration: Calibration | None = None
    score_threshold: float | None = None
    digests: bool = True
    date: datetime.date | None = None

    def __post_init__(self) -> None:
        for name in ("name", "description", "version", "author", "license", "base_name"):
            if name != "description" or self.description is not None:
                checks.text(getattr(self, name), name)
        if not (isinstance(self.head_name, str) and _FILE_NAME.fullmatch(self.head_name)):
            found = checks.shown(self.head_name)
            raise InputError(f"head_name is {found}; 1 to 64 letters, digits, '_', '-' and '.' are accepted")
        for locale in checks.instance(self.display_names, "display_names", Mapping):
            if not (isinstance(locale, str) and _LOCALE.fullmatch(locale)):
                raise InputError(f"{checks.shown(locale)} is not a locale; names such as 'de' or 'pt-BR' are accepted")
        checks.flag(self.keep, "keep")
        checks.flag(self.digests, "digests")
        checks.instance(self.calibration, "calibration", Calibration, type(None))
        if self.score_threshold is not None:
            checks.number(self.score_threshold, "score_threshold", 0, 1)
        checks.instance(self.date, "date", datetime.date, type(None))
