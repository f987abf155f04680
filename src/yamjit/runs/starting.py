"""How the processes of a run are started: where that is safe, as copies of one that has loaded what they all need.

Elsewhere each is a new Python that loads it by itself, for longer than it takes to hear thirty clips.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing import get_context
from typing import TYPE_CHECKING

from yamjit.writing import naming

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

__all__ = ["prepare", "signals_held", "start_context", "start_method"]

#: Modules of the jobs, and what these import when they first hear something; one that is not installed is passed over.
_LOADED = (
    "yamjit.runs.jobs",
    "yamjit.runs.keeping",
    "yamjit.runs.pool",
    "yamjit.runs.spooling",
    "yamjit.classifier",
    "yamjit.audio.opening",
    "yamjit.audio.recorded_at",
    "yamjit.compiled.loading",
    "yamjit.kernels.steps.compiled",
    "yamjit.kernels.log_mel.compiled",
    "yamjit.kernels.machine_code.shipped",
    "yamjit.store.plans",
    "yamjit.tflite.score_transformation",
    "platformdirs.unix",
    "runpy",
    "soundfile",
    "soxr",
)

#: Bytes of the name of the folder of temporary files, below which a socket can have a name.
_MOST_BYTES = 70


def start_context() -> BaseContext:
    """Return what starts processes, once `prepare` is done."""
    prepare()
    return get_context(start_method())


def start_method() -> str:
    """Return the name of the way in which `start_context` starts processes."""
    return "forkserver" if _forks() else "spawn"


def prepare(*modules: str) -> None:
    """Start the process that others are copied from, if there is to be one: it loads what they need meanwhile.

    It finds modules, and further `modules`, where this process does, and none in the working directory. It ends with
    this process.
    """
    if not _forks():
        return
    from multiprocessing import forkserver

    forkserver.set_forkserver_preload([*_LOADED, *modules])
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    with signals_held(), naming(tempfile.gettempdir()), _environment(PYTHONPATH=paths, PYTHONSAFEPATH="1"):
        forkserver.ensure_running()


def _forks() -> bool:
    """Return whether processes can be copied: on macOS, libraries of the system have threads of their own.

    Python before 3.11.1 would look for modules in the working directory, or let other users connect to the process.
    """
    is_safe = sys.platform == "linux" and sys.version_info >= (3, 11, 1) and not sys.flags.ignore_environment
    return is_safe and len(os.fsencode(tempfile.gettempdir())) < _MOST_BYTES


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
            if name in before:
                os.environ[name] = before[name]


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Hold interruptions back until the end, and keep them for good from processes that start: this process ends them.

    A signal that the main thread blocks comes to another one, and Python calls its handler in the main thread.
    """
    came: list[int] = []
    with contextlib.ExitStack() as restored:
        if threading.current_thread() is threading.main_thread():
            restored.callback(_raise_first, came)
            for number in (signal.SIGINT, signal.SIGTERM):
                if callable(signal.getsignal(number)):
                    restored.callback(signal.signal, number, signal.signal(number, lambda one, _: came.append(one)))
        if hasattr(signal, "pthread_sigmask"):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
            restored.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        yield


def _raise_first(came: list[int]) -> None:
    if came:
        signal.raise_signal(came[0])
