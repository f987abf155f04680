"""What a model's outputs mean: names and ids of the classes, calibration and threshold of each output."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from yamjit import checks
from yamjit.calibration import Calibration
from yamjit.errors import ModelError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.text import folded

__all__ = [
    "HeadInfo",
    "HeadRecord",
    "ListedClass",
    "NamedBy",
    "languages_of",
    "list_classes",
    "official_head",
    "plain_locale",
    "speaks",
]


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HeadInfo:
    """What one output of a model means.

    Parameters
    ----------
    name : str
        Name in the metadata, else that of the tensor; all outputs have different names.
    index : int
        Position among the outputs, from 0.
    labels : tuple of str
        Names of the classes: the first label file; YAMNet's where the last layer is that of a published YAMNet; else
        "class 0", "class 1", ...
    display_names : tuple of str
        Names to be shown: the label file of the language that was asked for, else `labels`.
    audioset_ids : tuple of str
        Ids of AudioSet's classes with these names; empty where there is none.
    calibration : Calibration or None
        Calibration of scores that the metadata ask for.
    score_threshold : float or None
        Score below which results are to be dropped, by the metadata.
    """

    name: str
    index: int
    labels: tuple[str, ...]
    display_names: tuple[str, ...]
    audioset_ids: tuple[str, ...]
    calibration: Calibration | None = None
    score_threshold: float | None = None


class NamedBy(enum.Enum):
    """What names the classes of an output."""

    METADATA = "metadata"
    #: A file of labels beside that of a head.
    FILE = "file"
    #: The last layer, which is that of a published YAMNet.
    WEIGHTS = "weights"
    #: They are called "class 0", "class 1", ...
    NOTHING = "nothing"


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HeadRecord:
    """What a model says about one of its outputs, in every language that it has.

    Parameters
    ----------
    name, labels, audioset_ids, calibration, score_threshold
        As in `HeadInfo`.
    named_by : NamedBy
        What names the classes.
    translations : mapping of str to tuple of str, or str
        Names of the classes by locale, such as "de" or "pt-BR"; where a file of names cannot be used, why.
    """

    name: str
    labels: tuple[str, ...]
    audioset_ids: tuple[str, ...]
    named_by: NamedBy
    translations: Mapping[str, tuple[str, ...] | str]
    calibration: Calibration | None = None
    score_threshold: float | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether a file, in the model or beside it, names the classes."""
        return self.named_by in (NamedBy.METADATA, NamedBy.FILE)

    def display_names(self, locale: str) -> tuple[str, ...] | None:
        """Return the names of a locale, else the first ones of its language, without a region before those with one.

        None if there are none; raises `ModelError` if they cannot be used.
        """
        wanted = plain_locale(locale)
        language = wanted.partition("-")[0]
        by_locale = {plain_locale(known): names for known, names in self.translations.items()}
        near = [known for known in sorted(by_locale) if language and known.partition("-")[0] == language]
        names = next((by_locale[known] for known in (wanted, *near) if known and known in by_locale), None)
        if isinstance(names, str):
            raise ModelError(names)
        return names

    def info(self, index: int, locale: str) -> HeadInfo:
        """Return what the model says about the output, the one at `index`, in one language, else as it is labelled."""
        names = self.display_names(locale)
        return HeadInfo(
            name=self.name,
            index=index,
            labels=self.labels,
            display_names=self.labels if names is None else names,
            audioset_ids=self.audioset_ids,
            calibration=self.calibration,
            score_threshold=self.score_threshold,
        )


def languages_of(heads: Iterable[HeadRecord]) -> tuple[str, ...]:
    """Return the locales in which a model has names for its classes, such as "de" or "pt-BR", in order."""
    return tuple(sorted({locale for head in heads for locale in head.translations}))


def speaks(heads: Iterable[HeadRecord], locale: str) -> bool:
    """Return whether a model has names for a locale, or for another one of the same language."""
    wanted = plain_locale(locale).partition("-")[0]
    return any(plain_locale(known).partition("-")[0] == wanted for known in languages_of(heads))


def plain_locale(locale: str) -> str:
    """Return a locale as it is compared with others: "pt-br" for "pt_BR"."""
    return locale.strip().replace("_", "-").casefold()


# -- For listing ------------------------------------------------------------------------------------------------


class ListedClass(NamedTuple):
    """A class of a head, as lists of classes show it.

    Parameters
    ----------
    class_index : int
        Position in the head.
    audioset_id : str
        Empty if AudioSet does not have the class.
    name, display_name : str
    parents : tuple of str
        Names of the AudioSet classes that it is a kind of.
    """

    class_index: int
    audioset_id: str
    name: str
    display_name: str
    parents: tuple[str, ...]


def official_head() -> HeadInfo:
    """Return what the output of the official YAMNet means, without the model: its classes are in AudioSet's table."""
    from yamjit.class_map import audioset_classes

    known = [one for one in audioset_classes().values() if one.yamnet_index is not None]
    known.sort(key=lambda one: one.yamnet_index or 0)
    names = tuple(one.name for one in known)
    return HeadInfo("scores", 0, names, names, tuple(one.id for one in known))


@explained
def list_classes(head: HeadInfo, text: str = "") -> tuple[ListedClass, ...]:
    """List the classes of a head.

    Parameters
    ----------
    head : HeadInfo
    text : str
        Text that the name, display name, id or a parent's name contains, in any case; empty for all classes.

    Returns
    -------
    tuple of ListedClass
        Sorted by index.
    """
    checks.text(text, "text")
    from yamjit.class_map import audioset_classes

    known = audioset_classes()
    rows = []
    for index, identifier in enumerate(head.audioset_ids):
        parents = tuple(known[parent].name for parent in known[identifier].parents) if identifier else ()
        rows.append(ListedClass(index, identifier, head.labels[index], head.display_names[index], parents))
    wanted = folded(text)
    return tuple(row for row in rows if any(wanted in folded(word) for word in (*row[1:4], *row.parents)))
