"""A job done for many recordings, in this process or in several: outcomes in the order of the recordings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from yamjit.runs.outcome import Outcome, attempt
from yamjit.runs.settling import finish

if TYPE_CHECKING:
    from yamjit.runs.inputs import Recording
    from yamjit.runs.tally import Tally

__all__ = ["outcomes"]

_Value = TypeVar("_Value")


def outcomes(
    recordings: Sequence[Recording],
    job: Callable[[Recording], _Value],
    processes: int = 1,
    tally: Tally[Recording] | None = None,
    client: Any = None,
) -> Generator[Outcome[_Value], None, None]:
    """Yield what a job makes of each recording, in their order.

    A recording that cannot be read fails, and so does one whose result cannot be in its place; the others go on. With
    several processes, the same holds for a recording whose process is killed: it is tried again by itself in a new
    process, and fails if that is killed twice. Other errors end the run. Closing the generator ends the processes, and
    so does the end of this process, however it comes. With one process, it is this one; with more, the job is pickled,
    and so is what it returns.

    With `client`, a `distributed.Client`, workers of Dask do the job in place of processes: the job is sent to each of
    them once. A `ClusterError` ends the run if they have another yamjit, or the scheduler is lost. They do not tell how
    much was heard of what is under way.

    `tally` is told which recordings are under way, and how much of them was heard, if the job passes the streams that
    it opens to ``tally.watch`` or, in other processes, to `yamjit.runs.heard.watch`.
    """
    if client is not None:
        from yamjit.runs import dask_crew

        with contextlib.closing(dask_crew.Crew(job, client)) as workers:
            yield from _in_order(workers.outcomes(recordings))
        return
    if processes == 1:
        try:
            for recording in recordings:
                if tally is not None:
                    tally.begin(recording)
                yield attempt(job, recording)
        finally:
            finish()
        return
    from yamjit.runs.pool import Crew

    with contextlib.closing(Crew(job, min(processes, max(1, len(recordings))), tally)) as crew:
        yield from _in_order(crew.outcomes(recordings))


def _in_order(found: Iterable[tuple[int, Outcome[_Value]]]) -> Iterator[Outcome[_Value]]:
    waiting: dict[int, Outcome[_Value]] = {}
    following = 0
    for index, outcome in found:
        waiting[index] = outcome
        while following in waiting:
            yield waiting.pop(following)
            following += 1
