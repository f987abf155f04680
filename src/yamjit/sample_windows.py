"""Windows of samples as a network takes them that has no front end apart; and log-mel frames, if it gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.frontend import FrontEnd
from yamjit.plan import LogMel

__all__ = ["NetworkFrames", "SampleWindows"]

Float32 = npt.NDArray[np.float32]


class _Framing(NamedTuple):
    """What `FrontEnd` asks of constants; a sample is a frame, unless said otherwise."""

    window_samples: int
    hop_length: int = 1
    frame_length: int = 1

    @property
    def n_frames(self) -> int:
        """Frames of a window."""
        return 1 + (self.window_samples - self.frame_length) // self.hop_length


class SampleWindows(FrontEnd):
    """Stands for the front end of a network that takes samples: a frame is one sample, as it is.

    Parameters
    ----------
    window_samples : int
        Samples of a window.
    """

    is_log_mel = False

    def __init__(self, window_samples: int) -> None:
        self.constants = _Framing(window_samples)  # type: ignore[assignment]
        self._set_shape((window_samples, 1), 1)

    def write_frames(self, waveform: Float32, out: Float32) -> None:
        """Copy the first samples, as many as `out` has rows [shape=(n, 1)]."""
        out[:, 0] = waveform[: len(out)]

    def __repr__(self) -> str:
        return f"<SampleWindows: {self.constants.window_samples} samples>"


class NetworkFrames(FrontEnd):
    """Stands for the front end of a network that takes samples, and gives log-mel frames as an output.

    Each frame depends on its own samples alone: windows that begin with any frame give the same.

    Parameters
    ----------
    log_mel : LogMel
    window_samples : int
        Samples of a window.
    compute : callable
        What the network makes of windows [shape=(n, window_samples), float32]: log-mel frames, in any shape.
    """

    def __init__(self, log_mel: LogMel, window_samples: int, compute: Callable[[Float32], Float32]) -> None:
        self.constants = _Framing(window_samples, log_mel.hop_length, log_mel.frame_length)  # type: ignore[assignment]
        self._set_shape(log_mel.shape, log_mel.frame_length)
        self._compute = compute

    def write_frames(self, waveform: Float32, out: Float32) -> None:
        """Write the first frames of a waveform, as many as `out` has rows [shape=(t, n_mels), contiguous]."""
        n_frames, n_mels = self.patch_shape
        pace, window = n_frames * self.constants.hop_length, self.constants.window_samples
        windows = np.zeros((-(-len(out) // n_frames), window), np.float32)
        for number, row in enumerate(windows):
            samples = waveform[number * pace :][:window]
            row[: samples.size] = samples
        out[:] = self._compute(windows).reshape(-1, n_mels)[: len(out)]

    def __repr__(self) -> str:
        return f"<NetworkFrames: {self.patch_shape}, frames of {self.frame_length} samples>"
