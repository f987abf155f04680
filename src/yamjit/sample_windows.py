"""Windows of samples as a network takes them that has no front end apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.frontend import FrontEnd

__all__ = ["SampleWindows"]

Float32 = npt.NDArray[np.float32]


class _OneSample(NamedTuple):
    """What `FrontEnd` asks of constants, where each frame is a sample."""

    window_samples: int
    hop_length: int = 1
    frame_length: int = 1

    @property
    def n_frames(self) -> int:
        """Samples of a window."""
        return self.window_samples


class SampleWindows(FrontEnd):
    """Stands for the front end of a network that takes samples: a frame is one sample, as it is.

    Parameters
    ----------
    window_samples : int
        Samples of a window.
    """

    is_log_mel = False

    def __init__(self, window_samples: int) -> None:
        self.constants = _OneSample(window_samples)  # type: ignore[assignment]
        self._set_shape((window_samples, 1), 1)

    def write_frames(self, waveform: Float32, out: Float32) -> None:
        """Copy the first samples, as many as `out` has rows [shape=(n, 1)]."""
        out[:, 0] = waveform[: len(out)]

    def __repr__(self) -> str:
        return f"<SampleWindows: {self.constants.window_samples} samples>"
