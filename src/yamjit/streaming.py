"""Windows as they come: audio pushed in blocks of any size, scores of every window that is complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio import PushedAudio
from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.frontend import FrontEnd, Patches, PatchStream
from yamjit.network import HeadOutput, Network, NetworkOutput

__all__ = ["Scorer", "Stream", "Windows"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Windows:
    """What a model hears in windows that follow each other, none or more.

    Parameters
    ----------
    times_s : np.ndarray [shape=(n,), float64]
        Where each window starts, in seconds from the start of the recording.
    window_s : float
        Length of a window, in seconds.
    heads : tuple of HeadOutput
        Scores, calibrated if the model or the caller says how, and logits; one per output of the model that counts.
    embeddings : np.ndarray [shape=(n, size), float32]
        1024 values per window for YAMNet.
    log_mel : np.ndarray [shape=(t, n_mels), float32]
        The frames of the log-mel spectrogram that came with these windows; all windows together have each frame once.
    level_dbfs : np.ndarray [shape=(n,), float64] or None
        Root mean square of each window in dBFS, if it was asked for: -3 for a full-scale sine, -120 for silence.
    channel : int or None
        That was heard, from 0; None for the mean of all.
    """

    times_s: Float64
    window_s: float
    heads: tuple[HeadOutput, ...]
    embeddings: Float32
    log_mel: Float32
    level_dbfs: Float64 | None = None
    channel: int | None = None

    @property
    def scores(self) -> Float32:
        """Scores of the first head, (n, classes) in [0, 1]."""
        return self.heads[0].scores

    @property
    def logits(self) -> Float32:
        """Logits of the first head, (n, classes)."""
        return self.heads[0].logits

    def __len__(self) -> int:
        return len(self.times_s)

    def __repr__(self) -> str:
        if not len(self):
            return "<Windows: none>"
        return f"<Windows: {len(self)}, from {self.times_s[0]:g} s to {self.times_s[-1] + self.window_s:g} s>"


class Scorer:
    """Stretches of audio to windows: a model's front end, network and calibration. Shared by streams and threads.

    Parameters
    ----------
    front_end : FrontEnd
    borrow_network : callable
        Returns a context manager that lends a `Network` nobody else has.
    calibrations : sequence of Calibration or None
        One per head that counts.
    sample_rate : int
        The model's, in Hz.
    heads : sequence of int
        Which of the network's outputs count.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        borrow_network: Callable[[], AbstractContextManager[Network]],
        calibrations: Sequence[Calibration | None],
        sample_rate: int,
        heads: Sequence[int],
    ) -> None:
        self.front_end = front_end
        self.sample_rate = sample_rate
        self._borrow_network = borrow_network
        self._heads = tuple(zip(heads, calibrations, strict=True))
        self._nothing: NetworkOutput | None = None  # of no patches, once it is known

    @property
    def window_s(self) -> float:
        """Length of a window, in seconds."""
        return self.front_end.constants.window_samples / self.sample_rate

    def score(self, stretch: Patches, hop: int, *, start_s: float = 0.0, channel: int | None = None) -> Windows:
        """Run the network over a stretch.

        Parameters
        ----------
        stretch : Patches
        hop : int
            Samples from one window to the next.
        start_s : float
            Time of the first sample of all, in seconds.
        channel : int or None
            That the stretch is of.
        """
        output = self._run(stretch.patches)
        starts = np.arange(stretch.first, stretch.first + len(stretch.patches), dtype=np.float64)
        return Windows(
            times_s=start_s + starts * (hop / self.sample_rate),
            window_s=self.window_s,
            heads=tuple(_calibrated(output.heads[head], calibration) for head, calibration in self._heads),
            embeddings=output.embeddings,
            log_mel=stretch.frames,
            level_dbfs=stretch.level_dbfs,
            channel=channel,
        )

    def _run(self, patches: Float32) -> NetworkOutput:
        if not len(patches) and self._nothing is not None:
            return self._nothing
        with self._borrow_network() as network:
            output = network.run(patches)
        if not len(patches):
            self._nothing = output
        return output

    def prepare(self) -> None:
        """Load or compile what the first window would, in the calling thread."""
        with self._borrow_network() as network:
            network.prepare()


class Stream:
    """Audio that is pushed in blocks, and the windows that are complete with each; a context manager.

    However the audio is cut into blocks, the windows are those of the whole, bit for bit. Made by `Classifier.stream`;
    for one caller at a time.

    Parameters
    ----------
    scorer : Scorer
    audio : callable
        Returns a new `PushedAudio` for each run of the stream.
    hop : int > 0
        Samples of the model's rate from one window to the next.
    level : bool
        Whether the level of each window is wanted.
    """

    def __init__(self, scorer: Scorer, audio: Callable[[], PushedAudio], hop: int, *, level: bool = False) -> None:
        self._scorer = scorer
        self._open_audio = audio
        self._hop = hop
        self._level = checks.flag(level, "level")
        self._nothing: Windows | None = None  # what a block gives that completes nothing
        self.reset()

    @property
    def duration_s(self) -> float:
        """What was pushed so far, in seconds."""
        return self._audio.duration_s

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sounds wrong with what was pushed so far, a line each."""
        return self._audio.warnings

    def push(self, block: Any) -> Windows:
        """Take a block and return the windows that it completes.

        Parameters
        ----------
        block : array_like [shape=(n,) or (n, channels)]
            The next samples, of any number: floats in [-1, 1], or int8, uint8, int16 or int32, divided by their full
            scale.

        Returns
        -------
        Windows
            None or more.

        Raises
        ------
        InputError
            If shape or type do not fit, or the stream was flushed.
        AudioError
            At a sample that is not finite, or far beyond full scale.
        """
        self._check_open()
        self._audio.hold(block)
        if self._nothing is not None and not self._audio.reaches(self._patches.needed):
            return self._nothing
        return self._score(self._patches.push(self._audio.release()))

    def flush(self) -> Windows:
        """End the stream: pad its end with zeros to a whole window, as `Classifier.classify` does, and return the rest.

        A stream that nothing was pushed to has no windows.

        Raises
        ------
        InputError
            If the stream was flushed already.
        """
        self._check_open()
        self._flushed = True
        pushed = self._score(self._patches.push(self._audio.flush()))
        return _joined(pushed, self._score(self._patches.flush())) if self._patches.samples else pushed

    def reset(self) -> None:
        """Begin anew, at time 0."""
        self._audio = self._open_audio()
        self._patches = PatchStream(self._scorer.front_end, self._hop, level=self._level)
        self._flushed = False

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flushed = True

    def _check_open(self) -> None:
        if self._flushed:
            raise InputError("the stream has ended; reset() begins a new one")

    def _score(self, stretch: Patches) -> Windows:
        if len(stretch.patches) or len(stretch.frames):
            return self._scorer.score(stretch, self._hop)
        if self._nothing is None:
            self._nothing = self._scorer.score(stretch, self._hop)
        return self._nothing


def _calibrated(output: HeadOutput, calibration: Calibration | None) -> HeadOutput:
    return output if calibration is None else HeadOutput(calibration.apply(output.scores), output.logits)


def _joined(first: Windows, second: Windows) -> Windows:
    """Return two groups of windows as one."""
    heads = zip(first.heads, second.heads, strict=True)
    levels = (first.level_dbfs, second.level_dbfs)
    return Windows(
        times_s=np.concatenate((first.times_s, second.times_s)),
        window_s=first.window_s,
        heads=tuple(HeadOutput(*map(np.concatenate, zip(*pair, strict=True))) for pair in heads),
        embeddings=np.concatenate((first.embeddings, second.embeddings)),
        log_mel=np.concatenate((first.log_mel, second.log_mel)),
        level_dbfs=None if levels[0] is None or levels[1] is None else np.concatenate((levels[0], levels[1])),
        channel=first.channel,
    )
