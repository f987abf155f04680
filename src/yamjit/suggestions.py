"""What a word that names nothing may have meant: names that share its words, else some that are spelled alike."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

__all__ = ["did_you_mean", "listed", "question", "suggest", "with_hint"]

#: Longest text for which names are looked for.
_MOST_CHARACTERS = 80

#: Longest name that is looked at.
_LONGEST_NAME = 250

#: Words that say nothing of what is meant.
_EMPTY = frozenset(["a", "an", "and", "etc", "in", "of", "on", "or", "other", "sound", "sounds", "the"])

#: Endings of English words, and what stands in their place in other forms of the word.
_ENDINGS = (
    ("ing", ""),
    ("ing", "e"),
    ("ed", ""),
    ("es", ""),
    ("s", ""),
    ("er", ""),
    ("ies", "y"),
    ("ves", "f"),
    ("e", ""),
)

#: Fewest letters of the beginning or end of a word that stand for the word, and of the rest of it.
_LEAST_PART = 4
_LEAST_REST = 3


class _Name(NamedTuple):
    """A name, its words, and the phrases by which it is known, each as a set of words."""

    name: str
    words: frozenset[str]
    phrases: tuple[frozenset[str], ...]
    joined: frozenset[str]


def suggest(
    wanted: str, names: Iterable[str], also_called: Mapping[str, Sequence[str]] | None = None, most: int = 3
) -> tuple[str, ...]:
    """Return the names that a text may have meant which is none of them.

    Parameters
    ----------
    wanted : str
    names : iterable of str
        A name may list several with commas between them, and qualify them in parentheses.
    also_called : mapping of str to sequence of str, optional
        Further phrases for some of the names.
    most : int > 0
        Most names to return.

    Returns
    -------
    tuple of str
        The likeliest first; empty if nothing is near. The first of these kinds that is found counts: names of which a
        phrase has the same words, in any order and form ("smoke alarm": "Smoke detector, smoke alarm"); names that have
        all the words and more; these for words with one slip of the fingers; names of which all words are in the text
        ("dog barking": "Dog", "Bark"); names with a compound of the word, or a part of it ("phone": "Telephone"); and
        the former for words that are spelled alike.
    """
    if len(wanted) > _MOST_CHARACTERS or not (words := _words(wanted)):
        return ()
    candidates = (name for name in dict.fromkeys(names) if len(name) <= _LONGEST_NAME)
    known = [_parsed(name, tuple((also_called or {}).get(name, ()))) for name in candidates]
    slipped = _respelled(words, known, 1) or words
    found = _by_words(words, known) or _by_words(slipped, known) or _by_phrases(slipped, known)
    found = found or _by_parts(words, known)
    for spelled in () if found else (words, ("".join(words),)):
        meant = _respelled(spelled, known)
        found = found or _by_words(meant, known) or _by_phrases(meant, known)
    return tuple(dict.fromkeys(found))[:most]


def did_you_mean(
    wanted: str, names: Iterable[str], also_called: Mapping[str, Sequence[str]] | None = None, most: int = 3
) -> str:
    """Return the question that suggests some of the names, see `suggest`; empty if nothing is near."""
    return question(suggest(wanted, names, also_called, most))


def question(names: Sequence[str]) -> str:
    """Return the question whether one of these names was meant; empty if there are none."""
    return f"did you mean {listed([repr(name) for name in names], 'or')}?" if names else ""


def listed(words: Sequence[str], last: str) -> str:
    """Return words with commas between them, and a word such as "or" before the last one."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def with_hint(message: str, hint: str) -> str:
    """Return what is wrong and, if anything is to be said of it, what to do."""
    return f"{message}; {hint}" if hint else message


def _words(text: str) -> tuple[str, ...]:
    """Return the words of a text in order, without accents and case, and without those that say nothing."""
    import unicodedata  # a megabyte, and rarely needed

    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", text)
    plain = "".join(one for one in unicodedata.normalize("NFKD", spaced.casefold()) if not unicodedata.combining(one))
    words = tuple(dict.fromkeys(re.findall(r"\w+", re.sub("['\u2019]s\\b", "", plain))))
    return tuple(word for word in words if word not in _EMPTY) or words


@functools.lru_cache(2048)
def _parsed(name: str, others: tuple[str, ...]) -> _Name:
    plain = re.sub(r"\([^)]*\)", "", name)
    phrases = [words for text in (*plain.split(","), *others) if (words := _words(text))]
    joined = frozenset("".join(run) for words in phrases for run in _runs(words))
    return _Name(name, frozenset(_words(name)), tuple(map(frozenset, phrases)), joined)


def _runs(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the words together, and any that follow each other, which may be written as one."""
    yield words
    yield from (words[begin:end] for begin, end in itertools.combinations(range(len(words) + 1), 2) if end - begin > 1)


@functools.lru_cache(4096)
def _forms(word: str) -> frozenset[str]:
    """Return a word and what it may be a form of: "cries", "cry"."""
    found = {word}
    for ending, other in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _LEAST_REST - 1:
            found.add(stem + other)
            if not other and len(stem) > _LEAST_REST and stem[-1] == stem[-2]:
                found.add(stem[:-1])
    return frozenset(found)


def _stem(word: str) -> str:
    return min(_forms(word), key=lambda form: (len(form), form))


def _covered(words: Iterable[str], others: Iterable[str]) -> frozenset[str]:
    """Return those of the words of which a form is among the others."""
    forms = {form for other in others for form in _forms(other)}
    return frozenset(word for word in words if _forms(word) & forms)


def _by_words(words: Sequence[str], known: Sequence[_Name]) -> list[str]:
    """Return the names that have the same words, else those that have more."""
    if not words:
        return []
    everything = frozenset(words)
    whole = ("".join(words),)

    def is_same(phrase: frozenset[str]) -> bool:
        return _covered(phrase, words) == phrase and _covered(words, phrase) == everything

    same = [one for one in known if is_same(one.words)]
    same = same or [one for one in known if everything in one.phrases]  # as it is written, before its other forms
    same = same or [one for one in known if any(map(is_same, one.phrases)) or _covered(whole, one.joined)]
    more = same or [one for one in known if _covered(words, one.words) == everything]
    return [one.name for one in sorted(more, key=lambda one: len(one.words))]


def _by_phrases(words: Sequence[str], known: Sequence[_Name]) -> list[str]:
    """Return the names of which a phrase is in the text, one for each part of the text, then further ones."""
    places: dict[frozenset[str], list[str]] = {}
    for one in sorted(known, key=lambda one: not any(phrase <= frozenset(words) for phrase in one.phrases)):
        inside = [_covered(words, phrase) for phrase in one.phrases if _covered(phrase, words) == phrase]
        if inside:
            places.setdefault(max(inside, key=len), []).append(one.name)
    longest = [place for place in places if not any(place < other for other in places)]
    longest.sort(key=lambda place: min(words.index(word) for word in place))
    rounds = itertools.zip_longest(*(places[place] for place in longest))
    return [name for names in rounds for name in names if name is not None]


def _by_parts(words: Sequence[str], known: Sequence[_Name]) -> list[str]:
    """Return the names with a compound of the only word, else those that are its end ("bonfire"), or its beginning."""
    if len(words) != 1:
        return []
    word = _stem(words[0]) if len(words[0]) > _LEAST_PART else words[0]
    compounds: dict[str, list[str]] = {}
    for one in known:
        for other in sorted(one.words):
            if _is_part(word, _stem(other)):
                compounds.setdefault(other, []).append(one.name)
    if compounds:
        return [
            name for other in sorted(compounds, key=lambda other: -len(compounds[other])) for name in compounds[other]
        ]
    alone = [(one.name, other) for one in known for phrase in one.phrases if len(phrase) == 1 for other in phrase]
    parts = [(name, other) for name, other in alone if _is_part(other, words[0])]
    ends = [name for name, other in parts if words[0].endswith(other)]
    return ends or [name for name, _ in parts]


def _is_part(part: str, word: str) -> bool:
    """Return whether a word begins or ends with a part that is long enough, and so is the rest."""
    inside = word.startswith(part) or word.endswith(part)
    return inside and len(part) >= _LEAST_PART and len(word) - len(part) >= _LEAST_REST


def _respelled(words: Sequence[str], known: Sequence[_Name], most: int = 3) -> tuple[str, ...]:
    """Return the words with unknown ones replaced by the word that is spelled most alike; empty if there is none.

    At most `most` letters of each may differ.
    """
    own = {word for one in known for word in one.words}
    vocabulary = own | {word for one in known for word in (*one.joined, *(w for p in one.phrases for w in p))}
    found = []
    for word in words:
        if _covered((word,), vocabulary):
            found.append(word)
            continue
        near = [(_slips(word, other), other not in own, other) for other in vocabulary]
        distance, _, meant = min(near, default=(math.inf, True, ""))
        if distance > most:
            return ()
        found.append(meant)
    return tuple(found) if tuple(found) != tuple(words) else ()


def _slips(word: str, other: str) -> float:
    """Return the number of letters added, left out, replaced or swapped; infinite beyond slips of the fingers."""
    most = 0 if len(word) < 3 else min(1 + len(_stem(word)) // 8, 3)
    if word[:1] != other[:1] and sorted(word[:2]) != sorted(other[:2]):
        most = 1 if len(word) >= _LEAST_PART + _LEAST_REST else 0  # the first letter is rarely wrong
    if not most or abs(len(word) - len(other)) > most:
        return math.inf
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        last, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    short = min(len(word), len(other)) <= 3 or len(word) == len(other) == 4  # so that any letter makes another word
    return math.inf if row[-1] > most or (short and sorted(word) != sorted(other)) else row[-1]
