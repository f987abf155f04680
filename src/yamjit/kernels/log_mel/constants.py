"""What log-mel frames are computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FrontEndConstants"]


@dataclass(frozen=True, slots=True, eq=False)
class FrontEndConstants:
    """The numbers in a model file that say how a waveform becomes a log-mel patch.

    Parameters
    ----------
    window_samples : int
        Number of samples that one patch is made of.
    hop_length : int
        Number of samples from one frame to the next.
    n_fft : int
        Length of the Fourier transform; frames are padded with zeros to it.
    window : np.ndarray [shape=(frame_length,), float32]
        Factors of the samples of a frame.
    mel_basis : np.ndarray [shape=(n_mels, 1 + n_fft/2), float32]
        Weights of the bins in each band.
    log_offset : np.ndarray [shape=(n_mels,), float32]
        Numbers that are added before the logarithm.
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
