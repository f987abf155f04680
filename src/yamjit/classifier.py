"""A loaded model: recordings, streams and single windows in; scores, embeddings and events out."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from yamjit import checks, deprecation, events
from yamjit.audio.pushing import PushedAudio, as_samples
from yamjit.audio.source import open_audio
from yamjit.clock import Clock
from yamjit.embedding import Embedder
from yamjit.errors import InputError
from yamjit.frontend import Patches
from yamjit.old_forms import OldForms, classify_of_0_1
from yamjit.reading import ReadOptions, as_reading, can_be_read_again, of_each_channel, of_one_track, old_keywords
from yamjit.recording import AGGREGATES, FrameStream, WindowStream
from yamjit.scoring import Windows
from yamjit.streaming import Stream

if TYPE_CHECKING:
    from yamjit.classification import Classification
    from yamjit.events import Event, EventOptions, Watcher
    from yamjit.frontend import Float32

__all__ = ["Classifier"]

__getattr__ = deprecation.moved(__name__, {"load": "yamjit.loading"})


class Classifier(OldForms, Embedder):
    """What a model hears in recordings, streams and single windows. Made by `load`; threads may share it.

    Attributes
    ----------
    heads : tuple of HeadInfo
        Classes and names of each output of the model, or of the only one that the options choose.
    categories : tuple of Categories
        What the options list of each of `heads`.
    labels : tuple of str
        Names of the first head's classes.
    options : ClassifierOptions
    sample_rate : int
        Sample rate that the model takes, in Hz.
    network : Network
        From the front end's patches to scores, in integers or, where the model does, in float32.
    """

    @old_keywords
    def windows(
        self,
        audio: Any,
        sample_rate: int | None = None,
        *,
        reading: ReadOptions | None = None,
        aggregate: Literal["mean", "max"] = "mean",
        level: bool = False,
        head: str | int | None = None,
    ) -> WindowStream:
        """Score a recording of any length, or a live source, window by window in constant memory.

        Windows have 15,600 samples (0.975 s) and start every 0.48 s, unless `reading` says otherwise. The end is padded
        with zeros to a whole window, so that any length gives at least one.

        Parameters
        ----------
        audio : path, binary file object, array, iterable of arrays, dict, `Microphone` or `RawPcm`
            See `open_audio`. Integers are divided by their type's range, int16 by 32768 (Android: 32767; pass floats).
        sample_rate : int, optional
            Sample rate of an array, in Hz; required there. Anything but the model's rate is resampled.
        reading : ReadOptions, optional
            What is read of the recording, and how it is cut into windows.
        aggregate : {"mean", "max"}
            How the scores of all windows become those of the recording.
        level : bool
            Whether the level of each window is computed.
        head : str or int, optional
            The one head that counts, as in `ClassifierOptions`.

        Returns
        -------
        WindowStream
            Iterate over it, best within ``with``; it knows the aggregate of all windows.

        Raises
        ------
        AudioError
            If the audio cannot be read or is not usable.
        InputError
            If an argument is wrong.
        ModelError
            If the model takes patches other than YAMNet's, (96, 64).
        """
        return self._windows(audio, sample_rate, as_reading(reading), aggregate, level, head)

    def _windows(
        self, audio: Any, sample_rate: Any, reading: ReadOptions, aggregate: Any, level: Any, head: Any
    ) -> WindowStream:
        chosen, hop = self._with_head(head), self._hop(reading)
        checks.choice(aggregate, "aggregate", AGGREGATES)
        checks.flag(level, "level")
        source = open_audio(audio, sample_rate, reading, target_rate=self.sample_rate)
        return WindowStream(source, chosen._scorer, chosen.heads, chosen._listing, hop, aggregate, level, self.threads)

    @old_keywords
    def frames(self, audio: Any, sample_rate: int | None = None, *, reading: ReadOptions | None = None) -> FrameStream:
        """Return the log-mel spectrogram of a recording, or a live source, in constant memory, see `log_mel`.

        Parameters
        ----------
        audio, sample_rate
            See `windows`, also for errors.
        reading : ReadOptions, optional
            What is read of the recording; its hop says where the last window ends, to which the end is padded.

        Returns
        -------
        FrameStream
            Iterate over it, best within ``with``.
        """
        maker, hop = self._frame_maker, self._hop(as_reading(reading))
        source = open_audio(audio, sample_rate, reading, target_rate=self.sample_rate)
        return FrameStream(source, maker, self.sample_rate, hop)

    @classify_of_0_1
    def classify(
        self,
        audio: Any,
        sample_rate: int | None = None,
        *,
        reading: ReadOptions | None = None,
        aggregate: Literal["mean", "max"] = "mean",
        head: str | int | None = None,
        level: bool = False,
        windows: bool = True,
    ) -> Classification:
        """Score every window of a recording, and the whole.

        Parameters
        ----------
        audio, sample_rate
            A path, an open file, or an array (n,) or (n, channels) with its sample rate in Hz; see `windows`.
        aggregate, head, level
            See `windows`.
        reading : ReadOptions, optional
            See `windows`. For channels that are read separately, use `classify_channels`.
        windows : bool
            Whether scores, logits and embeddings of each window are kept; without them, memory does not depend on the
            length of the recording.

        Returns
        -------
        Classification
            The scores, embeddings and levels; `Classification.top` and `Classification.rows` list the highest classes.

        Raises
        ------
        AudioError, InputError, ModelError
            See `windows`.
        """
        return self._classified(audio, sample_rate, of_one_track(reading), aggregate, level, head, windows=windows)[0]

    def classify_channels(
        self,
        audio: Any,
        sample_rate: int | None = None,
        *,
        reading: ReadOptions | None = None,
        aggregate: Literal["mean", "max"] = "mean",
        head: str | int | None = None,
        level: bool = False,
        windows: bool = True,
    ) -> tuple[Classification, ...]:
        """Score every channel of a recording separately.

        Parameters
        ----------
        audio, sample_rate, reading, aggregate, head, level, windows
            See `classify`, also for errors.

        Returns
        -------
        tuple of Classification
        """
        return self._classified(audio, sample_rate, of_each_channel(reading), aggregate, level, head, windows=windows)

    def _classified(
        self, audio: Any, sample_rate: Any, reading: ReadOptions, *how: Any, windows: bool = True, frames: bool = False
    ) -> tuple[Classification, ...]:
        from yamjit.collecting import collect

        checks.flag(windows, "windows")
        again = functools.partial(self.log_mel, audio, sample_rate=sample_rate, reading=reading)
        log_mel = again if can_be_read_again(audio) else None
        with self._windows(audio, sample_rate, reading, *how) as stream:
            return collect(stream, windows=windows, frames=frames, log_mel=log_mel)

    @deprecation.without_influence("aggregate", "head")
    @old_keywords
    def log_mel(self, audio: Any, sample_rate: int | None = None, *, reading: ReadOptions | None = None) -> Float32:
        """Return the log-mel spectrogram as the model sees it, padded like the last window.

        Parameters
        ----------
        audio, sample_rate, reading
            See `frames`. Channels cannot be read separately.

        Returns
        -------
        np.ndarray [shape=(t, n_mels), float32]
            One frame every 10 ms for YAMNet; natural logarithm. No network runs, but one that takes samples itself.
        """
        with self.frames(audio, sample_rate=sample_rate, reading=of_one_track(reading)) as stream:
            return np.concatenate([frames for _, frames in stream])

    @deprecation.without_influence("aggregate")
    @old_keywords
    def watch(
        self,
        audio: Any,
        options: EventOptions | None = None,
        *,
        sample_rate: int | None = None,
        reading: ReadOptions | None = None,
        head: str | int | None = None,
    ) -> Iterator[Event]:
        """Yield the events of a recording or of a live source, each when it is over, in constant memory.

        Parameters
        ----------
        audio, sample_rate, reading, head
            See `windows`.
        options : EventOptions, optional
            When an event begins and ends.
        """
        from yamjit.events.options import as_events

        options = as_events(options)
        with self.windows(audio, sample_rate, reading=reading, level=options.min_dbfs is not None, head=head) as stream:
            yield from events.Watcher.of(stream, options).watch(stream)

    @deprecation.without_influence("aggregate")
    @old_keywords
    def events(
        self,
        audio: Any,
        options: EventOptions | None = None,
        *,
        sample_rate: int | None = None,
        reading: ReadOptions | None = None,
        head: str | int | None = None,
    ) -> tuple[Event, ...]:
        """Return the events of a recording by the time of their beginning, see `watch`."""
        return events.by_start(list(self.watch(audio, options, sample_rate=sample_rate, reading=reading, head=head)))

    def watcher(
        self,
        options: EventOptions | None = None,
        *,
        reading: ReadOptions | None = None,
        channels: Sequence[int | None] = (None,),
        head: str | int | None = None,
    ) -> Watcher:
        """Return what finds events in windows, of the listed classes of all heads.

        Parameters
        ----------
        options : EventOptions, optional
            When an event begins and ends. Names in it are those that `ClassifierOptions` takes.
        reading : ReadOptions, optional
            How the windows were cut, as given to `windows` or `stream`; events tell the time if it has `recorded_at`.
        channels : sequence of int or None
            Channels of the windows, such as `WindowStream.channels`; by default only their mean.
        head : str or int, optional
            See `windows`.
        """
        listing, reading = self._with_head(head)._listing, as_reading(reading)
        window_s, hop_s = (samples / self.sample_rate for samples in (self.window_samples, self._hop(reading)))
        clock = Clock(reading.begin(None))
        return events.Watcher(listing, options, window_s=window_s, hop_s=hop_s, channels=channels, clock=clock)

    @old_keywords
    def stream(
        self,
        sample_rate: int | None = None,
        channels: int = 1,
        *,
        reading: ReadOptions | None = None,
        level: bool = False,
        head: str | int | None = None,
    ) -> Stream:
        """Return a stream that blocks of samples are pushed to.

        Parameters
        ----------
        sample_rate : int, optional
            Sample rate of the blocks, in Hz; by default the model's.
        channels : int
            Number of channels of the blocks.
        reading : ReadOptions, optional
            Hop, channel ("mix" or a number), and how `Stream.flush` pads the end.
        level, head
            See `windows`.

        Raises
        ------
        InputError
            If an argument is wrong, or `reading` says more than these.
        """
        reading, rate = as_reading(reading), self.sample_rate if sample_rate is None else sample_rate
        if reading != ReadOptions(reading.hop_s, reading.overlap, reading.channel, pad_end=reading.pad_end):
            raise InputError("a stream takes all that is pushed: of reading, only hop, channel and pad_end apply to it")
        push_anew = functools.partial(PushedAudio, rate, self.sample_rate, channels, reading.channel)
        scorer, hop = self._with_head(head)._scorer, self._hop(reading)
        return Stream(scorer, push_anew, hop, level=level, pad_end=reading.pad_end)

    def score_window(self, samples: Any) -> Windows:
        """Score exactly one window; more or fewer samples are an `InputError`.

        Parameters
        ----------
        samples : array_like [shape=(window_samples,)]
            At the model's rate: floats in [-1, 1], or integers, divided by their full scale.
        """
        if (found := as_samples(samples, self.sample_rate)).size != self.window_samples:
            raise InputError(f"{found.size} samples; one window has {self.window_samples}")
        frames = self._cutter.frames(found)
        return self._scorer.score(Patches(0, frames[np.newaxis], frames), self.window_samples)
