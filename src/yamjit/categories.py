"""What is listed of a head's scores: which classes, under which names, from which scores on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.class_map import audioset_classes, descendants, known_class, nearest
from yamjit.errors import InputError
from yamjit.labels import rank
from yamjit.options import THE_REST, ClassifierOptions, Entry, read_groups
from yamjit.text import folded

__all__ = ["Categories", "ClassifierOptions", "categories_of_heads", "read_groups", "refuse_unknown"]

_Real = TypeVar("_Real", np.float32, np.float64)

_ROWS_AT_ONCE = 1024

#: Of names that are unknown: to look for the nearest of each takes a while.
_MOST_TOLD = 10

#: Of an index that is given as text.
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class _Category:
    """What is listed under one name: the highest of some columns of the scores."""

    name: str
    class_index: int
    audioset_id: str
    columns: tuple[int, ...]


class Categories:
    """The categories that options make of a head's classes.

    Groups come first, then classes of AudioSet that the model lacks, then the model's classes by index.

    Parameters
    ----------
    labels, display_names, audioset_ids : sequence of str [shape=(classes,)]
        As in `yamjit.heads.HeadInfo`.
    options : ClassifierOptions
    default_threshold : float or None
        The score threshold of the metadata.
    strict : bool
        Whether names that the head does not know are refused; else they are in `unknown`.
    head : str
        Name of the model's output, where the model has several; else empty.

    Attributes
    ----------
    names : tuple of str [shape=(k,)]
        Display names, and names of groups.
    class_indices : tuple of int [shape=(k,)]
        Of classes; -1 of groups, and of classes that the model lacks.
    audioset_ids : tuple of str [shape=(k,)]
        Empty where AudioSet has no such class.
    thresholds : np.ndarray [shape=(k,), float64]
        Scores from which on categories are listed; -inf where none is set.
    unknown : tuple of str or int
        What the options name and this head does not know.

    Raises
    ------
    InputError
        If a name is unknown, or thresholds contradict each other.
    """

    def __init__(
        self,
        labels: Sequence[str],
        display_names: Sequence[str],
        audioset_ids: Sequence[str],
        options: ClassifierOptions,
        default_threshold: float | None = None,
        *,
        strict: bool = True,
        head: str = "",
    ) -> None:
        self.options = options
        self.head = head
        self.classes = len(labels)
        self._names = names = _Names(labels, display_names, audioset_ids, options)
        listed = _listed(names, options)
        self.names: tuple[str, ...] = tuple(category.name for category in listed)
        self.class_indices: tuple[int, ...] = tuple(category.class_index for category in listed)
        self.audioset_ids: tuple[str, ...] = tuple(category.audioset_id for category in listed)
        self.thresholds = _thresholds(listed, names, options.score_threshold, default_threshold)
        self.unknown: tuple[Entry, ...] = tuple(names.unknown)
        if strict:
            refuse_unknown(self.unknown, [self])
        counts = [len(category.columns) for category in listed]
        self._columns = np.array([column for category in listed for column in category.columns], np.intp)
        self._starts = np.cumsum([0, *counts[:-1]], dtype=np.intp)
        self._merges = max(counts, default=1) > 1
        self._everything = not self._merges and np.array_equal(self._columns, np.arange(self.classes))
        self._positions = {category: position for position, category in enumerate(listed)}

    def __len__(self) -> int:
        return len(self.names)

    def reduce(self, scores: npt.NDArray[_Real]) -> npt.NDArray[_Real]:
        """Return the scores of the categories.

        Parameters
        ----------
        scores : np.ndarray [shape=(n, classes), float32]
            Of the head's classes, window by window: the mean over windows is taken of what comes out, not before.

        Returns
        -------
        np.ndarray [shape=(n, k), type of `scores`]
            `scores` itself where every class is listed on its own.
        """
        if scores.ndim != 2 or scores.shape[1] != self.classes:
            raise InputError(f"scores of shape (n, {self.classes}) are accepted, found {scores.shape}")
        if self._everything:
            return scores
        if not self._merges:
            return scores[:, self._columns]
        reduced = np.empty((len(scores), len(self)), scores.dtype)
        for start in range(0, len(scores), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            np.maximum.reduceat(scores[rows, self._columns], self._starts, axis=1, out=reduced[rows])
        return reduced

    def find(self, entry: Entry) -> tuple[int, ...] | None:
        """Return which categories an entry names, positions in `names`; None if this head does not know it.

        What it names may be listed in no place of its own: it was left out, or is in a group.
        """
        found = self._names.find(entry)
        return tuple(self._positions[one] for one in found if one in self._positions) if found else None

    def rank(self, scores: npt.NDArray[np.floating], max_results: int | None = None) -> npt.NDArray[np.intp]:
        """Return which categories are listed, the highest score first, equal ones in their order.

        Parameters
        ----------
        scores : np.ndarray [shape=(k,)]
            Of the categories: a row of what `reduce` returns, or a mean of rows.
        max_results : int > 0, or -1 for all, optional
            That of the options by default. Scores below their threshold are left out before this counts.

        Returns
        -------
        np.ndarray [shape=(found,), intp]
            Positions in `names`.
        """
        # A score printed as 0.7 reaches a threshold of 0.7, although the float32 is a little less.
        kept = np.flatnonzero(scores >= self.thresholds.astype(scores.dtype))
        count = self.options.max_results if max_results is None else max_results
        return kept[rank(scores[kept], count)]


class _HeadNames(Protocol):
    """What `yamjit.heads.HeadInfo` says of names and threshold."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def display_names(self) -> tuple[str, ...]: ...
    @property
    def audioset_ids(self) -> tuple[str, ...]: ...
    @property
    def score_threshold(self) -> float | None: ...


def categories_of_heads(heads: Sequence[_HeadNames], options: ClassifierOptions) -> tuple[Categories, ...]:
    """Return the categories of every head; the options count for each of them.

    Parameters
    ----------
    heads : sequence of HeadInfo
    options : ClassifierOptions

    Raises
    ------
    InputError
        If a name is known to no head, or thresholds contradict each other.
    """
    found = tuple(
        Categories(
            head.labels,
            head.display_names,
            head.audioset_ids,
            options,
            head.score_threshold,
            strict=False,
            head=head.name if len(heads) > 1 else "",
        )
        for head in heads
    )
    others = [set(other.unknown) for other in found[1:]]
    everywhere = [entry for entry in found[0].unknown if all(entry in other for other in others)]
    refuse_unknown(everywhere, found)
    return found


# -- Names ------------------------------------------------------------------------------------------------------


class _Names:
    """Finds what an entry of the options names in a head."""

    def __init__(
        self,
        labels: Sequence[str],
        display_names: Sequence[str],
        audioset_ids: Sequence[str],
        options: ClassifierOptions,
    ) -> None:
        self.unknown: dict[Entry, None] = {}
        self.spellings = tuple(dict.fromkeys((*labels, *display_names)))
        self._places: dict[str, list[int]] = {}
        for index, identifier in enumerate(audioset_ids):
            if identifier:
                self._places.setdefault(identifier, []).append(index)
        self._roll_up = options.roll_up
        kinds = (labels, display_names, audioset_ids)
        self._exact = _indices_of(kinds, str)
        self._any_case = _indices_of(kinds, folded)
        self.classes = tuple(
            _Category(name, index, identifier, self._columns(index, identifier))
            for index, (name, identifier) in enumerate(zip(display_names, audioset_ids, strict=True))
        )
        self._groups: dict[str, _Category] = {}
        for name, members in options.members.items():
            self._add_group(name, members)

    def _columns(self, index: int, identifier: str) -> tuple[int, ...]:
        below = self.below(identifier) if self._roll_up and identifier else ()
        return tuple(sorted({index, *below}))

    def below(self, identifier: str) -> tuple[int, ...]:
        """Return the classes of the head that are descendants of a class of AudioSet."""
        return tuple(sorted(index for child in descendants(identifier) for index in self._places.get(child, ())))

    def _add_group(self, name: str, members: Iterable[Entry]) -> None:
        found = [category for member in members for category in self._find_classes(member)]
        columns = {column for category in found for column in category.columns}
        if columns and not columns.issuperset(self._any_case.get(folded(name), ())):
            raise InputError(f"group {name!r} has the name of a class that it does not hold")
        if columns:
            self._groups[folded(name)] = _Category(name, -1, "", tuple(sorted(columns)))

    @property
    def groups(self) -> tuple[_Category, ...]:
        """Groups that have a class in this head."""
        return tuple(self._groups.values())

    def find(self, entry: Entry) -> tuple[_Category, ...]:
        """Return what an entry names, a group before classes."""
        group = self._groups.get(folded(entry)) if isinstance(entry, str) else None
        return (group,) if group else self._find_classes(entry)

    def _find_classes(self, entry: Entry) -> tuple[_Category, ...]:
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

    def _find_ancestor(self, name: str) -> tuple[_Category, ...]:
        """Return a class of AudioSet that the head lacks, if it has descendants of it."""
        known = known_class(name)
        columns = self.below(known.id) if known else ()
        return (_Category(known.name, -1, known.id, columns),) if known and columns else ()


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


def refuse_unknown(unknown: Sequence[Entry], heads: Sequence[Categories]) -> None:
    """Refuse names that no head knows, with what may be meant.

    Raises
    ------
    InputError
        If there are any.
    """
    if unknown:
        names = [categories._names for categories in heads]
        told = [_with_hint(entry, names) for entry in unknown[:_MOST_TOLD]]
        more = [f"and {len(unknown) - _MOST_TOLD} more"] if len(unknown) > _MOST_TOLD else []
        raise InputError("no class of this model: " + ", ".join((*told, *more)))


def _with_hint(entry: Entry, heads: Sequence[_Names]) -> str:
    if isinstance(entry, int) or entry.isdecimal():
        return f"{entry!r} (there are {max(len(names.classes) for names in heads)})"
    known = known_class(entry)
    below = max(len(names.below(known.id)) for names in heads) if known else 0
    if below:
        return f"{entry!r} (with roll_up it stands for {below} classes)"
    spellings = (name for names in heads for name in (*(group.name for group in names.groups), *names.spellings))
    like = nearest(entry, spellings)
    return f"{checks.shown(entry)} (did you mean {like[0]!r}?)" if like else checks.shown(entry)


# -- What is listed ---------------------------------------------------------------------------------------------


def _listed(names: _Names, options: ClassifierOptions) -> tuple[_Category, ...]:
    groups = names.groups
    if options.category_allowlist:
        allowed = {category for entry in options.category_allowlist for category in names.find(entry)}
        order = {identifier: position for position, identifier in enumerate(audioset_classes())}
        ancestors = [category for category in allowed if category.class_index < 0 and category not in groups]
        ancestors.sort(key=lambda category: order[category.audioset_id])
        return tuple(category for category in (*groups, *ancestors, *names.classes) if category in allowed)
    denied = {category for entry in options.category_denylist for category in names.find(entry)}
    gone = {column for category in (*groups, *denied) for column in category.columns}
    classes = (category for category in names.classes if category.class_index not in gone)
    return (*(group for group in groups if group not in denied), *classes)


def _thresholds(
    listed: Sequence[_Category], names: _Names, given: float | Mapping[Entry, float] | None, default: float | None
) -> npt.NDArray[np.float64]:
    rest = -np.inf if default is None else default
    if not isinstance(given, Mapping):
        return np.full(len(listed), rest if given is None else given)
    found: dict[_Category, float] = {}
    for entry, value in given.items():
        for category in () if entry == THE_REST else names.find(entry):
            if found.setdefault(category, value) != value:
                raise InputError(f"{category.name!r} has two score thresholds, {found[category]} and {value}")
    rest = given.get(THE_REST, rest)
    return np.array([found.get(category, rest) for category in listed], np.float64)
