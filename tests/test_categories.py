"""Which classes are listed, under which name and from which score on, against a plain and slow twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamjit.categories import Categories
from yamjit.class_map import audioset_classes, audioset_id, descendants, known_class
from yamjit.errors import InputError
from yamjit.head_metadata import read_heads
from yamjit.heads import HeadInfo
from yamjit.listing import Listing
from yamjit.options import ClassifierOptions, Entry
from yamjit.plan import compile_plan
from yamjit.tflite import Graph, read_graph

LABELS = (
    "Animal",
    "Domestic animals, pets",
    "Dog",
    "Bark",
    "Growling",
    "Cat",
    "Meow",
    "Speech",
    "Child speech, kid speaking",
    "Whispering",
    "Kettle of mine",
    "Dog",  # a name may occur twice
    "dog house",
    "7",
    "",
)
GERMAN = tuple(f"{label} auf Deutsch" for label in LABELS)
IDS = tuple(audioset_id(label) for label in LABELS)

#: Every way to name something, mostly right.
ENTRIES: tuple[Entry, ...] = (
    *(label for label in LABELS if label),
    *range(len(LABELS)),
    "DOG",
    "bark auf deutsch",
    "DOG HOUSE",
    "/m/0bt9lr",
    "/M/0BT9LR",
    "3",
    "14",
    "Human voice",
    "/m/09l8g",
    "Wild animals",
    "Nothing",
    "Pack",
    "voices",
)
GROUP_NAMES = ("Pack", "voices", "Speech", "New")


def head(labels: Sequence[str] = LABELS, display_names: Sequence[str] = GERMAN, **changes: Any) -> HeadInfo:
    """Return what a model says of some classes."""
    ids = tuple(audioset_id(label) for label in labels)
    return replace(HeadInfo("scores", 0, tuple(labels), tuple(display_names), ids), **changes)


def listing(options: ClassifierOptions, info: HeadInfo | None = None) -> Categories:
    return Listing([info or head()], options).categories[0]


def names(categories: Categories) -> list[str]:
    return [name.removesuffix(" auf Deutsch") for name in categories.names]


# -- The slow twin ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@dataclass(frozen=True)
class Thing:
    """Something that can be listed, with the indices of the classes whose highest score it has."""

    name: str
    index: int
    identifier: str
    members: frozenset[int]


class SlowCategories:
    """The options, applied one class after the other."""

    def __init__(self, options: ClassifierOptions, default_threshold: float | None) -> None:
        self.options = options
        self.default = default_threshold
        self.groups: list[Thing] = []
        for name, members in options.members.items():
            indices = frozenset(
                index for member in members for thing in self.classes(member) for index in thing.members
            )
            self.groups.append(Thing(name, -1, "", indices))
        self.listed = self.all_listed()

    def thing(self, index: int) -> Thing:
        members = {index}
        if self.options.roll_up and IDS[index]:
            members |= {other for other, found in enumerate(IDS) if found in descendants(IDS[index])}
        return Thing(GERMAN[index], index, IDS[index], frozenset(members))

    def classes(self, entry: Entry) -> list[Thing]:
        """Return the classes of the first way of naming that fits."""
        if isinstance(entry, int):
            return [self.thing(entry)] if entry < len(LABELS) else []
        for change in (str, str.casefold):
            for words in (LABELS, GERMAN, IDS):
                indices = [index for index, word in enumerate(words) if word and change(word) == change(entry)]
                if indices:
                    return [self.thing(index) for index in indices]
        if entry.isdecimal() and int(entry) < len(LABELS):
            return [self.thing(int(entry))]
        known = known_class(entry)
        below = {index for index, found in enumerate(IDS) if known and found in descendants(known.id)}
        if known and below and self.options.roll_up:
            return [Thing(known.name, -1, known.id, frozenset(below))]
        return []

    def things(self, entry: Entry) -> list[Thing]:
        groups = [group for group in self.groups if isinstance(entry, str) and group.name.lower() == entry.lower()]
        return groups or self.classes(entry)

    def all_listed(self) -> list[Thing]:
        classes = [self.thing(index) for index in range(len(LABELS))]
        if self.options.category_allowlist:
            wanted = [thing for entry in self.options.category_allowlist for thing in self.things(entry)]
            ontology = [
                Thing(known.name, -1, known.id, thing.members)
                for known in audioset_classes().values()
                for thing in set(wanted)
                if thing.identifier == known.id and thing.index == -1
            ]
            return [thing for thing in (*self.groups, *ontology, *classes) if thing in wanted]
        denied = [thing for entry in self.options.category_denylist for thing in self.things(entry)]
        shown = [group for group in self.groups if group not in denied]
        return shown + [
            thing for thing in classes if not any(thing.index in other.members for other in self.groups + denied)
        ]

    def threshold(self, thing: Thing) -> float:
        given_threshold = self.options.score_threshold
        rest = -np.inf if self.default is None else self.default
        if given_threshold is None:
            return rest
        if not isinstance(given_threshold, Mapping):
            return given_threshold
        for entry, value in given_threshold.items():
            if entry != "*" and thing in self.things(entry):
                return value
        return given_threshold.get("*", rest)

    def reasons_to_refuse(self) -> list[str]:
        asked = self.options.score_threshold
        thresholds = (
            {entry: value for entry, value in asked.items() if entry != "*"} if isinstance(asked, Mapping) else {}
        )
        members = [member for group in self.options.members.values() for member in group]
        named = [*self.options.category_allowlist, *self.options.category_denylist, *thresholds]
        unknown = any(not self.classes(member) for member in members) or any(not self.things(entry) for entry in named)
        namesake = any(
            index not in group.members
            for group in self.groups
            for index, words in enumerate(zip(LABELS, GERMAN, IDS, strict=True))
            if group.members and group.name.casefold() in [word.casefold() for word in words]
        )
        values: dict[Thing, set[float]] = {}
        for entry, value in thresholds.items():
            for thing in self.things(entry):
                values.setdefault(thing, set()).add(value)
        twice = any(len(found) > 1 for found in values.values())
        named = (self.things(entry) for entry in thresholds if entry != "*")
        unlisted = any(things and not set(things) & set(self.listed) for things in named)
        reasons = {
            "no class of this model": unknown,
            "has the name of a class": namesake,
            "two score thresholds": twice,
            "is not listed on its own": unlisted,
        }
        return [reason for reason, applies in reasons.items() if applies]

    def results(self, scores: Sequence[float]) -> list[tuple[str, float]]:
        found = [(thing, max(scores[index] for index in thing.members)) for thing in self.listed]
        kept = [(thing.name, score) for thing, score in found if score >= self.threshold(thing)]
        kept.sort(key=lambda result: -result[1])
        return kept if self.options.max_results == -1 else kept[: self.options.max_results]


#: How a refusal of unknown names ends.
SEARCHED = "; yamjit labels WORD searches the names$"

entries = st.lists(st.sampled_from(ENTRIES), max_size=4)
grades = st.integers(0, 8).map(lambda step: step / 8)
options = st.builds(
    dict,
    max_results=st.sampled_from([-1, 1, 3]),
    score_threshold=st.one_of(st.none(), grades, st.dictionaries(st.sampled_from(["*", *ENTRIES]), grades, max_size=3)),
    category_allowlist=st.one_of(st.just([]), entries),
    category_denylist=st.one_of(st.just([]), entries),
    roll_up=st.booleans(),
    groups=st.one_of(
        st.none(), st.dictionaries(st.sampled_from(GROUP_NAMES), entries.filter(bool), min_size=1, max_size=3)
    ),
)


@settings(max_examples=300, deadline=None)
@given(options, st.one_of(st.none(), grades), st.lists(st.tuples(*[grades] * len(LABELS)), max_size=3))
def test_the_slow_twin(chosen: dict[str, Any], default: float | None, rows: list[tuple[float, ...]]) -> None:
    if chosen["category_allowlist"]:
        chosen["category_denylist"] = []
    asked = ClassifierOptions(**chosen)
    slow = SlowCategories(asked, default)
    reasons = slow.reasons_to_refuse()
    if reasons:
        with pytest.raises(InputError, match="|".join(reasons)):
            listing(asked, head(score_threshold=default))
        return
    categories = listing(asked, head(score_threshold=default))
    assert list(zip(categories.names, categories.class_indices, categories.audioset_ids, strict=True)) == [
        (thing.name, thing.index, thing.identifier) for thing in slow.listed
    ]
    assert categories.thresholds.tolist() == [slow.threshold(thing) for thing in slow.listed]
    reduced = categories.reduce(np.array(rows, np.float32).reshape(-1, len(LABELS)))
    assert reduced.shape == (len(rows), len(categories))
    assert reduced.dtype == np.float32
    for scores, row in zip(rows, reduced, strict=True):
        found = [(categories.names[position], float(row[position])) for position in categories.rank(row)]
        assert found == slow.results(scores)


# -- By hand ----------------------------------------------------------------------------------------------------


def test_without_options_scores_pass_through() -> None:
    categories = listing(ClassifierOptions())
    assert categories.names == GERMAN
    assert categories.class_indices == tuple(range(len(LABELS)))
    assert categories.audioset_ids == IDS
    assert np.isneginf(categories.thresholds).all()
    scores = np.zeros((3, len(LABELS)), np.float32)
    assert categories.reduce(scores) is scores


def test_the_threshold_of_the_metadata_counts_unless_another_is_given() -> None:
    """The Task Library never uses it."""
    info = head(score_threshold=0.5)
    scores = np.linspace(0, 1, len(LABELS)).astype(np.float32)
    own = listing(ClassifierOptions(), info)
    assert scores[own.rank(scores, -1)].min() == 0.5
    given_threshold = listing(ClassifierOptions(score_threshold=0.25), info)
    assert 0.25 <= scores[given_threshold.rank(scores, -1)].min() < 0.5
    assert len(listing(ClassifierOptions(score_threshold=0), info).rank(scores, -1)) == len(LABELS)
    some = listing(ClassifierOptions(score_threshold={"Cat": 0.125}), info)
    assert some.thresholds.tolist() == [0.125 if label == "Cat" else 0.5 for label in LABELS]
    rest = listing(ClassifierOptions(score_threshold={"Cat": 0.125, "*": 0.75}), info)
    assert rest.thresholds.tolist() == [0.125 if label == "Cat" else 0.75 for label in LABELS]


def test_every_head_is_filtered() -> None:
    """The Task Library filters the first one only."""
    heads = [head(), head(("Cat", "Lion", "Dog"), ("Cat", "Lion", "Dog"))]
    for allowed, first, second in ((["Dog"], ["Dog", "Dog"], ["Dog"]), (["Lion", "Bark"], ["Bark"], ["Lion"])):
        found = Listing(heads, ClassifierOptions(category_allowlist=allowed)).categories
        assert [names(categories) for categories in found] == [first, second]
    found = Listing(heads, ClassifierOptions(category_denylist=["Cat", "Lion"], score_threshold=0.5)).categories
    assert "Cat" not in names(found[0])
    assert names(found[1]) == ["Dog"]
    assert found[1].rank(np.float32([0.25])).size == 0


def test_a_head_may_know_none_of_the_names_if_another_does() -> None:
    heads = [head(), head(("Cat", "Lion"), ("Cat", "Lion"))]
    first, second = Listing(heads, ClassifierOptions(category_allowlist=["Lion"], groups={"x": ["Lion"]})).categories
    assert first.unknown == ("Lion",)
    assert len(first) == 0
    assert first.reduce(np.zeros((2, len(LABELS)), np.float32)).shape == (2, 0)
    assert first.rank(np.zeros(0, np.float32)).size == 0
    assert second.class_indices == (1,)
    with pytest.raises(InputError, match=r"no class of this model: 'Tiger'; "):
        Listing(heads, ClassifierOptions(category_allowlist=["Lion", "Tiger"]))


def test_what_is_below_its_threshold_does_not_take_a_place() -> None:
    """Filtering comes before cutting."""
    asked = ClassifierOptions(max_results=2, score_threshold={"Animal": 0.9}, category_denylist=["Bark"])
    categories = listing(asked)
    scores = np.zeros((1, len(LABELS)), np.float32)
    scores[0, :5] = [0.8, 0.1, 0.3, 0.9, 0.2]
    row = categories.reduce(scores)[0]
    assert [names(categories)[position] for position in categories.rank(row)] == ["Dog", "Growling"]
    assert categories.rank(row, 1).size == 1
    assert categories.rank(row, -1).size == len(LABELS) - 2
    with pytest.raises(InputError):
        categories.rank(row, 0)


def test_equal_scores_keep_their_order() -> None:
    categories = listing(ClassifierOptions(groups={"Pack": ["Bark", "Growling"]}))
    scores = np.full(len(categories), 0.5, np.float32)
    assert categories.rank(scores, -1).tolist() == list(range(len(categories)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_score_equal_to_its_threshold_is_listed(dtype: type[np.float32 | np.float64]) -> None:
    for threshold in (0.7, 0.1, 0.3):
        categories = listing(ClassifierOptions(score_threshold=threshold))
        scores = np.full(len(LABELS), threshold, dtype)
        assert len(categories.rank(scores, -1)) == len(LABELS)
        assert len(categories.rank(np.nextafter(scores, dtype(0)))) == 0


@pytest.mark.parametrize("entry", ["Cat", "cat", "CAT AUF DEUTSCH", "/m/01yrx", 5, np.int64(5), "5", " Cat "], ids=repr)
def test_a_class_has_many_names(entry: Entry) -> None:
    assert listing(ClassifierOptions(category_allowlist=[entry])).class_indices == (5,)
    assert 5 not in listing(ClassifierOptions(category_denylist=[entry])).class_indices
    assert listing(ClassifierOptions(score_threshold={entry: 0.5})).thresholds[5] == 0.5
    group = listing(ClassifierOptions(groups={"Lions": [entry]}))
    assert group.names[0] == "Lions"
    assert 5 not in group.class_indices


def test_names_come_before_numbers_and_exact_ones_before_others() -> None:
    assert listing(ClassifierOptions(category_allowlist=["7"])).class_indices == (LABELS.index("7"),)
    assert listing(ClassifierOptions(category_allowlist=[7])).class_indices == (7,)
    letters = head(("a", "A", "b"), ("a", "A", "b"))
    for entry, indices in (("a", (0,)), ("A", (1,)), ("B", (2,))):
        assert listing(ClassifierOptions(category_allowlist=[entry]), letters).class_indices == indices
    turned = head(("Cat", "Dog"), ("Dog", "Cat"))
    assert listing(ClassifierOptions(category_allowlist=["Dog"]), turned).class_indices == (1,)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"category_allowlist": ["Dgo"]}, r"'Dgo' \(did you mean 'Dog'\?\)"),
        ({"category_denylist": ["Whisper", "Bark"]}, r"'Whisper' \(did you mean 'Whispering'\?\)" + SEARCHED),
        ({"score_threshold": {"Packk": 0.5}, "groups": {"Pack": ["Dog"]}}, r"\(did you mean 'Pack'\?\)"),
        ({"groups": {"Pack": ["Dog", "Grwling"]}}, r"\(did you mean 'Growling'\?\)"),
        ({"category_allowlist": [99, "100"]}, r"99 \(there are 15\), '100' \(there are 15\)$"),
        ({"category_allowlist": ["9" * 5000]}, r"there are 15"),
        ({"category_allowlist": ["xyzzy", "Speach"]}, r"'xyzzy', 'Speach' \(did you mean 'Speech'\?\)" + SEARCHED),
        ({"category_allowlist": ["Human voice"]}, r"'Human voice' \(with roll_up it stands for 3 classes\)"),
        (
            {"category_allowlist": ["Musical instrument"], "roll_up": True},
            r"'Musical instrument' \(which YAMNet has\)" + SEARCHED,
        ),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_spelling(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=r"^no class of this model: .*" + message):
        listing(ClassifierOptions(**asked))


def test_thresholds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match=r"'Cat auf Deutsch' has two score thresholds, 0\.5 and 0\.25"):
        listing(ClassifierOptions(score_threshold={"Cat": 0.5, 5: 0.25}))
    assert listing(ClassifierOptions(score_threshold={"Cat": 0.5, 5: 0.5})).thresholds[5] == 0.5


def test_a_group_has_the_highest_score_of_its_classes() -> None:
    asked = ClassifierOptions(groups={"Pack": ["Growling", "Bark"], "Speech": ["Speech", "Bark"]})
    categories = listing(asked)
    scores = np.zeros((2, len(LABELS)), np.float32)
    scores[0, 3], scores[0, 4], scores[1, 7], scores[1, 5] = 0.5, 0.25, 0.75, 1.0
    reduced = categories.reduce(scores)
    assert names(categories)[:4] == ["Pack", "Speech", "Animal", "Domestic animals, pets"]
    assert not {"Growling", "Bark"} & set(names(categories)[2:])
    assert categories.class_indices[:3] == (-1, -1, 0)
    assert categories.audioset_ids[:2] == ("", "")
    assert reduced[:, :2].tolist() == [[0.5, 0.5], [0.0, 0.75]]
    allowed = listing(replace(asked, category_allowlist=["cat", "PACK", "Bark"]))
    assert names(allowed) == ["Pack", "Bark", "Cat"]
    denied = listing(replace(asked, category_denylist=["Pack"]))
    assert names(denied)[0] == "Speech"
    assert "Bark" not in names(denied)


def test_a_group_may_not_have_the_name_of_a_class_outside_of_it() -> None:
    for name in ("Cat", "cat", "Cat auf Deutsch"):
        with pytest.raises(InputError, match=f"group '{name}' has the name of a class that it does not hold"):
            listing(ClassifierOptions(groups={name: ["Dog"]}))


def test_rolled_up_a_class_has_the_highest_score_of_its_descendants() -> None:
    scores = np.zeros((1, len(LABELS)), np.float32)
    scores[0, [3, 9]] = 0.5, 0.25
    plain, rolled = (listing(ClassifierOptions(roll_up=roll_up)) for roll_up in (False, True))
    assert np.flatnonzero(plain.reduce(scores)[0]).tolist() == [3, 9]
    assert np.flatnonzero(rolled.reduce(scores)[0] == 0.5).tolist() == [0, 1, 2, 3, 11]
    assert names(rolled) == list(LABELS)
    voice = listing(ClassifierOptions(roll_up=True, category_allowlist=["human voice", "Dog"]))
    assert names(voice) == ["Human voice", "Dog", "Dog"]
    assert voice.class_indices == (-1, 2, 11)
    assert voice.audioset_ids[0] == "/m/09l8g"
    assert voice.reduce(scores).tolist() == [[0.25, 0.5, 0.5]]
    above = listing(ClassifierOptions(roll_up=True, category_allowlist=["Wild animals", "/m/09l8g", "Animal"]))
    assert names(above) == ["Human voice", "Wild animals", "Animal"]  # as the ontology has them
    silent = listing(ClassifierOptions(roll_up=True, category_denylist=["Human voice", "Dog"]))
    assert not {"Speech", "Whispering", "Bark", "Dog"} & set(names(silent))
    grouped = listing(ClassifierOptions(roll_up=True, groups={"People": ["Human voice", "Kettle of mine"]}))
    assert names(grouped)[0] == "People"
    assert not {"Speech", "Whispering", "Kettle of mine"} & set(names(grouped))


def test_scores_of_other_classes_are_refused() -> None:
    for shape in ((1, 3), (len(LABELS),), (1, 1, len(LABELS))):
        with pytest.raises(InputError, match=r"scores of shape \(n, 15\) are accepted"):
            listing(ClassifierOptions()).reduce(np.zeros(shape, np.float32))


def test_many_windows_are_reduced_as_each_alone() -> None:
    categories = listing(ClassifierOptions(roll_up=True))
    scores = np.random.default_rng(1).random((2500, len(LABELS))).astype(np.float32)
    together = categories.reduce(scores)
    for index in (0, 1023, 1024, 2048, 2499):
        np.testing.assert_array_equal(together[index : index + 1], categories.reduce(scores[index : index + 1]))


def test_both_heads_of_a_model(two_heads_graph: Graph, two_heads_model: bytes) -> None:
    heads = read_heads(read_graph(two_heads_model), compile_plan(two_heads_graph), "de")
    asked = ClassifierOptions(category_allowlist=["Hund", "Kettle", "/m/0bt9lr"], display_names_locale="de")
    first, second = Listing(heads, asked).categories
    assert first.names == ("Dog (deutsch)",)
    assert second.names == ("Wasserkessel", "Hund")
    assert first.thresholds.tolist() == [0.125]
    assert second.thresholds.tolist() == [0.25, 0.25]
