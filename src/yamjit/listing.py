"""What is listed of all heads of a model: their categories in one list, and rows of the highest scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.categories import Categories
from yamjit.class_names import refuse_unknown
from yamjit.clock import Clock
from yamjit.errors import InputError
from yamjit.heads import HeadInfo
from yamjit.network import HeadOutput
from yamjit.options import THE_REST, ClassifierOptions, Entry, as_entry
from yamjit.reprs import shown_briefly
from yamjit.results import Row

__all__ = ["ListedScores", "Listing", "rows_of"]


class Listing:
    """The categories that options make of all heads, in one list: those of the first head first.

    `names`, `class_indices`, `audioset_ids` and `thresholds`, float64, are those of each of the k categories, as in
    `Categories`; so are `heads`, empty where the model has only one. Raises `InputError` if a name is known to no head,
    or thresholds contradict each other, or one is for a class that is not listed.
    """

    def __init__(self, heads: Sequence[HeadInfo], options: ClassifierOptions) -> None:
        found = tuple(Categories(head, options, head.name if len(heads) > 1 else "") for head in heads)
        known = [one.class_names for one in found]
        refuse_unknown([entry for entry in known[0].unknown if all(entry in one.unknown for one in known)], known)
        self.categories = found
        self.names = tuple(name for one in found for name in one.names)
        self.heads = tuple(one.head for one in found for _ in one.names)
        self.class_indices = tuple(index for one in found for index in one.class_indices)
        self.audioset_ids = tuple(identifier for one in found for identifier in one.audioset_ids)
        self.thresholds = np.concatenate([one.thresholds for one in found])
        self._starts = np.cumsum([0, *map(len, found)]).tolist()
        if isinstance(options.score_threshold, Mapping):
            for entry in options.score_threshold:
                if entry != THE_REST:
                    self.find(entry)

    def reduce(self, outputs: Sequence[HeadOutput]) -> npt.NDArray[np.float32]:
        """Return the scores of all categories, float32 (n, k), for n windows of each head, such as `Windows.heads`.

        Raises `InputError` if there are outputs of more or fewer heads.
        """
        if len(outputs) != len(self.categories):
            raise InputError(f"windows of {len(outputs)} heads were given; {len(self.categories)} are accepted")
        listed = [one.reduce(output.scores) for one, output in zip(self.categories, outputs, strict=True)]
        return listed[0] if len(listed) == 1 else np.concatenate(listed, axis=1)

    def find(self, entry: Entry) -> tuple[int, ...]:
        """Return the positions in `names` of what an entry names in every head; `InputError` if there are none."""
        entry = as_entry(entry, "a class")
        found = [one.find(entry) for one in self.categories]
        if all(positions is None for positions in found):
            refuse_unknown([entry], [one.class_names for one in self.categories])
        places = tuple(start + p for start, known in zip(self._starts, found, strict=False) for p in known or ())
        if not places:
            raise InputError(f"{entry!r} is not listed on its own: it is left out, or in a group")
        return places

    def rank(self, scores: Sequence[npt.NDArray[np.float64]], max_results: int | None = None) -> npt.NDArray[np.intp]:
        """Return the positions in `names` of what is listed, the highest of the first head first.

        `scores` are those of each head's categories; `max_results` of each head are listed, see `Categories.rank`.
        """
        best = zip(self._starts, self.categories, scores, strict=False)
        return np.concatenate([start + one.rank(values, max_results) for start, one, values in best])

    def __repr__(self) -> str:
        return f"<Listing: {len(self.names)} classes: {shown_briefly(self.names)}>"


class ListedScores(NamedTuple):
    """Scores of a head's categories, (n, k), a row for each span of time, and where they come from.

    `channel` is None where the channels were mixed.
    """

    categories: Categories
    scores: npt.NDArray[np.floating]
    file: str
    channel: int | None
    head: str


def rows_of(
    parts: Sequence[ListedScores],
    spans: Iterable[tuple[float, float]],
    max_results: int | None = None,
    *,
    clock: Clock,
) -> Iterator[Row]:
    """Yield what is listed in each span, in seconds, of each part in turn, the best first (see `Categories.rank`)."""
    for index, (start_s, end_s) in enumerate(spans):
        time = clock.at(start_s)
        for categories, scores, file, channel, head in parts:
            row = scores[index]
            for i in categories.rank(row, max_results):
                yield Row(
                    file=file,
                    start_s=start_s,
                    end_s=end_s,
                    label=categories.names[i],
                    score=float(row[i]),
                    class_index=categories.class_indices[i],
                    audioset_id=categories.audioset_ids[i],
                    channel=channel,
                    head=head,
                    time=time,
                )
