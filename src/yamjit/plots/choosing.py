"""Which classes a picture shows: those that were heard at their height, each for something else if it can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from yamjit.class_map import audioset_classes, descendants

if TYPE_CHECKING:
    from yamjit.events import Event
    from yamjit.listing import Listing

__all__ = ["outstanding", "outstanding_places", "places_of_events"]

Float32 = npt.NDArray[np.float32]

#: How much of its usual score a class does without: what is always there stands out by the other half. In less than ten
#: minutes it is accordingly less, since a short clip may be all of one sound.
_USUAL, _LONG_S = 0.5, 600.0
#: How much less a class counts where one that is shown already is heard.
_TAKEN = 0.7
#: How much of the score of its kinds a class does without: a dog says more than an animal.
_NAMED = 0.5
#: Most classes that are chosen one by one; the rest follow by their height.
_MOST = 50


def outstanding(scores: Float32, kinds: Mapping[int, Sequence[int]], duration_s: float) -> npt.NDArray[np.intp]:
    """Return the order of classes in which they stand out in a recording [shape=(k,)].

    What counts is the height of a class, since in a recording of hours its mean says little: 0.9 for a second is what
    a listener wants to see. In a long recording, half of its median is subtracted, so that silence and noise, which are
    there all the time, come later.

    The first class is the one that is left with the highest score. The next are chosen likewise, but what is heard
    while a class that was chosen is heard counts less: so a picture with few classes shows a dog, a bird and thunder,
    and not four names for the dog. Of a class, half the score of its kinds is subtracted: a dog says more than an
    animal.

    Parameters
    ----------
    scores : np.ndarray [shape=(n, k), float32]
        Scores of k classes over time, in [0, 1]; at least one row.
    kinds : mapping of int to sequence of int
        Classes that are kinds of a class, by its place.
    duration_s : float
        Length of the recording, in seconds.
    """
    height = scores - _USUAL * min(1.0, duration_s / _LONG_S) * np.median(scores, axis=0)
    for place, places in kinds.items():
        height[:, place] -= _NAMED * scores[:, list(places)].max(axis=1)
    by_height = np.argsort(-height.max(axis=0), kind="stable")
    heard = np.zeros(len(scores), np.float32)
    chosen: list[int] = []
    for _ in range(min(_MOST, scores.shape[1])):
        left = (height * (1 - _TAKEN * heard)[:, None]).max(axis=0)
        left[chosen] = -np.inf
        chosen.append(int(left.argmax()))
        heard = np.maximum(heard, scores[:, chosen[-1]])
    return np.array([*chosen, *(index for index in by_height if index not in set(chosen))], np.intp)


def outstanding_places(listing: Listing, scores: Float32, most: int, duration_s: float) -> list[int]:
    """Return the places in a listing of the `most` classes of each head that stand out, -1 for all.

    `scores` [shape=(n, k), float32] are those of the listing, over time; a class that does not reach its threshold is
    left out.
    """
    reached = scores.max(axis=0) >= listing.thresholds.astype(np.float32)
    roll_up = listing.categories[0].options.roll_up  # who asks for birds is not given their kinds
    places: list[int] = []
    for head in _heads(listing):
        kept = head[reached[head]]
        ids = [] if roll_up else [listing.audioset_ids[place] for place in kept]
        order = outstanding(scores[:, kept], _kinds(ids), duration_s)
        places += kept[order][: None if most < 0 else most].tolist()
    return places


def places_of_events(listing: Listing, events: Iterable[Event], most: int) -> list[int]:
    """Return the places in a listing of the `most` classes of each head whose events are highest, -1 for all.

    Those of a head are in the order in which they are first heard.
    """
    place = {key: index for index, key in enumerate(zip(listing.heads, listing.names, strict=True))}
    height, first = np.full(len(place), -1.0), np.full(len(place), np.inf)
    for event in events:
        index = place[event.head, event.label]
        height[index], first[index] = max(event.score, height[index]), min(event.start_s, first[index])
    places: list[int] = []
    for head in _heads(listing):
        order = head[np.argsort(-height[head], kind="stable")]
        chosen = order[height[order] >= 0][: None if most < 0 else most]
        places += chosen[np.argsort(first[chosen], kind="stable")].tolist()
    return places


def _kinds(audioset_ids: Sequence[str]) -> dict[int, list[int]]:
    """Return the places of the classes that are kinds of a class, for each that has some."""
    place = {identifier: index for index, identifier in enumerate(audioset_ids) if identifier in audioset_classes()}
    below = {
        index: [place[kind] for kind in descendants(identifier) if kind in place] for identifier, index in place.items()
    }
    return {index: places for index, places in below.items() if places}


def _heads(listing: Listing) -> list[npt.NDArray[np.intp]]:
    """Return the places of each head's classes."""
    ends = np.cumsum([len(one) for one in listing.categories])
    return np.split(np.arange(ends[-1]), ends[:-1])
