"""Backends: what runs programs and computes log-mel frames."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from yamjit.kernels.machine_code.shipped import SharedLibrary
from yamjit.kernels.settings import is_interpreted

if TYPE_CHECKING:
    from yamjit.kernels.log_mel.constants import FrontEndConstants
    from yamjit.kernels.machine_code.loading import LoadedEntry
    from yamjit.kernels.program import Program
    from yamjit.kernels.workspace import PreparedProgram, ResultLayout, Workspace

__all__ = ["AutoBackend", "Backend", "CompiledBackend", "NumbaBackend", "NumpyBackend"]

Float32 = npt.NDArray[np.float32]

#: Work after which compiling pays, since NumPy has taken as long for it: patches of a network, and log-mel frames.
_PATCHES_WORTH_COMPILING = 2800
_FRAMES_WORTH_COMPILING = 96 * 4096


class Backend(Protocol):
    """What computes. Shared by threads; every backend gives the same integers.

    Log-mel frames differ in the last places of the Fourier transform, in double precision.
    """

    def run(
        self,
        program: Program | PreparedProgram,
        workspace: Workspace,
        patches: npt.NDArray[np.generic],
        layout: ResultLayout,
        results: npt.NDArray[np.int8],
        first: int,
        /,
    ) -> None:
        """Run a program over patches, as many at a time as the workspace has room for.

        `patches` [shape=(n, ...)] are what the first step reads, or, where `first` is 1, what it would write: each in
        one piece of memory, which may overlap with that of others. `results` [shape=(n, layout.width)] is filled.
        """

    def log_mel(self, constants: FrontEndConstants, waveform: Float32, out: Float32, /) -> None:
        """Compute the first frames of a waveform, as many as `out` has rows [shape=(t, n_mels), contiguous].

        `waveform` has at least as many samples as the frames cover.
        """

    def is_ready(self) -> bool:
        """Return whether nothing has to be compiled before anything is computed."""


class NumpyBackend:
    """NumPy: slower, with nothing to compile."""

    def __init__(self) -> None:
        from yamjit.kernels.log_mel.numpy import log_mel
        from yamjit.kernels.steps.numpy import run

        self.run, self.log_mel = run, log_mel

    def is_ready(self) -> bool:
        """Return True."""
        return True


class CompiledBackend:
    """The code of a library, which is compiled already; also runs what `prepare` made for its `target`."""

    def __init__(self, library: SharedLibrary) -> None:
        from yamjit.kernels.log_mel import compiled as front_end
        from yamjit.kernels.steps import compiled as network

        self.library, self.target = library, library.target
        run_steps, log_mel = library.entry(network.RUN_STEPS), library.entry(front_end.LOG_MEL)
        self.run = functools.partial(network.run, function=run_steps, target=self.target)
        self.log_mel = functools.partial(front_end.log_mel, kernel=log_mel)

    def is_ready(self) -> bool:
        """Return True."""
        return True


class NumbaBackend:
    """Code for this very processor, loaded from the cache or made by Numba when it is first called.

    Also runs what `prepare` made for its `target`.
    With ``NUMBA_DISABLE_JIT=1`` NumPy computes the frames, since vectors exist in compiled code only.
    """

    def __init__(self) -> None:
        from yamjit.kernels.log_mel import compiled as front_end
        from yamjit.kernels.log_mel import numpy as slow_front_end
        from yamjit.kernels.steps import compiled as network

        self.target = network.numba_target
        self.run, self.log_mel = network.run, slow_front_end.log_mel if is_interpreted() else front_end.log_mel
        self.entry_for, self._int8 = network.entry_for, network.run_int8_steps
        self.log_mel_is_ready = front_end.log_mel_entry.is_ready

    def is_ready(self) -> bool:
        """Load what is in the cache; return whether that is what an int8 network and its front end run."""
        return self._int8.is_ready() and self.log_mel_is_ready()


class AutoBackend:
    """Numba's code where it is compiled; else NumPy first, and Numba once there is enough work to pay for compiling.

    Networks of int8, all others, and the front end turn to compiled code independently of each other.
    """

    def __init__(self) -> None:
        slow, fast = NumpyBackend(), NumbaBackend()
        self._slow, self._fast = slow, fast
        self._runs: dict[LoadedEntry, _Choice] = {}
        self._log_mel = _Choice(slow.log_mel, fast.log_mel, fast.log_mel_is_ready, _FRAMES_WORTH_COMPILING)

    def run(
        self,
        program: Program | PreparedProgram,
        workspace: Workspace,
        patches: npt.NDArray[np.generic],
        layout: ResultLayout,
        results: npt.NDArray[np.int8],
        first: int,
        /,
    ) -> None:
        """Run a program over patches."""
        entry = self._fast.entry_for(program)
        choice = self._runs.get(entry)
        if choice is None:
            new = _Choice(self._slow.run, self._fast.run, entry.is_ready, _PATCHES_WORTH_COMPILING)
            choice = self._runs.setdefault(entry, new)
        for run, part in choice.shares(len(patches), workspace.capacity):
            run(program, workspace, patches[part], layout, results[part], first)

    def log_mel(self, constants: FrontEndConstants, waveform: Float32, out: Float32, /) -> None:
        """Compute log-mel frames."""
        self._log_mel.take(len(out))(constants, waveform, out)

    def is_ready(self) -> bool:
        """Return True: NumPy does what is not compiled."""
        return True


class _Choice:
    """A function of NumPy and its compiled twin: which of them does the next piece of work."""

    def __init__(
        self, slow: Callable[..., None], fast: Callable[..., None], is_ready: Callable[[], bool], worth: float
    ) -> None:
        self._fast, self._is_ready = fast, is_ready
        self._slow, self._left = slow, worth
        self._chosen: Callable[..., None] | None = None

    def shares(self, work: int, least: int) -> Iterator[tuple[Callable[..., None], slice]]:
        """Yield functions and what each does of some work: `least` at a time until it is compiled code, then the rest.

        Work of nothing is done too, since it loads or compiles what is not ready.
        """
        done = 0
        while True:
            run = self.take(min(least, work - done))
            share = work - done if run is self._fast else least
            yield run, slice(done, done + share)
            done += share
            if done >= work:
                return

    def take(self, work: float) -> Callable[..., None]:
        """Return what does the next piece of work, of a size in the unit of what compiling is worth."""
        if self._chosen is None:
            self._chosen = self._fast if self._is_ready() else self._slow
        elif self._left <= 0:
            self._chosen = self._fast
        self._left -= work
        return self._chosen
