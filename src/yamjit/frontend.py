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
    from collections.abc import Sequence

    import numpy.typing as npt

    from yamjit.kernels import Backend
    from yamjit.plan import FrontEndConstants

    Float32 = npt.NDArray[np.float32]

__all__ = ["SILENCE_DBFS", "Cut", "FrontEnd", "PatchStream", "Patches", "count_windows"]

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
    is_log_mel : bool
        Whether frames are those of a log-mel spectrogram, and not samples as they are.
    """

    is_log_mel = True

    def __init__(self, constants: FrontEndConstants, backend: str | Backend = "numpy") -> None:
        self.constants = constants
        self._set_shape((constants.n_frames, len(constants.mel_basis)), constants.frame_length)
        self._backend = load_backend(backend) if isinstance(backend, str) else backend

    def _set_shape(self, patch_shape: tuple[int, int], frame_length: int) -> None:
        self.patch_shape, self.frame_length = patch_shape, frame_length
        self._no_frames = np.empty((0, self.patch_shape[1]), np.float32)
        self.no_patches = np.empty((0, *self.patch_shape), np.float32)

    def nothing(self, first: int, *, level: bool) -> Patches:
        """Return no patches and no frames, `first` windows after the start."""
        return Patches(first, self.no_patches, self._no_frames, _NO_LEVELS if level else None)

    def count(self, samples: int) -> int:
        """Return how many whole frames there are in a number of samples."""
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


class Cut(NamedTuple):
    """What a block of audio completes, before its frames are computed, which any thread may do.

    Parameters
    ----------
    front_end : FrontEnd
    waveforms : sequence of (np.ndarray, np.ndarray)
        Samples, and the rows that their frames are written to.
    heard : sequence of np.ndarray or None
        Samples of each window, if levels are wanted.
    unwritten : Patches
        What `patches` returns, without its values.
    """

    front_end: FrontEnd
    waveforms: Sequence[tuple[Float32, Float32]]
    heard: Sequence[Float32] | None
    unwritten: Patches

    @property
    def empty(self) -> bool:
        """Whether there are neither patches nor frames."""
        return self.unwritten.empty

    def patches(self) -> Patches:
        """Compute frames and levels; once."""
        for waveform, rows in self.waveforms:
            self.front_end.write_frames(waveform, rows)
        if self.heard is None:
            return self.unwritten
        return self.unwritten._replace(level_dbfs=_levels(self.heard))


def _levels(windows: Sequence[Float32]) -> npt.NDArray[np.float64]:
    """Return the level of each window in dBFS."""
    powers = [np.square(samples, dtype=np.float64).mean() for samples in windows]
    silence = 10 ** (SILENCE_DBFS / 10)
    return 10 * np.log10(np.maximum(np.array(powers, np.float64), silence))


def count_windows(samples: int, window: int, hop: int, *, original: bool = False) -> int:
    """Return how many windows cover `samples` samples: at least one, the last one padded with zeros.

    No window starts after the last sample. The `original` YAMNet pads in the same way, to ``window + k * hop`` samples,
    but computes `k` in float32, with a factor that is a little more than 1 / 7,680.
    """
    if original:
        beyond = np.float32(max(samples - window, 0)) * np.float32(1 / hop)
        return 1 + int(np.ceil(beyond))
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
    apart : bool
        Whether each block has all its frames in memory of its own, so that several threads may compute what `cut`
        returns. Frames that windows of two blocks share are then computed for both.
    original : bool
        Whether the end is padded as by the original YAMNet, see `count_windows`.
    """

    def __init__(
        self, front_end: FrontEnd, hop: int, *, level: bool = False, apart: bool = False, original: bool = False
    ) -> None:
        if hop < 1:
            raise InputError(f"a hop of at least one sample is accepted, found {hop}")
        c = front_end.constants
        self._front_end = front_end
        self._hop, self._frame_hop, self._window = hop, c.hop_length, c.window_samples
        self._level, self._apart, self._original = level, apart, original
        self._shared = hop % c.hop_length == 0
        self._hop_frames = hop // c.hop_length
        self._whole = level or apart or not self._shared  # whether samples are held from the next window on
        #: Samples of a window that its frames are made of.
        self._heard = front_end.frame_length + (c.n_frames - 1) * c.hop_length
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
        return self.cut(samples).patches()

    def cut(self, *samples: Float32) -> Cut:
        """Do the same with parts that follow each other, and leave it to the caller, or another thread, to compute it.

        Unless blocks are apart, each is computed before the next one is cut.
        """
        parts = (self._held, *samples) if self._held.size or not samples else samples
        return self._cut(parts[0] if len(parts) == 1 else np.concatenate(parts))

    def _cut(self, samples: Float32) -> Cut:
        """Cut samples that begin with those that are held."""
        if self._held_from + samples.size < self.needed:
            self._held = samples.copy()
            return Cut(self._front_end, (), None, self._nothing())
        done, came = self._done, self._next_frame // self._frame_hop
        needed_row = done * self._hop_frames if self._shared else came
        row = came
        if self._apart:
            row = min(came, needed_row)
            self._rows = _Rows(self._front_end.patch_shape[1], row)
        waveform = samples[row * self._frame_hop - self._held_from :]
        rows = self._rows.add(self._front_end.count(waveform.size), needed_row)
        self._next_frame = (row + len(rows)) * self._frame_hop
        waveforms = [(waveform, rows)]
        if self._shared:
            patches = self._shared_patches()
        else:
            count = 1 + (samples.size + self._held_from - done * self._hop - self._window) // self._hop
            patches = np.empty((max(0, count), *self._front_end.patch_shape), np.float32)
            waveforms += zip(self._windows(samples, self._window, count), patches, strict=True)
        heard = self._windows(samples, self._heard, len(patches)) if self._level else None
        self._done = done + len(patches)
        self._keep(samples)
        return Cut(self._front_end, waveforms, heard, Patches(done, patches, rows[came - row :]))

    def flush(self, last: Float32 = _NO_SAMPLES) -> Patches:
        """Take the last samples, pad them with zeros and return the rest; the stream must not be used any more."""
        zeros = self.padding(last.size)
        return self.push(np.concatenate((last, zeros)) if zeros.size else last)

    def padding(self, more: int = 0) -> Float32:
        """Return the zeros that follow the last samples, of which `more` are still to come; they are not counted."""
        samples = self.samples + more
        total = count_windows(samples, self._window, self._hop, original=self._original)
        self._padding = max(0, (total - 1) * self._hop + self._window - samples)
        return np.zeros(self._padding, np.float32)

    def _nothing(self) -> Patches:
        return self._front_end.nothing(self._done, level=self._level)

    def _keep(self, samples: Float32) -> None:
        """Keep those of the samples, which are all that are held, that a later frame or window needs."""
        next_window = self._done * self._hop
        self.needed = min(self._next_frame + self._front_end.frame_length, next_window + self._window)
        start = min(self._next_frame, next_window) if self._whole else self._next_frame
        start = min(start - self._held_from, samples.size)
        self._held = samples[start:].copy()
        self._held_from += start

    def _shared_patches(self) -> Float32:
        """Return the next patches as windows on the frames."""
        first, n_frames = self._done * self._hop_frames, self._front_end.patch_shape[0]
        count = 1 + (self._rows.end - first - n_frames) // self._hop_frames
        if count < 1:
            return self._front_end.no_patches
        return self._rows.windows(first, n_frames, self._hop_frames, count)

    def _windows(self, samples: Float32, length: int, count: int) -> list[Float32]:
        """Return the first `length` samples of each of the next windows; `samples` are those that are held."""
        first = self._done * self._hop - self._held_from
        return [samples[start : start + length] for start in range(first, first + count * self._hop, self._hop)]

    def __repr__(self) -> str:
        return f"<PatchStream: {self.samples} samples, {self.windows} windows>"


class _Rows:
    """Rows of an array that grows at its end, of which the last are kept.

    Memory is written once: what was handed out stays as it is.
    """

    def __init__(self, columns: int, end: int = 0) -> None:
        self._memory = np.empty((0, columns), np.float32)
        self._size = self._used = 0  # rows of memory, and those that are written
        self.end = end  # number of rows, including those that were dropped

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
