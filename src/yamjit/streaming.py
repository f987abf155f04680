"""Audio that is pushed in blocks of any size, and the windows that are complete with each."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from yamjit import checks
from yamjit.audio import PushedAudio
from yamjit.errors import InputError
from yamjit.frontend import Patches, PatchStream
from yamjit.scoring import Scorer, Windows

__all__ = ["Stream"]


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
        last = self._audio.flush()
        cut = self._patches.flush if self._patches.samples or last.size else self._patches.push
        return self._score(cut(last))

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
