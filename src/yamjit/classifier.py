"""A loaded model: recordings, streams and single windows in; scores, embeddings and events out."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio import AudioSource, PushedAudio, open_audio
from yamjit.calibration import choose_calibrations
from yamjit.categories import Categories, ClassifierOptions, categories_of_heads
from yamjit.classification import KEPT, Classification, collect
from yamjit.errors import InputError, ModelError, UnknownArgumentError, of_model_file
from yamjit.events import Event, EventDetector, EventOptions, Watcher, by_start
from yamjit.frontend import FrontEnd, Patches
from yamjit.head_names import choose_heads
from yamjit.heads import HeadInfo, read_heads, read_sample_rate
from yamjit.kernels import load_backend
from yamjit.listing import Listing
from yamjit.network import Network
from yamjit.plan import Plan, compile_plan
from yamjit.recording import AGGREGATES, FrameStream, WindowStream
from yamjit.scoring import Scorer, Windows
from yamjit.spec import MOST_THREADS
from yamjit.store import ResolvedModel, resolve_model
from yamjit.streaming import Stream
from yamjit.tflite import Graph, read_graph

__all__ = ["Classifier", "load"]

Float32 = npt.NDArray[np.float32]

DEFAULT_HOP_S = 0.48

#: From one window to the next, in samples.
_LONGEST_HOP = 2**31

_Method = TypeVar("_Method", bound=Callable[..., Any])


def _of_windows(method: _Method) -> _Method:
    """Let a method that hands arguments on to `Classifier.windows` refuse others at once, and in its own name."""

    @functools.cache
    def accepted() -> tuple[str, ...]:
        both = (inspect.signature(function).parameters.values() for function in (method, Classifier.windows))
        names = dict.fromkeys(one.name for each in both for one in each if one.kind is not one.VAR_KEYWORD)
        return tuple(name for name in names if name not in ("self", "level"))

    @functools.wraps(method)
    def checked(self: Classifier, *args: Any, **given: Any) -> Any:
        for name in given:
            if name not in accepted():
                raise UnknownArgumentError(
                    f"Classifier.{method.__name__}() has no argument {name!r}; accepted are {', '.join(accepted())}"
                )
        return method(self, *args, **given)

    return cast("_Method", checked)


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
        self._front_end = FrontEnd(self.plan.front_end, loaded) if self.plan.front_end is not None else None
        self._set_options(ClassifierOptions() if options is None else options)

    def _set_options(self, options: ClassifierOptions) -> None:
        if not isinstance(options, ClassifierOptions):
            raise InputError(f"options is {checks.shown(options)}; ClassifierOptions are accepted")
        self.options = options
        with of_model_file(self.source.name):
            heads = read_heads(self.graph, self.plan, options.display_names_locale)
        self.heads: tuple[HeadInfo, ...] = choose_heads(heads, options.head)
        self.labels: tuple[str, ...] = self.heads[0].labels
        self.categories: tuple[Categories, ...] = categories_of_heads(self.heads, options)
        self._listing = Listing(self.categories)
        self._calibrations = choose_calibrations(
            options.calibration, [head.calibration for head in self.heads], [len(head.labels) for head in self.heads]
        )

    def with_options(self, **changes: Any) -> Classifier:
        """Return the same model with other options; both share what is loaded.

        Parameters
        ----------
        **changes
            Fields of `ClassifierOptions`.
        """
        known = [field.name for field in dataclasses.fields(ClassifierOptions)]
        for name in changes:
            if name not in known:
                raise UnknownArgumentError(f"unknown option {name!r}; accepted are {', '.join(known)}")
        other: Classifier = object.__new__(Classifier)
        other.__dict__.update(self.__dict__)
        other._set_options(dataclasses.replace(self.options, **changes))
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it is made of: the model's file, the backend, the threads and the options."""
        return _load_again, (self.source, self._backend_name, self.threads, self.options)

    def __copy__(self) -> Classifier:
        return self.with_options()

    def __deepcopy__(self, memo: dict[int, Any]) -> Classifier:
        return self.with_options()

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

    def windows(
        self,
        audio: Any,
        *,
        sample_rate: int | None = None,
        hop_s: float | None = None,
        overlap: float | None = None,
        channel: int | Literal["mix", "each"] = "mix",
        start_s: float = 0.0,
        end_s: float | None = None,
        non_finite: Literal["refuse", "zero"] = "refuse",
        aggregate: Literal["mean", "max"] = "mean",
        level: bool = False,
        head: str | int | None = None,
    ) -> WindowStream:
        """Score a recording of any length, or a live source, window by window in constant memory.

        The recording is cut into windows of 15,600 samples (0.975 s) that start every `hop_s`; its end is padded
        with zeros to a whole window, so that any length gives at least one.

        Parameters
        ----------
        audio : path, binary file object, array, iterable of arrays, dict, `Microphone` or `RawPcm`
            Any format that libsndfile reads. Arrays are (n,) or (n, channels); floats are taken as [-1, 1],
            integers are divided by their type's range (int16 by 32768; for the 32767 of Android and MediaPipe,
            pass ``samples.astype(numpy.float32) / 32767``). A dict has "array" and "sampling_rate".
        sample_rate : int, optional
            Of an array, in Hz; required there. Anything but the model's rate is resampled.
        hop_s : float > 0, optional
            From one window to the next, in seconds; rounded to a whole sample. By default 0.48.
        overlap : float in [0, 1), optional
            In place of `hop_s`: the share of a window that the next one covers as well.
        channel : "mix", "each" or int
            The mean of the channels, each of them scored apart, or one, from 0.
        start_s, end_s : float, optional
            The stretch to read, in seconds; by default all.
        non_finite : {"refuse", "zero"}
            What happens at a sample that is NaN or infinite.
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
        hop = self._hop(hop_s, overlap)
        reading = {"channel": channel, "start_s": start_s, "end_s": end_s, "non_finite": non_finite}
        source = self._open(audio, sample_rate, **reading)
        try:
            return WindowStream(
                source,
                scorer,
                chosen.heads,
                chosen.categories,
                hop,
                aggregate=aggregate,
                level=level,
                threads=self.threads,
            )
        except BaseException:
            source.close()
            raise

    def frames(
        self,
        audio: Any,
        *,
        sample_rate: int | None = None,
        hop_s: float | None = None,
        overlap: float | None = None,
        channel: int | Literal["mix", "each"] = "mix",
        start_s: float = 0.0,
        end_s: float | None = None,
        non_finite: Literal["refuse", "zero"] = "refuse",
    ) -> FrameStream:
        """Return the log-mel spectrogram of a recording, or a live source, in constant memory; no network runs.

        Parameters
        ----------
        audio, sample_rate
            See `windows`.
        hop_s, overlap
            See `windows`: they say where the last window ends, to which the end is padded.
        channel, start_s, end_s, non_finite
            See `windows`.

        Returns
        -------
        FrameStream
            Iterate over it, best within ``with``.

        Raises
        ------
        AudioError, InputError, ModelError
            See `windows`.
        """
        front_end, hop = self.front_end, self._hop(hop_s, overlap)
        reading = {"channel": channel, "start_s": start_s, "end_s": end_s, "non_finite": non_finite}
        return FrameStream(self._open(audio, sample_rate, **reading), front_end, self.sample_rate, hop)

    def _open(self, audio: Any, sample_rate: int | None, **reading: Any) -> AudioSource:
        return open_audio(audio, sample_rate, target_rate=self.sample_rate, **reading)

    @overload
    def classify(
        self,
        audio: Any,
        *,
        channel: Literal["each"],
        keep: str | Collection[str] = ...,
        sample_rate: int | None = ...,
        hop_s: float | None = ...,
        overlap: float | None = ...,
        start_s: float = ...,
        end_s: float | None = ...,
        non_finite: Literal["refuse", "zero"] = ...,
        aggregate: Literal["mean", "max"] = ...,
        head: str | int | None = ...,
    ) -> tuple[Classification, ...]: ...

    @overload
    def classify(
        self,
        audio: Any,
        *,
        channel: int | Literal["mix"] = ...,
        keep: str | Collection[str] = ...,
        sample_rate: int | None = ...,
        hop_s: float | None = ...,
        overlap: float | None = ...,
        start_s: float = ...,
        end_s: float | None = ...,
        non_finite: Literal["refuse", "zero"] = ...,
        aggregate: Literal["mean", "max"] = ...,
        head: str | int | None = ...,
    ) -> Classification: ...

    @_of_windows
    def classify(
        self,
        audio: Any,
        *,
        channel: int | Literal["mix", "each"] = "mix",
        keep: str | Collection[str] = "scores",
        **how: Any,
    ) -> Classification | tuple[Classification, ...]:
        """Score every window of a recording, and the whole.

        Parameters
        ----------
        audio, channel
            See `windows`.
        keep : str or collection of str
            What the result holds of each window: "scores", "logits", "embeddings", "log_mel", "level_dbfs". With ``()``
            it holds the aggregate alone, and memory does not depend on the length.
        **how
            Further arguments of `windows`: `sample_rate`, `hop_s`, `overlap`, `start_s`, `end_s`, `non_finite`,
            `aggregate`, `head`.

        Returns
        -------
        Classification
            A tuple of them, one per channel, with ``channel="each"``.

        Raises
        ------
        AudioError, InputError, ModelError
            See `windows`.
        """
        kept = (keep,) if isinstance(keep, str) else checks.elements(keep, "keep", "names")
        for one in kept:
            checks.choice(one, "keep", KEPT)
        with self.windows(audio, channel=channel, level="level_dbfs" in kept, **how) as stream:
            results = collect(stream, kept)
        return results if channel == "each" else results[0]

    @_of_windows
    def embed(self, audio: Any, **how: Any) -> Float32:
        """Return the embedding of every window: the average over the positions of the last map.

        Parameters
        ----------
        audio, **how
            See `windows`; the channels are mixed unless `channel` says which.

        Returns
        -------
        np.ndarray [shape=(n, size), float32]
            1024 values per window for YAMNet, dequantized from the model's int8 ones.
        """
        return _only_one(self.classify(audio, keep="embeddings", **how)).embeddings

    @_of_windows
    def log_mel(self, audio: Any, **how: Any) -> Float32:
        """Return the log-mel spectrogram as the model sees it, padded like the last window; no network runs.

        Parameters
        ----------
        audio, **how
            See `windows`.

        Returns
        -------
        np.ndarray [shape=(t, n_mels), float32]
            A frame each 10 ms for YAMNet; natural logarithm.
        """
        checks.choice(how.pop("aggregate", "mean"), "aggregate", AGGREGATES)
        self._with_head(how.pop("head", None))
        with self.frames(audio, **how) as stream:
            if len(stream.channels) > 1:
                raise InputError(_EACH)
            return np.concatenate([frames for _, frames in stream])

    def weights(self) -> dict[str, Float32]:
        """Return the weights of all layers in floating point, by name, see `yamjit.weights`."""
        from yamjit.weights import float_weights

        return float_weights(self.graph, self.plan)

    # -- Events -------------------------------------------------------------------------------------------------

    def detector(
        self,
        options: EventOptions | None = None,
        *,
        hop_s: float | None = None,
        overlap: float | None = None,
        channel: int | None = None,
        head: str | int | None = None,
    ) -> EventDetector:
        """Return a detector of events for the windows of a stream, of the listed classes of all heads.

        It takes what `listed_scores` returns; where a model has one head and all its classes are listed, that is
        ``windows.scores``.

        Parameters
        ----------
        options : EventOptions, optional
            Names in it are those that `ClassifierOptions` takes.
        hop_s, overlap
            Of the windows, see `windows`.
        channel : int, optional
            That its events are said to be of.
        head : str or int, optional
            See `windows`.
        """
        listing = self._with_head(head)._listing
        hop = self._hop(hop_s, overlap) / self.sample_rate
        return _detector(listing, options, self._scorer().window_s, hop, channel)

    def listed_scores(self, windows: Windows, *, head: str | int | None = None) -> Float32:
        """Return the scores of what is listed of all heads, those of the first head first.

        Parameters
        ----------
        windows : Windows
            Of this classifier.
        head : str or int, optional
            The one that `windows` were scored for.

        Returns
        -------
        np.ndarray [shape=(n, k), float32]
        """
        return self._with_head(head)._listing.reduce(windows.heads)

    @_of_windows
    def watch(
        self, audio: Any, options: EventOptions | None = None, *, head: str | int | None = None, **how: Any
    ) -> Iterator[Event]:
        """Yield the events of a recording or of a live source, each when it is over, in constant memory.

        Parameters
        ----------
        audio, head, **how
            See `windows`.
        options : EventOptions, optional
            When an event begins and ends.
        """
        options = checks.instance(EventOptions() if options is None else options, "options", EventOptions)
        with self.windows(audio, level=options.min_dbfs is not None, head=head, **how) as stream:
            yield from self.watch_windows(stream, options)

    def watch_windows(self, stream: WindowStream, options: EventOptions) -> Iterator[Event]:
        """Yield the events of a stream that `windows` returned; with a `min_dbfs`, one with ``level=True``."""
        listing = Listing(stream.categories)
        watcher = Watcher(listing, options, window_s=stream.window_s, hop_s=stream.hop_s, channels=stream.channels)
        for windows in stream:
            yield from watcher.push(windows)
        yield from watcher.flush(stream.source.start_s + stream.duration_s)

    @_of_windows
    def events(self, audio: Any, options: EventOptions | None = None, **how: Any) -> tuple[Event, ...]:
        """Return the events of a recording by the time of their beginning, see `watch`."""
        return by_start(self.watch(audio, options, **how))

    # -- Streams and single windows -----------------------------------------------------------------------------

    def stream(
        self,
        sample_rate: int | None = None,
        channels: int = 1,
        *,
        channel: int | Literal["mix"] = "mix",
        hop_s: float | None = None,
        overlap: float | None = None,
        level: bool = False,
        head: str | int | None = None,
    ) -> Stream:
        """Return a stream that blocks of samples are pushed to.

        Parameters
        ----------
        sample_rate : int, optional
            Of the blocks, in Hz; by default the model's.
        channels : int
            Of the blocks.
        channel : "mix" or int
            What is heard: the mean of the channels, or one of them, from 0.
        hop_s, overlap, level, head
            See `windows`.
        """
        rate = self.sample_rate if sample_rate is None else sample_rate

        def push_anew() -> PushedAudio:
            return PushedAudio(rate, self.sample_rate, channels, channel)

        return Stream(self._with_head(head)._scorer(), push_anew, self._hop(hop_s, overlap), level=level)

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
        return self if head is None else self.with_options(head=head)

    def _scorer(self) -> Scorer:
        outputs = [head.index for head in self.heads]
        return Scorer(self.front_end, self.network, self._calibrations, self.sample_rate, outputs)

    def _hop(self, hop_s: Any, overlap: Any) -> int:
        """Return a hop in samples."""
        if overlap is not None:
            if hop_s is not None:
                raise InputError("hop_s and overlap say the same: give one of them")
            return max(1, round(self.window_samples * (1 - checks.number(overlap, "overlap", 0, 1, below=True))))
        shortest, longest = 0.5 / self.sample_rate, _LONGEST_HOP / self.sample_rate
        hop_s = checks.number(DEFAULT_HOP_S if hop_s is None else hop_s, "hop_s", shortest, longest, kind="seconds")
        return max(1, round(hop_s * self.sample_rate))

    def __repr__(self) -> str:
        known = self.source.known
        name = known.name if known else "an unverified model"
        classes = " + ".join(str(len(head.labels)) for head in self.heads)
        return f"<Classifier: {name}, {classes} classes, from {self.source.origin}>"


def _detector(
    listing: Listing, options: EventOptions | None, window_s: float, hop_s: float, channel: int | None
) -> EventDetector:
    return EventDetector(
        listing.names,
        listing.class_indices,
        listing.audioset_ids,
        options,
        window_s,
        hop_s,
        channel=channel,
        heads=listing.heads,
        score_thresholds=listing.thresholds,
        find=listing.find,
    )


_EACH = 'channel="each" gives several results: use classify(..., channel="each", keep=...)'


def _only_one(result: Any) -> Classification:
    if not isinstance(result, Classification):
        raise InputError(_EACH)
    return result


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
