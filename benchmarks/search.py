"""The search over embeddings against NumPy in float64: hits and their order, recall, and time.

    YAMJIT_TEST_DATA=... python -m benchmarks.search --rows 100000 --keep FOLDER

The rows are embeddings of real recordings, and of mixtures of two of them with random gains. How many of them the exact
search compares in float64 depends on how near they are to each other. The million rows are these and copies of them, in
which each number is multiplied by a random factor: a copy's cosine with its row is 0.95 in the median. Of 25 thousand
rows and three copies of each as many are compared as of 100 thousand real ones, and a fifth more.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import yamjit
from yamjit.audio.suffixes import AUDIO_SUFFIXES
from yamjit.output.embedding_files import EmbeddingTable
from yamjit.search import Index, build_index
from yamjit.search.nearest import sketched

SECONDS_EACH = 10


def clips(folder: Path) -> list[npt.NDArray[np.float32]]:
    """Return the first seconds of every recording, as the model hears them."""
    from yamjit.audio import open_audio

    found = []
    for path in sorted(folder.rglob("*")):
        # Recordings that are broken on purpose may be among them.
        with contextlib.suppress(yamjit.YamjitError):
            if path.suffix.lower() not in AUDIO_SUFFIXES:
                continue
            with open_audio(path, reading=yamjit.ReadOptions(end_s=SECONDS_EACH), target_rate=16_000) as source:
                found.append(np.concatenate([block.reshape(-1) for block in source.blocks()]))
    return found


def sounds(real: list[npt.NDArray[np.float32]]) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the recordings, then mixtures of two without end."""
    yield from real
    chance = np.random.default_rng(0)
    while True:
        one, other = (real[chance.integers(len(real))] for _ in range(2))
        length = min(len(one), len(other))
        start = chance.integers(len(one) - length + 1)
        yield np.float32(chance.uniform(0.1, 1)) * one[start : start + length] + other[:length]


def codes(model: yamjit.Classifier, folder: Path, rows: int) -> npt.NDArray[np.uint8]:
    """Return rows of embeddings."""
    found: list[npt.NDArray[np.uint8]] = []
    for sound in sounds(clips(folder)):
        with model.feature_windows(sound, 16_000) as stream:
            found += [part.features["embedding"].values.view(np.uint8) ^ np.uint8(128) for part in stream]
        if sum(map(len, found)) >= rows:
            return np.concatenate(found)[:rows]
    raise AssertionError


def table(numbers: npt.NDArray[np.uint8], scale: float) -> EmbeddingTable:
    """Return rows as if each were of a recording of its own."""
    n = len(numbers)
    nothing = np.full(n, "NaT", "datetime64[us]"), np.full(n, np.nan)
    starts = np.arange(n) * 0.48
    channels = np.full(n, -1, np.int32)
    place = np.zeros(n, np.int32)
    return EmbeddingTable(numbers, (scale, 0), ("a",), place, starts, starts + 0.975, channels, *nothing)


def by_numpy(numbers: npt.NDArray[Any], query: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    """Return the most similar rows in float64, equal ones in their order."""
    asked = query.astype(np.float64)
    similar = np.empty(len(numbers))
    for start in range(0, len(numbers), 2**14):
        rows = numbers[start : start + 2**14].astype(np.float64)
        similar[start : start + 2**14] = (rows @ asked) / np.sqrt((rows * rows).sum(1) * (asked @ asked))
    return np.lexsort((np.arange(len(numbers)), -similar))[:count]


def varied(numbers: npt.NDArray[np.uint8], rows: int) -> npt.NDArray[np.uint8]:
    """Return the rows, and copies of them that are changed at random."""
    chance = np.random.default_rng(2)
    many = np.empty((rows, numbers.shape[1]), np.uint8)
    for start in range(0, rows, len(numbers)):
        part = numbers[: rows - start].astype(np.float32)
        if start:
            part *= np.exp(chance.uniform(0.1, 0.6, (len(part), 1)) * chance.standard_normal(part.shape, np.float32))
        many[start : start + len(part)] = np.clip(np.rint(part), 0, 255)
    return many


def shares(index: Index, queries: Iterable[npt.NDArray[Any]]) -> str:
    """Return what part of the rows is compared in float64, for ten hits."""
    left = [len(sketched(index._numbers, index._sketch, index._queries(query), 80)[0]) for query in queries]
    share = np.array(left) / len(index)
    return f"{len(index)} rows: compared in float64 {np.median(share):.2%} in the median, {share.max():.2%} at most"


def timed(call: Callable[[], object], times: int = 7) -> float:
    """Return the shortest of some durations, in seconds."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


def found(index: Index, query: npt.NDArray[Any], count: int, *, approximate: bool) -> list[int]:
    hits = index.search(query, count, apart_s=0, approximate=approximate)
    return [round(hit.start_s / 0.48) for hit in hits]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--million", type=int, default=1_000_000, help="rows of the exact search that is timed")
    parser.add_argument("--keep", type=Path, help="folder where the embeddings are kept for the next time")
    args = parser.parse_args()
    model = yamjit.load()
    slot = model.feature_scorer(("embedding",)).slots["embedding"]
    kept = (args.keep or Path(tempfile.mkdtemp())) / f"codes-{args.rows}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, codes(model, Path(os.environ["YAMJIT_TEST_DATA"], "audio"), args.rows))
    numbers = np.load(kept)
    print(f"{len(numbers)} rows, {len(np.unique(numbers, axis=0))} of them different")
    start = time.perf_counter()
    index = build_index(table(numbers, slot.scale), model=model, approximate=True)
    print(f"{len(index)} that are not silent; graph built in {time.perf_counter() - start:.1f} s")
    heard = np.flatnonzero(~(numbers == index._arrays["silence"]).all(1))
    rows = np.random.default_rng(1).choice(heard, args.queries, replace=False)
    queries = numbers[rows].astype(np.float32) * np.float32(slot.scale)
    real = numbers[heard].astype(np.float64)
    equal, recall = 0, 0.0
    for query in queries:
        truth = heard[by_numpy(real, np.rint(query / np.float32(slot.scale)), 10)].tolist()
        equal += found(index, query, 10, approximate=False) == truth
        near = found(index, query, 10, approximate=True)
        recall += len(set(near) & set(truth)) / 10 / len(queries)
    print(f"exact: ids and order of NumPy for {equal} of {len(queries)} queries")
    print(f"approximate: recall@10 {recall:.4f}")
    for approximate in (False, True):
        took = timed(lambda kind=approximate: found(index, queries[0], 10, approximate=kind))
        print(f"{'approximate' if approximate else 'exact'}: {took * 1e3:.2f} ms for {len(index)} rows")
    del real
    for part in (4, 2, 1):
        print(shares(build_index(table(numbers[::part], slot.scale), model=model, approximate=False), queries))
    million(build_index(table(varied(numbers, args.million), slot.scale), model=model, approximate=False), queries)


def million(index: Index, queries: npt.NDArray[Any]) -> None:
    """Print the figures of many rows, the first of which are the queries' own."""
    print(f"first searches: {timed(lambda: index.search(queries[0], 10)) * 1e3:.1f} ms for {len(index)} rows")
    start = time.perf_counter()
    index._sketch  # noqa: B018
    print(f"sketch made in {time.perf_counter() - start:.2f} s")
    index._asked = len(index)
    groups = [queries[start : start + 20] for start in range(0, len(queries) - 19, 20)]
    means = [group.mean(0) for group in groups]
    for name, every in (("one window", list(queries)), ("20 windows", groups), ("a mean of 20", means)):
        cpu = time.process_time()
        took = [timed(lambda query=query: index.search(query, 10), 3) for query in every]
        cpu = (time.process_time() - cpu) / len(every) / 3
        print(f"{name}: {np.median(took) * 1e3:.1f} ms in the median, {max(took) * 1e3:.1f} ms at most")
        print(f"  {cpu:.3f} s of processor time")
        print(f"  {shares(index, every)}")
    equal = 0
    for query in queries[:10]:
        asked = np.rint(query / np.float32(index._said["scale"]))
        starts = index._arrays["start_s"][by_numpy(index._numbers, asked, 10)]
        equal += found(index, query, 10, approximate=False) == [round(start_s / 0.48) for start_s in starts]
    print(f"exact: ids and order of NumPy for {equal} of {len(queries[:10])} queries")


if __name__ == "__main__":
    main()
