"""Audio that is pushed in blocks of any size, and the windows that each block completes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yamjit import checks
from yamjit.audio.pushing import PushedAudio
from yamjit.errors import InputError
from yamjit.frontend import Patches, PatchStream
from yamjit.last_windows import computed_at_once, ends_apart
from yamjit.scoring import Scorer, Windows

__all__ = ["Stream"]


class Stream:
    """Takes blocks of audio, and returns the windows that each of them completes; a context manager.

    However the audio is cut into blocks, the windows are those of the whole, bit for bit. Made by `Classifier.stream`,
    for one thread at a time.

    Parameters
    ----------
    scorer : Scorer
    audio : callable
        Returns a new `PushedAudio` whenever the stream begins.
    hop : int > 0
        Samples, at the model's rate, from one window to the next.
    level : bool
        Whether the level of each window is computed.
    pad_end : {"least", "original"}
        How the end is padded, see `ReadOptions`.

    Examples
    --------
    >>> stream = model.stream(sample_rate=48_000)
    >>> for block in blocks:
    ...     scores = stream.push(block).scores
    """

    def __init__(
        self,
        scorer: Scorer,
        audio: Callable[[], PushedAudio],
        hop: int,
        *,
        level: bool = False,
        pad_end: str = "least",
    ) -> None:
        self._scorer = scorer
        self._open_audio = audio
        self._hop = hop
        self._how = {"level": checks.flag(level, "level"), "original": pad_end == "original"}
        self._nothing: Windows | None = None  # the answer to a block that completes nothing
        self.reset()

    @property
    def duration_s(self) -> float:
        """Length of what was pushed so far, in seconds."""
        return self._audio.duration_s

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sounds wrong with what was pushed so far, a line each."""
        return self._audio.warnings

    def push(self, block: Any) -> Windows:
        """Take a block and return the windows that it completes, which may be none.

        Parameters
        ----------
        block : array_like [shape=(n,) or (n, channels)]
            The next samples, any number of them: floats in [-1, 1], or int8, uint8, int16 or int32, which are divided
            by their full scale.

        Returns
        -------
        Windows

        Raises
        ------
        InputError
            If the shape or type is wrong, or the stream was flushed.
        AudioError
            If a sample is not finite, or far beyond full scale.
        """
        self._check_open()
        self._audio.hold(block)
        if self._nothing is not None and not self._audio.reaches(self._patches.needed):
            return self._nothing
        return self._score(self._patches.push(self._audio.release()))

    def flush(self) -> Windows:
        """End the stream: pad it with zeros as `Classifier.classify` does, and return the rest.

        A stream to which nothing was pushed has no windows. Padded as by the original YAMNet, the last scores are those
        of the whole, see `ReadOptions`, unless its last window was pushed already.

        Raises
        ------
        InputError
            If the stream was flushed already.
        """
        self._check_open()
        self._flushed = True
        last = self._audio.flush()
        cut = self._patches.flush if self._patches.samples or last.size else self._patches.push
        windows = self._score(cut(last))
        if self._how["original"]:
            apart = self._scorer.of_each_head(ends_apart(self._scorer.network.plans))
            ((_, windows),) = computed_at_once([(0, windows)], [self._patches], apart)
        return windows

    def reset(self) -> None:
        """Begin again, at time 0."""
        self._audio = self._open_audio()
        self._patches = PatchStream(self._scorer.front_end, self._hop, **self._how)
        self._flushed = False

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._flushed = True

    def _check_open(self) -> None:
        if self._flushed:
            raise InputError("the stream has ended; reset() begins a new one")

    def _score(self, cut: Patches) -> Windows:
        if not cut.empty:
            return self._scorer.score(cut, self._hop)
        if self._nothing is None:
            self._nothing = self._scorer.score(cut, self._hop)
        return self._nothing

    def __repr__(self) -> str:
        return f"<Stream: {self.duration_s:.2f} s pushed{', ended' if self._flushed else ''}>"
