"""Patches to windows: what a model hears in each, by its network and calibrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yamjit.calibration import Calibration
from yamjit.frontend import FrontEnd, Patches
from yamjit.network import HeadOutput, Network, NetworkOutput

__all__ = ["Scorer", "Windows"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Windows:
    """What a model hears in windows that follow each other, none or more.

    Parameters
    ----------
    times_s : np.ndarray [shape=(n,), float64]
        Where each window starts, in seconds from the start of the recording.
    window_s : float
        Length of a window, in seconds.
    heads : tuple of HeadOutput
        Scores, calibrated if the model or the caller says how, and logits; one per output of the model that counts.
    embeddings : np.ndarray [shape=(n, size), float32]
        1024 values per window for YAMNet.
    log_mel : np.ndarray [shape=(t, n_mels), float32]
        The frames of the log-mel spectrogram that came with these windows; all windows together have each frame once.
    level_dbfs : np.ndarray [shape=(n,), float64] or None
        Root mean square of each window in dBFS, if it was asked for: -3 for a full-scale sine, -120 for silence.
    channel : int or None
        That was heard, from 0; None for the mean of all.
    """

    times_s: Float64
    window_s: float
    heads: tuple[HeadOutput, ...]
    embeddings: Float32
    log_mel: Float32
    level_dbfs: Float64 | None = None
    channel: int | None = None

    @property
    def scores(self) -> Float32:
        """Scores of the first head, (n, classes) in [0, 1]."""
        return self.heads[0].scores

    @property
    def logits(self) -> Float32:
        """Logits of the first head, (n, classes)."""
        return self.heads[0].logits

    def __len__(self) -> int:
        return len(self.times_s)

    def __repr__(self) -> str:
        if not len(self):
            return "<Windows: none>"
        return f"<Windows: {len(self)}, from {self.times_s[0]:g} s to {self.times_s[-1] + self.window_s:g} s>"


class Scorer:
    """Stretches of audio to windows: a model's front end, network and calibration. Shared by streams and threads.

    Parameters
    ----------
    front_end : FrontEnd
    borrow_network : callable
        Returns a context manager that lends a `Network` nobody else has.
    calibrations : sequence of Calibration or None
        One per head that counts.
    sample_rate : int
        The model's, in Hz.
    heads : sequence of int
        Which of the network's outputs count.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        borrow_network: Callable[[], AbstractContextManager[Network]],
        calibrations: Sequence[Calibration | None],
        sample_rate: int,
        heads: Sequence[int],
    ) -> None:
        self.front_end = front_end
        self.sample_rate = sample_rate
        self._borrow_network = borrow_network
        self._heads = tuple(zip(heads, calibrations, strict=True))
        self._nothing: NetworkOutput | None = None  # of no patches, once it is known

    @property
    def window_s(self) -> float:
        """Length of a window, in seconds."""
        return self.front_end.constants.window_samples / self.sample_rate

    def score(self, stretch: Patches, hop: int, *, start_s: float = 0.0, channel: int | None = None) -> Windows:
        """Run the network over a stretch.

        Parameters
        ----------
        stretch : Patches
        hop : int
            Samples from one window to the next.
        start_s : float
            Time of the first sample of all, in seconds.
        channel : int or None
            That the stretch is of.
        """
        output = self._run(stretch.patches)
        starts = np.arange(stretch.first, stretch.first + len(stretch.patches), dtype=np.float64)
        return Windows(
            times_s=start_s + starts * (hop / self.sample_rate),
            window_s=self.window_s,
            heads=tuple(_calibrated(output.heads[head], calibration) for head, calibration in self._heads),
            embeddings=output.embeddings,
            log_mel=stretch.frames,
            level_dbfs=stretch.level_dbfs,
            channel=channel,
        )

    def _run(self, patches: Float32) -> NetworkOutput:
        if not len(patches) and self._nothing is not None:
            return self._nothing
        with self._borrow_network() as network:
            output = network.run(patches)
        if not len(patches):
            self._nothing = output
        return output

    def prepare(self) -> None:
        """Load or compile what the first window would, in the calling thread."""
        with self._borrow_network() as network:
            network.prepare()


def _calibrated(output: HeadOutput, calibration: Calibration | None) -> HeadOutput:
    return output if calibration is None else HeadOutput(calibration.apply(output.scores), output.logits)
