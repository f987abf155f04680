"""Whole recordings: audio in, scores of every window out."""

from __future__ import annotations

import contextlib
import numbers
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.audio import open_audio
from yamjit.errors import InputError, ModelError
from yamjit.frontend import FrontEnd, Patches, PatchStream
from yamjit.heads import HeadInfo, read_heads, read_sample_rate
from yamjit.kernels import load_backend
from yamjit.labels import ScoredLabel, rank
from yamjit.network import Network, NetworkOutput
from yamjit.plan import Plan, compile_plan
from yamjit.spec import MOST_THREADS
from yamjit.store import ResolvedModel, resolve_model
from yamjit.tflite import Graph, read_graph
from yamjit.workers import in_order

__all__ = ["Classification", "Classifier", "load"]

Float32 = npt.NDArray[np.float32]

DEFAULT_HOP_S = 0.48

#: Windows that are scored together.
_WINDOWS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Classification:
    """What a model hears in a recording, window by window.

    Parameters
    ----------
    name : str
        Of the recording.
    labels : tuple of str
        Names of the classes.
    scores : np.ndarray [shape=(n, classes), float32]
        In [0, 1], one row per window; the classes are independent of each other.
    embeddings : np.ndarray [shape=(n, size), float32]
        1024 values per window for YAMNet.
    log_mel : np.ndarray [shape=(t, n_mels), float32]
        The log-mel spectrogram, one frame each 10 ms for YAMNet, padded like the last window.
    times_s : np.ndarray [shape=(n,), float64]
        Where each window starts, in seconds.
    window_s : float
        Length of a window, in seconds.
    duration_s : float
        Length of the recording, in seconds.
    damage : str or None
        Why the recording ended too early, if it did.
    """

    name: str
    labels: tuple[str, ...]
    scores: Float32
    embeddings: Float32
    log_mel: Float32
    times_s: npt.NDArray[np.float64]
    window_s: float
    duration_s: float
    damage: str | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def top(self, k: int = 5, *, window: int | None = None) -> tuple[ScoredLabel, ...]:
        """Return the classes with the highest scores.

        Parameters
        ----------
        k : int > 0, or -1 for all
        window : int, optional
            Of this window only; by default the mean over all windows counts.

        Returns
        -------
        tuple of ScoredLabel
            The highest score first, equal ones by class index.
        """
        if window is not None and window not in range(-len(self), len(self)):
            raise InputError(f"window {window!r} is out of range, there are {len(self)}")
        scores = self.scores.mean(axis=0, dtype=np.float64) if window is None else self.scores[window]
        return tuple(ScoredLabel(self.labels[i], float(scores[i]), int(i)) for i in rank(scores, k))

    def __repr__(self) -> str:
        windows = "1 window" if len(self) == 1 else f"{len(self)} windows"
        lines = [f"<Classification of {self.name}: {self.duration_s:.2f} s, {windows} of {self.window_s:g} s"]
        lines += [f"  {score:.3f}  {label}" for label, score, _ in self.top(5)]
        return "\n".join(lines) + ">"


class Classifier:
    """A loaded model. Threads may share it: each gets buffers of its own.

    Made by `load`.

    Parameters
    ----------
    source : ResolvedModel
        The model's bytes and where they come from.
    backend : {"auto", "numba", "numpy"}
    threads : int in [1, 256]
        That `classify` computes with, the calling one included. Scores do not depend on it.
    """

    def __init__(self, source: ResolvedModel, *, backend: str = "auto", threads: int = 1) -> None:
        self.threads: int = _checked_threads(threads)
        self._backend = load_backend(backend)
        self.source = source
        self.graph: Graph = read_graph(source.data)
        self.plan: Plan = compile_plan(self.graph)
        self.heads: tuple[HeadInfo, ...] = read_heads(self.graph, self.plan)
        self.labels: tuple[str, ...] = self.heads[0].display_names
        self.sample_rate: int = read_sample_rate(self.graph)
        self._front_end = FrontEnd(self.plan.front_end, backend) if self.plan.front_end is not None else None
        self._local = threading.local()
        self._idle: list[Network] = []

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
    def network(self) -> Network:
        """The integer network, with buffers of the calling thread."""
        network: Network | None = getattr(self._local, "network", None)
        if network is None:
            network = self._local.network = Network(self.plan, self._backend)
        return network

    def classify(self, audio: Any, *, sample_rate: int | None = None, hop_s: float = DEFAULT_HOP_S) -> Classification:
        """Score every window of a recording.

        The recording is cut into windows of 15,600 samples (0.975 s) that start every `hop_s`; its end is padded
        with zeros to a whole window, so that any length gives at least one.

        Parameters
        ----------
        audio : path, binary file object or array
            Any format that libsndfile reads. Arrays are (n,) or (n, channels); floats are taken as [-1, 1],
            integers are divided by their type's range (int16 by 32768; for the 32767 of Android and MediaPipe,
            pass ``samples.astype(numpy.float32) / 32767``). Channels are averaged.
        sample_rate : int, optional
            Of an array, in Hz; required there. Anything but the model's rate is resampled.
        hop_s : float > 0
            From one window to the next, in seconds; rounded to a whole sample.

        Returns
        -------
        Classification

        Raises
        ------
        AudioError
            If the audio cannot be read or is not usable.
        InputError
            If an argument is wrong.
        ModelError
            If the model takes log-mel patches instead of samples.
        """
        stream = PatchStream(self.front_end, self._hop(hop_s))
        parts = _Parts()
        if self.threads > 1:
            with self._borrowed_network() as network:
                network.prepare()
        with open_audio(audio, sample_rate, target_rate=self.sample_rate) as source:
            stretches = stream.cut((block[0] for block in source.blocks()), _WINDOWS_AT_ONCE)
            with contextlib.closing(in_order(stretches, self._score, self.threads)) as results:
                for frames, output in results:
                    parts.add(frames, output)
        return Classification(
            name=source.name,
            labels=self.labels,
            scores=np.concatenate(parts.scores),
            embeddings=np.concatenate(parts.embeddings),
            log_mel=np.concatenate(parts.frames),
            times_s=np.arange(stream.windows, dtype=np.float64) * (self._hop(hop_s) / self.sample_rate),
            window_s=self.front_end.constants.window_samples / self.sample_rate,
            duration_s=stream.samples / self.sample_rate,
            damage=source.damage,
        )

    def _score(self, stretch: Patches) -> tuple[Float32, NetworkOutput]:
        """Return the frames of a stretch, and what the network says of its patches."""
        with self._borrowed_network() as network:
            return stretch.frames, network.run(stretch.patches)

    @contextlib.contextmanager
    def _borrowed_network(self) -> Iterator[Network]:
        """Lend a network that nobody else has."""
        # No lock: what a list does to one element is done at once, and a fork leaves nothing locked behind.
        try:
            network = self._idle.pop()
        except IndexError:
            network = Network(self.plan, self._backend)
        try:
            yield network
        finally:
            self._idle.append(network)

    def _hop(self, hop_s: Any) -> int:
        """Return a hop in samples."""
        hop = float(hop_s) * self.sample_rate if isinstance(hop_s, numbers.Real) else 0.0
        if not 0.5 <= hop <= 2**31:
            raise InputError(f"hop_s is {hop_s!r}; seconds from one sample ({1 / self.sample_rate} s) up are accepted")
        return max(1, round(hop))

    def __repr__(self) -> str:
        known = self.source.known
        name = known.name if known else "an unverified model"
        return f"<Classifier: {name}, {len(self.labels)} classes, from {self.source.origin}>"


class _Parts:
    """What the windows of a recording give, in the order of time."""

    def __init__(self) -> None:
        self.scores: list[Float32] = []
        self.embeddings: list[Float32] = []
        self.frames: list[Float32] = []

    def add(self, frames: Float32, output: NetworkOutput) -> None:
        """Keep the results of a stretch."""
        self.frames.append(frames)
        self.scores.append(output.scores)
        self.embeddings.append(output.embeddings)


def load(model: Any = None, *, backend: str = "auto", threads: int = 1, download: bool = True) -> Classifier:
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
    return Classifier(resolve_model(model, download=download), backend=backend, threads=threads)


def _checked_threads(threads: Any) -> int:
    integral = isinstance(threads, (int, np.integer)) and not isinstance(threads, bool)
    if not (integral and 1 <= threads <= MOST_THREADS):
        raise InputError(f"threads is {threads!r}; whole numbers from 1 to {MOST_THREADS} are accepted")
    return int(threads)
