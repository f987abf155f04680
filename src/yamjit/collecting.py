"""Windows to results: what is kept of a recording as it is scored."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.classification import Classification, HeadResult
from yamjit.network import HeadOutput, Quantized
from yamjit.recording import WindowStream

__all__ = ["collect"]


def collect(
    stream: WindowStream,
    *,
    windows: bool,
    frames: bool = False,
    log_mel: functools.partial[npt.NDArray[np.float32]] | None = None,
) -> tuple[Classification, ...]:
    """Read a stream that was just opened to its end; one result per channel that is scored.

    `windows` keeps scores, logits and embeddings of each window, `frames` the log-mel spectrogram; `log_mel` reads that
    again, with a `reading` in which a channel can be named.
    """
    found: dict[int | None, list[Any]] = {channel: [] for channel in stream.channels}
    for part in stream:
        outputs = (part.heads, part.quantized_embeddings) if windows else None
        found[part.channel].append((part.times_s, part.level_dbfs, part.log_mel if frames else None, outputs))
    results = []
    for track, (channel, parts) in enumerate(found.items()):
        again = log_mel
        if log_mel is not None and channel is not None:
            again = functools.partial(
                log_mel, reading=dataclasses.replace(log_mel.keywords["reading"], channel=channel)
            )
        results.append(_result(stream, track, parts, again))
    return tuple(results)


def _result(
    stream: WindowStream, track: int, parts: Sequence[Any], again: functools.partial[npt.NDArray[np.float32]] | None
) -> Classification:
    """Return the result for a track of a stream that has ended, from what was kept of it."""
    times, levels, frames, outputs = zip(*parts, strict=True)
    heads: Sequence[HeadOutput | None] = [None] * len(stream.heads)
    embeddings = None
    if outputs[0] is not None:
        by_window, quantized = zip(*outputs, strict=True)
        heads = [HeadOutput.joined(one) for one in zip(*by_window, strict=True)]
        embeddings = Quantized.joined(quantized)
    result = Classification(
        name=stream.name,
        heads=tuple(
            HeadResult(info, categories, stream.clip_scores(track, k), stream.listed_scores(track, k), heads[k])
            for k, (info, categories) in enumerate(zip(stream.heads, stream.categories, strict=True))
        ),
        times_s=np.concatenate(times),
        window_s=stream.window_s,
        start_s=stream.source.start_s,
        duration_s=stream.duration_s,
        channel=stream.channels[track],
        warnings=stream.warnings,
        damage=stream.damage,
        lost=stream.lost,
        quantized_embeddings=embeddings,
        levels=None if levels[0] is None else np.concatenate(levels),
        read_log_mel=again,
        clock=stream.clock,
    )
    if frames[0] is not None:
        result.__dict__["log_mel"] = np.concatenate(frames)
    return result
