"""A seeded share of the mutations of `tools.checks.fuzz_models`: a model or one of the package's errors, quickly."""

from __future__ import annotations

import os
import signal
import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from tests.support.synthetic import synthetic_yamnet
from tools.checks.fuzz_models import KINDS, SLOW_S, Mutator, campaign, read_model, try_here, try_in_child
from yamjit.errors import LimitError, ModelError
from yamjit.tflite import read_graph, write_graph

pytestmark = pytest.mark.slow

SEED = 99
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@pytest.fixture(scope="module")
def content() -> bytes:
    return write_graph(synthetic_yamnet(classes=10, width=0.0625))


@pytest.fixture(scope="module")
def mutator(content: bytes) -> Mutator:
    return Mutator(content)


def check(mutator: Mutator, kind: str, count: int) -> set[str]:
    """Try mutants of one kind in this process; return what they gave."""
    results = set()
    for index in range(count):
        mutant = mutator.mutant(SEED, index, kind)
        started = time.perf_counter()
        result, detail = try_here(read_model, mutant.data)
        assert result in ("accepted", "ModelError", "LimitError"), f"{kind} {index}, {mutant.what}: {detail}"
        assert time.perf_counter() - started < SLOW_S, f"{kind} {index}, {mutant.what}"
        assert "\n" not in detail
        assert len(detail) < 1000
        results.add(result)
    return results


@pytest.mark.parametrize("kind", KINDS)
def test_share_of_every_kind(mutator: Mutator, kind: str) -> None:
    results = check(mutator, kind, 20)
    if kind not in ("constants", "order"):
        assert results & {"ModelError", "LimitError"}


@pytest.fixture(scope="module")
def trained(real_model_path: Path) -> Mutator:
    return Mutator(real_model_path.read_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_share_on_trained_models(trained: Mutator, kind: str) -> None:
    check(trained, kind, 8)


def test_mutants_are_the_same_for_the_same_seed(mutator: Mutator) -> None:
    for index in range(40):
        assert mutator.mutant(SEED, index) == mutator.mutant(SEED, index)
    assert mutator.mutant(SEED, 0) != mutator.mutant(SEED + 1, 0)


@forks
def test_campaign_in_processes_of_their_own(content: bytes) -> None:
    summary = campaign({"synthetic": content}, "tools.checks.fuzz_models:read_model", count=40, seed=SEED)
    assert summary["offenders"] == []
    assert sum(summary["results"].values()) == 40
    assert set(summary["results"]) <= {"accepted", "ModelError", "LimitError"}
    assert 0 < summary["slowest_s"] < SLOW_S
    assert summary["max_rss_mb"] > 1


@forks
def test_the_harness_sees_what_it_is_for() -> None:
    """Crashes, hangs and foreign errors are told apart, so that none of them could pass unseen."""

    def crash(data: bytes) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def fail(data: bytes) -> None:
        raise IndexError(len(data))

    def vanish(data: bytes) -> None:
        os._exit(3)

    assert try_in_child(crash, b"").result == "signal"
    assert try_in_child(vanish, b"").result == "signal"
    outcome = try_in_child(fail, b"abc")
    assert (outcome.result, outcome.detail) == ("foreign", "IndexError(3)")
    assert try_in_child(read_model, b"").result == "ModelError"
    assert try_in_child(len, b"").result == "accepted"  # type: ignore[arg-type]


@forks
def test_the_harness_ends_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.checks.fuzz_models.HANG_S", 0.2)
    outcome = try_in_child(lambda data: time.sleep(60), b"")
    assert outcome.result == "hang"
    assert outcome.seconds < 5


@pytest.mark.parametrize("value", [0, 1, 2, 2**16, 2**24, 2**30, 2**31 - 1, 2**31, 2**32 - 1])
def test_vector_lengths_do_not_cost_memory(mutator: Mutator, value: int) -> None:
    lengths = mutator.find("length")
    assert len(lengths) > 500
    for place in lengths[::37]:
        data = mutator.patched(place.position, struct.pack("<I", value))
        tracemalloc.start()
        started = time.perf_counter()
        if data != mutator.data:
            with pytest.raises((ModelError, LimitError)):
                read_refused(data, place.path)
        seconds = time.perf_counter() - started
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10e6
        assert seconds < 1


def read_refused(data: bytes, path: str) -> None:
    """Read a file; a vector that is of no account may have another length."""
    read_graph(data)
    if any(part in path for part in (".min", ".max", ".description", ".name")):
        raise ModelError("read, as it may be")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 8,
        b"\xff" * 1000,
        b"TFL3" * 1000,
        b"\x08\0\0\0TFL3" + b"\0" * 100,
        b"\x04\0\0\0TFL3",
        b"\x08\0\0\0TFL3\xf8\xff\xff\xff",
        b"PK\3\4" + b"\0" * 100,
        b"<!DOCTYPE html><html></html>",
        b'{"version": 3}',
    ],
)
def test_what_is_no_model(data: bytes) -> None:
    with pytest.raises(ModelError):
        read_graph(data)


def test_many_offsets_to_one_child() -> None:
    count = 2**16
    builder = bytearray(b"\0\0\0\0TFL3")
    builder += struct.pack("<HHHHHHHH", 12, 8, 0, 0, 4, 0, 0, 0)  # Model: subgraphs alone
    table = len(builder)
    builder += struct.pack("<iI", table - 8, 4)
    builder += struct.pack("<I", count)
    entries = len(builder)
    child = entries + 4 * count
    for index in range(count):
        builder += struct.pack("<I", child - (entries + 4 * index))
    builder += struct.pack("<iHH", -4, 4, 4)
    struct.pack_into("<I", builder, 0, table)
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(LimitError, match=r"Model\.subgraphs has 65536 entries"):
        read_graph(bytes(builder))
    seconds = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 0.5
    assert peak < 5e6
