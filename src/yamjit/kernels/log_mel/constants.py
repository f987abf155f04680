"""What log-mel frames are computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from yamjit.reprs import brief_repr

__all__ = ["FrontEndConstants"]


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FrontEndConstants:
    """The numbers in a model file that say how a waveform becomes a log-mel patch."""

    #: Number of samples that one patch is made of.
    window_samples: int
    #: Number of samples from one frame to the next.
    hop_length: int
    #: Length of the Fourier transform; frames are padded with zeros to it.
    n_fft: int
    #: Factors of the samples of a frame [shape=(frame_length,)].
    window: npt.NDArray[np.float32]
    #: Weights of the bins in each band [shape=(n_mels, 1 + n_fft/2)].
    mel_basis: npt.NDArray[np.float32]
    #: Numbers that are added before the logarithm [shape=(n_mels,)].
    log_offset: npt.NDArray[np.float32]
    #: Scale of each band's weights, where these are int8 numbers [shape=(n_mels,)]: the magnitudes of each frame are
    #: then quantized as well, as by a hybrid FULLY_CONNECTED. None where the weights are real.
    mel_scale: npt.NDArray[np.float32] | None = None
    #: Whether the patch is not quantized: its logarithms then have the bits of the C library's ``logf``.
    float_patch: bool = False
    #: What `yamjit.kernels.log_mel.packing.make_tables` makes of these numbers, where they come from there.
    tables: npt.NDArray[np.uint8] | None = None

    @property
    def frame_length(self) -> int:
        """Samples of one frame."""
        return int(self.window.size)

    @property
    def n_frames(self) -> int:
        """Frames of one patch."""
        return 1 + (self.window_samples - self.frame_length) // self.hop_length
