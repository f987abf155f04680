"""Clips divided for cross-validation: what belongs together stays together, the classes are spread evenly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from yamjit.errors import InputError

if TYPE_CHECKING:
    from yamjit.learn.dataset import Clip

__all__ = ["divide", "group_of", "natural"]


def divide(clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """Return a fold in [0, count) for each clip: groups whole, the classes spread evenly.

    Raises
    ------
    InputError
        If there are fewer groups than folds.
    """
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        groups.setdefault(group_of(clip), []).append(index)
    if not 2 <= count <= len(groups):
        raise InputError(f"{count} folds of {len(groups)} files or groups; from 2 to as many as those are accepted")
    order = list(groups)
    np.random.Generator(np.random.PCG64(seed)).shuffle(order)
    # Large groups first; each goes where its class is rarest so far, then where least is.
    order.sort(key=lambda group: -len(groups[group]))
    held: list[Counter[str]] = [Counter() for _ in range(count)]
    sizes = [0] * count
    folds = [0] * len(clips)
    for group in order:
        labels = Counter(label for index in groups[group] for label in clips[index].labels or ("",))
        best = min(range(count), key=lambda k: (sum(held[k][label] * n for label, n in labels.items()), sizes[k]))
        held[best].update(labels)
        sizes[best] += labels.total()
        for index in groups[group]:
            folds[index] = best
    return folds


def group_of(clip: Clip) -> str:
    """Return the name of what must not be divided: that of the clip's group, or else of its file."""
    return clip.group or str(clip.path)


def natural(name: str) -> tuple[int, float, str]:
    """Sort numbers by value, before names."""
    return (0, float(name), "") if name.isdecimal() else (1, 0.0, name)
