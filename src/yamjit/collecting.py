"""Windows to results: what is kept of a recording as it is scored."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from yamjit.classification import Classification, HeadResult
from yamjit.network import HeadOutput, Quantized
from yamjit.recording import WindowStream
from yamjit.scoring import Windows

__all__ = ["collect"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def collect(
    stream: WindowStream,
    *,
    windows: bool,
    frames: bool = False,
    log_mel: functools.partial[Float32] | None = None,
) -> tuple[Classification, ...]:
    """Read a recording to its end; one result per channel that is scored.

    Parameters
    ----------
    stream : WindowStream
        The recording, just opened.
    windows : bool
        Whether scores, logits and embeddings of each window are kept.
    frames : bool
        Whether the log-mel spectrogram is kept.
    log_mel : functools.partial, optional
        Reads the log-mel spectrogram again, with a `reading` in which a channel can be named.
    """
    found = {channel: _Collector(windows=windows, frames=frames) for channel in stream.channels}
    for part in stream:
        found[part.channel].add(part)
    results = []
    for track, (channel, collector) in enumerate(found.items()):
        again = log_mel
        if log_mel is not None and channel is not None:
            reading = dataclasses.replace(log_mel.keywords["reading"], channel=channel)
            again = functools.partial(log_mel, reading=reading)
        results.append(collector.result(stream, track, again))
    return tuple(results)


class _Collector:
    """What is kept of the windows of a channel, in the order of time."""

    def __init__(self, *, windows: bool, frames: bool) -> None:
        self._windows, self._frames = windows, frames
        self._times: list[Float64] = []
        self._levels: list[Float64] = []
        self._log_mel: list[Float32] = []
        self._embeddings: list[Quantized] = []
        self._heads: list[tuple[HeadOutput, ...]] = []

    def add(self, windows: Windows) -> None:
        """Keep what is asked for."""
        self._times.append(windows.times_s)
        if windows.level_dbfs is not None:
            self._levels.append(windows.level_dbfs)
        if self._frames:
            self._log_mel.append(windows.log_mel)
        if self._windows:
            self._embeddings.append(windows.quantized_embeddings)
            self._heads.append(windows.heads)

    def result(self, stream: WindowStream, track: int, read_log_mel: Callable[[], Float32] | None) -> Classification:
        """Return the result for a track of a stream that has ended."""
        outputs: Sequence[HeadOutput | None] = [HeadOutput.joined(parts) for parts in zip(*self._heads, strict=True)]
        result = Classification(
            name=stream.name,
            heads=tuple(
                HeadResult(
                    info=stream.heads[head],
                    categories=stream.categories[head],
                    clip_scores=stream.clip_scores(track, head),
                    listed_scores=stream.listed_scores(track, head),
                    output=output,
                )
                for head, output in enumerate(outputs or [None] * len(stream.heads))
            ),
            times_s=np.concatenate(self._times),
            window_s=stream.window_s,
            start_s=stream.source.start_s,
            duration_s=stream.duration_s,
            channel=stream.channels[track],
            warnings=stream.warnings,
            damage=stream.damage,
            lost=stream.lost,
            quantized_embeddings=Quantized.joined(self._embeddings) if self._embeddings else None,
            levels=np.concatenate(self._levels) if self._levels else None,
            read_log_mel=read_log_mel,
        )
        if self._frames:
            result.__dict__["log_mel"] = np.concatenate(self._log_mel)
        return result
