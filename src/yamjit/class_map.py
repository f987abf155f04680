"""AudioSet's classes: their ids, their names, and which is a kind of which.

The table, ``data/audioset.tsv``, is read on first use. Its facts are those of the AudioSet ontology (CC BY-SA 4.0) and
of YAMNet's class map (Apache-2.0), which the file credits.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from yamjit import checks
from yamjit.also_called import also_called
from yamjit.disk import describe
from yamjit.errors import InputError, YamjitError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.suggestions import did_you_mean, suggest, with_hint
from yamjit.text import folded

__all__ = [
    "AudioSetClass",
    "audioset_classes",
    "audioset_id",
    "descendants",
    "find_class",
    "known_class",
    "nearest",
]

#: Most classes that a text is taken to mean before it is looked up which of them are at hand.
_MOST_CONSIDERED = 12


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class AudioSetClass:
    """A class of AudioSet.

    Parameters
    ----------
    id : str
        Identifier, such as "/m/0bt9lr".
    name : str
        English name, such as "Dog".
    parents, children : tuple of str
        Ids of the classes that this one is a kind of, and of those that are kinds of this one.
    yamnet_index : int or None
        Position among YAMNet's classes, if it is one of them.
    """

    id: str
    name: str
    parents: tuple[str, ...]
    children: tuple[str, ...]
    yamnet_index: int | None


@explained
def find_class(text: str) -> AudioSetClass:
    """Return the class with an id, or with a name in any case.

    Raises
    ------
    InputError
        If there is none; the message suggests the nearest spelling.

    Examples
    --------
    >>> find_class("dog").id
    '/m/0bt9lr'
    >>> [find_class(parent).name for parent in find_class("/m/0bt9lr").parents]
    ['Domestic animals, pets']
    """
    found = known_class(checks.text(text, "text"))
    if found is None:
        question = did_you_mean(text, [one.name for one in audioset_classes().values()], also_called())
        raise InputError(with_hint(f"{checks.shown(text)} is not a class of AudioSet", question))
    return found


@explained
def known_class(text: str) -> AudioSetClass | None:
    """Return the class with an id, or with a name in any case; None if there is none."""
    classes = audioset_classes()
    return classes.get(text) or classes.get(_ids_by_name().get(folded(text), ""))


def audioset_id(name: str) -> str:
    """Return the id of the class that is called `name`, in any case; empty if there is none."""
    return _ids_by_name().get(folded(name), "")


@explained
def descendants(identifier: str) -> tuple[str, ...]:
    """Return the ids of the classes that are kinds of a class, kinds of those, and so on.

    Parameters
    ----------
    identifier : str
        Id of the class.

    Returns
    -------
    tuple of str
        Each once, nearer ones first, without the class itself.

    Raises
    ------
    InputError
        If there is no such class.
    """
    found: dict[str, None] = {}
    level = [find_class(identifier)]
    while level:
        level = [find_class(child) for parent in level for child in parent.children if child not in found]
        found.update((known.id, None) for known in level)
    return tuple(found)


@explained
def nearest(text: str, names: Iterable[str], n: int = 1) -> tuple[str, ...]:
    """Return the names of classes that a text may mean, the likeliest first.

    Parameters
    ----------
    text : str
    names : iterable of str
        Names of classes, such as those of a model, and of groups.
    n : int > 0
        Most names to return.

    Returns
    -------
    tuple of str
        See `yamjit.suggestions.suggest`. Where the text means a class of AudioSet that is not among the names, its
        parents among them stand for it ("Bird" for "gull"), or for a heading its children. Empty if nothing is near.
    """
    given = dict.fromkeys(names)
    absent = {known.name: known for known in audioset_classes().values() if known.name not in given}
    found: dict[str, None] = {}
    for name in suggest(text, (*given, *absent), also_called(), _MOST_CONSIDERED):
        found.update(dict.fromkeys(_stand_ins(absent[name], given) if name in absent else (name,)))
    return tuple(found)[:n] or suggest(text, given, also_called(), n)


def _stand_ins(known: AudioSetClass, names: Container[str]) -> tuple[str, ...]:
    """Return the children of a heading, if most of them are among some names, or the parents of a sound."""
    is_heading = known.children and known.yamnet_index is None
    kin = known.children if is_heading else known.parents
    found = tuple(name for one in kin if (name := audioset_classes()[one].name) in names)
    return () if is_heading and 2 * len(found) < len(kin) else found


@functools.cache
def audioset_classes() -> Mapping[str, AudioSetClass]:
    """Return all 632 classes by their id, in the order of the ontology."""
    rows = [line.split("\t") for line in _table().splitlines() if not line.startswith("#")]
    children: dict[str, list[str]] = {identifier: [] for identifier, *_ in rows}
    for identifier, _, _, parents in rows:
        for parent in parents.split(",") if parents else ():
            children[parent].append(identifier)
    return MappingProxyType(
        {
            identifier: AudioSetClass(
                id=identifier,
                name=name,
                parents=tuple(parents.split(",")) if parents else (),
                children=tuple(children[identifier]),
                yamnet_index=int(place) if place else None,
            )
            for identifier, place, name, parents in rows
        }
    )


def _table() -> str:
    from importlib.resources import files

    file = files("yamjit") / "data" / "audioset.tsv"
    try:
        return file.read_text("utf-8")
    except (OSError, KeyError, ValueError) as error:  # KeyError: from an archive
        raise YamjitError(f"{str(file)!r}: cannot be read: {describe(error)}; install yamjit anew") from error


@functools.cache
def _ids_by_name() -> Mapping[str, str]:
    return {folded(known.name): known.id for known in audioset_classes().values()}
