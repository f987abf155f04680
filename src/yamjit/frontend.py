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
        c = self.constants
        count = max(0, 1 + (waveform.size - self.frame_length) // c.hop_length)
        out = np.empty((count, self.patch_shape[1]), np.float32)
        if count:
            self._backend.log_mel(self.constants, waveform, out)
        return out

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
        n_frames, n_mels = front_end.patch_shape
        self._front_end = front_end
        self._hop = hop
        self._level = level
        self._shared = hop % c.hop_length == 0
        self._samples = _Tail(_NO_SAMPLES)
        self._frames = _Tail(np.empty((0, n_mels), np.float32))
        self._done = 0
        self._padding = 0
        self._nothing = Patches(
            0,
            np.empty((0, n_frames, n_mels), np.float32),
            np.empty((0, n_mels), np.float32),
            np.empty(0, np.float64) if level else None,
        )

    @property
    def windows(self) -> int:
        """Number of windows cut so far."""
        return self._done

    @property
    def samples(self) -> int:
        """Number of samples pushed so far, without those that `flush` adds."""
        return self._samples.end - self._padding

    @property
    def needed(self) -> int:
        """Number of samples, counted from the first, that complete the next frame or window."""
        c = self._front_end.constants
        next_frame = self._frames.end * c.hop_length + self._front_end.frame_length
        return min(next_frame, self._done * self._hop + c.window_samples)

    def push(self, samples: Float32) -> Patches:
        """Take more samples; returns what is complete.

        Parameters
        ----------
        samples : np.ndarray [shape=(n,), float32]
        """
        c = self._front_end.constants
        self._samples.append(samples)
        if self._samples.end < self.needed:
            return self._nothing._replace(first=self._done)
        frames = self._front_end.frames(self._samples.since(self._frames.end * c.hop_length))
        self._frames.append(frames)
        patches = self._cut_shared() if self._shared else self._cut_separate()
        found = Patches(self._done, patches, frames, self._levels(len(patches)) if self._level else None)
        self._done += len(patches)
        self._forget()
        return found

    def flush(self, last: Float32 = _NO_SAMPLES) -> Patches:
        """Take the last samples, pad them with zeros and return the rest; the stream must not be used any more."""
        samples, window = self.samples + last.size, self._front_end.constants.window_samples
        total = count_windows(samples, window, self._hop)
        self._padding = max(0, (total - 1) * self._hop + window - samples)
        return self.push(np.concatenate((last, np.zeros(self._padding, np.float32))))

    def _cut_shared(self) -> Float32:
        """Return the next patches as windows on the frames."""
        n_frames = self._front_end.patch_shape[0]
        hop = self._hop // self._front_end.constants.hop_length
        frames = self._frames.since(self._done * hop)
        if len(frames) < n_frames:
            return self._nothing.patches
        return np.lib.stride_tricks.sliding_window_view(frames, n_frames, axis=0)[::hop].transpose(0, 2, 1)

    def _cut_separate(self) -> Float32:
        """Return the next patches, each from the samples of its window."""
        c = self._front_end.constants
        samples = self._samples.since(self._done * self._hop)
        starts = range(0, samples.size - c.window_samples + 1, self._hop)
        patches = [self._front_end.frames(samples[start : start + c.window_samples]) for start in starts]
        return np.stack(patches) if patches else self._nothing.patches

    def _levels(self, count: int) -> npt.NDArray[np.float64]:
        """Return the levels in dBFS of the next `count` windows: of the samples that their frames are made of."""
        between = (self._front_end.patch_shape[0] - 1) * self._front_end.constants.hop_length
        window = self._front_end.frame_length + between
        samples = self._samples.since(self._done * self._hop)
        starts = range(0, count * self._hop, self._hop)
        powers = [np.square(samples[start : start + window], dtype=np.float64).mean() for start in starts]
        silence = 10 ** (SILENCE_DBFS / 10)
        return 10 * np.log10(np.maximum(np.array(powers, np.float64), silence))

    def _forget(self) -> None:
        """Drop the samples and frames that no later frame or window needs."""
        hop_length = self._front_end.constants.hop_length
        next_window = self._done * self._hop
        next_frame = self._frames.end * hop_length
        whole_windows = self._level or not self._shared
        self._samples.drop(min(next_frame, next_window) if whole_windows else next_frame)
        self._frames.drop(next_window // hop_length if self._shared else self._frames.end)

    def __repr__(self) -> str:
        return f"<PatchStream: {self.samples} samples, {self.windows} windows>"


class _Tail:
    """The part that is still needed of an array that grows along its first axis: its end."""

    def __init__(self, empty: Float32) -> None:
        self._start = 0
        self._data = empty
        self._waiting: list[Float32] = []  # joined to the data when it is read
        self.end = 0  # length of the whole array, including what was dropped

    def since(self, start: int) -> Float32:
        """Return the whole array from position `start` on."""
        if self._waiting:
            self._data = np.concatenate((self._data, *self._waiting))
            self._waiting = []
        return self._data[max(0, start - self._start) :]

    def append(self, more: Float32) -> None:
        """Add to the end."""
        self._waiting.append(more.copy())
        self.end += len(more)

    def drop(self, start: int) -> None:
        """Forget what comes before position `start` of the whole array."""
        start = min(max(start, self._start), self.end)
        self._data = self.since(start).copy()
        self._start = start
