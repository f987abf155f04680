"""Which classes of a head a name means: labels, display names, AudioSet ids, indices, groups and AudioSet classes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from yamjit import checks
from yamjit.errors import InputError
from yamjit.heads import HeadInfo
from yamjit.options import ClassifierOptions, Entry
from yamjit.suggestions import question
from yamjit.text import folded

__all__ = ["Category", "ClassNames", "refuse_missing", "refuse_unknown", "told_unknown"]

#: Most unknown names that a message lists: looking for others in place of each takes a while.
_MOST_TOLD = 10

#: Most digits of an index that is given as text.
_MOST_DIGITS = 9


class Category(NamedTuple):
    """What is listed under one name: the highest of some columns of the scores."""

    name: str
    #: Position in the head; -1 for a group, and for a class that the head lacks.
    class_index: int
    #: Empty where AudioSet does not have the class.
    audioset_id: str
    #: Indices of the head's classes.
    columns: tuple[int, ...]


class ClassNames:
    """Finds what an entry of the options names in a head.

    `unknown` keeps the entries that named nothing so far, in order; `classes` are the head's classes by index. Raises
    `InputError` if a group has the name of a class that it does not hold.
    """

    def __init__(self, head: HeadInfo, options: ClassifierOptions) -> None:
        self.unknown: dict[Entry, None] = {}
        self._roll_up = options.roll_up
        self._kinds = (head.labels, head.display_names, head.audioset_ids)
        self.classes = tuple(
            Category(name, index, identifier, self._columns(index, identifier))
            for index, (name, identifier) in enumerate(zip(head.display_names, head.audioset_ids, strict=True))
        )
        self._groups: dict[str, Category] = {}
        for name, members in options.members.items():
            self._add_group(name, members)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Names of the head's classes."""
        labels, display_names, _ = self._kinds
        return tuple(dict.fromkeys((*labels, *display_names)))

    @functools.cached_property
    def _places(self) -> dict[str, list[int]]:
        """The classes of the head by their ids in AudioSet."""
        found: dict[str, list[int]] = {}
        for index, identifier in enumerate(self._kinds[2]):
            if identifier:
                found.setdefault(identifier, []).append(index)
        return found

    @functools.cached_property
    def _exact(self) -> dict[str, tuple[int, ...]]:
        return _indices_of(self._kinds, str)

    @functools.cached_property
    def _any_case(self) -> dict[str, tuple[int, ...]]:
        return _indices_of(self._kinds, folded)

    def _columns(self, index: int, identifier: str) -> tuple[int, ...]:
        if not (self._roll_up and identifier):
            return (index,)
        return tuple(sorted({index, *self.below(identifier)}))

    def below(self, identifier: str) -> tuple[int, ...]:
        """Return the classes of the head that are descendants of a class of AudioSet."""
        from yamjit.class_map import descendants

        return tuple(sorted(index for child in descendants(identifier) for index in self._places.get(child, ())))

    def _add_group(self, name: str, members: Iterable[Entry]) -> None:
        found = [category for member in members for category in self._find_classes(member)]
        columns = {column for category in found for column in category.columns}
        if columns and not columns.issuperset(self._any_case.get(folded(name), ())):
            raise InputError(f"group {name!r} has the name of a class that it does not hold")
        if columns:
            self._groups[folded(name)] = Category(name, -1, "", tuple(sorted(columns)))

    @property
    def groups(self) -> tuple[Category, ...]:
        """Groups with at least one class of this head."""
        return tuple(self._groups.values())

    def find(self, entry: Entry) -> tuple[Category, ...]:
        """Return what an entry names, a group before classes."""
        group = self._groups.get(folded(entry)) if isinstance(entry, str) else None
        return (group,) if group else self._find_classes(entry)

    def _find_classes(self, entry: Entry) -> tuple[Category, ...]:
        """Return the classes that an entry names; if there are none, keep it as unknown."""
        if isinstance(entry, int):
            indices: Iterable[int] = (entry,)
        else:
            number = (int(entry),) if entry.isdecimal() and len(entry) <= _MOST_DIGITS else ()
            indices = self._exact.get(entry) or self._any_case.get(folded(entry)) or number
        found = tuple(self.classes[index] for index in indices if index < len(self.classes))
        if not found and isinstance(entry, str) and self._roll_up:
            found = self._find_ancestor(entry)
        if not found:
            self.unknown[entry] = None
        return found

    def _find_ancestor(self, name: str) -> tuple[Category, ...]:
        """Return a class of AudioSet that the head lacks, if it has descendants of it."""
        from yamjit.class_map import known_class

        known = known_class(name)
        columns = self.below(known.id) if known else ()
        return (Category(known.name, -1, known.id, columns),) if known and columns else ()


def _indices_of(kinds: Iterable[Sequence[str]], spelled: Callable[[str], str]) -> dict[str, tuple[int, ...]]:
    """Return the classes of every spelling; a word is looked for among the first kind of names that has it."""
    found: dict[str, tuple[int, ...]] = {}
    for words in kinds:
        indices: dict[str, list[int]] = {}
        for index, word in enumerate(words):
            if word:
                indices.setdefault(spelled(word), []).append(index)
        found = {**{word: tuple(places) for word, places in indices.items()}, **found}
    return found


def refuse_unknown(unknown: Sequence[Entry], heads: Sequence[ClassNames]) -> None:
    """Raise `InputError` for names that no head knows, if there are any, and suggest others."""
    if unknown:
        raise InputError(told_unknown(unknown, heads))


def told_unknown(unknown: Sequence[Entry], heads: Sequence[ClassNames]) -> str:
    """Return what is said of names that no head knows, with others that may be meant."""
    told = [_with_hint(entry, heads) for entry in unknown[:_MOST_TOLD]]
    more = [f"and {len(unknown) - _MOST_TOLD} more"] if len(unknown) > _MOST_TOLD else []
    named = any(isinstance(entry, str) and not entry.isdecimal() for entry in unknown)
    how = "; yamjit labels WORD searches the names" if named else ""
    return f"no class of this model: {', '.join((*told, *more))}{how}"


def refuse_missing(names: Sequence[str], head: HeadInfo) -> None:
    """Raise `InputError` for labels that are not the names of classes of a head, and list some of those that are."""
    from yamjit.class_map import nearest

    told = [f"{checks.shown(name)}{_in_brackets(nearest(name, head.labels, 3))}" for name in names[:_MOST_TOLD]]
    more = [f"and {len(names) - _MOST_TOLD} more"] if len(names) > _MOST_TOLD else []
    listed = [checks.shown(label) for label in head.labels[:_MOST_TOLD]]
    others = f" and {len(head.labels) - _MOST_TOLD} more (yamjit labels)" if len(head.labels) > _MOST_TOLD else ""
    raise InputError(
        f"the model's output {head.name!r} has no class {', '.join((*told, *more))}; it has {', '.join(listed)}{others}"
    )


def _in_brackets(names: Sequence[str]) -> str:
    return f" ({question(names)})" if names else ""


def _with_hint(entry: Entry, heads: Sequence[ClassNames]) -> str:
    from yamjit.class_map import known_class, nearest

    if isinstance(entry, int) or entry.isdecimal():
        return f"{entry!r} (there are {max(len(names.classes) for names in heads)})"
    known = known_class(entry)
    below = max(len(names.below(known.id)) for names in heads) if known else 0
    if below:
        return f"{entry!r} (with roll_up it stands for {below} classes)"
    spellings = (name for names in heads for name in (*(group.name for group in names.groups), *names.spellings))
    elsewhere = " (which YAMNet has)" if known and known.yamnet_index is not None else ""
    return f"{checks.shown(entry)}{_in_brackets(nearest(entry, spellings, 3)) or elsewhere}"
