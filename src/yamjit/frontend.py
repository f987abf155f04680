"""Waveform to log-mel frames to patches: what a model's operators before QUANTIZE compute.

Frames are cut, multiplied by the window, Fourier-transformed in double precision and rounded to single; then come
magnitude, mel sums and logarithm, as TFLite's reference kernels compute them: products are summed in float32, bin after
bin. Every frame depends on its own samples only, and no operation depends on how many frames are computed at once, so
blocks of any size give the bits of the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from yamjit.errors import InputError
from yamjit.kernels import load_backend
from yamjit.reprs import brief_repr

if TYPE_CHECKING:
    import numpy.typing as npt

    from yamjit.kernels import Backend
    from yamjit.plan import FrontEndConstants

    Float32 = npt.NDArray[np.float32]

__all__ = ["SILENCE_DBFS", "FrontEnd", "PatchStream", "Patches", "count_windows"]

#: The lowest level that is reported, in dBFS: digital silence has no logarithm.
SILENCE_DBFS = -120.0

_NO_SAMPLES = np.empty(0, np.float32)
_NO_LEVELS = np.empty(0, np.float64)


class FrontEnd:
    """The log-mel front end of a model. Immutable, shared by threads.

    Parameters
    ----------
    constants : FrontEndConstants
        Constants of the model.
    backend : {"auto", "compiled", "numba", "numpy"} or Backend
        What computes the frames. Backends differ in the last places of the Fourier transform, in double precision.

    Attributes
    ----------
    patch_shape : (int, int)
        Frames of a patch, and bands of the mel spectrogram.
    frame_length : int
        Samples of one frame.
    """

    def __init__(self, constants: FrontEndConstants, backend: str | Backend = "numpy") -> None:
        self.constants = constants
        self.patch_shape = constants.n_frames, len(constants.mel_basis)
        self.frame_length = constants.frame_length
        self._backend = load_backend(backend) if isinstance(backend, str) else backend
        self._no_frames = np.empty((0, self.patch_shape[1]), np.float32)
        self._no_patches = np.empty((0, *self.patch_shape), np.float32)

    def nothing(self, first: int, *, level: bool) -> Patches:
        """Return no patches and no frames, `first` windows after the start."""
        return Patches(first, self._no_patches, self._no_frames, _NO_LEVELS if level else None)

    def count(self, samples: int) -> int:
        """Return the number of whole frames in so many samples."""
        return 1 + (samples - self.frame_length) // self.constants.hop_length if samples >= self.frame_length else 0

    def frames(self, waveform: Float32) -> Float32:
        """Return the log-mel spectrogram of whole frames.

        Parameters
        ----------
        waveform : np.ndarray [shape=(n,), float32]
            Samples at the sample rate of the model.

        Returns
        -------
        np.ndarray [shape=(t, n_mels), float32]
            Natural logarithms; ``t = 1 + (n - frame_length) // hop_length``, 0 where `n` is less than a frame.
        """
        out = np.empty((self.count(waveform.size), self.patch_shape[1]), np.float32)
        self.write_frames(waveform, out)
        return out

    def write_frames(self, waveform: Float32, out: Float32) -> None:
        """Write the first frames of a waveform, as many as `out` has rows [shape=(t, n_mels), contiguous]."""
        if len(out):
            self._backend.log_mel(self.constants, waveform, out)

    def __repr__(self) -> str:
        return f"<FrontEnd: patches {self.patch_shape}, frames of {self.frame_length} samples>"


@brief_repr
class Patches(NamedTuple):
    """Patches and frames that a block of audio completes.

    Parameters
    ----------
    first : int
        Number of windows before these.
    patches : np.ndarray [shape=(n, n_frames, n_mels), float32]
        Patch of each window.
    frames : np.ndarray [shape=(t, n_mels), float32]
        The log-mel spectrogram, each frame once.
    level_dbfs : np.ndarray [shape=(n,), float64] or None
        Root mean square of each window, if it was asked for: -3 dBFS for a full-scale sine, `SILENCE_DBFS` for silence.
    """

    first: int
    patches: Float32
    frames: Float32
    level_dbfs: npt.NDArray[np.float64] | None = None

    @property
    def empty(self) -> bool:
        """Whether there are neither patches nor frames."""
        return not (len(self.frames) or len(self.patches))


def count_windows(samples: int, window: int, hop: int) -> int:
    """Return how many windows cover `samples` samples: at least one, the last one padded with zeros.

    The original YAMNet pads in the same way, to ``window + k * hop`` samples. No window starts after the last sample.
    """
    if samples <= window:
        return 1
    return min(1 + -(-(samples - window) // hop), -(-samples // hop))


class PatchStream:
    """Cuts a waveform that arrives in blocks into patches; any blocks give the same bits.

    Parameters
    ----------
    front_end : FrontEnd
    hop : int > 0
        Number of samples from one window to the next. Where it is a multiple of the hop of frames, windows share
        frames; otherwise each window has frames of its own.
    level : bool
        Whether to compute the level of each window.
    """

    def __init__(self, front_end: FrontEnd, hop: int, *, level: bool = False) -> None:
        if hop < 1:
            raise InputError(f"a hop of at least one sample is accepted, found {hop}")
        c = front_end.constants
        self._front_end = front_end
        self._hop, self._frame_hop, self._window = hop, c.hop_length, c.window_samples
        self._level = level
        self._shared = hop % c.hop_length == 0
        self._hop_frames = hop // c.hop_length
        self._held, self._held_from = _NO_SAMPLES, 0  # samples that are still needed, and the number of the first
        self._next_frame = 0  # number of the sample with which the next frame begins
        self._rows = _Rows(front_end.patch_shape[1])
        self._done = 0
        self._padding = 0
        #: Number of samples, counted from the first, that complete the next frame or window.
        self.needed = min(front_end.frame_length, c.window_samples)

    @property
    def windows(self) -> int:
        """Number of windows cut so far."""
        return self._done

    @property
    def samples(self) -> int:
        """Number of samples pushed so far, without those that `flush` adds."""
        return self._held_from + self._held.size - self._padding

    def push(self, samples: Float32) -> Patches:
        """Take more samples; returns what is complete.

        Parameters
        ----------
        samples : np.ndarray [shape=(n,), float32]
        """
        if self._held.size:
            samples = np.concatenate((self._held, samples))
        if self._held_from + samples.size < self.needed:
            self._held = samples.copy()
            return self._nothing()
        waveform = samples[self._next_frame - self._held_from :]
        done = self._done
        needed_row = done * self._hop_frames if self._shared else self._rows.end
        frames = self._rows.add(self._front_end.count(waveform.size), needed_row)
        self._front_end.write_frames(waveform, frames)
        self._next_frame += len(frames) * self._frame_hop
        patches = self._cut_shared() if self._shared else self._cut_separate(samples)
        levels = self._levels(samples, len(patches)) if self._level else None
        self._done = done + len(patches)
        self._keep(samples)
        return Patches(done, patches, frames, levels)

    def flush(self, last: Float32 = _NO_SAMPLES) -> Patches:
        """Take the last samples, pad them with zeros and return the rest; the stream must not be used any more."""
        samples = self.samples + last.size
        total = count_windows(samples, self._window, self._hop)
        self._padding = max(0, (total - 1) * self._hop + self._window - samples)
        padded = np.concatenate((last, np.zeros(self._padding, np.float32))) if self._padding else last
        return self.push(padded) if padded.size else self._nothing()

    def _nothing(self) -> Patches:
        return self._front_end.nothing(self._done, level=self._level)

    def _keep(self, samples: Float32) -> None:
        """Keep those of the samples, which are all that are held, that a later frame or window needs."""
        next_window = self._done * self._hop
        self.needed = min(self._next_frame + self._front_end.frame_length, next_window + self._window)
        start = min(self._next_frame, next_window) if self._level or not self._shared else self._next_frame
        start = min(start - self._held_from, samples.size)
        self._held = samples[start:].copy()
        self._held_from += start

    def _cut_shared(self) -> Float32:
        """Return the next patches as windows on the frames."""
        first, n_frames = self._done * self._hop_frames, self._front_end.patch_shape[0]
        count = 1 + (self._rows.end - first - n_frames) // self._hop_frames
        return self._rows.windows(first, n_frames, self._hop_frames, count) if count > 0 else self._nothing().patches

    def _cut_separate(self, samples: Float32) -> Float32:
        """Return the next patches, each from the samples of its window; `samples` are those that are held."""
        window = self._window
        starts = range(self._done * self._hop - self._held_from, samples.size - window + 1, self._hop)
        patches = np.empty((len(starts), *self._front_end.patch_shape), np.float32)
        for start, patch in zip(starts, patches, strict=True):
            self._front_end.write_frames(samples[start : start + window], patch)
        return patches

    def _levels(self, samples: Float32, count: int) -> npt.NDArray[np.float64]:
        """Return the levels in dBFS of the next `count` windows: of the samples that their frames are made of."""
        between = (self._front_end.patch_shape[0] - 1) * self._frame_hop
        window = self._front_end.frame_length + between
        first = self._done * self._hop - self._held_from
        starts = range(first, first + count * self._hop, self._hop)
        powers = [np.square(samples[start : start + window], dtype=np.float64).mean() for start in starts]
        silence = 10 ** (SILENCE_DBFS / 10)
        return 10 * np.log10(np.maximum(np.array(powers, np.float64), silence))

    def __repr__(self) -> str:
        return f"<PatchStream: {self.samples} samples, {self.windows} windows>"


class _Rows:
    """Rows of an array that grows at its end, of which the last are kept.

    Memory is written once: what was handed out stays as it is.
    """

    def __init__(self, columns: int) -> None:
        self._memory = np.empty((0, columns), np.float32)
        self._size = self._used = 0  # rows of memory, and those that are written
        self.end = 0  # number of rows, including those that were dropped

    def add(self, count: int, needed: int) -> Float32:
        """Return new rows, to be written at once; those before number `needed` may be dropped."""
        used = self._used
        if used + count > self._size:
            kept = self._memory[used - max(0, self.end - needed) : used]
            used = len(kept)
            # At least as much again as is kept: rows that come one at a time are seldom moved.
            self._size = used + max(count, used)
            self._memory = np.empty((self._size, kept.shape[1]), np.float32)
            self._memory[:used] = kept
        self._used = used + count
        self.end += count
        return self._memory[used : used + count]

    def windows(self, start: int, length: int, hop: int, count: int) -> Float32:
        """Return `count` windows of `length` rows, `hop` rows apart, the first of which begins at row `start`."""
        stride, column = self._memory.strides
        offset = (start - self.end + self._used) * stride
        shape = (count, length, self._memory.shape[1])
        return np.ndarray(shape, np.float32, self._memory, offset, (hop * stride, stride, column))
