"""What log-mel frames are computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FrontEndConstants"]


@dataclass(frozen=True, slots=True, eq=False)
class FrontEndConstants:
    """What the file says about the way from a waveform to a log-mel patch.

    Parameters
    ----------
    window_samples : int
        Samples that one patch is made of.
    hop_length : int
        Samples from one frame to the next.
    n_fft : int
        Length of the Fourier transform; frames are padded with zeros to it.
    window : np.ndarray [shape=(frame_length,), float32]
    mel_basis : np.ndarray [shape=(n_mels, 1 + n_fft/2), float32]
    log_offset : np.ndarray [shape=(n_mels,), float32]
        Added before the logarithm.
    """

    window_samples: int
    hop_length: int
    n_fft: int
    window: npt.NDArray[np.float32]
    mel_basis: npt.NDArray[np.float32]
    log_offset: npt.NDArray[np.float32]

    @property
    def frame_length(self) -> int:
        """Samples of one frame."""
        return int(self.window.size)

    @property
    def n_frames(self) -> int:
        """Frames of one patch."""
        return 1 + (self.window_samples - self.frame_length) // self.hop_length
