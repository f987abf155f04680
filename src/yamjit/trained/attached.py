"""Files that belong to an output of a model: label lists and a calibration, with their descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from yamjit import checks
from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.tflite.metadata import AssociatedFile, FileType
from yamjit.trained.heads import checked_labels

__all__ = ["Attached", "attached_calibration", "attached_labels"]


class Attached(NamedTuple):
    """Files of an output: their descriptions in the metadata, and their contents by name."""

    described: tuple[AssociatedFile, ...]
    contents: dict[str, bytes]


def attached_labels(
    stem: str, labels: Sequence[str], display_names: Mapping[str, Sequence[str]], classes: int
) -> Attached:
    """Return the label lists of an output: one for its names, and one for each locale of the display names.

    Several classes may share a display name. An `InputError` is raised if there are not as many names as classes.
    """
    files, contents = [], {}
    for locale, given in {"": checked_labels(labels), **display_names}.items():
        which = f"display names of {locale!r}" if locale else "names"
        names = checks.elements(given, which, "names")
        try:
            checked_labels(tuple(dict.fromkeys(names)))
        except InputError as error:
            raise InputError(f"{which}: {error}") from error
        if len(names) != classes:
            raise InputError(f"{len(names)} {which} for {classes} classes")
        name = f"{stem}_labels{'_' if locale else ''}{locale}.txt"
        files.append(AssociatedFile(name, "Names of the classes.", FileType.TENSOR_AXIS_LABELS, locale))
        contents[name] = "".join(f"{line}\n" for line in names).encode()
    return Attached(tuple(files), contents)


def attached_calibration(stem: str, calibration: Calibration | None, classes: int) -> Attached:
    """Return the file of an output's calibration, if there is one; raises `InputError` if its classes do not fit."""
    if calibration is None:
        return Attached((), {})
    if calibration.classes != classes:
        raise InputError(f"a calibration of {calibration.classes} classes for {classes}")
    name = f"{stem}_score_calibration.csv"
    description = "Scale, slope and offset of each class."
    file = AssociatedFile(name, description, FileType.TENSOR_AXIS_SCORE_CALIBRATION)
    return Attached((file,), {name: calibration.to_csv().encode()})
