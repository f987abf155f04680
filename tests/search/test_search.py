"""The search: the order of NumPy, recall of the approximate one, files that anybody may have made, the verbs."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit
from yamjit.cli import main
from yamjit.errors import InputError
from yamjit.search import Index, build_index

pytest.importorskip("usearch", reason="the search wants usearch: pip install 'yamjit[search]'")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter")


@pytest.fixture(scope="module")
def scale(model: yamjit.Classifier) -> float:
    return float(model.feature_scorer(("embedding",)).slots["embedding"].scale)


def codes(rows: int, seed: int = 0) -> Any:
    """Return rows like embeddings: a few numbers, near some centres, and every third row once more."""
    chance = np.random.default_rng(seed)
    centres = (chance.random((rows // 20, 256)) < 0.1) * chance.integers(1, 200, (rows // 20, 256))
    near = centres[chance.integers(len(centres), size=rows)]
    near = near + (near > 0) * chance.integers(0, 40, near.shape)
    near[2::3] = near[1 : 1 + 3 * len(near[2::3]) : 3]
    return near.astype(np.uint8)


def table(numbers: Any, scale: float, files: int = 1) -> yamjit.EmbeddingTable:
    n = len(numbers)
    starts = np.arange(n) * 0.48
    rest = np.full(n, -1, np.int32), np.full(n, "NaT", "datetime64[us]"), np.full(n, np.nan)
    names = tuple(f"{number}.wav" for number in range(files))
    return yamjit.EmbeddingTable(
        numbers, (scale, 0), names, (np.arange(n) % files).astype(np.int32), starts, starts + 0.975, *rest
    )


def truth(numbers: Any, queries: Any, count: int) -> tuple[list[int], list[float]]:
    rows, asked = numbers.astype(np.float64), queries.astype(np.float64)
    lengths = np.sqrt(np.outer((rows * rows).sum(1), (asked * asked).sum(1)))
    similar = (np.einsum("rk,qk->rq", rows, asked) / lengths).max(1)
    order = np.lexsort((np.arange(len(rows)), -similar))[:count]
    return order.tolist(), similar[order].tolist()


def rows_of(hits: list[yamjit.search.Hit]) -> list[int]:
    return [round(hit.start_s / 0.48) for hit in hits]


def test_the_exact_search_is_that_of_numpy(model: yamjit.Classifier, scale: float) -> None:
    numbers = codes(4000)
    index = build_index(table(numbers, scale), model=model)
    assert not index.is_approximate
    # The later ones have a sketch to go by.
    for first in range(0, 300, 3):
        queries = numbers[first : first + 1 + first % 3]
        hits = index.search(queries * np.float32(scale), 25, apart_s=0)
        wanted, similar = truth(numbers, queries, 25)
        assert rows_of(hits) == wanted
        assert [hit.similarity for hit in hits] == pytest.approx(similar, abs=1e-14)
    mean = numbers[:3].mean(0)  # which is between codes
    assert rows_of(index.search(mean * scale, 25, apart_s=0)) == truth(numbers, mean[None], 25)[0]
    same = build_index(table(np.repeat(numbers[:40], 100, axis=0), scale), model=model)
    hits = same.search(numbers[7] * np.float32(scale), 150, apart_s=0)
    assert rows_of(hits)[:100] == list(range(700, 800))


def test_models_in_floating_point(model: yamjit.Classifier, scale: float) -> None:
    numbers = np.random.default_rng(0).standard_normal((3000, 256), np.float32)
    floats = table(numbers, scale)
    floats = yamjit.EmbeddingTable(**{**vars(floats), "quantization": None})
    index = build_index(floats, model=model)
    for query in numbers[:20]:
        assert rows_of(index.search(query, 10, apart_s=0)) == truth(numbers, query[None], 10)[0]
    with pytest.raises(InputError, match="finite numbers in float32"):
        index.search(numbers[0].astype(np.float64) * 1e300)


def test_the_approximate_search_finds_nearly_all(model: yamjit.Classifier, scale: float) -> None:
    numbers = codes(6000)
    index = build_index(table(numbers, scale), model=model, approximate=True)
    index.save("a.yamindex")
    index = Index.load("a.yamindex")
    assert index.is_approximate
    found = 0
    for query in numbers[::60]:
        asked = query * np.float32(scale)
        exact = index.search(asked, 10, apart_s=0, approximate=False)
        assert rows_of(exact) == truth(numbers, query[None], 10)[0]
        found += len(set(rows_of(index.search(asked, 10, apart_s=0))) & set(rows_of(exact)))
    assert found / (10 * len(numbers[::60])) >= 0.95
    with pytest.raises(InputError, match="approximate=False"):
        index.search(numbers[:3].mean(0) * scale)
    with pytest.raises(InputError, match="build it with one"):
        build_index(table(numbers, scale), model=model).search(asked, approximate=True)


def test_hits_of_a_recording_are_apart(model: yamjit.Classifier, scale: float) -> None:
    numbers = codes(600)
    index = build_index(table(numbers, scale, files=2), model=model)
    query = numbers[:5] * np.float32(scale)
    everything = index.search(query, 600, apart_s=0)
    kept: list[yamjit.search.Hit] = []
    for hit in everything:
        if all(hit.file != other.file or abs(hit.start_s - other.start_s) > 3 for other in kept):
            kept.append(hit)
    assert index.search(query, 20, apart_s=3) == kept[:20]
    assert index.search(query, 600, apart_s=3) == kept


def test_silence_is_left_out(model: yamjit.Classifier, scale: float) -> None:
    silence = model.embed(np.zeros(32_000, np.float32), 16_000)
    numbers = codes(60)
    numbers[10:20] = np.rint(silence[0] / np.float32(scale))
    numbers[30] = 0
    index = build_index(table(numbers, scale), model=model)
    assert len(index) == 49
    with pytest.raises(InputError, match="silence"):
        index.search(silence)
    with pytest.raises(InputError, match="all windows are silent"):
        build_index(table(numbers[10:20], scale), model=model)


def test_files_that_are_damaged_or_made_up(model: yamjit.Classifier, scale: float) -> None:
    numbers = codes(300)
    build_index(table(numbers, scale), model=model, approximate=True).save("whole")
    data = Path("whole").read_bytes()
    chance = random.Random(0)
    refused = 0
    for attempt in range(200):
        changed = bytearray(data[:-32])
        place = chance.randrange(len(changed)) if attempt % 2 else chance.randrange(len(changed) - 50_000, len(changed))
        changed[place] ^= 1 << chance.randrange(8)
        if attempt % 4 == 0:
            changed = changed[: chance.randrange(len(changed))]
        Path("damaged").write_bytes(changed + data[-32:])
        with pytest.raises(InputError):
            Index.load("damaged")
        # With the right digest, as somebody may write it who means harm.
        Path("made").write_bytes(changed + hashlib.sha256(changed).digest())
        try:
            hits = Index.load("made").search(numbers[5] * np.float32(scale), 5)
        except InputError:
            refused += 1
        else:
            assert all(hit.file == "0.wav" for hit in hits)
    assert 50 < refused < 200
    Path("empty").write_bytes(b"")
    for name in ("empty", "none", "."):
        with pytest.raises(InputError):
            Index.load(name)


def test_from_recordings_to_segments(capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: object) -> int:
        return main([str(argument) for argument in arguments])

    assert run("embed", EXAMPLES, "-o", "npz", "-q") == 0
    assert run("index", "npz", "-o", "a.yamindex") == 0
    assert capsys.readouterr().err == ""
    query = EXAMPLES / "siren.flac"
    assert run("search", "a.yamindex", query, "--start", 1, "--end", 1.975, "-n", 2) == 0
    assert "  like siren\n" in capsys.readouterr().out
    for suffix in ("csv", "jsonl"):
        assert run("search", "a.yamindex", query, "-n", 3, "-o", f"hits.{suffix}") == 0
        assert run("segments", "--from", f"hits.{suffix}", "-o", suffix, "-q") == 0
        cut = sorted(path.name for path in Path(suffix).rglob("*_like_siren.flac"))
        assert len(cut) == 3
        assert cut[0] == "siren_000000.000_like_siren.flac"
    assert run("search", "a.yamindex", query, "--model", EXAMPLES / "siren.flac") == 1
    capsys.readouterr()
    assert run("embed", query, "-o", "a.npy", "-q") == 0
    assert run("index", "a.npy", "-o", "b.yamindex") == 0
    assert "do not say which model" in capsys.readouterr().err
    assert run("search", "b.yamindex", query, "-n", 1, "--format", "csv") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("a,0.000000,0.975000,like siren,1.000000,-1")


def test_other_models_and_other_files_are_refused(model: yamjit.Classifier, scale: float) -> None:
    numbers = codes(60)
    other = yamjit.EmbeddingTable(**{**vars(table(numbers, scale)), "model": "0" * 64})
    with pytest.raises(InputError, match="of another model"):
        build_index(other, model=model)
    with pytest.raises(InputError, match="have 100 numbers"):
        build_index(table(numbers[:, :100], scale), model=model)
    index = build_index(table(numbers, scale), model=model)
    index._said["model"] = "0" * 64
    index.save("other.yamindex")
    assert main(["search", "other.yamindex", str(EXAMPLES / "siren.flac")]) == 1
    Path("bad.npz").write_bytes(b"PK\x03\x04 no archive")
    Path("bad.npy").write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr': '|O'} ")
    Path("bad.parquet").write_bytes(b"PAR1 nothing PAR1")
    np.save("whole.npy", numbers)
    np.savez("other.npz", values=numbers.astype(np.float32))
    for name in ("bad.npz", "bad.npy", "whole.npy", "other.npz", "bad.parquet", "none.npz", "bad.txt"):
        with pytest.raises(InputError, match=name):
            yamjit.read_embeddings(name)
