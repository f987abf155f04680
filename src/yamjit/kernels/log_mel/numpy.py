"""From a waveform to log-mel frames: what it is computed from, how a backend is chosen, and how NumPy does it."""

from __future__ import annotations

import importlib.util
from typing import Protocol

import numpy as np
import numpy.typing as npt

from yamjit.kernels.machine_code.loading import is_interpreted

__all__ = ["LogMel", "LogMelConstants", "NumpyLogMel", "bands", "load_log_mel"]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

#: Frames after which "auto" turns to Numba: whoever has computed so many has spent on NumPy what compiling takes.
_FRAMES_WORTH_NUMBA = 96 * 4096

#: Frames that NumPy transforms at once: their spectra take 4 MB.
_FRAMES_AT_ONCE = 512


class LogMelConstants(Protocol):
    """What frames are computed from; `yamjit.plan.FrontEndConstants` is one."""

    @property
    def hop_length(self) -> int:
        """Samples from one frame to the next."""

    @property
    def n_fft(self) -> int:
        """Length of the Fourier transform, not less than a frame's."""

    @property
    def window(self) -> Float32:
        """Weights of a frame's samples [shape=(frame_length,)]."""

    @property
    def mel_basis(self) -> Float32:
        """Weights of bins in bands [shape=(n_mels, 1 + n_fft/2)]."""

    @property
    def log_offset(self) -> Float32:
        """Added before the logarithm [shape=(n_mels,)]."""


class LogMel(Protocol):
    """What computes log-mel frames. Shared by threads."""

    def compute(self, waveform: Float32, out: Float32, /) -> None:
        """Compute the first frames of a waveform.

        Parameters
        ----------
        waveform : np.ndarray [shape=(n,), float32, contiguous]
            At least as many samples as the frames cover.
        out : np.ndarray [shape=(t, n_mels), float32, contiguous]
        """


def load_log_mel(backend: str, constants: LogMelConstants) -> LogMel:
    """Return what computes frames.

    The compiled kernel transforms powers of two from 8 on. Other lengths are left to NumPy, and so is everything with
    ``NUMBA_DISABLE_JIT=1``, since vectors exist in compiled code only.

    Parameters
    ----------
    backend : {"auto", "numba", "numpy"}
    constants : LogMelConstants
    """
    if backend == "numpy" or not _is_transformed(constants) or is_interpreted():
        return NumpyLogMel(constants)
    if backend == "auto":
        return _AutoLogMel(constants) if importlib.util.find_spec("numba") is not None else NumpyLogMel(constants)
    from yamjit.kernels.log_mel.tables import NumbaLogMel

    return NumbaLogMel(constants)


def _is_transformed(constants: LogMelConstants) -> bool:
    """Return whether the compiled kernel transforms frames of this length."""
    n_fft = constants.n_fft
    return n_fft >= 8 and n_fft & (n_fft - 1) == 0 and constants.window.size <= n_fft


def bands(mel_basis: Float32) -> tuple[Int64, Int64]:
    """Return the first bin of every band that has a weight, and how many there are from it to the last one."""
    filled = mel_basis != 0
    first = filled.argmax(axis=1)
    end = filled.shape[1] - filled[:, ::-1].argmax(axis=1)
    return first, np.where(filled.any(axis=1), end - first, 0)


class NumpyLogMel:
    """Log-mel frames in NumPy: the twin that the compiled kernel is tested against.

    Parameters
    ----------
    constants : LogMelConstants
    """

    def __init__(self, constants: LogMelConstants) -> None:
        self._constants = constants
        basis = constants.mel_basis
        first, widths = bands(basis)
        taps = np.arange(max(int(widths.max()), 1))
        self._bins = np.minimum(first[:, None] + taps, basis.shape[1] - 1)
        self._weights = np.where(taps < widths[:, None], np.take_along_axis(basis, self._bins, axis=1), np.float32(0))

    def compute(self, waveform: Float32, out: Float32, /) -> None:
        """Compute the first frames of a waveform, as many as `out` has rows."""
        c = self._constants
        if len(out):
            cut = np.lib.stride_tricks.sliding_window_view(waveform, c.window.size)[:: c.hop_length]
            for start in range(0, len(out), _FRAMES_AT_ONCE):
                block = out[start : start + _FRAMES_AT_ONCE]
                self._compute_block(cut[start : start + len(block)], block)

    def _compute_block(self, frames: Float32, out: Float32) -> None:
        """Compute frames [shape=(t, frame_length)] into ``out`` [shape=(t, n_mels)].

        What constants of an odd model let overflow comes out as infinity or NaN, which `Network.run` refuses.
        """
        c = self._constants
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            windowed = (frames * c.window).astype(np.float64)
            spectrum = np.fft.rfft(windowed, c.n_fft).astype(np.complex64)
            magnitude = np.hypot(spectrum.real, spectrum.imag)
            mel = np.zeros_like(out)
            for bins, weights in zip(self._bins.T, self._weights.T, strict=True):
                mel += magnitude[:, bins] * weights
            mel += c.log_offset
            out[...] = np.log(mel.astype(np.float64))


class _AutoLogMel:
    """Numba if that is compiled already; else NumPy for the first frames, and Numba once there are many."""

    def __init__(self, constants: LogMelConstants) -> None:
        self._constants = constants
        self._log_mel: LogMel | None = None
        self._left = _FRAMES_WORTH_NUMBA

    def compute(self, waveform: Float32, out: Float32, /) -> None:
        """Compute frames, and change the backend when it pays."""
        if self._log_mel is None:
            self._log_mel = load_log_mel("numba" if _is_ready() else "numpy", self._constants)
        elif self._left <= 0 and isinstance(self._log_mel, NumpyLogMel):
            self._log_mel = load_log_mel("numba", self._constants)
        self._left -= len(out)
        self._log_mel.compute(waveform, out)


def _is_ready() -> bool:
    """Return whether the compiled kernel can be had without compiling."""
    from yamjit.kernels.log_mel.tables import log_mel

    return log_mel.is_ready()
