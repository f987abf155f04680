"""The search over embeddings against NumPy in float64: hits and their order, recall, and time.

    YAMJIT_TEST_DATA=... python -m benchmarks.search --rows 100000 --keep FOLDER

The rows are embeddings of real recordings, and of mixtures of two of them with random gains. How many rows the exact
search compares in float64 depends on how near they are to each other. The million rows are these and copies, each number
of which is multiplied by a random factor: a copy's cosine with its original is 0.95 in the median, and a row's 160th
neighbour among the rows and three copies is about as far as among as many real ones. So are the rows to compare, which
are printed for the real rows, half and a quarter of them as well.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import yamjit
from yamjit.audio.suffixes import AUDIO_SUFFIXES
from yamjit.output.embedding_files import EmbeddingTable
from yamjit.search import Index, build_index

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


def by_numpy(numbers: npt.NDArray[np.float64], query: npt.NDArray[Any], count: int) -> npt.NDArray[np.int64]:
    """Return the most similar rows in float64, equal ones in their order."""
    asked = query.astype(np.float64)
    similar = (numbers @ asked) / np.sqrt((numbers * numbers).sum(1) * (asked @ asked))
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


def shares(index: Index, queries: list[npt.NDArray[Any]], n: int) -> str:
    """Return what part of the rows is compared in float64."""
    asked = [index._queries(query) for query in queries]
    left = [len(sketched(index._numbers, index._sketch, codes, max(64, 8 * n))[0]) for codes in asked]
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
        exact = build_index(table(numbers[:: part], slot.scale), model=model, approximate=False)
        print(shares(exact, list(queries), 10))
    many = varied(numbers, args.million)
    exact = build_index(table(many, slot.scale), model=model, approximate=False)
    print(f"made of these: {len(exact)} rows, {len({row.tobytes() for row in exact._numbers})} of them different")
    took = timed(lambda: exact.search(queries[0], 10))
    print(f"exact, the first searches: {took * 1e3:.1f} ms")
    start = time.perf_counter()
    sketch = exact._sketch
    print(f"sketch made in {time.perf_counter() - start:.2f} s, {sketch.nbytes / 2**20:.0f} MiB")
    exact._asked = args.million
    windows = [numbers[heard[at : at + 20]].astype(np.float32) * np.float32(slot.scale) for at in rows[:20]]
    for name, asked in (("one window", list(queries)), ("20 windows", windows), ("a mean of 20", [w.mean(0) for w in windows])):
        print(f"{name}: {shares(exact, asked, 10)}")
        every = [timed(lambda query=query: exact.search(query, 10), 3) for query in asked]
        cpu = time.process_time()
        for query in asked:
            exact.search(query, 10)
        cpu = (time.process_time() - cpu) / len(asked)
        print(f"  {np.median(every) * 1e3:.1f} ms in the median, {max(every) * 1e3:.1f} at most, {cpu:.3f} s of processor time")
    equal = 0
    for query in queries[:10]:
        truth = heard_by_numpy...


if __name__ == "__main__":
    main()
