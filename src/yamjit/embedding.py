"""What a loaded model makes of recordings apart from scores: embeddings, and other features of its network."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from yamjit import deprecation
from yamjit.audio.source import open_audio
from yamjit.keywords import explained
from yamjit.model import Model
from yamjit.network import Quantized
from yamjit.reading import ReadOptions, as_reading, of_one_track, old_keywords
from yamjit.recording import RecordingStream, scored
from yamjit.scoring import FeatureScorer, FeatureWindows
from yamjit.spec import EMBEDDING

if TYPE_CHECKING:
    from yamjit.audio.source import AudioSource
    from yamjit.frontend import Float32
    from yamjit.results import Summary

__all__ = ["Embedder", "FeatureStream"]


@explained
class FeatureStream(RecordingStream):
    """Features of the windows of a recording, in constant memory; a context manager, read once.

    Iterating yields `FeatureWindows` in the order of time, a few at a time or none; channels that are read separately
    take turns. Made by `Classifier.feature_windows`.

    Parameters
    ----------
    source : AudioSource
        Closed with the stream.
    scorer : FeatureScorer
    hop : int > 0
        Samples, at the model's rate, from one window to the next.
    threads : int > 0
    """

    def __init__(self, source: AudioSource, scorer: FeatureScorer, hop: int, threads: int = 1) -> None:
        super().__init__(source, scorer.front_end, scorer.sample_rate, hop, apart=threads > 1)
        self.hop_s = hop / scorer.sample_rate
        pieces = scored(source, self._tracks, hop, scorer, threads)
        self._windows: Generator[tuple[int, FeatureWindows], None, None] = pieces

    def summary(self) -> Summary:
        """Return what is known of the recording, without classes."""
        return self._summary(sum(track.windows for track in self._tracks), length_s=self.source.length_s)

    def __iter__(self) -> Iterator[FeatureWindows]:
        return (windows for _, windows in self._windows)


class Embedder(Model):
    """A loaded model that computes features of recordings; no scores."""

    def feature_windows(
        self,
        audio: Any,
        sample_rate: int | None = None,
        *,
        features: str | Sequence[str] = EMBEDDING,
        reading: ReadOptions | None = None,
    ) -> FeatureStream:
        """Compute features of a recording of any length, or a live source, window by window in constant memory.

        Parameters
        ----------
        audio, sample_rate, reading
            See `Classifier.windows`, also for errors.
        features : str or sequence of str
            Names of features, see `Classifier.features`; all of them are computed in one pass, and no scores.

        Returns
        -------
        FeatureStream
            Iterate over it, best within ``with``.

        Raises
        ------
        InputError
            If the model has no feature of a name.
        ModelError
            If the model has no embedding, and that was asked for.
        """
        scorer, hop = self.feature_scorer(features), self._hop(as_reading(reading))
        source = open_audio(audio, sample_rate, reading, target_rate=self.sample_rate)
        return FeatureStream(source, scorer, hop, self.threads)

    @deprecation.without_influence("aggregate", "head")
    @old_keywords
    def embed(
        self,
        audio: Any,
        sample_rate: int | None = None,
        *,
        features: str = EMBEDDING,
        reading: ReadOptions | None = None,
    ) -> Float32:
        """Return a feature of every window: by default the embedding, the average over the positions of the last map.

        Parameters
        ----------
        audio, sample_rate, reading
            See `Classifier.windows`, also for errors. Channels cannot be read separately.
        features : str
            Name of a feature, see `Classifier.features`, such as "layer6_mean": the map of an inner layer, averaged
            over time with frequency kept. Others than "embedding" are computed by a network of their own, which is
            compiled when it is first asked for, and ends where the feature is known.

        Returns
        -------
        np.ndarray [shape=(n, size), float32]
            1024 values per window for YAMNet's embedding, dequantized from the model's int8 ones. A model without an
            embedding raises a `ModelError`, an unknown name an `InputError`.
        """
        (name,) = self.check_features((features,))
        with self.feature_windows(audio, sample_rate, features=name, reading=of_one_track(reading)) as stream:
            return Quantized.joined([windows.features[name] for windows in stream]).real()
