"""What is found in recordings, in one file for all."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

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
) -> Generator[Outcome[Summary], None, None]:
    """Write what is found in recordings, in their order; yield what became of each once it is written.

    With one process, results are written as they come, to what `form` has opened. With several, which is for rows only,
    the listener is pickled, and rows wait in temporary files for their turn. `tally` is told how far
    this is, see `outcomes`, and whether anything was found.
    """
    tally = Tally(recordings, lambda _: None) if tally is None else tally
    write = functools.partial(_write, form, opened, tally)
    if processes == 1:
        found = outcomes(recordings, functools.partial(write, listener), tally=tally)
    else:
        from yamjit.runs.spooling import spooled

        found = spooled(recordings, listener, write, processes, tally)
    with contextlib.closing(found):
        for outcome in found:
            if outcome.failure is not None and isinstance(form, RowFormat):
                opened.failure(outcome.recording.name, outcome.failure)
            yield outcome


def _write(
    form: RowFormat | ArrayFormat, opened: Any, tally: Tally[Recording], listener: Listener, recording: Recording
) -> Summary:
    """Write what is found in a recording; if that is interrupted, formats with room for it say so."""
    try:
        summary = form.hear(_Counted(listener, tally), recording, opened)
    except BaseException as error:
        if isinstance(form, RowFormat) and not isinstance(error, Exception):
            heard_s = sum(heard_s for one, heard_s in tally.under_way() if one == recording)
            opened.failure(recording.name, f"interrupted after {heard_s:.2f} s")
        raise
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
