"""An index of embeddings: it answers which windows are most similar to others, and is kept in a file."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.results import Row
from yamjit.search.container import read_container, write_container
from yamjit.search.graph import Graph
from yamjit.search.nearest import nearest
from yamjit.search.sketch import Sketch
from yamjit.writing import whole_file

__all__ = ["Hit", "Index"]

_FIRST = 64

#: What a sketch costs: as many searches without one, and as many rows that are looked at in these.
_SKETCH_COST, _ANY_SKETCH_COST = 12, 2**19

#: Arrays of an index, and their types; those of the graph may be missing.
_ROWS = {
    "file_index": "<i4",
    "start_s": "<f8",
    "end_s": "<f8",
    "channels": "<i4",
    "times": "<M8[us]",
    "utc_offsets_s": "<f8",
}
_GRAPH = {"order": "<i8", "firsts": "<i8", "graph": "|u1"}


class Hit(NamedTuple):
    """A window that is similar to one that was asked for.

    Parameters
    ----------
    file : str
        Name of the recording.
    start_s, end_s : float
        Times in seconds from the start of the recording.
    similarity : float
        Cosine of the two embeddings: 1 if they are the same but for a factor.
    channel : int or None
        Channel of the recording, from 0; None if they were mixed.
    time : datetime.datetime or None
        When it begins, by the clock; None if that is not known.
    """

    file: str
    start_s: float
    end_s: float
    similarity: float
    channel: int | None
    time: datetime | None

    def row(self, label: str) -> Row:
        """Return the hit as a row of results, whose score is the similarity."""
        return Row(
            self.file, self.start_s, self.end_s, label, self.similarity, -1, channel=self.channel, time=self.time
        )


@explained
class Index:
    """Embeddings of an archive; made by `build_index`, or read from a file by `load`.

    Parameters
    ----------
    said : mapping
        What the file says beside arrays: names of recordings, SHA-256 of the model, feature, scale.
    arrays : mapping
        Arrays of the file.

    Raises
    ------
    InputError
        If they are not those of an index.
    """

    def __init__(self, said: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        checks.instance(said, "said", dict)
        checks.instance(arrays, "arrays", dict)
        _check(said, arrays)
        self._said, self._arrays = said, arrays
        self._numbers = arrays["numbers"]
        self._asked = 0

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Index:
        """Read an index; its file is mapped, and must stay as it is.

        Raises
        ------
        InputError
            If the file is not an index, or not as it was written.
        """
        path = checks.path(path, "path")
        said, arrays = read_container(path)
        try:
            return cls(said, arrays)
        except InputError as error:
            raise InputError(f"{str(path)!r}: is not an index that can be read: {error}") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to a file, which appears once it is whole."""
        with whole_file(checks.path(path, "path")) as file:
            self.write(file)

    def write(self, file: BinaryIO) -> None:
        """Write the index to a file that is open."""
        write_container(file, self._said, self._arrays)

    @property
    def model(self) -> str:
        """SHA-256 of the model that computed the embeddings."""
        return str(self._said["model"])

    @property
    def features(self) -> str:
        """Name of the feature that is indexed."""
        return str(self._said["features"])

    @property
    def is_approximate(self) -> bool:
        """Whether a search is approximate by default."""
        return "graph" in self._arrays

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the recordings."""
        return tuple(self._said["files"])

    def __len__(self) -> int:
        return len(self._numbers)

    def __repr__(self) -> str:
        kind = "approximate" if self.is_approximate else "exact"
        return f"<Index: {len(self)} windows of {len(self._said['files'])} recordings, {kind}>"

    def search(
        self, embeddings: npt.ArrayLike, n: int = 20, *, apart_s: float = 2.0, approximate: bool | None = None
    ) -> list[Hit]:
        """Return the windows that are most similar to any of some embeddings, the most similar first.

        Equally similar ones come in the order of the archive. The exact search compares with every window, and orders
        by the cosine in float64. As soon as it pays, a sketch of the windows is made, an eighth of their size in
        memory, with which all searches that follow are several times faster, and find the same.

        Parameters
        ----------
        embeddings : array_like [shape=(n, size) or (size,)]
            Embeddings of the model that the index is of, as `Classifier.embed` gives them, or means of some. Those of
            silence are passed over.
        n : int > 0
            Number of hits, at most.
        apart_s : float >= 0
            Windows of a recording that begin within this time of a better hit, in seconds, are left out; 0 lists all.
        approximate : bool, optional
            Whether the graph of neighbours is followed, in place of a look at every window. By default, if there is
            one.

        Raises
        ------
        InputError
            If an argument is wrong, or all embeddings are those of silence.
        DependencyError
            If usearch is not installed.
        """
        n = checks.whole(n, "n", 1)
        apart_s = checks.number(apart_s, "apart_s", 0, 1e12, kind="seconds")
        queries = self._queries(embeddings)
        by_graph = self.is_approximate if approximate is None else checks.flag(approximate, "approximate")
        if by_graph and not self.is_approximate:
            raise InputError("the index is exact, and has no graph for an approximate search: build it with one")
        if by_graph and queries.dtype != self._numbers.dtype:
            raise InputError("the approximate search is for embeddings that the model gave: ask for approximate=False")
        find = self._graph.nearest if by_graph else functools.partial(nearest, self._numbers, self._sketch_for(queries))
        count = max(_FIRST, 8 * n)
        while True:
            rows, similar, floor = find(queries, count)
            # Rows that are missing may be as similar as those below the floor.
            sure = len(rows) if count >= len(self) else int(np.searchsorted(-similar, -floor))
            hits = self._apart(rows[:sure], similar[:sure], n, apart_s)
            if len(hits) == n or count >= len(self):
                return hits
            count *= 4

    @functools.cached_property
    def _graph(self) -> Graph:
        return Graph(self._numbers, *(self._arrays[name] for name in _GRAPH))

    def _sketch_for(self, queries: npt.NDArray[Any]) -> Sketch | None:
        """Return a sketch of the rows once windows were searched for as long as one takes, or if it is the only way."""
        self._asked += len(queries)
        are_codes = self._numbers.dtype == queries.dtype == np.uint8
        is_worth_it = (self._asked - _SKETCH_COST) * len(self) > _ANY_SKETCH_COST
        return self._sketch if is_worth_it or not are_codes else None

    @functools.cached_property
    def _sketch(self) -> Sketch:
        return Sketch(self._numbers)

    def _queries(self, embeddings: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return what is asked for in the numbers of the index, or in float64 where these do not hold it."""
        given = np.atleast_2d(checks.array(embeddings, "embeddings"))
        size = self._numbers.shape[1]
        fits = given.dtype.kind in "fiu" and given.ndim == 2 and given.shape[1] == size
        with np.errstate(over="ignore"):
            queries: npt.NDArray[Any] = given.astype(np.float32) if fits else np.empty(0)
        if not fits or not np.isfinite(queries).all():
            raise InputError(
                f"embeddings of shape (n, {size}), of finite numbers in float32, are accepted, "
                f"found {given.dtype} of shape {given.shape}"
            )
        if (scale := self._said["scale"]) is not None:
            codes = in_codes(queries, scale)
            queries = given.astype(np.float64) / scale if codes is None else codes
        heard = queries[~is_silent(queries, self._arrays["silence"])]
        if not len(heard):
            raise InputError("what is searched for is silence, which is like any other silence")
        return heard

    def _apart(
        self, rows: npt.NDArray[np.int64], similar: npt.NDArray[np.float64], n: int, apart_s: float
    ) -> list[Hit]:
        kept: dict[int, list[float]] = {}
        hits: list[Hit] = []
        for row, similarity in zip(rows.tolist(), similar.tolist(), strict=True):
            start_s = float(self._arrays["start_s"][row])
            others = kept.setdefault(int(self._arrays["file_index"][row]), [])
            if apart_s and any(abs(start_s - other) <= apart_s for other in others):
                continue
            others.append(start_s)
            hits.append(self._hit(row, similarity))
            if len(hits) == n:
                break
        return hits

    def _hit(self, row: int, similarity: float) -> Hit:
        file, start_s, end_s, channel, time, offset = (self._arrays[name][row].item() for name in _ROWS)
        if time is not None and np.isfinite(offset):
            time = time.replace(tzinfo=timezone(timedelta(seconds=offset)))
        return Hit(self._said["files"][file], start_s, end_s, similarity, None if channel < 0 else channel, time)


def in_codes(values: npt.NDArray[np.float32], scale: float) -> npt.NDArray[np.uint8] | None:
    """Return the codes, from 0, that stand for values; None if there are none for some."""
    with np.errstate(over="ignore"):
        codes = np.rint(values / np.float32(scale))
    if not ((codes >= 0) & (codes <= 255) & (codes * np.float32(scale) == values)).all():
        return None
    return codes.astype(np.uint8)


def is_silent(numbers: npt.NDArray[Any], silence: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return whether each row is that of digital silence, or zero."""
    return np.asarray((numbers == silence).all(1) | ~numbers.any(1))


def _check(said: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Refuse what an index does not hold: anybody can write a file with the right digest."""
    for problem in _problems(said, arrays):
        raise InputError(problem)


def _problems(said: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Iterator[str]:
    names = {"numbers", "silence", *_ROWS}
    if set(arrays) not in (names, names | set(_GRAPH)):
        yield "it does not have the arrays of an index"
    numbers, scale = arrays["numbers"], said.get("scale")
    is_coded = numbers.dtype == np.uint8
    if numbers.ndim != 2 or not numbers.shape[1] or numbers.dtype not in (np.uint8, np.dtype("<f4")):
        yield "its rows are not those of an index"
    if not (isinstance(scale, float) and 0 < scale < np.inf if is_coded else scale is None):
        yield "it has no scale for its codes"
    if not is_coded and not np.isfinite(numbers).all():
        yield "its rows are not finite"
    n = len(numbers)
    if arrays["silence"].shape != numbers.shape[1:] or arrays["silence"].dtype != numbers.dtype:
        yield "its silence is none"
    if any(arrays[name].shape != (n,) or arrays[name].dtype != kind for name, kind in _ROWS.items()):
        yield "its columns are of other lengths or types"
    files = said.get("files")
    if not (isinstance(files, list) and all(isinstance(name, str) for name in files)):
        yield "it has no names of recordings"
    if not all(isinstance(said.get(name), str) for name in ("model", "features")):
        yield "it does not say its model"
    if n and not (arrays["file_index"].min() >= 0 and arrays["file_index"].max() < len(files or ())):
        yield "it names recordings that are not there"
    if not (np.isfinite(arrays["start_s"]).all() and np.isfinite(arrays["end_s"]).all() and _are_apart(arrays)):
        yield "its times are none"
    if "graph" in arrays:
        yield from _problems_of_graph(n, arrays)


def _are_apart(arrays: dict[str, npt.NDArray[Any]]) -> bool:
    offsets = arrays["utc_offsets_s"]
    return bool((np.isnan(offsets) | (np.abs(offsets) < 86_400)).all())


def _problems_of_graph(n: int, arrays: dict[str, npt.NDArray[Any]]) -> Iterable[str]:
    order, firsts = arrays["order"], arrays["firsts"]
    if any(arrays[name].ndim != 1 or arrays[name].dtype != kind for name, kind in _GRAPH.items()):
        yield "its graph is of other types"
    are_groups = len(firsts) > 1 and firsts[0] == 0 and firsts[-1] == n and bool((np.diff(firsts) > 0).all())
    if not (are_groups and np.array_equal(np.sort(order), np.arange(n))):
        yield "its groups of equal rows are none"
