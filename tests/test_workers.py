"""Jobs shared out to threads: the order of results, what is in flight, errors, and the end of every thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from yamjit.errors import LimitError
from yamjit.workers import in_order

PATIENCE_S = 30


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 40])
def test_results_come_in_the_order_of_jobs(threads: int, count: int) -> None:
    def work(job: int) -> int:
        time.sleep(0.001 * (job * 7 % 5))
        return job * job

    assert list(in_order(iter(range(count)), work, threads)) == [job * job for job in range(count)]


@pytest.mark.parametrize("threads", [2, 3])
def test_all_threads_work_at_once(threads: int) -> None:
    meeting = threading.Barrier(threads)

    def work(_: int) -> int:
        meeting.wait(PATIENCE_S)
        return threading.get_ident()

    workers = set(in_order(range(2 * threads), work, threads))
    assert len(workers) == threads
    assert threading.get_ident() in workers


@pytest.mark.parametrize(("threads", "count"), [(1, 20), (8, 1), (8, 0)])
def test_no_thread_is_started_without_need(threads: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert list(in_order(range(count), str, threads)) == [str(job) for job in range(count)]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_few_jobs_are_on_their_way(threads: int) -> None:
    drawn, handed_out, most = 0, 0, 0

    def jobs() -> Iterator[int]:
        nonlocal drawn, most
        for job in range(100):
            drawn += 1
            most = max(most, drawn - handed_out)
            yield job

    for _ in in_order(jobs(), lambda job: job, threads):
        handed_out += 1
    assert handed_out == 100
    assert most <= 2 * threads


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("bad", [0, 1, 7, 19])
def test_an_error_of_a_worker_is_raised_as_it_is(threads: int, bad: int) -> None:
    fault = ZeroDivisionError("seven")

    def work(job: int) -> int:
        if job == bad:
            raise fault
        return job

    found: list[int] = []
    with pytest.raises(ZeroDivisionError, match="seven") as caught:
        found.extend(in_order(range(20), work, threads))
    assert caught.value is fault
    assert found == list(range(len(found)))
    assert len(found) <= bad


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_error_of_the_jobs_is_raised_as_it_is(threads: int) -> None:
    def jobs() -> Iterator[int]:
        yield from range(7)
        raise OSError("the disk is gone")

    done = []
    with pytest.raises(OSError, match="the disk is gone"):
        list(in_order(jobs(), done.append, threads))
    assert set(done) <= set(range(7))
    assert len(done) == len(set(done))


@pytest.mark.parametrize("threads", [2, 3])
def test_what_waits_is_dropped_when_it_ends_early(threads: int) -> None:
    begun, gate = [], threading.Event()

    def work(job: int) -> int:
        begun.append(job)
        if threading.current_thread() is not threading.main_thread():
            gate.wait(PATIENCE_S)
        return job

    def jobs() -> Iterator[int]:
        yield from range(2 * threads - 1)
        threading.Timer(0.05, gate.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(in_order(jobs(), work, threads))
    assert len(begun) <= threads - 1
    gate.wait(PATIENCE_S)
    wait_for_timers()


def wait_for_timers() -> None:
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(PATIENCE_S)


def test_closing_ends_the_threads() -> None:
    before = threading.active_count()
    results = in_order(range(100), lambda job: job, 3)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before
    assert list(results) == []


def test_a_system_without_threads_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(LimitError, match=r"4 threads were asked for, 1 can run: can't start new thread"):
        list(in_order(range(10), str, 4))
