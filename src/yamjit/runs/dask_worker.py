"""What workers of Dask do: they have the job of a run once each, and are sent recordings."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker

from yamjit.disk import is_address
from yamjit.errors import ClusterError
from yamjit.runs.keeping import Keeping
from yamjit.runs.outcome import Outcome, attempt
from yamjit.runs.settling import finish
from yamjit.spec import own_version

if TYPE_CHECKING:
    from yamjit.runs.inputs import Recording

__all__ = ["JobPlugin", "QuietPlugin", "hear", "load"]

#: One job at a time, whatever number of threads a worker has: what settles is counted for a whole process.
_one = threading.Lock()

_SHARE = "all workers need the file system of who runs it, or recordings and results in an object store"


class JobPlugin(WorkerPlugin):  # type: ignore[misc]
    """The job of a run, model and all, with a digest of it as its `name`, for workers that are there or come later.

    Relative paths begin at `here`, the working directory of who runs it.
    """

    def __init__(self, job: Callable[[Recording], Any], here: str) -> None:
        self._data = pickle.dumps(job)
        self._version = own_version()
        self._here = here
        self._job: Callable[[Recording], Any] | None = None
        self._is_checked = False
        self.name = f"yamjit-{self._digest()}-{os.urandom(4).hex()}"

    def _digest(self) -> str:
        return hashlib.sha256(self._data).hexdigest()

    def do(self, bundle: Sequence[Recording]) -> list[Outcome[Any]]:
        """Do the job for some recordings; a `ClusterError` says why it cannot be done here."""
        self._check()
        with self._paths(bundle):
            try:
                return [attempt(lambda one: self._loaded()(one), recording) for recording in bundle]
            finally:
                finish()

    def load(self) -> None:
        """Load the job, if there is enough memory for it."""
        self._check()
        with self._paths([]), contextlib.suppress(MemoryError):
            self._loaded()

    def _check(self) -> None:
        if self._is_checked:
            return
        if self._version != own_version():
            raise ClusterError(
                f"the worker {_address()} has yamjit {own_version()}, and the run is of {self._version}: "
                "the same is needed everywhere"
            )
        if self._digest() != self.name.split("-")[1]:
            raise ClusterError(f"the worker {_address()} has a damaged copy of the model")
        self._is_checked = True

    def _loaded(self) -> Callable[[Recording], Any]:
        if self._job is None:  # loading it may fail for lack of memory, as the job itself may
            job = pickle.loads(self._data)  # noqa: S301 - who may send jobs may run anything
            folder = job.unseen_folder() if isinstance(job, Keeping) else None
            if folder is not None:
                raise ClusterError(f"the worker {_address()} does not see the folder of results {folder!r}: {_SHARE}")
            self._job = job
        return self._job

    @contextlib.contextmanager
    def _paths(self, bundle: Sequence[Recording]) -> Iterator[None]:
        """Have relative paths begin where the run was started."""
        before = os.getcwd()  # noqa: PTH109
        try:
            os.chdir(self._here)
        except OSError as error:
            if any(not (os.path.isabs(one.name) or is_address(one.name)) for one in bundle):  # noqa: PTH117
                told = f"does not have the folder {self._here!r}, in which the run was started"
                raise ClusterError(f"the worker {_address()} {told}: {_SHARE}") from error
        try:
            yield
        finally:
            os.chdir(before)


class QuietPlugin(WorkerPlugin):  # type: ignore[misc]
    """Has a worker of this machine leave Ctrl-C to the process that ends it."""

    name = "yamjit-quiet"

    def setup(self, worker: Any) -> None:
        """Ignore the signal, in the main thread of the worker."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def hear(name: str, bundle: Sequence[Recording]) -> list[Outcome[Any]]:
    """In a worker, do the job of a name for some recordings."""
    with _one:
        return _plugin(name).do(bundle)


def load(name: str) -> str:
    """In a worker, load the job of a name; return the worker's address."""
    with _one:
        _plugin(name).load()
    return _address()


def _plugin(name: str) -> JobPlugin:
    plugin: JobPlugin | None = get_worker().plugins.get(name)
    if plugin is None:
        raise ClusterError(f"the worker {_address()} has not been given the model")
    return plugin


def _address() -> str:
    return str(get_worker().address)
