"""Names of classes, and the order of scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError, ModelError

__all__ = ["ScoredLabel", "count", "parse_labels", "rank"]


class _ScoredLabel(NamedTuple):
    label: str
    score: float
    class_index: int


class ScoredLabel(_ScoredLabel):
    """A class and its score: a tuple ``(label, score, class_index)``.

    Parameters
    ----------
    label : str
    score : float in [0, 1]
    class_index : int
        Position in the head's list of classes; -1 for a group.
    head : str
        Name of the model's output if the model has several, else empty. It is not a part of the tuple.
    """

    head: str

    def __new__(cls, label: str, score: float, class_index: int, head: str = "") -> ScoredLabel:  # noqa: D102
        self = super().__new__(cls, label, score, class_index)
        self.head = head
        return self

    def __repr__(self) -> str:
        told = super().__repr__()
        return f"{told[:-1]}, head={self.head!r})" if self.head else told


def parse_labels(data: bytes) -> tuple[str, ...]:
    """Read a label file: UTF-8, else `ModelError`; a label per line, line ends of any system; the last may lack one."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(f"the label file is not UTF-8 (byte {error.start})") from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return tuple(line.strip() for line in lines)


def rank(scores: npt.NDArray[np.floating], max_results: int) -> npt.NDArray[np.intp]:
    """Return the indices of the highest of `scores`, (classes,), the highest first, equal ones by index; -1 for all."""
    most = count(max_results, "max_results")
    order = np.argsort(-scores, kind="stable")
    return order if most == -1 else order[:most]


def count(value: int, what: str) -> int:
    """Return how many are to be listed: at least 1, or -1 for all; refuse anything else."""
    found = checks.index(value)
    if found is None or found == 0 or found < -1:
        raise InputError(f"{what} is {checks.shown(value)}; a count of at least 1, or -1 for all, is accepted")
    return found
