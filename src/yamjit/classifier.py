"""A loaded model: recordings, streams and single windows in; scores, embeddings and events out."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt

from yamjit import checks, deprecation
from yamjit.audio import PushedAudio
from yamjit.audio.source import open_audio
from yamjit.calibration import choose_calibrations
from yamjit.categories import Categories
from yamjit.classification import KEPT, Classification, collect
from yamjit.errors import InputError, ModelError, of_model_file
from yamjit.events import Event, EventDetector, EventOptions, Watcher, by_start
from yamjit.frontend import FrontEnd, Patches
from yamjit.head_names import choose_heads
from yamjit.heads import HeadInfo, read_heads, read_sample_rate
from yamjit.kernels import load_backend
from yamjit.listing import Listing
from yamjit.network import Network
from yamjit.options import ClassifierOptions
from yamjit.plan import Plan, compile_plan
from yamjit.reading import ReadOptions, old_keywords
from yamjit.recording import FrameStream, WindowStream
from yamjit.scoring import Scorer, Windows
from yamjit.spec import MOST_THREADS
from yamjit.store import ResolvedModel, resolve_model
from yamjit.streaming import Stream
from yamjit.tflite import Graph, read_graph

__all__ = ["Classifier", "load"]

Float32 = npt.NDArray[np.float32]

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _each_of_0_1(classify: _Method) -> _Method:
    """Let `Classifier.classify` still return several results for ``channel="each"``."""

    @functools.wraps(classify)
    def accepting(self: Classifier, *args: Any, **given: Any) -> Any:
        if not (isinstance(given.get("channel"), str) and given["channel"] == "each"):
            return classify(self, *args, **given)
        deprecation.warn('channel="each"', "classify_channels()")
        del given["channel"]
        return self.classify_channels(*args, **given)

    return cast("_Method", accepting)


class Classifier:
    """A loaded model. Threads may share it.

    Made by `load`.

    Parameters
    ----------
    source : ResolvedModel
        The model's bytes and where they come from.
    backend : {"auto", "numba", "numpy"}
    threads : int in [1, 256]
        That a recording is computed with, the calling one included. Scores do not depend on it.
    options : ClassifierOptions, optional
        Which classes are listed, from which score on, and under which names.

    Attributes
    ----------
    heads : tuple of HeadInfo
        What each output of the model means: its classes and their names. Only the one that the options choose, if they
        choose one: the others then count nowhere.
    categories : tuple of Categories
        What the options list of each of `heads`.
    labels : tuple of str
        Names of the first head's classes.
    sample_rate : int
        Sample rate that the model takes, in Hz.
    network : Network
        The integer network.
    """

    def __init__(
        self,
        source: ResolvedModel,
        *,
        backend: str = "auto",
        threads: int = 1,
        options: ClassifierOptions | None = None,
    ) -> None:
        self.threads: int = checks.whole(threads, "threads", 1, MOST_THREADS)
        self._backend_name = backend
        loaded = load_backend(backend)
        self.source = source
        with of_model_file(source.name):
            self.graph: Graph = read_graph(source.data)
            self.plan: Plan = compile_plan(self.graph)
            self.sample_rate: int = read_sample_rate(self.graph)
        self.network = Network(self.plan, loaded)
        self._front_end = FrontEnd(self.plan.front_end, backend) if self.plan.front_end is not None else None
        self._set_options(ClassifierOptions() if options is None else options)

    def _set_options(self, options: ClassifierOptions) -> None:
        if not isinstance(options, ClassifierOptions):
            raise InputError(f"options is {checks.shown(options)}; ClassifierOptions are accepted")
        self.options = options
        with of_model_file(self.source.name):
            heads = read_heads(self.graph, self.plan, options.display_names_locale)
        self.heads: tuple[HeadInfo, ...] = choose_heads(heads, options.head)
        self.labels: tuple[str, ...] = self.heads[0].labels
        self._listing = Listing(self.heads, options)
        self.categories: tuple[Categories, ...] = self._listing.categories
        self._calibrations = choose_calibrations(
            options.calibration, [head.calibration for head in self.heads], [len(head.labels) for head in self.heads]
        )

    @deprecation.retired(
        {field.name: "with_options(ClassifierOptions(...))" for field in dataclasses.fields(ClassifierOptions)},
        lambda args, old: {"options": dataclasses.replace(args[0].options, **old)},
    )
    def with_options(self, options: ClassifierOptions) -> Classifier:
        """Return the same model with other options; both share what is loaded.

        Parameters
        ----------
        options : ClassifierOptions
            All options of the new classifier; ``dataclasses.replace(model.options, head=...)`` changes some of them.
        """
        other = copy.copy(self)
        other._set_options(options)
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it is made of: the model's file, the backend, the threads and the options."""
        return _load_again, (self.source, self._backend_name, self.threads, self.options)

    def __copy__(self) -> Classifier:
        other: Classifier = object.__new__(Classifier)
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Classifier:
        return copy.copy(self)

    @property
    def verified(self) -> bool:
        """Whether the model is a published file, recognised by its hash."""
        return self.source.verified

    @property
    def front_end(self) -> FrontEnd:
        """The log-mel front end.

        Raises
        ------
        ModelError
            If the model takes log-mel patches; `network` runs those.
        """
        if self._front_end is None:
            frames, bands = self.plan.patch_shape
            raise ModelError(
                f"this model takes log-mel patches ({frames}, {bands}), not samples: use .network.run(patches)"
            )
        return self._front_end

    @property
    def window_samples(self) -> int:
        """Samples of one window: 15,600 for YAMNet."""
        return self.front_end.constants.window_samples

    # -- Recordings ---------------------------------------------------------------------------------------------

    @old_keywords
    def windows(
        self,
        audio: Any,
        *,
        sample_rate: int | None = None,
        reading: ReadOptions | None = None,
        aggregate: Literal["mean", "max"] = "mean",
        level: bool = False,
        head: str | int | None = None,
    ) -> WindowStream:
        """Score a recording of any length, or a live source, window by window in constant memory.

        The recording is cut into windows of 15,600 samples (0.975 s) that start every 0.48 s; its end is padded
        with zeros to a whole window, so that any length gives at least one.

        Parameters
        ----------
        audio : path, binary file object, array, iterable of arrays, dict, `Microphone` or `RawPcm`
            Any format that libsndfile reads. Arrays are (n,) or (n, channels); floats are taken as [-1, 1],
            integers are divided by their type's range (int16 by 32768; for the 32767 of Android and MediaPipe,
            pass ``samples.astype(numpy.float32) / 32767``). A dict has "array" and "sampling_rate".
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
            If the model takes log-mel patches instead of samples.
        """
        chosen = self._with_head(head)
        scorer = chosen._scorer()
        reading = _checked(reading)
        hop = self._hop(reading)
        source = open_audio(audio, sample_rate, reading, target_rate=self.sample_rate)
        try:
            return WindowStream(
                source,
                scorer,
                chosen.heads,
                chosen._listing,
                hop,
                aggregate=aggregate,
                level=level,
                threads=self.threads,
            )
        except BaseException:
            source.close()
            raise

    @old_keywords
    def frames(self, audio: Any, *, sample_rate: int | None = None, reading: ReadOptions | None = None) -> FrameStream:
        """Return the log-mel spectrogram of a recording, or a live source, in constant memory; no network runs.

        Parameters
        ----------
        audio, sample_rate
            See `windows`.
        reading : ReadOptions, optional
            What is read of the recording; its hop says where the last window ends, to which the end is padded.

        Returns
        -------
        FrameStream
            Iterate over it, best within ``with``.

        Raises
        ------
        AudioError, InputError, ModelError
            See `windows`.
        """
        front_end, reading = self.front_end, _checked(reading)
        hop = self._hop(reading)
        return FrameStream(
            open_audio(audio, sample_rate, reading, target_rate=self.sample_rate), front_end, self.sample_rate, hop
        )

    @_each_of_0_1
    @old_keywords
    def classify(
        self,
        audio: Any,
        *,
        sample_rate: int | None = None,
        reading: ReadOptions | None = None,
        keep: str | Collection[str] = "scores",
        aggregate: Literal["mean", "max"] = "mean",
        head: str | int | None = None,
    ) -> Classification:
        """Score every window of a recording, and the whole.

        Parameters
        ----------
        audio, sample_rate, reading, aggregate, head
            See `windows`. Channels that are read separately give several results: see `classify_channels`.
        keep : str or collection of str
            What the result holds of each window: "scores", "logits", "embeddings", "log_mel", "level_dbfs". With ``()``
            it holds the aggregate alone, and memory does not depend on the length.

        Returns
        -------
        Classification

        Raises
        ------
        AudioError, InputError, ModelError
            See `windows`.
        """
        reading = _of_one_track(reading)
        return self._classified(audio, sample_rate, reading, keep, aggregate, head)[0]

    @old_keywords
    def classify_channels(
        self,
        audio: Any,
        *,
        sample_rate: int | None = None,
        reading: ReadOptions | None = None,
        keep: str | Collection[str] = "scores",
        aggregate: Literal["mean", "max"] = "mean",
        head: str | int | None = None,
    ) -> tuple[Classification, ...]:
        """Score every channel of a recording separately.

        Parameters
        ----------
        audio, sample_rate, reading, keep, aggregate, head
            See `classify`.

        Returns
        -------
        tuple of Classification
            One for each channel.

        Raises
        ------
        AudioError, InputError, ModelError
            See `windows`.
        """
        reading = _checked(reading)
        if not isinstance(reading.channel, str):
            raise InputError(f"reading asks for channel {reading.channel}; classify_channels() scores all of them")
        reading = dataclasses.replace(reading, channel="each")
        return self._classified(audio, sample_rate, reading, keep, aggregate, head)

    def _classified(
        self, audio: Any, sample_rate: int | None, reading: ReadOptions, keep: Any, aggregate: Any, head: Any
    ) -> tuple[Classification, ...]:
        kept = (keep,) if isinstance(keep, str) else checks.elements(keep, "keep", "names")
        for one in kept:
            checks.choice(one, "keep", KEPT)
        level = "level_dbfs" in kept
        with self.windows(
            audio, sample_rate=sample_rate, reading=reading, level=level, aggregate=aggregate, head=head
        ) as stream:
            return collect(stream, kept)

    @old_keywords
    def embed(self, audio: Any, *, sample_rate: int | None = None, reading: ReadOptions | None = None) -> Float32:
        """Return the embedding of every window: the average over the positions of the last map.

        Parameters
        ----------
        audio, sample_rate, reading
            See `windows`. Channels cannot be read separately.

        Returns
        -------
        np.ndarray [shape=(n, size), float32]
            1024 values per window for YAMNet, dequantized from the model's int8 ones.
        """
        return self.classify(audio, sample_rate=sample_rate, reading=reading, keep="embeddings").embeddings

    @old_keywords
    def log_mel(self, audio: Any, *, sample_rate: int | None = None, reading: ReadOptions | None = None) -> Float32:
        """Return the log-mel spectrogram as the model sees it, padded like the last window; no network runs.

        Parameters
        ----------
        audio, sample_rate, reading
            See `frames`. Channels cannot be read separately.

        Returns
        -------
        np.ndarray [shape=(t, n_mels), float32]
            A frame each 10 ms for YAMNet; natural logarithm.
        """
        with self.frames(audio, sample_rate=sample_rate, reading=_of_one_track(reading)) as stream:
            return np.concatenate([frames for _, frames in stream])

    def weights(self) -> dict[str, Float32]:
        """Return the weights of all layers in floating point, by name, see `yamjit.weights`."""
        from yamjit.weights import float_weights

        return float_weights(self.graph, self.plan)

    # -- Events -------------------------------------------------------------------------------------------------

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
        options = checks.instance(EventOptions() if options is None else options, "options", EventOptions)
        level = options.min_dbfs is not None
        with self.windows(audio, sample_rate=sample_rate, reading=reading, level=level, head=head) as stream:
            yield from Watcher.of(stream, options).watch(stream)

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
        return by_start(self.watch(audio, options, sample_rate=sample_rate, reading=reading, head=head))

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
            How the windows were cut, as given to `windows` or `stream`.
        channels : sequence of int or None
            Channels of the windows, such as `WindowStream.channels`; by default only their mean.
        head : str or int, optional
            See `windows`.
        """
        listing = self._with_head(head)._listing
        window_s, hop_s = self.window_samples / self.sample_rate, self._hop(_checked(reading)) / self.sample_rate
        return Watcher(listing, options, window_s=window_s, hop_s=hop_s, channels=channels)

    # -- Streams and single windows -----------------------------------------------------------------------------

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
            Hop, and the channel that is heard: the mean of all, or one by its number.
        level, head
            See `windows`.

        Raises
        ------
        InputError
            If an argument is wrong, or `reading` says more than hop and channel.
        """
        rate, reading = self.sample_rate if sample_rate is None else sample_rate, _checked(reading)
        if (reading.start_s, reading.end_s, reading.non_finite) != (0, None, "refuse"):
            raise InputError("a stream takes all that is pushed: start_s, end_s and non_finite do not apply to it")

        def push_anew() -> PushedAudio:
            return PushedAudio(rate, self.sample_rate, channels, reading.channel)

        return Stream(self._with_head(head)._scorer(), push_anew, self._hop(reading), level=level)

    def score_window(self, samples: Any) -> Windows:
        """Score exactly one window.

        Parameters
        ----------
        samples : array_like [shape=(window_samples,)]
            At the model's rate: floats in [-1, 1], or integers, divided by their full scale.

        Raises
        ------
        InputError
            If there are more or fewer samples.
        """
        pushed = PushedAudio(self.sample_rate, self.sample_rate).push(samples)
        if pushed.size != self.window_samples:
            raise InputError(f"{pushed.size} samples; one window has {self.window_samples}")
        frames = self.front_end.frames(pushed)
        return self._scorer().score(Patches(0, frames[np.newaxis], frames), self.window_samples)

    # -- What they share ----------------------------------------------------------------------------------------

    def _with_head(self, head: str | int | None) -> Classifier:
        return self if head is None else self.with_options(dataclasses.replace(self.options, head=head))

    def _scorer(self) -> Scorer:
        outputs = [head.index for head in self.heads]
        return Scorer(self.front_end, self.network, self._calibrations, self.sample_rate, outputs)

    def _hop(self, reading: ReadOptions) -> int:
        """Return a hop in samples."""
        return reading.hop(self.window_samples, self.sample_rate)

    # -- Of version 0.1 -----------------------------------------------------------------------------------------

    def detector(  # noqa: D102
        self,
        options: EventOptions | None = None,
        *,
        hop_s: float | None = None,
        overlap: float | None = None,
        channel: int | None = None,
        head: str | int | None = None,
    ) -> EventDetector:
        deprecation.warn("Classifier.detector()", "Classifier.watcher()")
        reading = ReadOptions(hop_s=hop_s, overlap=overlap)
        return self.watcher(options, reading=reading, channels=(channel,), head=head)._detectors[channel]

    def listed_scores(self, windows: Windows, *, head: str | int | None = None) -> Float32:  # noqa: D102
        deprecation.warn("Classifier.listed_scores()", "Classifier.watcher(), which takes windows")
        return self._with_head(head)._listing.reduce(windows.heads)

    def watch_windows(self, stream: WindowStream, options: EventOptions) -> Iterator[Event]:  # noqa: D102
        deprecation.warn("Classifier.watch_windows()", "Classifier.watcher(), which takes windows")
        return Watcher.of(stream, options).watch(stream)

    def __repr__(self) -> str:
        known = self.source.known
        name = known.name if known else "an unverified model"
        classes = " + ".join(str(len(head.labels)) for head in self.heads)
        return f"<Classifier: {name}, {classes} classes, from {self.source.origin}>"


def _checked(reading: Any) -> ReadOptions:
    return checks.instance(ReadOptions() if reading is None else reading, "reading", ReadOptions)


def _of_one_track(reading: Any) -> ReadOptions:
    if _checked(reading).channel == "each":
        raise InputError('channel="each" gives several results: use classify_channels(), or iterate over windows()')
    return _checked(reading)


def _load_again(source: ResolvedModel, backend: str, threads: int, options: ClassifierOptions) -> Classifier:
    return Classifier(source, backend=backend, threads=threads, options=options)


def load(
    model: Any = None,
    *,
    backend: str = "auto",
    threads: int = 1,
    download: bool = True,
    options: ClassifierOptions | None = None,
) -> Classifier:
    """Load a model.

    Parameters
    ----------
    model : path, "starter", bytes or binary file object, optional
        By default ``$YAMJIT_MODEL``, else the official YAMNet from the user's cache, else downloaded into it.
        "starter" is the small model of the package, which needs no download (a file of that name: "./starter").
    backend : {"auto", "numba", "numpy"}
        What runs the integer network; all give the same integers. "auto" begins with NumPy and lets Numba take over
        once there is enough work.
    threads : int in [1, 256]
        That `Classifier.classify` computes with, the calling one included. Scores do not depend on it; recordings of
        half a minute on gain by it.
    download : bool
        Whether the official model may be downloaded.
    options : ClassifierOptions, optional
        Which classes are listed, from which score on, and under which names; by default all, as the model says.

    Returns
    -------
    Classifier

    Raises
    ------
    ModelNotFoundError
        If there is no model; the message says the ways to go on.
    ModelError
        If the model cannot be run exactly.
    InputError
        If an argument is wrong.

    Examples
    --------
    >>> model = yamjit.load()
    >>> model.classify("street.mp3").top(3)
    """
    source = resolve_model(model, download=checks.flag(download, "download"))
    return Classifier(source, backend=backend, threads=threads, options=options)
