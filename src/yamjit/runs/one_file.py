"""What is found in recordings, in one file for all."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from yamjit.runs.concluding import Concluding
from yamjit.runs.formats import ArrayFormat, RowFormat
from yamjit.runs.outcomes import outcomes
from yamjit.runs.tally import Tally

if TYPE_CHECKING:
    from yamjit.results import Summary
    from yamjit.runs.hearing import Listener
    from yamjit.runs.inputs import Recording
    from yamjit.runs.outcome import Outcome

__all__ = ["into_one_file"]


def into_one_file(
    recordings: Sequence[Recording],
    listener: Listener,
    form: RowFormat | ArrayFormat,
    opened: Any,
    processes: int = 1,
    tally: Tally[Recording] | None = None,
    client: Any = None,
) -> Generator[Outcome[Summary], None, None]:
    """Write what is found in recordings, in their order; yield what became of each once it is written.

    With one process, results are written as they come, to what `form` has opened. With several, or a `client` of Dask
    (see `outcomes`), which are for rows only, the listener is pickled, and rows wait in temporary files for their turn.
    `tally` is told how far this is, and whether anything was found.
    """
    tally = Tally(recordings, lambda _: None) if tally is None else tally
    opened = Concluding(opened) if isinstance(form, RowFormat) else opened
    write = functools.partial(_write, form, opened, tally)
    if processes == 1 and client is None:
        found = outcomes(recordings, functools.partial(write, listener), tally=tally)
    else:
        from yamjit.runs.spooling import spooled

        found = spooled(recordings, listener, write, processes, tally, client)
    with contextlib.closing(found), _telling_of_interruptions(opened, tally):
        for outcome in found:
            if outcome.failure is not None and isinstance(opened, Concluding):
                opened.failure(outcome.recording.name, outcome.failure)
            yield outcome


@contextlib.contextmanager
def _telling_of_interruptions(opened: Any, tally: Tally[Recording]) -> Iterator[None]:
    """Have formats with room for it say that a recording was interrupted."""
    try:
        yield
    except BaseException as error:
        if isinstance(opened, Concluding) and opened.begun is not None and not isinstance(error, Exception):
            heard_s = sum(heard_s for one, heard_s in tally.under_way() if one.name == opened.begun)
            opened.failure(opened.begun, f"interrupted after {heard_s:.2f} s")
        raise


def _write(
    form: RowFormat | ArrayFormat, opened: Any, tally: Tally[Recording], listener: Listener, recording: Recording
) -> Summary:
    """Write what is found in a recording."""
    summary = form.hear(_Counted(listener, tally), recording, opened)
    tally.has_results = True
    return summary


class _Counted:
    """A listener whose results are noted."""

    def __init__(self, listener: Listener, tally: Tally[Recording]) -> None:
        self._listener, self._tally = listener, tally

    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        def noted(found: Any) -> None:
            sink(found)
            self._tally.has_results |= bool(found)

        return self._listener.hear(recording, noted)
