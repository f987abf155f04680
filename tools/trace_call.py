"""Which files of yamjit a warm ``classify(path).top(1)`` enters: ``python -m tools.trace_call [MODEL]``.

The call is made twice, and the second one traced. Calls of libraries are not shown; what a library calls back counts as
called by the frame of yamjit below it. A call goes up if the caller's file lies on a lower storey of the ladder of
imports than the file that is called, see `tests.house.test_layering`. What a decorator of ``deprecation.py`` or
``keywords.py`` hands on counts as called by its caller.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import yamjit
from tests.house.test_layering import STOREYS, room
from yamjit.kernels import BACKENDS

#: Decorators, which are on the stack where the ladder has the function that they decorate, and count as part of it.
_DECORATORS = {"deprecation.py", "keywords.py"}

_PACKAGE = Path(yamjit.__file__).resolve().parent

RECORDING = Path(__file__).resolve().parents[1] / "examples" / "siren.flac"


class Entry(NamedTuple):
    """A call of a function of yamjit, or a generator that goes on.

    Parameters
    ----------
    file, function : str
        What is called; the file within the package.
    caller, caller_function : str
        The nearest frame of yamjit below; empty for what is called from outside.
    """

    file: str
    function: str
    caller: str
    caller_function: str

    @property
    def is_up(self) -> bool:
        """Whether the file that is called lies on a higher storey than the caller's."""
        return bool(self.caller) and _storey(self.file) > _storey(self.caller)


def _storey(file: str) -> int:
    return STOREYS[room(Path(file))]


def trace(call: Callable[[], Any]) -> list[Entry]:
    """Return what a call enters in this thread, in order."""
    entries: list[Entry] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        file = _own_file(frame)
        if event == "call" and file not in {"", *_DECORATORS}:
            caller = frame.f_back
            while caller is not None and _own_file(caller) in {"", *_DECORATORS}:
                caller = caller.f_back
            below = ("", "") if caller is None else (_own_file(caller), caller.f_code.co_name)
            entries.append(Entry(file, frame.f_code.co_name, *below))

    before = sys.getprofile()
    gc.collect()
    gc.disable()  # what it would finish belongs to other calls
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
        gc.enable()
    return entries


def _own_file(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return path.relative_to(_PACKAGE).as_posix() if path.is_relative_to(_PACKAGE) else ""


def trace_classify(model: str | None = None, backend: str = "auto") -> list[Entry]:
    """Return what a warm ``classify(path).top(1)`` enters."""
    classifier = yamjit.load(model, backend=backend)
    classifier.classify(RECORDING).top(1)
    return trace(lambda: classifier.classify(RECORDING).top(1))


def rooms(entries: list[Entry]) -> set[str]:
    """Return the places on the ladder of imports, modules and packages, that are entered."""
    return {room(Path(entry.file)) for entry in entries}


def report(entries: list[Entry]) -> str:
    """Return the files in the order in which they are first entered, and the calls that go up."""
    calls = Counter(entry.file for entry in entries)
    changes = sum(one.file != other.file for one, other in itertools.pairwise(entries))
    upwards = Counter(entry for entry in entries if entry.is_up)
    lines = [f"{file:32}{count:6}" for file, count in calls.items()]
    entered = f"{len(calls)} files in {len(rooms(entries))} rooms, {len(entries)} calls, {changes} changes of file"
    lines += [f"{entered}, calls up: {sum(upwards.values())}"]
    lines += [f"up: {caller} {by} -> {file} {name}: {n}" for (file, name, caller, by), n in upwards.items()]
    return "\n".join(lines)


def main() -> None:
    """Trace and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="path of the model, or 'starter' (default: the one yamjit.load finds)")
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="what computes (default: auto)")
    args = parser.parse_args()
    print(report(trace_classify(args.model, args.backend)))


if __name__ == "__main__":
    main()
