"""Log-mel frames in NumPy: the twin that the compiled kernel is tested against."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from yamjit.kernels.float32.functions import log as logf
from yamjit.kernels.hybrid.numpy import quantize_rows
from yamjit.kernels.log_mel.constants import FrontEndConstants

__all__ = ["bands", "log_mel"]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

#: Frames that are transformed at once: their spectra take 4 MB.
_FRAMES_AT_ONCE = 512


def log_mel(constants: FrontEndConstants, waveform: Float32, out: Float32) -> None:
    """Compute the first frames of a waveform, as many as `out` has rows [shape=(t, n_mels), contiguous].

    The waveform has at least as many samples as the frames cover.
    """
    if len(out):
        cut = np.lib.stride_tricks.sliding_window_view(waveform, constants.window.size)[:: constants.hop_length]
        for start in range(0, len(out), _FRAMES_AT_ONCE):
            block = out[start : start + _FRAMES_AT_ONCE]
            _compute_block(constants, cut[start : start + len(block)], block)


def _compute_block(constants: FrontEndConstants, frames: Float32, out: Float32) -> None:
    """Compute frames [shape=(t, frame_length)] into ``out`` [shape=(t, n_mels)].

    What constants of an odd model let overflow comes out as infinity or NaN, which `Network.run` refuses.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        windowed = (frames * constants.window).astype(np.float64)
        spectrum = np.fft.rfft(windowed, constants.n_fft).astype(np.complex64)
        magnitude = np.hypot(spectrum.real, spectrum.imag)
        if constants.mel_scale is None:
            mel = _band_sums(constants, magnitude)
        else:
            # Sums of products of int8 numbers, each of which is exact in float32.
            quantized = quantize_rows(magnitude, symmetric=False)
            mel = _band_sums(constants, quantized.values.astype(np.float32))
            mel *= constants.mel_scale * quantized.scale
        mel += constants.log_offset
        out[...] = logf(mel) if constants.float_patch else np.log(mel.astype(np.float64))


def _band_sums(constants: FrontEndConstants, magnitude: Float32) -> Float32:
    """Return weighted sums of magnitudes [shape=(t, 1 + n_fft/2)], one for every band [shape=(t, n_mels)]."""
    sums = np.zeros((len(magnitude), len(constants.mel_basis)), np.float32)
    for bins, weights in _taps(constants):
        sums += magnitude[:, bins] * weights
    return sums


@lru_cache(maxsize=8)
def _taps(constants: FrontEndConstants) -> tuple[tuple[Int64, Float32], ...]:
    """Return the first bin of every band and its weight, then the second of every band, and so on."""
    basis = constants.mel_basis
    first, widths = bands(basis)
    taps = np.arange(max(int(widths.max()), 1))
    bins = np.minimum(first[:, None] + taps, basis.shape[1] - 1)
    weights = np.where(taps < widths[:, None], np.take_along_axis(basis, bins, axis=1), np.float32(0))
    return tuple(zip(bins.T, weights.T, strict=True))


def bands(mel_basis: Float32) -> tuple[Int64, Int64]:
    """Return the first bin of every band that has a weight, and how many there are from it to the last one."""
    filled = mel_basis != 0
    first = filled.argmax(axis=1)
    end = filled.shape[1] - filled[:, ::-1].argmax(axis=1)
    return first, np.where(filled.any(axis=1), end - first, 0)
